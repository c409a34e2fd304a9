"""Vector stores by the official openai client, over the end of the server in the middle."""
import concurrent.futures
import pathlib
import subprocess
import tempfile
import unittest

import openai

import support

HERON = b"Herons stand on one leg in shallow water.\n\nThey wait for fish."
OWL = "# Owls\n\nOwls fly at night, without a sound. Grüße, 🦉!".encode()
RANDOM = bytes(range(256)) * 20


class VectorStores(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="tandem-e2e-")))
        subprocess.run([support.PROGRAM, "index", support.DOCUMENTS / "lighthouse.md", "--store", cls.folder / "store",
                        "--encoder", support.ENCODER], check=True, capture_output=True)
        cls.start()

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        cls.server.stop()

    @classmethod
    def start(cls):
        cls.server = support.Server(cls.folder / "store")
        cls.client = openai.OpenAI(base_url=f"{cls.server.url}/v1", api_key="unused", max_retries=0)
        cls.stores = cls.client.vector_stores

    @classmethod
    def kill_and_start(cls):
        cls.client.close()
        cls.server.process.kill()
        cls.server.process.wait(60)
        cls.server.process.stdout.close()
        cls.server.log.close()
        cls.start()

    def upload(self, content, name="a.txt"):
        return self.client.files.create(file=(name, content), purpose="assistants").id

    def create(self, **arguments):
        store = self.stores.create(**arguments)
        self.addCleanup(self.delete, store.id)
        return store

    def delete(self, store_id):
        try:
            self.stores.delete(store_id)
        except openai.NotFoundError:
            pass

    def add(self, store, content, name="a.txt", **arguments):
        return self.stores.files.upload_and_poll(vector_store_id=store.id, file=(name, content), **arguments)

    def search(self, store, query, **arguments):
        return self.stores.search(store.id, query=query, **arguments).data

    def test_a_file_is_read_and_found(self):
        store = self.create(name="birds", metadata={"who": "me"}, expires_after={"anchor": "last_active_at", "days": 7})
        self.assertEqual((store.object, store.name, store.status, store.metadata), ("vector_store", "birds", "completed",
                                                                                   {"who": "me"}))
        self.assertEqual(store.expires_at, store.last_active_at + 7 * 24 * 3600)
        self.assertEqual(self.search(store, "birds"), [])
        heron = self.add(store, HERON, "heron.txt", attributes={"legs": 1, "wading": True})
        self.assertEqual((heron.object, heron.status, heron.vector_store_id, heron.last_error),
                         ("vector_store.file", "completed", store.id, None))
        self.assertEqual(heron.attributes, {"legs": 1, "wading": True})
        self.assertEqual(heron.chunking_strategy.type, "static")
        self.assertGreater(heron.usage_bytes, 0)
        owl = self.add(store, OWL, "owl.md")
        now = self.stores.retrieve(store.id)
        self.assertEqual((now.file_counts.completed, now.file_counts.total, now.status), (2, 2, "completed"))

        found = self.search(store, "birds of the night")
        self.assertEqual({hit.file_id for hit in found}, {heron.id, owl.id})
        best = found[0]
        self.assertEqual((best.file_id, best.filename, best.attributes), (owl.id, "owl.md", {}))
        self.assertTrue(0 < best.score <= 1)
        self.assertEqual(best.content[0].type, "text")
        content = self.stores.files.content(owl.id, vector_store_id=store.id).data
        self.assertEqual("".join(part.text for part in content), OWL.decode())
        self.assertEqual(content[0].text[best.start:best.end], best.content[0].text)
        self.assertEqual((best.heading_path, best.page), ("Owls", None))

        # Also by a form of the request that the client has no types for.
        status, headers, page = self.server.request(
            "POST", f"/v1/vector_stores/{store.id}/search", {"query": ["owls", "herons"], "rewrite_query": True})
        self.assertEqual(status, 200)
        self.assertEqual(headers["x-tandem-release"], "r1")
        self.assertEqual((page["object"], page["search_query"]),
                         ("vector_store.search_results.page", ["owls", "herons"]))
        self.assertEqual(len(page["data"]), 2)

    def test_filters_and_attributes(self):
        store = self.create()
        heron = self.add(store, HERON, attributes={"legs": 1})
        owl = self.add(store, OWL, "owl.md", attributes={"legs": 2})
        more = {"type": "gt", "key": "legs", "value": 1}
        self.assertEqual([hit.file_id for hit in self.search(store, "herons", filters=more)], [owl.id])
        changed = self.stores.files.update(heron.id, vector_store_id=store.id, attributes={"legs": 3, "name": "heron"})
        self.assertEqual(changed.attributes, {"legs": 3, "name": "heron"})
        found = self.search(store, "herons", filters={"type": "and", "filters": [
            more, {"type": "eq", "key": "name", "value": "heron"}]})
        self.assertEqual([(hit.file_id, hit.attributes["legs"]) for hit in found], [(heron.id, 3)])
        self.assertEqual(len(self.search(store, "birds", max_num_results=1)), 1)
        self.assertEqual(self.search(store, "birds", ranking_options={"score_threshold": 1, "ranker": "none"},
                                     filters={"type": "eq", "key": "legs", "value": 9}), [])
        for arguments in ({"query": ""}, {"query": []}, {"query": [1]}, {"query": ["a"] * 33}, {"query": 3},
                          {"max_num_results": 0}, {"max_num_results": 51}, {"filters": {"type": "odd"}},
                          {"ranking_options": {"ranker": "odd"}}, {"ranking_options": {"score_threshold": 2}},
                          {"extra_body": {"rewrite_query": "odd"}}):
            with self.subTest(**arguments), self.assertRaises(openai.BadRequestError):
                self.search(store, **{"query": "birds", **arguments})

    def test_a_batch_of_files(self):
        store = self.create()
        batch = self.stores.file_batches.upload_and_poll(
            store.id, files=[("heron.txt", HERON), ("owl.md", OWL), ("random.bin", RANDOM)],
            file_ids=[self.upload(b"Larks sing in the morning.", "lark.txt")])
        self.assertEqual((batch.object, batch.status), ("vector_store.files_batch", "completed"))
        self.assertEqual((batch.file_counts.completed, batch.file_counts.failed, batch.file_counts.total), (3, 1, 4))
        failed = list(self.stores.file_batches.list_files(batch.id, vector_store_id=store.id, filter="failed"))
        self.assertEqual([file.last_error.code for file in failed], ["unsupported_file"])
        self.assertEqual(self.stores.file_batches.retrieve(batch.id, vector_store_id=store.id), batch)
        self.assertEqual(self.stores.file_batches.cancel(batch.id, vector_store_id=store.id).status, "completed")
        self.add(store, b"alone")
        self.assertEqual(len(list(self.stores.file_batches.list_files(batch.id, vector_store_id=store.id, limit=1))), 4)

        each = self.stores.file_batches.create_and_poll(store.id, files=[
            {"file_id": self.upload(HERON), "attributes": {"n": 1}},
            {"file_id": self.upload(OWL), "chunking_strategy": {
                "type": "static", "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 20}}}])
        self.assertEqual(each.file_counts.completed, 2)
        files = list(self.stores.file_batches.list_files(each.id, vector_store_id=store.id, order="asc"))
        self.assertEqual([file.attributes for file in files], [{"n": 1}, {}])
        self.assertEqual(files[1].chunking_strategy.static.max_chunk_size_tokens, 100)
        self.assertEqual(files[1].chunking_strategy.static.chunk_overlap_tokens, 0)

    def test_lists_are_paged(self):
        stores = [self.create(name=str(i)).id for i in range(3)]
        listed = [store.id for store in self.stores.list(limit=1, order="asc")]
        self.assertEqual([store for store in listed if store in stores], stores)
        self.assertIn("default", listed)  # what was indexed by the command line
        first = self.stores.list(limit=2)
        self.assertEqual(([store.id for store in first.data], first.has_more), (stores[:0:-1], True))
        before = self.stores.list(before=stores[0], limit=2)
        self.assertEqual(([store.id for store in before.data], before.has_more), (stores[:0:-1], False))

        files = [self.upload(f"text {i}".encode()) for i in range(5)]
        store = self.create(file_ids=files)
        support.wait_until(lambda: self.stores.retrieve(store.id).status == "completed")
        list_files = self.stores.files.list
        self.assertEqual([file.id for file in list_files(store.id, limit=2)], files[::-1])
        self.assertEqual([file.id for file in list_files(store.id, limit=2, order="asc", filter="completed")], files)
        self.assertEqual(list_files(store.id, filter="in_progress").data, [])
        page = list_files(store.id, order="asc", after=files[0], before=files[3], limit=1)
        self.assertEqual(([file.id for file in page.data], page.has_more), ([files[1]], True))
        page = list_files(store.id, order="asc", before=files[3], limit=2)
        self.assertEqual([file.id for file in page.data], files[1:3])
        for arguments in ({"limit": 0}, {"limit": 101}, {"order": "odd"}, {"filter": "odd"}, {"after": "file-none"}):
            with self.subTest(**arguments), self.assertRaises(openai.BadRequestError):
                list_files(store.id, **arguments)

        # Who deletes what is listed gets to the end of the list.
        for file in list_files(store.id, limit=2):
            self.assertTrue(self.stores.files.delete(file.id, vector_store_id=store.id).deleted)
        self.assertEqual(self.stores.retrieve(store.id).file_counts.total, 0)
        for one in self.stores.list(limit=2):
            if one.id in stores:
                self.assertTrue(self.stores.delete(one.id).deleted)
        self.assertEqual([one.id for one in self.stores.list() if one.id in stores], [])

    def test_what_the_command_line_indexed_is_a_vector_store(self):
        store = self.stores.retrieve("default")
        self.assertEqual((store.name, store.file_counts.completed), ("default", 1))
        best = self.search(store, "How often does the lamp flash?")[0]
        self.assertEqual(best.filename, "lighthouse.md")
        files = self.stores.files.list("default").data
        self.assertEqual([file.id for file in files], [best.file_id])
        self.assertTrue(self.stores.files.content(best.file_id, vector_store_id="default").data[0].text)

    def test_names_and_metadata_change(self):
        store = self.create(name="old", metadata={"a": "b"})
        changed = self.stores.update(store.id, name="new", metadata={"c": "d"})
        self.assertEqual((changed.name, changed.metadata), ("new", {"c": "d"}))
        self.assertEqual(self.stores.update(store.id, metadata=None).metadata, {})
        for arguments in ({"name": 3}, {"metadata": {"a": 1}}, {"expires_after": {"anchor": "created_at", "days": 1}}):
            with self.subTest(**arguments), self.assertRaises(openai.BadRequestError):
                self.stores.update(store.id, **arguments)

    def test_deletion_takes_effect_at_once(self):
        store = self.create()
        heron, owl = self.add(store, HERON), self.add(store, OWL, "owl.md")
        self.assertTrue(self.client.files.delete(owl.id).deleted)
        self.assertEqual([hit.file_id for hit in self.search(store, "owls")], [heron.id])
        self.assertEqual([file.id for file in self.stores.files.list(store.id)], [heron.id])
        deleted = self.stores.files.delete(heron.id, vector_store_id=store.id)
        self.assertEqual((deleted.id, deleted.object), (heron.id, "vector_store.file.deleted"))
        self.assertEqual(self.search(store, "herons"), [])
        self.assertEqual(self.client.files.content(heron.id).read(), HERON)
        self.assertEqual(self.stores.files.create_and_poll(heron.id, vector_store_id=store.id).status, "completed")
        deleted = self.stores.delete(store.id)
        self.assertEqual((deleted.id, deleted.object, deleted.deleted), (store.id, "vector_store.deleted", True))
        calls = [lambda: self.stores.retrieve(store.id), lambda: self.search(store, "herons"),
                 lambda: self.stores.delete(store.id), lambda: self.stores.files.list(store.id),
                 lambda: self.stores.files.retrieve(heron.id, vector_store_id=store.id)]
        for call in calls:
            with self.assertRaises(openai.NotFoundError) as refused:
                call()
            self.assertEqual(refused.exception.code, "vector_store_not_found")
        status, _, answer = self.server.request("POST", "/v1/search", {"query": "herons", "collection": store.id})
        self.assertEqual((status, answer.get("data")), (404, None) if status == 404 else (200, []))

    def test_a_kill_loses_nothing(self):
        text = "".join(f"Line {i} of a long text about heron number {i % 17}. " for i in range(6000))
        files = [self.upload(f"{name}. {text}".encode(), f"{name}.txt") for name in ("One", "Two", "Three")]
        store = self.create(name="long")
        small = self.add(store, HERON, "heron.txt", attributes={"n": 1})
        batch = self.stores.file_batches.create(store.id, file_ids=files, attributes={"n": 2})
        self.assertEqual(batch.status, "in_progress")
        doomed = self.create(file_ids=[small.id])
        self.stores.delete(doomed.id)
        self.kill_and_start()
        now = self.stores.retrieve(store.id)
        self.assertEqual((now.name, now.file_counts.total, now.file_counts.failed), ("long", 4, 0))
        self.assertGreater(now.file_counts.in_progress, 0)
        response = self.stores.files.with_raw_response.retrieve(files[-1], vector_store_id=store.id)
        self.assertGreater(int(response.headers["openai-poll-after-ms"]), 0)
        with self.assertRaises(openai.NotFoundError):
            self.stores.retrieve(doomed.id)
        # It answers meanwhile.
        self.assertEqual(self.search(store, "shallow water")[0].attributes, {"n": 1})
        self.kill_and_start()
        batch = self.stores.file_batches.poll(batch.id, vector_store_id=store.id)
        self.assertEqual((batch.status, batch.file_counts.completed), ("completed", 3))
        self.assertEqual([file.attributes for file in self.stores.files.list(store.id, order="asc")],
                         [{"n": 1}, {"n": 2}, {"n": 2}, {"n": 2}])
        self.assertEqual(self.search(store, "Three", ranking_options={"ranker": "none"})[0].filename, "Three.txt")

    def test_a_batch_is_cancelled(self):
        text = "".join(f"Line {i} of a long text. " for i in range(20_000)).encode()
        store = self.create()
        batch = self.stores.file_batches.create(store.id, file_ids=[self.upload(text), self.upload(text + b".")])
        cancelled = self.stores.file_batches.cancel(batch.id, vector_store_id=store.id)
        self.assertEqual((cancelled.status, cancelled.file_counts.cancelled), ("cancelled", 2))
        self.assertEqual(self.add(store, HERON).status, "completed")
        self.assertEqual(self.stores.retrieve(store.id).file_counts.completed, 1)

    def test_hostile_requests_are_the_clients_fault(self):
        store = self.create()
        base = f"/v1/vector_stores/{store.id}"
        bodies = [b"", b"[]", b"{", b"null", b"\xff", b'{"file_id": {}}', b'{"file_id": "../../x"}', b'{"file_ids": [[]]}',
                  b'{"files": [1]}', b'{"query": {"a": 1}}', b'{"file_id": "file-1", "attributes": []}',
                  b'{"attributes": 1, "metadata": 1, "name": [], "query": null}', b'{"a":' * 5000,
                  b'{"file_ids": ["\\u0000"]}']
        paths = ["/v1/vector_stores", base, base + "/files", base + "/file_batches", base + "/search",
                 base + "/files/none", base + "/file_batches/none/cancel", "/v1/vector_stores/..%2f..%2fx/files",
                 "/v1/vector_stores/%00/search", "/v1/vector_stores/" + "a" * 900]
        for path in paths:
            for body in bodies:
                with self.subTest(path=path[:50], body=body[:40]):
                    status, _, answer = self.server.request("POST", path, body)
                    # Objects without a field that is known are fine where none is needed.
                    if path in ("/v1/vector_stores", base) and status == 200:
                        continue
                    self.assertTrue(400 <= status < 500, (status, answer))
                    self.assertIn("message", answer["error"])
        for path in ["/files/..%2f..%2fstore", "/files/%ff", "/files/a/content", "/file_batches/..", "/files?after=%ff",
                     "/files?limit=99999999999999999999", "/file_batches/none/files"]:
            with self.subTest(path=path):
                status, _, answer = self.server.request("GET", base + path)
                self.assertTrue(400 <= status < 500, (status, answer))
        self.assertEqual(self.stores.retrieve(store.id).file_counts.total, 0)

    def test_many_at_once(self):
        store = self.create()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            files = list(pool.map(lambda i: self.upload(f"Text number {i}".encode()), range(16)))
            list(pool.map(lambda file: self.stores.files.create(store.id, file_id=file), files))
            list(pool.map(lambda file: self.stores.files.create_and_poll(file, vector_store_id=store.id), files))
        self.assertEqual(self.stores.retrieve(store.id).file_counts.completed, 16)


if __name__ == "__main__":
    unittest.main()
