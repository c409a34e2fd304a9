"""llama.cpp on the figures of bench/generation.cc.

usage: generation.py FILE.gguf THREADS
"""
import sys
import time

from llama import Llama
from measure import answer_measurements

PROMPT_TOKENS = 512
PASSAGES_TOKENS = 1000
SHORT_PROMPT_TOKENS = 16
DECODED_TOKENS = 48
MOST_SEQUENCES = 8


class Engine:
    def __init__(self, path, threads):
        self.llama = Llama(path, threads, tokens=4 * (PROMPT_TOKENS + DECODED_TOKENS) + 64,
                           sequences=MOST_SEQUENCES)

    def prefill(self, sequences, tokens):
        self.llama.clear()
        rows = [(1000 + (k * 37 + i * 101) % 3000, k, i, k == tokens - 1)
                for i in range(sequences) for k in range(tokens)]
        start = time.perf_counter()
        likeliest = self.llama.likeliest(rows)
        return likeliest, time.perf_counter() - start

    def prefill_rate(self, sequences):
        return sequences * PROMPT_TOKENS / self.prefill(sequences, PROMPT_TOKENS)[1]

    def decode_rate(self, sequences):
        likeliest, _ = self.prefill(sequences, SHORT_PROMPT_TOKENS)
        start = time.perf_counter()
        for step in range(DECODED_TOKENS):
            likeliest = self.llama.likeliest([(token, SHORT_PROMPT_TOKENS + step, i, True)
                                              for i, token in enumerate(likeliest)])
        return sequences * DECODED_TOKENS / (time.perf_counter() - start)


def main():
    engine = Engine(sys.argv[1], int(sys.argv[2]))
    answer_measurements(lambda: {
        "prefill 512, tokens/s": engine.prefill_rate(1),
        "prefill 4 x 512, tokens/s": engine.prefill_rate(4),
        "time to first token at 1000 tokens, s": engine.prefill(1, PASSAGES_TOKENS)[1],
        "decode 1 sequence, tokens/s": engine.decode_rate(1),
        "decode 4 sequences, tokens/s": engine.decode_rate(4),
        "decode 8 sequences, tokens/s": engine.decode_rate(8),
    })


if __name__ == "__main__":
    main()
