"""llama.cpp, by llama-cpp-python, on the figures of bench/generation.cc.

usage: generation.py FILE.gguf THREADS
"""
import sys
import time

import llama_cpp
from measure import answer_measurements

PREFILL_TOKENS = 512
PASSAGES_TOKENS = 1000
DECODED_TOKENS = 64


def main():
    model = llama_cpp.Llama(
        sys.argv[1], n_ctx=2048, n_batch=512, n_threads=int(sys.argv[2]),
        n_threads_batch=int(sys.argv[2]), logits_all=False, verbose=False)
    text = "The quick brown fox jumps over the lazy dog, and then it writes a report about it. "
    tokens = model.tokenize((text * 100).encode(), add_bos=False)

    def seconds_to_first_token(length):
        model.reset()
        start = time.perf_counter()
        model.eval(tokens[:length])
        model.sample(temp=0.0)
        return time.perf_counter() - start

    def decode_rate():
        model.reset()
        model.eval(tokens[:16])
        token = model.sample(temp=0.0)
        start = time.perf_counter()
        for _ in range(DECODED_TOKENS - 1):
            model.eval([token])
            token = model.sample(temp=0.0)
        return (DECODED_TOKENS - 1) / (time.perf_counter() - start)

    answer_measurements(lambda: {
        "prefill 512, tokens/s": PREFILL_TOKENS / seconds_to_first_token(PREFILL_TOKENS),
        "time to first token at 1000 tokens, s": seconds_to_first_token(PASSAGES_TOKENS),
        "decode 1 sequence, tokens/s": decode_rate(),
    })


if __name__ == "__main__":
    main()
