"""Releases: made, promoted, rolled back and deleted under a constant load that no request may notice."""
import json
import os
import pathlib
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.request

import encoders
import support

QUERY = "How far can the light be seen?"
QUESTION = [{"role": "user", "content": QUERY}]
CLIENTS = 3


def dense_scores(server):
    """What a search by meaning gives, with the release that it says gave it."""
    status, headers, body = server.request("POST", "/v1/search", {"query": QUERY, "mode": "dense", "limit": 3})
    if status != 200:
        raise AssertionError(body)
    if headers["x-tandem-release"] != body["release"]:
        raise AssertionError("header and body name different releases")
    return body["release"], tuple(round(hit["score"], 4) for hit in body["data"])


def streamed_answer(server):
    """The release that each event of an answer names, and the scores of its passages."""
    request = urllib.request.Request(server.url + "/v1/chat/completions", method="POST", headers={
        "Content-Type": "application/json"}, data=json.dumps({
            "messages": QUESTION, "max_tokens": 12, "stream": True, "model": support.GENERATOR_NAME,
            "tandem": {"mode": "dense", "top_k": 3}}).encode())
    names, scores = set(), None
    with urllib.request.urlopen(request, timeout=120) as response:
        names.add(response.headers["x-tandem-release"])
        ended = False
        for line in response:
            if not line.startswith(b"data: "):
                continue
            if line.strip() == b"data: [DONE]":
                ended = True
                continue
            event = json.loads(line[6:])
            if "error" in event:
                raise AssertionError(event)
            names.add(event["release"])
            if "passages" in event:
                scores = tuple(round(hit["score"], 4) for hit in event["passages"])
    if not ended or len(names) != 1:
        raise AssertionError(f"a stream of {names} that ended: {ended}")
    return names.pop(), scores


class Load:
    """Clients that search, chat and write all the time; what they got, and what failed."""

    def __init__(self, server):
        self.server = server
        self.seen = []
        self.failures = []
        self.written = 0
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self.repeat, args=(work,))
                        for work in [self.search] * CLIENTS + [self.chat, self.write]]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        for thread in self.threads:
            thread.join()

    def wait_for(self, release):
        """Until some requests that began from now on were answered by this release, of each kind."""
        before = len(self.seen)
        support.wait_until(
            lambda: self.failures or all(
                sum(seen[:2] == (kind, release) for seen in self.seen[before:]) > 3
                for kind in ("search", "chat")), 100, f"an answer of {release}")

    def repeat(self, work):
        while not self.stopped.is_set():
            try:
                work()
            except Exception as failure:  # whatever it is, a client saw it
                self.failures.append(repr(failure))

    def search(self):
        self.seen.append(("search", *dense_scores(self.server)))

    def chat(self):
        self.seen.append(("chat", *streamed_answer(self.server)))

    def write(self):
        """Documents of another collection, so that they change no result; no more than a page holds."""
        time.sleep(0.02)
        if self.written == 1000:
            return
        status, _, body = self.server.request("POST", "/v1/documents", {
            "text": f"The ship number {self.written} was built of oak.", "id": f"ship-{self.written}",
            "collection": "ships"})
        if status != 201:
            raise AssertionError(body)
        self.written += 1
        if self.written % 3 == 0:
            self.server.request("DELETE", f"/v1/documents/ship-{self.written - 1}?collection=ships")


class Releases(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="tandem-e2e-")))
        self.other = encoders.write_changed_copy(support.ENCODER, self.folder / "changed")
        self.server = self.enterContext(support.running_server())

    def tandem(self, *arguments, status=0):
        done = subprocess.run([support.PROGRAM, "release", *map(str, arguments)], capture_output=True, text=True)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def statuses(self):
        answer = self.server.request("GET", "/v1/releases")[2]
        return {release["id"]: release["status"] for release in answer["data"]}

    def ships(self):
        documents = self.server.request("GET", "/v1/documents?collection=ships&limit=1000")[2]["data"]
        return {document["id"] for document in documents}

    def test_a_switch_under_load_fails_and_mixes_nothing(self):
        url = ["--server", self.server.url]
        expected = {("search", *dense_scores(self.server)), ("chat", *streamed_answer(self.server))}
        with Load(self.server) as load:
            self.assertIn("r2 is ready", self.tandem("create", "--encoder", self.other, *url))
            self.assertEqual(self.statuses()["r1"], "live")
            self.tandem("promote", "r2", *url)
            self.assertEqual(dense_scores(self.server)[0], "r2")
            load.wait_for("r2")
            self.assertIn("r1 is live", self.tandem("rollback", *url))
            load.wait_for("r1")
            self.assertIn("r2 is live", self.tandem("rollback", *url))
            load.wait_for("r2")
        self.assertEqual(load.failures, [])
        expected |= {("search", *dense_scores(self.server)), ("chat", *streamed_answer(self.server))}
        scores = {release: scores for kind, release, scores in expected if kind == "search"}
        self.assertNotEqual(scores["r1"], scores["r2"], "the encoders do not differ enough to tell")
        self.assertEqual(set(load.seen), expected)
        # What was written while releases were made and switched is found by each of them.
        self.assertGreater(load.written, 20)
        for name in "r2", "r1":
            self.assertEqual(self.statuses()[name], "live")
            hits = self.server.request("POST", "/v1/search", {
                "query": "oak ship", "collection": "ships", "mode": "dense", "limit": 1000})[2]
            self.assertEqual(hits["release"], name)
            self.assertEqual({hit["document_id"] for hit in hits["data"]}, self.ships())
            self.tandem("rollback", *url)

        self.assertIn("r1 is deleted", self.tandem("delete", "r1", *url))
        self.assertEqual(self.statuses(), {"r2": "live"})
        self.assertEqual(dense_scores(self.server)[0], "r2")

    def test_a_server_comes_back_with_its_release(self):
        store = self.folder / "store"
        subprocess.run([support.PROGRAM, "index", support.DOCUMENTS / "lighthouse.md", "--store", store,
                        "--encoder", support.ENCODER], check=True, capture_output=True)
        copy = self.folder / "given" / "another-name"
        encoders.write_changed_copy(support.ENCODER, copy)
        self.assertIn("r2 is live", self.tandem("create", "--store", store, "--encoder", copy,
                                                "--generator", support.GENERATOR, "--promote"))
        self.assertIn("r2", self.tandem("list", "--store", store))
        # The store is one folder: it works without what was copied into it, wherever it lies.
        (copy / "model.safetensors").unlink()
        moved = self.folder / "moved"
        store.rename(moved)
        done = subprocess.run([support.PROGRAM, "search", QUERY, "--store", moved, "--json"],
                              capture_output=True, text=True, env={**os.environ, "TANDEM_ENCODER": ""})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreater(len(done.stdout.splitlines()), 0)
        # An encoder that is not the one that serves is refused, with what to do.
        done = subprocess.run([support.PROGRAM, "index", support.DOCUMENTS / "bread.html", "--store", moved,
                               "--encoder", support.ENCODER], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("tandem release create", done.stderr)
        check = subprocess.run([support.PROGRAM, "check", "--store", moved], capture_output=True, text=True)
        self.assertEqual(check.returncode, 0, check.stdout)

    def test_what_cannot_be_done_says_why(self):
        url = ["--server", self.server.url]
        self.assertIn("no release to go back to", self.tandem("rollback", *url, status=1))
        self.assertIn("no release r7", self.tandem("promote", "r7", *url, status=1))
        self.assertIn("is the one that serves", self.tandem("delete", "r1", *url, status=2))
        self.assertIn("no server answers", self.tandem("list", "--server", "http://127.0.0.1:1", status=1))
        self.assertEqual(self.server.request("POST", "/v1/releases", {})[0], 400)
        self.assertEqual(self.server.request("GET", "/v1/releases/r7")[0], 404)
        self.assertIn("none", self.tandem("create", "--encoder", self.folder / "none", *url, status=1))
        self.assertEqual(self.statuses(), {"r1": "live"})
        self.assertEqual(self.server.request("GET", "/health")[2]["release"], "r1")


if __name__ == "__main__":
    unittest.main()
