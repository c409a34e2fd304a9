"""`tandem runs` on folders such as `tandem train` leaves behind."""
import json
import pathlib
import subprocess
import tempfile
import unittest

from support import PROGRAM


def run(*arguments, status=0):
    done = subprocess.run([PROGRAM, "runs", *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != status:
        raise AssertionError(f"ended with {done.returncode}: {done.stderr}")
    return done


class Runs(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="tandem-runs-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        for name, loss, f1 in [("first", "pdist", 0.25), ("second", "emdr2", 0.5)]:
            path = self.folder / name
            path.mkdir()
            (path / "run.json").write_text(json.dumps({"loss": {"kind": loss}, "format": 1}))
            (path / "metrics.jsonl").write_text(json.dumps({"step": 1, "loss": 2}) + "\n")
            (path / "result.json").write_text(json.dumps(
                {"best_step": 1, "best_by": "f1", "seconds": 3, "dev_before": {"f1": 0.1},
                 "dev_after": {"f1": f1}}))

    def test_the_best_and_what_differs(self):
        lines = run(self.folder).stdout.splitlines()
        self.assertEqual(lines[0].split(), ["run", "steps", "seconds", "best", "step", "f1"])
        self.assertEqual(lines[1].split(), ["first", "1", "3", "1", "0.250"])
        self.assertEqual(lines[2].split(), ["loss/kind", "pdist"])
        self.assertEqual(lines[3].split(), ["second", "1", "3", "1", "*", "0.500"])
        self.assertEqual(len(lines), 5)
        listed = json.loads(run(self.folder, "--json").stdout)
        self.assertEqual([one["dev_after"]["f1"] for one in listed], [0.25, 0.5])

    def test_a_run_that_cannot_be_read_hides_no_other(self):
        (self.folder / "first" / "run.json").write_text("{")
        done = run(self.folder)
        self.assertIn("second", done.stdout)
        self.assertIn("first/run.json", done.stderr)

    def test_a_page(self):
        page = self.folder / "page.html"
        run("report", self.folder / "first", "-o", page)
        text = page.read_text(encoding="utf-8")
        self.assertIn("<svg", text)
        self.assertIn("pdist", text)

    def test_wrong_usage(self):
        run(status=2)
        run(self.folder / "nowhere", status=2)
        run("report", self.folder / "first", status=2)
        empty = self.folder / "empty"
        empty.mkdir()
        self.assertIn("holds no run", run(empty, status=1).stderr)


if __name__ == "__main__":
    unittest.main()
