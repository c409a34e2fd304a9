"""llama.cpp on the figures of bench/memory.cc. What the interpreter takes before a model is loaded is
subtracted. The context is as the library makes it by default: layers with a window keep all positions
of a sequence, as Tandem's do.

usage: memory.py FILE.gguf THREADS
"""
import sys

from llama import Llama
from measure import answer_measurements

SEQUENCES = 8
PROMPT_TOKENS = 2016
DECODED_TOKENS = 32
STEP_TOKENS = 512


def mebibytes(field):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith(field + ":"))


def measure():
    own = mebibytes("VmRSS")
    llama = Llama(sys.argv[1], int(sys.argv[2]), tokens=SEQUENCES * (PROMPT_TOKENS + DECODED_TOKENS),
                  sequences=SEQUENCES, n_batch=STEP_TOKENS)
    likeliest = []
    for i in range(SEQUENCES):
        rows = [(1000 + (k * 37 + i * 101) % 3000, k, i, k == PROMPT_TOKENS - 1)
                for k in range(PROMPT_TOKENS)]
        for first in range(0, PROMPT_TOKENS, STEP_TOKENS):
            found = llama.likeliest(rows[first:first + STEP_TOKENS])
        likeliest += found
    for step in range(DECODED_TOKENS):
        likeliest = llama.likeliest([(token, PROMPT_TOKENS + step, i, True)
                                     for i, token in enumerate(likeliest)])
    return {"resident after 8 x 2,048 tokens, MiB": mebibytes("VmRSS") - own,
            "most that was resident, MiB": mebibytes("VmHWM") - own}


if __name__ == "__main__":
    answer_measurements(measure)
