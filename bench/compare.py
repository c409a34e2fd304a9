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

import load

HERE = pathlib.Path(__file__).parent
# Smaller is better for these units; larger for all others.
COSTS = {"s", "ms", "us", "perplexity", "MiB"}


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


def compare_with_itself(benchmark, command, peer_name, targets, rounds):
    """A program that takes turns with itself, see answer_measurements_of_both."""
    program = Program(command, {})
    program.measure()  # caches, memory, thread pools
    both = [program.measure() for _ in range(rounds)]
    program.end()
    report(benchmark, [(row["tandem"], row["peer"]) for row in both], peer_name, targets)


def compare(benchmark, tandem, peer, peer_name, targets, rounds):
    """One round is for what does not vary, and needs no warm-up: of caches, memory, thread pools."""
    sides, warm_up = [], []
    for command in (tandem, peer):
        # One after the other: the peer may read what ours has written on starting.
        sides.append(Program(*command))
        warm_up.append(sides[-1].measure())
    samples = [warm_up] if rounds == 1 else []
    for i in range(rounds - len(samples)):
        # The order changes each time, so that neither side always follows the other.
        order = sides if i % 2 == 0 else sides[::-1]
        result = {side: side.measure() for side in order}
        samples.append([result[side] for side in sides])
    for side in sides:
        side.end()
    report(benchmark, samples, peer_name, targets)


def report(benchmark, samples, peer_name, targets):
    """Samples are pairs of figures, Tandem's and its peer's."""
    for name in samples[0][0]:
        figure, unit = name.rsplit(", ", 1)
        ours = [sample[0][name] for sample in samples]
        theirs = [sample[1][name] for sample in samples]
        ratios = [b / a if unit in COSTS else a / b for a, b in zip(ours, theirs)]
        print(json.dumps({
            "figure": f"{benchmark}: {figure}", "unit": unit,
            "tandem": round(statistics.median(ours), 4),
            "peer": round(statistics.median(theirs), 4), "peer_name": peer_name,
            "ratio": round(statistics.median(ratios), 3), "target": targets.get(name),
            "n": len(samples)}), flush=True)


class Bench:
    """Where everything is, and one method for each program."""

    def __init__(self, arguments, scratch):
        self.cache = pathlib.Path(arguments.cache)
        self.python = str(self.cache / "bench-venv/bin/python")
        self.programs = pathlib.Path(arguments.build) / "bin"
        self.threads = arguments.threads
        self.quick = arguments.quick
        self.rounds = 5 if arguments.quick else 7
        self.scratch = scratch
        self.gpu_model = arguments.gpu_model
        self.device = arguments.gpu_device

    def compare(self, benchmark, program, ours, peer, theirs, peer_name, targets, rounds=None):
        offline = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": self.threads}
        compare(benchmark, ([str(self.programs / program), *ours], {}),
                ([self.python, str(HERE / "peers" / peer), *theirs], offline), peer_name, targets,
                rounds or self.rounds)

    def smollm2_q4_1(self):
        return str(self.cache / "models/SmolLM2-135M-Instruct.Q4_1.gguf")

    def smollm2_q4_0(self):
        """The bundled file is Q4_1, for which llama.cpp has no fast path; its Q4_0 is the honest peer."""
        source = self.smollm2_q4_1()
        target = self.scratch / "SmolLM2-135M-Instruct.Q4_0.gguf"
        if not target.exists():
            subprocess.run([self.python, str(HERE / "peers/requantize.py"), source, target],
                           check=True, capture_output=True)
        return str(target)

    def gemma(self):
        """As pairs of a name and a path: none where the file was not fetched."""
        path = self.cache / "models/gemma3-270m-q4_k_m.gguf"
        return [("Gemma 3 270M Q4_K_M", str(path))] if path.exists() else []

    def generation(self):
        targets = {
            "prefill 512, tokens/s": 1.5, "prefill 4 x 512, tokens/s": 1.5,
            "decode 1 sequence, tokens/s": 1.4, "decode 4 sequences, tokens/s": 2.5,
            "decode 8 sequences, tokens/s": 2.5}
        models = [("SmolLM2 135M Q4_0", self.smollm2_q4_0(), targets)]
        models += [(*gemma, dict.fromkeys(targets, 1.5)) for gemma in self.gemma()]
        for name, path, targets in models:
            for threads in sorted({"1", self.threads}):
                self.compare(f"generation, {name}, {threads} threads", "bench_generation",
                             [path, threads], "generation.py", [path, threads],
                             "llama-cpp-python 0.3.36, same file", targets)

    def bandwidth(self):
        for name, path in [("SmolLM2 135M Q4_0", self.smollm2_q4_0()), *self.gemma()]:
            for threads in sorted({"1", self.threads}):
                command = [str(self.programs / "bench_bandwidth"), path, threads]
                compare(f"decode 1 sequence, {name}, {threads} threads", ([*command, "decode"], {}),
                        ([*command, "read"], {}), "a plain read of as many bytes",
                        {"weights read, GB/s": 0.75}, self.rounds)

    def answers(self):
        """Questions of SQuAD's dev part; a question's paragraph and the four after it."""
        data = self.shared_data("answers")
        if data is None:
            return
        data = data / "squad"
        corpus = [json.loads(line) for line in open(data / "corpus.jsonl")]
        place = {passage["id"]: i for i, passage in enumerate(corpus)}
        questions = [json.loads(line) for line in open(data / "dev.jsonl")]
        with open(self.scratch / "questions.jsonl", "w") as out:
            for question in questions[::len(questions) // (8 if self.quick else 24)]:
                first = min(place[question["positives"][0]], len(corpus) - 5)
                out.write(json.dumps({"question": question["question"],
                                      "passages": corpus[first:first + 5]}) + "\n")
        model, prompts = self.smollm2_q4_0(), str(self.scratch / "prompts.json")
        ours = [model, self.threads, str(self.scratch / "questions.jsonl"), prompts]
        for lookup, target in (([], 2.5), (["--lookup"], 1.7)):
            self.compare("answers, SmolLM2 135M Q4_0", "bench_answers", ours, "answers.py",
                         [model, self.threads, prompts, *lookup],
                         "llama-cpp-python 0.3.36" + (", its prompt lookup" if lookup else ""),
                         {"answer from 5 passages, s": target})

    def drafts(self):
        command = [str(self.programs / "bench_drafts"), self.smollm2_q4_0(), self.threads]
        texts = ["temperature 1", "temperature 1 from a passage", "temperature 1.5 from a passage",
                 "temperature 1, 8 sequences", "temperature 1.5 from a passage, 8 sequences"]
        compare_with_itself("drafts that do not help, SmolLM2 135M Q4_0", command,
                            "the same without drafts",
                            {f"sampled at {text}, tokens/s": 0.97 for text in texts}, self.rounds)

    def filters(self):
        command = [str(self.programs / "bench_filters"), str(self.scratch / "filters")]
        filters = ["filter that selects 0.1 %", "filter that selects 50 %", "new filter that selects 0.1 %"]
        compare_with_itself("filters, 200,000 passages", command, "the same search without a filter",
                            {f"10 of a {name}, ms": 0.33 for name in filters}, self.rounds)

    def gpu_generation(self):
        """On the first NVIDIA GPU. The peer runs in the Python that runs this, with torch and transformers."""
        if self.gpu_model is None:
            sys.exit("gpu_generation: give --gpu-model FOLDER, a model as transformers saves it")
        self.python = sys.executable
        for bits in ("16", "8"):
            self.compare(f"generation on a GPU, {pathlib.Path(self.gpu_model).name}, {bits} bits",
                         "bench_gpu_generation", [self.gpu_model, self.device, bits],
                         "gpu_generation.py", [self.gpu_model, self.device],
                         "transformers generate, bfloat16, SDPA", {})

    def grammar(self):
        model = self.smollm2_q4_1()
        cases = str(HERE / "grammar_cases.json")
        self.compare("grammar", "bench_grammar", [model, cases], "grammar.py", [model, cases],
                     "xgrammar 0.2.8, 49,152 tokens", {})
        command = [str(self.programs / "bench_constrained"), self.smollm2_q4_0(), self.threads]
        compare_with_itself("held to a schema, SmolLM2 135M Q4_0", command,
                            "the same without a schema", {"decode 1 sequence, tokens/s": 0.97},
                            self.rounds)

    def passages(self):
        model = self.smollm2_q4_0()
        self.compare("passages, SmolLM2 135M Q4_0", "bench_passages", [model, self.threads],
                     "passages.py", [model, self.threads],
                     "llama-cpp-python 0.3.36, whole prompt",
                     {"first token, 5 known passages in the same order, s": 1.5,
                      "first token, 5 known passages read independently, s": 5})

    def training(self):
        """A step of joint training on 8 questions with 4 passages each."""
        command = [str(self.programs / "bench_training"), str(self.cache / "models/all-MiniLM-L6-v2"),
                   self.smollm2_q4_1(), self.threads]
        compare(f"training step, MiniLM and SmolLM2 135M, {self.threads} threads",
                ([*command, "train"], {}), ([*command, "products"], {}),
                "at::matmul of the same shapes, bfloat16", {"operations, TFLOP/s": 0.5}, self.rounds)

    def documents(self, manual="sqlite-manual"):
        """A folder with some pages of a manual, evenly apart."""
        documents = self.scratch / f"{manual}-pages"
        if not documents.exists():
            documents.mkdir()
            root = self.cache / manual / "html"
            pages = sorted(root.rglob("*.html"))
            for page in pages[::max(1, len(pages) // (25 if self.quick else 80))]:
                (documents / str(page.relative_to(root)).replace("/", "-")).symlink_to(page)
        return documents

    def quality(self):
        """Perplexity over 50,000 tokens."""
        windows = str(self.scratch / "windows.json")
        models = [("SmolLM2 135M Q4_1", self.smollm2_q4_1()),
                  ("SmolLM2 135M Q4_0", self.smollm2_q4_0()), *self.gemma()]
        for name, path in models:
            self.compare(f"quality, {name}", "bench_perplexity",
                         [path, self.threads, str(self.documents()), "16" if self.quick else "98",
                          windows], "perplexity.py", [path, self.threads, windows],
                         "llama-cpp-python 0.3.36, same file",
                         {"read as a prompt, perplexity": 0.99, "decoded, perplexity": 0.99},
                         rounds=1)

    def memory(self):
        targets = {"resident after 8 x 2,048 tokens, MiB": 0.91}
        for name, path in [("SmolLM2 135M Q4_0", self.smollm2_q4_0()), *self.gemma()]:
            self.compare(f"memory, {name}", "bench_memory", [path, self.threads], "memory.py",
                         [path, self.threads], "llama-cpp-python 0.3.36, same file", targets, rounds=1)

    def dense(self):
        """A million synthetic vectors of 384 numbers; the peer has neither deletions nor passages."""
        folder = str(self.scratch / "dense")
        rows = 200_000 if self.quick else 1_000_000
        subprocess.run([str(self.programs / "bench_dense"), "build", folder, str(rows)], check=True)
        name = f"dense, {rows:,} x 384"
        self.compare(name, "bench_dense", ["search", folder], "dense.py", ["search", folder],
                     "faiss-cpu 1.15.1, same lists and probes, unfiltered; exact search for recall",
                     {"1 client (median), ms": 0.87, "1 client (99 of 100), ms": 0.87,
                      "8 clients (median), ms": 0.87, "8 clients (99 of 100), ms": 0.87,
                      "10 of a filter of 0.1 % (median), ms": 0.33,
                      "recall of 10, share": 0.98})
        self.compare(name, "bench_dense", ["open", folder], "dense.py", ["open", folder],
                     "faiss-cpu 1.15.1, index read into memory; the vectors alone for memory",
                     {"resident after 1,000 searches, MiB": 0.87}, rounds=1)

    def retrieval(self):
        """Pages of the manuals of SQLite and of Python."""
        encoder = str(self.cache / "models/all-MiniLM-L6-v2")
        for name, manual in (("SQLite", "sqlite-manual"), ("Python", "python-manual")):
            documents = str(self.documents(manual))
            self.compare(f"retrieval, manual of {name}", "bench_retrieval",
                         [encoder, documents, str(self.scratch / "tandem"), self.threads],
                         "retrieval.py",
                         [encoder, documents, str(self.scratch / "peer.db"), self.threads],
                         "sentence-transformers + faiss-cpu + SQLite FTS5",
                         {"file to searchable, documents/s": 2})

    def shared_data(self, name):
        """The folder of data sets, or None with a word about the benchmark that is left out."""
        data = pathlib.Path(os.environ.get("TANDEM_SHARED_DATA", "../shared/data"))
        if data.is_dir():
            return data
        print(f"{name}: skipped, there is no {data}", file=sys.stderr)
        return None

    def encoding(self):
        """Paragraphs of SQuAD and abstracts of SciFact, and questions of SQuAD's dev part."""
        data = self.shared_data("encoding")
        if data is None:
            return
        encoder = str(self.cache / "models/all-MiniLM-L6-v2")
        questions = self.scratch / "squad-questions.txt"
        rows = [json.loads(line) for line in open(data / "squad/dev.jsonl")]
        questions.write_text("".join(" ".join(row["question"].split()) + "\n" for row in rows[::7]))
        targets = {"texts, texts/s": 2, "question (median), ms": 1, "least cosine to fp32, of 1": 0.995}
        for name in ("squad", "scifact"):
            texts = self.scratch / f"encoding-{name}.txt"
            rows = [json.loads(line) for line in open(data / f"{name}/corpus.jsonl")]
            step = len(rows) // (100 if self.quick else 500)
            texts.write_text("".join(" ".join(row["text"].split()) + "\n" for row in rows[::step]))
            arguments = [encoder, str(texts), str(questions), str(self.scratch / f"{name}.f32"),
                         self.threads]
            peer = [self.python, str(HERE / "peers/encoding.py")]
            subprocess.run([*peer, "reference", *arguments], check=True, stdout=subprocess.DEVNULL)
            for peer, texts_target in (("sentence-transformers 6.2", 2), ("onnxruntime 1.32", 1.3)):
                self.compare(f"encoding, {name}", "bench_encoding", arguments, "encoding.py",
                             [peer.split()[0], *arguments], f"{peer}, fp32",
                             {**targets, "texts, texts/s": texts_target})

    def ranking(self):
        """Quality of what is found: SciFact's test claims, Cranfield, and SQuAD's dev questions."""
        data = self.shared_data("ranking")
        if data is None:
            return
        encoder = str(self.cache / "models/all-MiniLM-L6-v2")
        targets = {"dense: nDCG@10, of 1": 0.99, "BM25: nDCG@10, of 1": 0.98}
        for name in ("scifact", "cranfield", "squad"):
            arguments = [encoder, str(data / name)]
            self.compare(f"ranking, {name}", "bench_ranking",
                         [*arguments, str(self.scratch / f"ranking-{name}"), self.threads],
                         "ranking.py", arguments,
                         "sentence-transformers, bm25s, reciprocal ranks of both", targets, rounds=1)

    def lexical(self):
        """The texts of several sets, in passages of 48 words that overlap by 32, to be 500,000."""
        data = self.shared_data("lexical")
        if data is None:
            return
        count = 50_000 if self.quick else 500_000
        passages, questions = self.scratch / "passages.txt", self.scratch / "questions.txt"
        texts = []
        for path in ("nq/corpus", "squad/corpus", "scifact/corpus", "cranfield/corpus", "medquad/qa",
                     "corpora/sqlite3-doc", "halueval/general_data", "hh_rlhf/train"):
            for line in open(data / f"{path}.jsonl"):
                row = json.loads(line)
                text = " ".join(row.get(key) or "" for key in ("text", "answer", "chosen", "rejected",
                                                               "chatgpt_response"))
                words = text.split()
                texts += [" ".join(words[i:i + 48]) for i in range(0, len(words), 16)]
        step = len(texts) / count
        passages.write_text("".join(texts[int(i * step)] + "\n" for i in range(count)))
        rows = [json.loads(line) for line in open(data / "nq/dev.jsonl")]
        questions.write_text("".join(" ".join(row["question"].split()) + "\n" for row in rows[::14]))
        for peer, name in (("fts5", "SQLite FTS5, in memory"), ("bm25s", "bm25s 0.3.16, numba")):
            self.compare(f"lexical, {count} passages", "bench_lexical",
                         [str(passages), str(questions), str(self.scratch / "lexical")], "lexical.py",
                         [peer, str(passages), str(questions)], name,
                         {"question to passages (median), ms": 1})


    def load(self):
        """The manual of SQLite is searched; that of Python is added meanwhile."""
        store, encoder = self.scratch / "load", str(self.cache / "models/all-MiniLM-L6-v2")
        program = str(self.programs / "tandem")
        subprocess.run([program, "index", self.cache / "sqlite-manual/html", "--store", store, "--encoder",
                        encoder], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        documents = sorted((self.cache / "python-manual/html/library").glob("*.html"))
        load.run(program, store, encoder, self.smollm2_q4_1(), self.threads, documents, self.quick)


# What is measured without being named; gpu_generation needs a GPU and a model of one's own.
NAMES = ["encoding", "retrieval", "ranking", "lexical", "dense", "filters", "generation", "bandwidth", "quality",
         "memory", "answers", "drafts", "passages", "grammar", "training", "load"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=NAMES, metavar="NAME",
                        help=f"of {', '.join(NAMES)}; all without; or gpu_generation")
    parser.add_argument("--quick", action="store_true", help="at most a minute for each figure")
    parser.add_argument("--build", default="build")
    parser.add_argument("--threads", default=str(os.cpu_count()))
    parser.add_argument("--cache", required=True, help="folder of models, corpora and environments")
    parser.add_argument("--gpu-model", help="folder of the model that gpu_generation measures")
    parser.add_argument("--gpu-device", default="cuda", choices=["cuda", "cpu"],
                        help="cpu only tries the programs")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - {*NAMES, "gpu_generation"}
    if unknown:
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(arguments, pathlib.Path(scratch))
        for name in arguments.names:
            getattr(bench, name)()


if __name__ == "__main__":
    main()
