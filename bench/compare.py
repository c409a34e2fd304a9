#!/usr/bin/env python3
"""Alternates a benchmark program with its peer and prints one JSON object a figure.

A ratio above 1 is better for Tandem, whatever the unit. Values are medians, the ratio is the median
of the ratios pair by pair, so that drift of the machine's speed cancels out.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
# Smaller is better for these units; larger for all others.
DURATIONS = {"s", "ms", "us"}


class Program:
    """A running side of a comparison, see bench/measure.h."""

    def __init__(self, command, environment):
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, **environment})

    def measure(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.process.args[0]} ended with status {self.process.wait()}")
        return json.loads(line)

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def compare(benchmark, tandem, peer, peer_name, targets, rounds):
    sides = [Program(*tandem), Program(*peer)]
    for side in sides:
        side.measure()  # warm-up: caches, memory, thread pools
    samples = []
    for i in range(rounds):
        # The order changes each time, so that neither side always follows the other.
        order = sides if i % 2 == 0 else sides[::-1]
        result = {side: side.measure() for side in order}
        samples.append([result[side] for side in sides])
    for side in sides:
        side.end()
    for name in samples[0][0]:
        figure, unit = name.rsplit(", ", 1)
        ours = [sample[0][name] for sample in samples]
        theirs = [sample[1][name] for sample in samples]
        ratios = [b / a if unit in DURATIONS else a / b for a, b in zip(ours, theirs)]
        print(json.dumps({
            "figure": f"{benchmark}: {figure}", "unit": unit,
            "tandem": round(statistics.median(ours), 4),
            "peer": round(statistics.median(theirs), 4), "peer_name": peer_name,
            "ratio": round(statistics.median(ratios), 3), "target": targets.get(name),
            "n": rounds}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=["retrieval", "generation", "grammar"])
    parser.add_argument("--quick", action="store_true", help="at most a minute for each figure")
    parser.add_argument("--build", default="build")
    parser.add_argument("--threads", default=str(os.cpu_count()))
    parser.add_argument("--cache", required=True, help="folder of models, corpora and environments")
    arguments = parser.parse_args()
    cache = pathlib.Path(arguments.cache)
    python = str(cache / "bench-venv/bin/python")
    programs = pathlib.Path(arguments.build) / "bin"
    rounds = 3 if arguments.quick else 7
    offline = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": arguments.threads}

    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        if "generation" in arguments.names:
            model = str(cache / "models/SmolLM2-135M-Instruct.Q4_1.gguf")
            compare(
                "generation",
                ([str(programs / "bench_generation"), model, arguments.threads], {}),
                ([python, str(HERE / "peers/generation.py"), model, arguments.threads], offline),
                "llama-cpp-python 0.3.36, same file (Q4_1)",
                {"decode 1 sequence, tokens/s": 20}, rounds)
        if "grammar" in arguments.names:
            model = str(cache / "models/SmolLM2-135M-Instruct.Q4_1.gguf")
            cases = str(HERE / "grammar_cases.json")
            compare(
                "grammar", ([str(programs / "bench_grammar"), model, cases], {}),
                ([python, str(HERE / "peers/grammar.py"), model, cases], offline),
                "xgrammar 0.2.8, 49,152 tokens",
                {"mask that was needed before (median), us": 50}, rounds)
        if "retrieval" in arguments.names:
            documents = scratch / "documents"
            documents.mkdir()
            pages = sorted((cache / "sqlite-manual/html").glob("*.html"))
            for page in pages[::40 if arguments.quick else 12]:
                (documents / page.name).symlink_to(page)
            encoder = str(cache / "models/all-MiniLM-L6-v2")
            compare(
                "retrieval",
                ([str(programs / "bench_retrieval"), encoder, str(documents),
                  str(scratch / "tandem"), arguments.threads], {}),
                ([python, str(HERE / "peers/retrieval.py"), encoder, str(documents),
                  str(scratch / "peer.db"), arguments.threads], offline),
                "sentence-transformers + faiss-cpu + SQLite", {}, rounds)


if __name__ == "__main__":
    main()
