"""API keys: who may do what, on every route there is, and how often."""
import concurrent.futures
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

import openai

import support
from support import keys

SECRET = "The vault opens at ninety-one."
DOCUMENT, COLLECTION = "vault-document", "vault"
CHAT = {"messages": [{"role": "user", "content": "When does the vault open?"}], "max_tokens": 3}
STORE = f"/v1/vector_stores/{COLLECTION}"

# What a key that is limited to another collection gets from each route, where the request names what it
# may not use:
#   OPEN     nobody needs a key
#   FREE     the route shows nothing that is stored
#   REFUSED  403 or 404
#   HIDDEN   an answer, without what it may not see
# Then come the scope that the route needs, and the body of the request.
OPEN, FREE, REFUSED, HIDDEN = "open", "free", "refused", "hidden"
ROUTES = {
    "GET /": (OPEN, None),
    "GET /app.js": (OPEN, None),
    "GET /dom.js": (OPEN, None),
    "GET /api.js": (OPEN, None),
    "GET /views.js": (OPEN, None),
    "GET /models.js": (OPEN, None),
    "GET /releases.js": (OPEN, None),
    "GET /training.js": (OPEN, None),
    "GET /jobs.js": (OPEN, None),
    "GET /chart.js": (OPEN, None),
    "GET /parts.js": (OPEN, None),
    "GET /models.css": (OPEN, None),
    "GET /style.css": (OPEN, None),
    "GET /icon.svg": (OPEN, None),
    "GET /health": (OPEN, None),
    "GET /openapi.json": (OPEN, None),
    "GET /metrics": (REFUSED, "read"),
    "POST /v1/chat/completions": (REFUSED, "read", {**CHAT, "tandem": {"collection": COLLECTION}}),
    "POST /v1/responses": (REFUSED, "read", {
        "input": "When?", "tools": [{"type": "file_search", "vector_store_ids": [COLLECTION]}]}),
    "GET /v1/responses/{id}": (REFUSED, "read"),
    "DELETE /v1/responses/{id}": (REFUSED, "write"),
    "GET /v1/responses/{id}/input_items": (REFUSED, "read"),
    "GET /debug/trace/{id}": (REFUSED, "read"),
    "POST /v1/feedback": (REFUSED, "read", {"answer_id": "{answer}", "rating": "good"}),
    "GET /v1/feedback": (REFUSED, "read"),
    "GET /v1/feedback/export": (REFUSED, "read"),
    "GET /v1/feedback/{id}": (REFUSED, "read"),
    "DELETE /v1/feedback/{id}": (REFUSED, "write"),
    "POST /v1/embeddings": (FREE, "read", {"input": "text"}),
    "GET /v1/models": (FREE, "read"),
    "GET /v1/models/{id}": (FREE, "read"),
    "POST /v1/search": (REFUSED, "read", {"query": "vault", "collection": COLLECTION}),
    "POST /v1/rerank": (FREE, "read", {"query": "a", "documents": ["a", "b"]}),
    "POST /tokenize": (FREE, "read", {"prompt": "a"}),
    "POST /detokenize": (FREE, "read", {"tokens": [1]}),
    "POST /v1/documents": (REFUSED, "write", {"text": "intruder", "collection": COLLECTION}),
    "GET /v1/documents": (REFUSED, "read"),
    "GET /v1/documents/{id}": (REFUSED, "read"),
    "POST /v1/documents/{id}": (REFUSED, "write", {"attributes": {"seen": True}}),
    "DELETE /v1/documents/{id}": (REFUSED, "write"),
    "GET /v1/releases": (REFUSED, "read"),
    "POST /v1/releases": (REFUSED, "admin", {}),
    "POST /v1/releases/rollback": (REFUSED, "admin", {}),
    "POST /v1/releases/{id}/promote": (REFUSED, "admin", {}),
    "GET /v1/releases/{id}": (REFUSED, "read"),
    "DELETE /v1/releases/{id}": (REFUSED, "admin"),
    "POST /v1/files": (FREE, "write", {}),
    "GET /v1/files": (HIDDEN, "read"),
    "GET /v1/files/{id}": (REFUSED, "read"),
    "GET /v1/files/{id}/content": (REFUSED, "read"),
    "DELETE /v1/files/{id}": (REFUSED, "write"),
    "POST /v1/fine_tuning/jobs": (REFUSED, "admin", {}),
    "GET /v1/fine_tuning/jobs": (REFUSED, "read"),
    "GET /v1/fine_tuning/jobs/{id}": (REFUSED, "read"),
    "POST /v1/fine_tuning/jobs/{id}/cancel": (REFUSED, "admin", {}),
    "GET /v1/fine_tuning/jobs/{id}/events": (REFUSED, "read"),
    "GET /v1/fine_tuning/jobs/{id}/checkpoints": (REFUSED, "read"),
    "POST /v1/vector_stores": (REFUSED, "write", {"name": "one more"}),
    "GET /v1/vector_stores": (HIDDEN, "read"),
    "GET /v1/vector_stores/{id}": (REFUSED, "read"),
    "POST /v1/vector_stores/{id}": (REFUSED, "write", {"name": "intruder"}),
    "DELETE /v1/vector_stores/{id}": (REFUSED, "write"),
    "POST /v1/vector_stores/{id}/search": (REFUSED, "read", {"query": "vault"}),
    "POST /v1/vector_stores/{id}/files": (REFUSED, "write", {"file_id": "{file}"}),
    "GET /v1/vector_stores/{id}/files": (REFUSED, "read"),
    "GET /v1/vector_stores/{id}/files/{file_id}": (REFUSED, "read"),
    "POST /v1/vector_stores/{id}/files/{file_id}": (REFUSED, "write", {"attributes": {"seen": True}}),
    "DELETE /v1/vector_stores/{id}/files/{file_id}": (REFUSED, "write"),
    "GET /v1/vector_stores/{id}/files/{file_id}/content": (REFUSED, "read"),
    "POST /v1/vector_stores/{id}/file_batches": (REFUSED, "write", {"file_ids": ["{file}"]}),
    "GET /v1/vector_stores/{id}/file_batches/{batch_id}": (REFUSED, "read"),
    "POST /v1/vector_stores/{id}/file_batches/{batch_id}/cancel": (REFUSED, "write", {}),
    "GET /v1/vector_stores/{id}/file_batches/{batch_id}/files": (REFUSED, "read"),
}


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


class Access(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="tandem-e2e-")
        cls.addClassCleanup(folder.cleanup)
        cls.store = os.path.join(folder.name, "store")
        cls.admin = keys(cls.store, "add", "admin", "--scope", "admin")
        cls.reader = keys(cls.store, "add", "reader")
        cls.tenant = keys(cls.store, "add", "tenant", "--scope", "write", "--collection", "alpha")
        cls.server = support.Server(cls.store)
        cls.addClassCleanup(cls.server.stop)
        cls.fill()

    @classmethod
    def request(cls, method, path, body=None, key=None, headers=None):
        return cls.server.request(method, path, body, {**(bearer(key) if key else {}), **(headers or {})})

    @classmethod
    def made(cls, path, body, headers=None, key=None):
        status, _, answer = cls.request("POST", path, body, key or cls.admin, headers)
        assert status in (200, 201), answer
        return answer["id"]

    @classmethod
    def fill(cls):
        cls.made("/v1/documents", {"text": SECRET, "id": DOCUMENT, "collection": COLLECTION})
        file = cls.made("/v1/files", *support.multipart("vault.txt", SECRET.encode(), purpose="assistants"))
        batch = cls.made(f"{STORE}/file_batches", {"file_ids": [file]})
        response = cls.made("/v1/responses", {"input": SECRET, "max_output_tokens": 3})
        support.wait_until(lambda: cls.request("GET", f"{STORE}/files/{file}", key=cls.admin)[2]["status"]
                           == "completed", what="reading the file")
        cls.ids = {("/v1/files/", "id"): file, ("/v1/responses/", "id"): response,
                   ("/v1/documents/", "id"): DOCUMENT, ("/v1/vector_stores/", "id"): COLLECTION,
                   ("/v1/vector_stores/", "file_id"): file, ("/v1/vector_stores/", "batch_id"): batch,
                   ("/v1/models/", "id"): support.ENCODER_NAME, ("/v1/releases/", "id"): "r1",
                   ("/v1/fine_tuning/", "id"): "ftjob-none", ("/debug/trace/", "id"): response,
                   ("/v1/feedback/", "id"): response}
        cls.request("POST", "/v1/feedback", {"answer_id": response, "rating": "bad"}, cls.admin)
        # What is for some is not for all who may use the collection.
        for document in DOCUMENT, file:
            status = cls.request("POST", f"/v1/documents/{document}?collection={COLLECTION}",
                                 {"readers": ["group:vault"]}, cls.admin)[0]
            assert status == 200
        cls.made("/v1/documents", {"text": "Tea is at four.", "id": "tea", "collection": "alpha"})

    @classmethod
    def filled_in(cls, route):
        method, path = route.split(" ")
        for (beginning, name), value in cls.ids.items():
            if path.startswith(beginning):
                path = path.replace("{" + name + "}", value)
        if path.startswith("/v1/documents") and method != "POST" or path == f"/v1/documents/{DOCUMENT}":
            path += f"?collection={COLLECTION}"
        return method, path

    def requests(self):
        """Route, what is expected of it, the scope it needs, and the request."""
        for route, (outcome, scope, *body) in ROUTES.items():
            method, path = self.filled_in(route)
            text = json.dumps(body[0]) if body else ""
            for name, place in ("file", "/v1/files/"), ("answer", "/v1/responses/"):
                text = text.replace("{" + name + "}", self.ids[place, "id"])
            yield route, outcome, scope, (method, path, text.encode() if text else None)

    def test_the_table_has_every_route(self):
        paths = self.request("GET", "/openapi.json")[2]["paths"]
        routes = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
        self.assertEqual(set(ROUTES), routes)

    def test_without_a_key_nothing_is_served(self):
        for route, outcome, _, request in self.requests():
            for key in None, "sk-of-another-make", "tdm_" + "x" * 43:
                with self.subTest(route=route, key=key):
                    status, headers, body = self.request(*request, key)
                    if outcome == OPEN:
                        self.assertEqual(status, 200)
                        continue
                    self.assertEqual((status, headers["WWW-Authenticate"]), (401, "Bearer"))
                    self.assertEqual(body["error"]["code"], "invalid_api_key")

    def test_a_key_has_its_scope_and_no_more(self):
        writer = keys(self.store, "add", "writer", "--scope", "write")
        for route, _, scope, request in self.requests():
            for key, lacks in (self.reader, ("write", "admin")), (writer, ("admin",)):
                if scope not in lacks:
                    continue
                with self.subTest(route=route, lacks=lacks):
                    status, _, body = self.request(*request, key)
                    self.assertEqual((status, body["error"]["code"]), (403, "insufficient_scope"))

    def test_a_key_reaches_no_collection_but_its_own(self):
        for route, outcome, _, request in self.requests():
            with self.subTest(route=route):
                status, _, body = self.request(*request, self.tenant)
                text = body if isinstance(body, str) else json.dumps(body)
                if outcome == REFUSED:
                    self.assertIn(status, (403, 404), text)
                elif outcome == HIDDEN:
                    self.assertEqual(status, 200, text)
                else:
                    self.assertNotIn(status, (401, 403), text)
                if outcome in (REFUSED, HIDDEN):
                    self.assertNotIn(SECRET[4:], text)
                    self.assertNotIn(self.ids["/v1/files/", "id"], text if outcome == HIDDEN else "")
                    self.assertNotIn(COLLECTION, text if outcome == HIDDEN else "")
        # Nothing of it was changed either.
        document = self.request("GET", f"/v1/documents/{DOCUMENT}?collection={COLLECTION}", key=self.admin)[2]
        self.assertEqual((document["text"], document["attributes"]), (SECRET, {}))
        for route in ("GET /v1/files/{id}/content", "GET /v1/responses/{id}", "GET /v1/vector_stores/{id}/files/{file_id}"):
            with self.subTest(route=route):
                self.assertEqual(self.request(*self.filled_in(route), key=self.admin)[0], 200)

    def test_nothing_of_others_comes_in_by_another_way(self):
        response, file = self.ids["/v1/responses/", "id"], self.ids["/v1/files/", "id"]
        for path, body, expected in (
                ("/v1/responses", {"input": "And then?", "previous_response_id": response}, 400),
                ("/v1/vector_stores/alpha/files", {"file_id": file}, 404),
                ("/v1/vector_stores/alpha/file_batches", {"file_ids": [file]}, 404),
                ("/v1/documents", {"text": "x", "collection": COLLECTION}, 403),
                ("/v1/responses", {"input": "When?", "tools": [
                    {"type": "file_search", "vector_store_ids": ["alpha", COLLECTION]}]}, 403),
                ("/v1/chat/completions", {**CHAT, "tools": [
                    {"type": "file_search", "vector_store_ids": ["alpha", COLLECTION]}]}, 403),
                ("/v1/documents/tea?collection=alpha%2F..%2Fvault", {"attributes": {}}, 400),
                (f"/v1/vector_stores/alpha%2F..%2F{COLLECTION}/search", {"query": "vault"}, 403)):
            with self.subTest(path=path, body=body):
                status, _, answer = self.request("POST", path, body, self.tenant)
                self.assertEqual(status, expected, answer)

    def test_a_key_uses_its_collection(self):
        # The only collection that it may use is the one that is meant where none is named.
        found = self.request("POST", "/v1/search", {"query": "tea"}, self.tenant)[2]
        self.assertEqual([hit["document_id"] for hit in found["data"]], ["tea"])
        chat = self.request("POST", "/v1/chat/completions", CHAT, self.tenant)[2]
        self.assertEqual({hit["collection"] for hit in chat["passages"]}, {"alpha"})
        self.assertEqual([store["id"] for store in self.request("GET", "/v1/vector_stores",
                                                                key=self.tenant)[2]["data"]], ["alpha"])
        file = self.made("/v1/files", *support.multipart("cake.txt", b"Cake is at five.", purpose="assistants"),
                         key=self.tenant)
        self.assertEqual([item["id"] for item in self.request("GET", "/v1/files", key=self.tenant)[2]["data"]
                          if item["filename"] == "cake.txt"], [file])
        self.made("/v1/vector_stores/alpha/files", {"file_id": file}, key=self.tenant)
        response = self.made("/v1/responses", {"input": "Cake?", "max_output_tokens": 3}, key=self.tenant)
        self.assertEqual(self.request("GET", f"/v1/responses/{response}", key=self.tenant)[0], 200)
        # A key that is renewed still owns what it made; the former one is none any more.
        former, renewed = self.tenant, keys(self.store, "rotate", "tenant")
        type(self).tenant = renewed
        self.assertEqual(self.request("GET", f"/v1/responses/{response}", key=renewed)[0], 200)
        self.assertEqual(self.request("GET", f"/v1/responses/{response}", key=former)[0], 401)

    def test_documents_are_for_their_readers(self):
        allowed = keys(self.store, "add", "guard", "--scope", "write", "--who", "group:vault")
        others = keys(self.store, "add", "clerk", "--scope", "write", "--who", "group:tea", "--who", "user:anna")
        self.made("/v1/documents", {"text": "The clerk may know that the vault is blue.", "id": "blue",
                                    "collection": COLLECTION, "readers": ["user:anna", "user:bert"]})
        search = {"query": "vault", "collection": COLLECTION, "limit": 50}

        def found(key, **headers):
            return {hit["document_id"] for hit in self.request("POST", "/v1/search", search, key, headers)[2]["data"]}
        file = self.ids["/v1/files/", "id"]
        self.assertEqual(found(self.admin), {DOCUMENT, file, "blue"})
        self.assertEqual(found(allowed), {DOCUMENT, file})
        self.assertEqual(found(others), {"blue"})
        # A service asks for its users, and never gets more than it may see itself.
        for who, expected in (("group:vault", {DOCUMENT, file}), ("user:bert", {"blue"}), ("user:none", set()),
                              ("user:bert, group:vault", {DOCUMENT, file, "blue"})):
            self.assertEqual(found(self.reader, **{"x-tandem-who": who}), expected)
        self.assertEqual(found(others, **{"x-tandem-who": "group:vault, user:anna"}), {"blue"})
        for route, _, _, request in self.requests():
            with self.subTest(route=route):
                status, _, body = self.request(*request, others)
                self.assertLess(status, 500)
                text = body if isinstance(body, str) else json.dumps(body)
                self.assertNotIn(SECRET[4:], text)
                self.assertNotIn("vault.txt", text)
        for document in DOCUMENT, file:
            path = f"/v1/documents/{document}?collection={COLLECTION}"
            self.assertEqual(self.request("GET", path, key=allowed)[2]["text"].strip(), SECRET)
            self.assertEqual(self.request("DELETE", path, key=others)[0], 404)
        # Nobody writes over what they may not see.
        status, _, body = self.request("POST", "/v1/documents", {"text": "x", "id": DOCUMENT,
                                                                  "collection": COLLECTION}, others)
        self.assertEqual((status, body["error"]["code"]), (403, "document_of_others"))
        # Pages are whole though others' documents lie between.
        page = self.request("GET", f"/v1/documents?collection={COLLECTION}&limit=1", key=others)[2]
        self.assertEqual([item["id"] for item in page["data"]], ["blue"])
        files = self.request("GET", f"{STORE}/files", key=others)[2]
        self.assertIn("blue", [item["id"] for item in files["data"]])
        self.assertFalse({DOCUMENT, file} & {item["id"] for item in files["data"]})
        # A change takes effect when it returns.
        self.request("POST", f"/v1/documents/blue?collection={COLLECTION}", {"readers": ["user:bert"]}, self.admin)
        self.assertNotIn("blue", found(others))
        self.request("DELETE", f"/v1/documents/blue?collection={COLLECTION}", key=self.admin)

    def test_keys_end_while_the_server_runs(self):
        key = keys(self.store, "add", "guest")
        self.assertEqual(self.request("GET", "/v1/models", key=key)[0], 200)
        keys(self.store, "remove", "guest")
        self.assertEqual(self.request("GET", "/v1/models", key=key)[0], 401)
        self.assertNotIn("guest", keys(self.store, "list"))

    def test_requests_are_counted(self):
        key = keys(self.store, "add", "busy", "--requests-per-minute", "3")
        client = openai.OpenAI(base_url=f"{self.server.url}/v1", api_key=key, max_retries=0)
        self.addCleanup(client.close)
        left = [int(client.models.with_raw_response.list().headers["x-ratelimit-remaining-requests"])
                for _ in range(3)]
        self.assertEqual(left, [2, 1, 0])
        with self.assertRaises(openai.RateLimitError) as refused:
            client.models.list()
        self.assertIn(int(refused.exception.response.headers["retry-after"]), range(1, 21))
        # Those of others are not.
        self.assertEqual(self.request("GET", "/v1/models", key=self.reader)[0], 200)

    def test_requests_at_once_are_counted(self):
        key = keys(self.store, "add", "eager", "--max-concurrent", "1")
        chat = {**CHAT, "max_tokens": 60, "ignore_eos": True, "tandem": {"retrieve": False}}

        def ask(_):
            status, headers, _ = self.request("POST", "/v1/chat/completions", chat, key)
            return status, headers.get("retry-after")
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(ask, range(6)))
        self.assertIn((200, None), answers)
        self.assertIn((429, "1"), answers)
        self.assertEqual({status for status, _ in answers}, {200, 429})
        # And are none when they have ended.
        self.assertEqual(ask(None)[0], 200)

    def test_changes_and_refusals_are_noted(self):
        self.request("POST", "/v1/search", {"query": "not to be noted"}, self.reader, {"X-Request-Id": "note-0"})
        self.request("POST", "/v1/search", {"query": "nor this"}, None, {"X-Request-Id": "note-1"})
        document = {"text": "Nothing of this is noted.", "id": "note", "collection": "alpha"}
        self.request("POST", "/v1/documents", document, self.admin, {"X-Request-Id": "note-2", "x-tandem-who": "user:anna"})

        def noted():
            lines = pathlib.Path(self.store, "audit.log").read_text().splitlines()
            return {line["request_id"]: line for line in map(json.loads, lines) if line["request_id"][:5] == "note-"}
        support.wait_until(lambda: len(noted()) == 2, what="the note")
        self.assertEqual((noted()["note-1"]["status"], noted()["note-1"]["key"]), (401, None))
        self.assertEqual((noted()["note-2"]["status"], noted()["note-2"]["who"]), (201, ["user:anna"]))
        self.assertIn(noted()["note-2"]["key"], keys(self.store, "list", "--json"))
        self.assertNotIn("noted", pathlib.Path(self.store, "audit.log").read_text())

    def test_clients_are_told(self):
        client = openai.OpenAI(base_url=f"{self.server.url}/v1", api_key="sk-none", max_retries=0)
        self.addCleanup(client.close)
        with self.assertRaisesRegex(openai.AuthenticationError, "needs an API key"):
            client.chat.completions.create(model="tandem", messages=CHAT["messages"])
        reader = client.with_options(api_key=self.reader)
        with self.assertRaisesRegex(openai.PermissionDeniedError, "scope 'write'"):
            reader.files.create(file=("a.txt", b"a"), purpose="assistants")

    def test_a_body_is_not_read_before_the_key_is_known(self):
        with self.server.connect() as connection:
            connection.sendall(support.http_bytes(
                "POST", "/v1/documents", headers=["Content-Type: application/json"]).replace(
                    b"Content-Length: 0", b"Content-Length: 60000000"))
            self.assertIn(b"401", support.read_all(connection).split(b"\r\n")[0])

    def test_keys_are_not_kept(self):
        for path in pathlib.Path(self.store).rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                for key in self.admin, self.reader, self.tenant:
                    self.assertNotIn(key.encode(), content, path)
        self.assertNotIn("tdm_", self.server.read_log())


class WithoutKeys(unittest.TestCase):
    def start(self, *arguments):
        folder = tempfile.TemporaryDirectory(prefix="tandem-e2e-")
        self.addCleanup(folder.cleanup)
        self.store = os.path.join(folder.name, "store")
        server = support.Server(self.store, *arguments)
        self.addCleanup(server.stop)
        return server

    def test_the_first_key_closes_the_server(self):
        server = self.start()
        self.assertIn("no API key is needed", server.read_log())
        document = {"text": "Tea is at four."}
        self.assertEqual(server.request("POST", "/v1/documents", document)[0], 201)
        key = keys(self.store, "add", "writer", "--scope", "write")
        self.assertEqual(server.request("POST", "/v1/documents", document)[0], 401)
        self.assertEqual(server.request("POST", "/v1/documents", document, bearer(key))[0], 200)

    def test_what_everybody_may_do(self):
        server = self.start("--anonymous", "read")
        self.assertEqual(server.request("POST", "/v1/embeddings", {"input": "tea"})[0], 200)
        self.assertEqual(server.request("POST", "/v1/documents", {"text": "Tea."})[0], 401)

    def test_a_server_that_nobody_could_use_does_not_start(self):
        with tempfile.TemporaryDirectory(prefix="tandem-e2e-") as store:
            done = subprocess.run(
                [support.PROGRAM, "serve", "--store", store, "--encoder", support.ENCODER, "--generator",
                 support.GENERATOR, "--port", "0", "--host", "0.0.0.0"], capture_output=True, text=True)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn("tandem keys add", done.stderr)

    def test_damaged_keys_are_not_taken_for_none(self):
        with tempfile.TemporaryDirectory(prefix="tandem-e2e-") as store:
            pathlib.Path(store, "keys.json").write_text('{"version": 1, "keys": [')
            done = subprocess.run(
                [support.PROGRAM, "serve", "--store", store, "--encoder", support.ENCODER, "--generator",
                 support.GENERATOR, "--port", "0"],
                capture_output=True, text=True)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn("keys.json", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
