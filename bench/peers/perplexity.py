"""llama.cpp on the figures of bench/perplexity.cc.

It computes the tokens of a prompt as it computes decoded ones: both figures have one peer.

usage: perplexity.py FILE.gguf THREADS WINDOWS.json
"""
import json
import sys

import numpy
from llama import Llama
from measure import answer_measurements


def main():
    with open(sys.argv[3]) as file:
        windows = json.load(file)
    size = len(windows[0])
    predicted = size // 2
    llama = Llama(sys.argv[1], int(sys.argv[2]), tokens=size)

    def log_probabilities(window):
        llama.clear()
        logits = llama.run([(token, i, 0, i >= size - 1 - predicted)
                            for i, token in enumerate(window[:-1])])
        largest = logits.max(axis=1)
        sums = numpy.exp(logits - largest[:, None]).sum(axis=1, dtype=numpy.float64)
        return logits[range(predicted), window[-predicted:]] - largest - numpy.log(sums)

    def measure():
        mean = numpy.mean([log_probabilities(window) for window in windows], dtype=numpy.float64)
        perplexity = float(numpy.exp(-mean))
        return {"read as a prompt, perplexity": perplexity, "decoded, perplexity": perplexity}

    answer_measurements(measure)


if __name__ == "__main__":
    main()
