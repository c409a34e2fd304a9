"""`tandem eval` with real models on a corpus of five passages, and what it says of bad input."""
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

from question_set import write_corpus, write_lines, write_questions
from support import ENCODER, GENERATOR, PROGRAM


def run(*arguments, status=0):
    environment = {name: value for name, value in os.environ.items()
                   if name not in ("TANDEM_ENCODER", "TANDEM_GENERATOR")}
    done = subprocess.run([PROGRAM, "eval", *map(str, arguments)], env=environment,
                          capture_output=True, text=True)
    if done.returncode != status:
        raise AssertionError(f"ended with {done.returncode}: {done.stderr}")
    return done


class Eval(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="tandem-eval-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.corpus = write_corpus(self.folder / "corpus.jsonl")
        self.questions = write_questions(self.folder / "dev.jsonl")
        self.unanswerable = write_lines(
            self.folder / "none.jsonl", [{"question": "Who was the first king of Norway?"}])
        self.data = ["--corpus", self.corpus, "--questions", self.questions]

    def test_retrieval_alone(self):
        done = run(*self.data, "--encoder", ENCODER, "--retrieval-only", "--json")
        figures = json.loads(done.stdout)["figures"]
        self.assertEqual(list(figures), ["recall@1", "recall@5", "recall@20", "mrr", "ndcg@10"])
        self.assertEqual(figures["recall@1"], {"value": 1, "low": 1, "high": 1, "questions": 4})
        self.assertIn("embedding passages 5/5", done.stderr)

    def test_answers_and_comparison(self):
        answers = self.folder / "answers.jsonl"
        models = ["--encoder", ENCODER, "--generator", GENERATOR]
        done = run(*self.data, *models, "--unanswerable", self.unanswerable, "-k", 1,
                   "--answers", answers, "--max-tokens", 16)
        for name in ["recall@1", "exact_match", "f1", "rouge_l", "abstention_f1"]:
            self.assertIn(name, done.stdout)
        rows = [json.loads(line) for line in answers.read_text(encoding="utf-8").splitlines()]
        self.assertEqual([row["id"] for row in rows],
                         ["tide", "bread", "wheel", "moon", "none.jsonl:1"])
        self.assertEqual([row["answerable"] for row in rows], [True] * 4 + [False])
        self.assertEqual(rows[0]["found"][0], "tide")
        # As shipped, the model does not abstain, but it does repeat what the passage says.
        self.assertGreater(sum(row["f1"] for row in rows[:4]), 0.2)

        limited = self.folder / "limited.jsonl"
        run(*self.data, *models, "-k", 1, "--answers", limited, "--max-tokens", 16, "--limit", 2)
        compared = json.loads(run("--compare", answers, limited, "--json").stdout)
        self.assertEqual(compared["questions"], 2)
        self.assertEqual(compared["only_in_a"], 3)
        self.assertEqual(compared["figures"]["recall@1"]["p"], 1)
        self.assertIn("2 questions in both", run("--compare", answers, limited).stdout)

    def test_bad_input(self):
        encoder = ["--encoder", ENCODER]
        cases = [
            ([*encoder, "--corpus", self.corpus, "--retrieval-only"], 2, "--questions is missing"),
            ([*encoder, *self.data], 2, "--generator is missing"),
            ([*self.data, "--retrieval-only"], 2, "--encoder is missing"),
            ([*encoder, *self.data, "--retrieval-only", "-k", 0], 2, "-k"),
            (["--compare", self.corpus], 2, "--compare"),
            (["--compare", self.folder / "x", self.questions], 1, "cannot be read"),
        ]
        write_lines(self.folder / "bad.jsonl", [
            {"question": "x", "positives": ["tide"]}, {"question": "x", "positives": ["sea"]}])
        bad = ["--corpus", self.corpus, "--questions", self.folder / "bad.jsonl"]
        cases.append(([*encoder, *bad, "--retrieval-only"], 1, "bad.jsonl, line 2: the corpus has"))
        cases.append(([*encoder, *self.data, "--unanswerable", self.questions, "--retrieval-only"],
                      2, "both files of questions have the id"))
        for arguments, status, message in cases:
            with self.subTest(message=message):
                self.assertIn(message, run(*arguments, status=status).stderr)


if __name__ == "__main__":
    unittest.main()
