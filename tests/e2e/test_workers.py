"""`tandem train` in two processes, with what torchrun puts into their environment."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from question_set import write_corpus, write_questions
from support import ENCODER, GENERATOR, PROGRAM


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def environment(rank, port, **more):
    return {**os.environ, "RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2",
            "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), **more}


class Workers(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="tandem-workers-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        corpus = write_corpus(self.folder / "corpus.jsonl")
        questions = write_questions(self.folder / "questions.jsonl")
        self.command = [
            PROGRAM, "train", "--corpus", corpus, "--questions", questions, "--dev", questions, "--allow-leaks",
            "--encoder", ENCODER, "--generator", GENERATOR, "--lora", "2", "--batch", "3", "--passages", "2",
            "--precision", "float32", "--dev-answers", "0", "--checkpoint", "1"]

    def start(self, run, port, steps=2, **more):
        workers = [subprocess.Popen([*self.command, "--run", self.folder / run, "--steps", str(steps)],
                                    env=environment(rank, port, **more), stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, text=True) for rank in (0, 1)]
        for worker in workers:
            self.addCleanup(self.end, worker)
        return workers

    @staticmethod
    def end(worker):
        worker.kill()
        worker.wait()
        worker.stdout.close()
        worker.stderr.close()

    def losses(self, run):
        lines = (self.folder / run / "metrics.jsonl").read_text().splitlines()
        return [row["loss"] for row in map(json.loads, lines) if "loss" in row]

    def test_two_take_the_steps_of_one_and_one_of_them_reports(self):
        subprocess.run([*self.command, "--run", self.folder / "alone", "--steps", "2"], check=True,
                       capture_output=True)
        workers = self.start("together", free_port())
        printed = [worker.communicate(timeout=300) for worker in workers]
        self.assertEqual([worker.returncode for worker in workers], [0, 0], printed)
        self.assertIn("2 steps in", printed[0][0])
        self.assertEqual(printed[1][0], "")
        self.assertNotIn("training", printed[1][1])
        alone, together = self.losses("alone"), self.losses("together")
        self.assertEqual(len(together), 2)
        for of_one, of_two in zip(alone, together):
            self.assertAlmostEqual(of_one, of_two, delta=1e-3 * abs(of_one))

    def test_one_that_is_killed_ends_the_other_and_both_go_on_from_the_checkpoint(self):
        workers = self.start("run", free_port(), steps=500)
        deadline = time.monotonic() + 240
        while not (self.folder / "run/checkpoints/step-00000001").exists():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)
        workers[1].send_signal(signal.SIGKILL)
        _, said = workers[0].communicate(timeout=120)
        self.assertEqual(workers[0].returncode, 1)
        self.assertIn("another worker has ended", said)
        self.assertIn("--resume", said)
        # As torchrun does with --max-restarts: the same command, without --resume.
        workers = self.start("run", free_port(), steps=500, TORCHELASTIC_RESTART_COUNT="1")
        before = len(self.losses("run"))
        deadline = time.monotonic() + 240
        while len(self.losses("run")) < before + 2:
            self.assertLess(time.monotonic(), deadline)
            self.assertEqual([worker.poll() for worker in workers], [None, None])
            time.sleep(0.05)

    def test_wrong_places(self):
        run = [*self.command, "--run", self.folder / "none"]
        done = subprocess.run(run, env=environment(2, 1), capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("RANK", done.stderr)
        reranker = [PROGRAM, "train", "reranker", *self.command[2:6], "--encoder", ENCODER, "--run", self.folder / "none"]
        done = subprocess.run(reranker, env=environment(0, 1), capture_output=True, text=True)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("torchrun", done.stderr)
        self.assertFalse((self.folder / "none").exists())


if __name__ == "__main__":
    unittest.main()
