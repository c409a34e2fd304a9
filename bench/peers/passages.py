"""llama.cpp on the figures of bench/passages.cc: it computes the whole prompt.

usage: passages.py FILE.gguf THREADS
"""
import sys

from generation import Engine
from measure import answer_measurements

PROMPT_TOKENS = 48 + 5 * 150 + 24


def main():
    engine = Engine(sys.argv[1], int(sys.argv[2]))

    def measure():
        _, seconds = engine.prefill(1, PROMPT_TOKENS)
        return {"first token, 5 known passages in the same order, s": seconds,
                "first token, 5 known passages read independently, s": seconds}

    answer_measurements(measure)


if __name__ == "__main__":
    main()
