"""Raw HTTP: documents, search, bad input, clients that leave, and the end of the server."""
import json
import os
import threading
import time
import unittest

import support
from support import http_bytes, multipart, read_all, wait_until

CHAT = "/v1/chat/completions"
LONG = {"messages": [{"role": "user", "content": "Tell me a very long story about the sea."}],
        "max_tokens": 2000, "tandem": {"retrieve": False}}


def setUpModule():
    global server, stack
    stack = support.running_server()
    server = stack.__enter__()


def tearDownModule():
    stack.__exit__(None, None, None)


class Documents(unittest.TestCase):
    def test_attributes_and_filters(self):
        def search(filters, path="/v1/search", **fields):
            answer = server.request("POST", path, {"query": "tide", "collection": "attributes",
                                                   "filters": filters, "limit": 3, **fields})[2]
            return [hit["document_id"] for hit in answer["data"]]

        for i in range(8):
            status, _, added = server.request("POST", "/v1/documents", {
                "text": f"The tide turns at {i} o'clock.", "id": f"tide-{i}",
                "collection": "attributes",
                "attributes": {"hour": i, "half": "first" if i < 4 else "second", "even": i % 2 == 0}})
            self.assertEqual(status, 201, added)
        one = {"type": "eq", "key": "hour", "value": 5}
        self.assertEqual(search(one), ["tide-5"])
        self.assertEqual(set(search({"type": "and", "filters": [
            {"type": "gte", "key": "hour", "value": 2}, {"type": "eq", "key": "half", "value": "first"}]})),
            {"tide-2", "tide-3"})
        self.assertEqual(search({"type": "in", "key": "$id", "value": ["tide-7", "none"]}), ["tide-7"])
        self.assertEqual(search({"type": "eq", "key": "hour", "value": "5"}), [])

        place = "/v1/documents/tide-1?collection=attributes"
        status, _, changed = server.request("POST", place, {"attributes": {"hour": 5}})
        self.assertEqual((status, changed["attributes"]), (200, {"hour": 5}))
        self.assertEqual(set(search(one)), {"tide-1", "tide-5"})
        self.assertEqual(server.request("GET", place)[2]["attributes"], {"hour": 5})
        self.assertEqual(server.request("POST", place, {})[0], 400)
        self.assertEqual(server.request("POST", "/v1/documents/none", {"attributes": {}})[0], 404)
        again = {"text": "The tide turns at 1 o'clock.", "id": "tide-1", "collection": "attributes"}
        self.assertEqual(server.request("POST", "/v1/documents", again)[2]["status"], "unchanged")
        again["attributes"] = {"hour": 1}
        self.assertEqual(server.request("POST", "/v1/documents", again)[2]["status"], "updated")
        self.assertEqual(search(one), ["tide-5"])

        answer = server.request("POST", CHAT, {
            "messages": [{"role": "user", "content": "When does the tide turn?"}], "max_tokens": 8,
            "tandem": {"collection": "attributes", "filters": one}})[2]
        self.assertEqual([p["document_id"] for p in answer["passages"]], ["tide-5"])

    def test_life_of_a_document(self):
        text = "The capital of Atlantis was Poseidonis. 🌊 It sank in a single day."
        status, _, added = server.request(
            "POST", "/v1/documents", {"text": text, "title": "Atlantis", "id": "atlantis/1"})
        self.assertEqual((status, added["status"], added["id"]), (201, "added", "atlantis/1"))
        self.assertEqual(added["passage_count"], 1)
        status, _, again = server.request(
            "POST", "/v1/documents", {"content": text, "title": "Atlantis", "id": "atlantis/1"})
        self.assertEqual((status, again["status"]), (200, "unchanged"))

        hits = server.request("POST", "/v1/search", {"query": "capital of Atlantis", "limit": 2})[2]
        best = hits["data"][0]
        self.assertEqual(best["document_id"], "atlantis/1")
        self.assertEqual(len(hits["data"]), 2)
        found = server.request("GET", "/v1/documents/atlantis%2F1")[2]
        self.assertEqual(found["text"].strip(), text)
        self.assertEqual(found["text"][best["start"]:best["end"]], best["text"])
        self.assertEqual([p["passage_id"] for p in found["passages"]], [best["passage_id"]])

        self.assertTrue(server.request("DELETE", "/v1/documents/atlantis%2F1")[2]["deleted"])
        for method in ("GET", "DELETE"):
            status, _, error = server.request(method, "/v1/documents/atlantis%2F1")
            self.assertEqual((status, error["error"]["code"]), (404, "document_not_found"))
        hits = server.request("POST", "/v1/search", {"query": "capital of Atlantis"})[2]["data"]
        self.assertNotIn("atlantis/1", [hit["document_id"] for hit in hits])

    def test_modes_and_conditions_of_a_search(self):
        for number, text in enumerate(("Lighthouses guide ships.", "Ships guide lighthouses.")):
            server.request("POST", "/v1/documents",
                           {"text": text, "id": str(number), "collection": "modes"})

        def search(query, mode):
            hits = server.request("POST", "/v1/search", {"query": query, "mode": mode,
                                                         "collection": "modes"})[2]["data"]
            return [hit["document_id"] for hit in hits]

        self.assertEqual(search('"lighthouse guides"', "lexical"), ["0"])
        self.assertEqual(search('"lighthouse guides"', "hybrid"), ["0"])
        self.assertEqual(len(search('"lighthouse guides"', "dense")), 2)
        self.assertEqual(search("beacon", "lexical"), [])
        self.assertEqual(len(search("beacon", "hybrid")), 2)

    def test_upload_and_replacement(self):
        body, headers = multipart("notes.md", b"# Notes\n\nOaks live long.", collection="uploads")
        status, _, added = server.request("POST", "/v1/documents", body, headers)
        self.assertEqual((status, added["title"]), (201, "Notes"))
        body, headers = multipart("notes.md", b"# Notes\n\nOaks live very long.",
                                  collection="uploads")
        status, _, replaced = server.request("POST", "/v1/documents", body, headers)
        self.assertEqual((status, replaced["status"]), (200, "replaced"))
        self.assertEqual(replaced["id"], added["id"])
        listed = server.request("GET", "/v1/documents?collection=uploads")[2]
        self.assertEqual((listed["total"], listed["has_more"]), (1, False))

    def test_listing_goes_page_by_page(self):
        seen, after = [], ""
        while True:
            page = server.request("GET", f"/v1/documents?limit=1&after={after}")[2]
            seen += [document["title"] for document in page["data"]]
            if not page["has_more"]:
                break
            after = page["last_id"]
        self.assertEqual(len(seen), page["total"])
        self.assertIn("Rye bread at the Millbrook bakery", seen)

    def test_documents_that_cannot_be_read(self):
        cases = [("picture.png", b"\x89PNG\r\n\x1a\n" + bytes(range(256)), 415),
                 ("empty.txt", b"", 400),
                 ("cut.pdf", b"%PDF-1.4\n1 0 obj\n<< /Type /Cata", 422)]
        for name, content, expected in cases:
            with self.subTest(name):
                body, headers = multipart(name, content)
                status, _, error = server.request("POST", "/v1/documents", body, headers)
                self.assertEqual(status, expected, error)
                self.assertTrue(error["error"]["message"])

    def test_the_menu_of_a_page_is_no_passage(self):
        hits = server.request("POST", "/v1/search", {"query": "Shop our ovens jobs"})[2]["data"]
        self.assertFalse([hit for hit in hits if "Shop our ovens" in hit["text"]])


class BadInput(unittest.TestCase):
    def refused(self, path, body, status, raw=False):
        got, headers, answer = server.request("POST", path, body if raw else json.dumps(body).encode())
        self.assertEqual(got, status, answer)
        self.assertTrue(answer["error"]["message"])
        self.assertTrue(headers["x-request-id"])
        return answer["error"]

    def test_bodies_that_are_no_json(self):
        for body in (b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"messages": "\xff"}', b"{}{}",
                     b'{"a":' * 100_000, b"[" * 1_000_000, b'{"messages": [' + b"[" * 5000,
                     b'{"temperature": 1e999}', b"\x00", os.urandom(1000)):
            for path in (CHAT, "/v1/embeddings", "/v1/search", "/v1/documents"):
                with self.subTest(path=path, body=body[:30]):
                    self.refused(path, body, 400, raw=True)

    def test_values_of_every_wrong_type_in_every_field(self):
        values = [None, True, 0, -1, 1.5, 1e300, "", "x", [], [[]], {}, {"a": {}}, [None], "\u0000"]
        bodies = {
            CHAT: {"model": support.GENERATOR_NAME, "messages": [{"role": "user", "content": "a"}],
                   "max_tokens": 1, "stream": False, "stream_options": None, "temperature": 0,
                   "top_p": 1, "seed": 1, "stop": "x", "n": 1, "tandem": {"retrieve": False}},
            "/v1/embeddings": {"model": support.ENCODER_NAME, "input": "a",
                               "encoding_format": "float", "dimensions": 384},
            "/v1/search": {"query": "a", "collection": "default", "limit": 1, "mode": "hybrid",
                           "filters": None},
            "/v1/documents": {"text": "a", "title": "a", "id": "a", "source": "a.txt",
                              "collection": "types", "attributes": None},
        }
        for path, body in bodies.items():
            for field in body:
                for value in values:
                    with self.subTest(path=path, field=field, value=value):
                        status, _, answer = server.request("POST", path, {**body, field: value})
                        # 415: a text with a null in it is not taken for one.
                        self.assertIn(status, (200, 201, 400, 404, 415))
                        if status == 400:
                            self.assertTrue(answer["error"]["message"])

    def test_fields_are_named(self):
        self.assertEqual(self.refused(CHAT, {}, 400)["param"], "messages")
        self.assertEqual(self.refused("/v1/embeddings", {}, 400)["param"], "input")
        self.assertEqual(self.refused("/v1/search", {}, 400)["param"], "query")
        self.assertEqual(self.refused("/v1/documents", {}, 400)["param"], "text")
        self.assertEqual(self.refused("/v1/search", {"query": "a", "collection": "../x"}, 400)["param"],
                         "collection")
        self.assertEqual(self.refused("/v1/search", {"query": "a", "mode": "x"}, 400)["param"], "mode")
        self.refused("/v1/search", {"query": "a", "collection": "nothing"}, 404)

    def test_a_huge_body(self):
        with server.connect() as connection:
            connection.sendall(b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\n"
                               b"Content-Length: 10000000000\r\n\r\n" + b"x" * 100_000)
            self.assertTrue(read_all(connection).startswith(b"HTTP/1.1 413 "))

    def test_a_half_closed_socket(self):
        with server.connect() as connection:
            connection.sendall(http_bytes("POST", "/v1/search", b'{"query": "lamp"}'))
            connection.shutdown(1)
            self.assertIn(b'"document_id"', read_all(connection))

    def test_other_sites_and_names_are_refused(self):
        self.assertEqual(server.request("GET", "/health", headers={"Host": "evil.example"})[0], 421)
        for origin in ("http://evil.example", "null"):
            status, _, error = server.request("POST", "/v1/documents", {"text": "a"},
                                              {"Origin": origin})
            self.assertEqual((status, error["error"]["code"]), (403, "foreign_origin"))
        self.assertEqual(server.request("GET", "/health", headers={"Origin": server.url})[0], 200)

    def test_routes_and_methods(self):
        self.assertEqual(server.request("GET", "/v1/nothing")[0], 404)
        status, headers, _ = server.request("GET", CHAT)
        self.assertEqual((status, headers["Allow"]), (405, "POST"))


class Leaving(unittest.TestCase):
    def generations(self):
        return server.metric("tandem_generations_in_flight")

    def check_cancelled(self, body, read_something, choices=1):
        before = server.metric("tandem_generations_total", finish_reason="cancelled")
        connection = server.connect()
        connection.sendall(http_bytes("POST", CHAT, json.dumps(body).encode()))
        if read_something:
            while b"delta" not in connection.recv(65536):
                pass
        else:
            wait_until(lambda: self.generations() == choices, what="the generation's start")
        left = time.monotonic()
        connection.close()
        wait_until(lambda: self.generations() == 0, what="the generation's end")
        self.assertLess(time.monotonic() - left, 3)
        after = server.metric("tandem_generations_total", finish_reason="cancelled")
        self.assertEqual(after, before + choices)

    def test_mid_stream_cancels_the_generation(self):
        self.check_cancelled({**LONG, "stream": True}, read_something=True)
        self.assertGreaterEqual(
            server.metric("tandem_http_requests_total", route=CHAT, status="499"), 1)

    def test_before_a_whole_answer_cancels_it_too(self):
        self.check_cancelled(LONG, read_something=False)

    def test_all_choices_are_cancelled(self):
        for stream in (False, True):
            self.check_cancelled({**LONG, "stream": stream, "n": 3}, read_something=stream, choices=3)


class Tokens(unittest.TestCase):
    def tokenize(self, **body):
        status, headers, answer = server.request("POST", "/tokenize", body)
        self.assertEqual(status, 200, answer)
        self.assertRegex(headers["x-tandem-release"], r"^r\d+$")
        self.assertEqual(answer["count"], len(answer["tokens"]))
        return answer

    def detokenize(self, tokens):
        status, _, answer = server.request("POST", "/detokenize", {"tokens": tokens})
        self.assertEqual(status, 200, answer)
        return answer["prompt"]

    def test_a_prompt_comes_back_as_it_was(self):
        for prompt in ("", "How far does it shine?", "  Tide 🌊\n\ttables  ",
                       "<|im_start|>user\nHi<|im_end|>\n"):
            with self.subTest(prompt=prompt):
                self.assertEqual(self.detokenize(self.tokenize(prompt=prompt)["tokens"]), prompt)
        self.assertEqual(self.tokenize(prompt="<|im_end|>")["count"], 1)
        self.assertEqual(self.tokenize(prompt="x")["max_model_len"], 8192)

    def test_messages_become_the_prompt_of_a_chat(self):
        messages = [{"role": "system", "content": "Be brief."},
                    {"role": "user", "content": "What is <|im_end|> for?"}]
        answer = self.tokenize(messages=messages, model=support.GENERATOR_NAME)
        self.assertEqual(self.detokenize(answer["tokens"]),
                         "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n"
                         "What is <|im_end|> for?<|im_end|>\n<|im_start|>assistant\n")
        end = self.tokenize(prompt="<|im_end|>")["tokens"][0]
        self.assertEqual(answer["tokens"].count(end), 2, "a message closed its own turn")
        usage = server.request("POST", CHAT, {"messages": messages, "max_tokens": 1,
                                              "tandem": {"retrieve": False}})[2]["usage"]
        self.assertEqual(answer["count"], usage["prompt_tokens"])

    def test_bad_input_is_refused(self):
        hello = [{"role": "user", "content": "Hello"}]
        for path, body, param in (
                ("/tokenize", {}, "prompt"),
                ("/tokenize", {"prompt": "x", "messages": hello}, "prompt"),
                ("/tokenize", {"prompt": ["x"]}, "prompt"),
                ("/tokenize", {"prompt": "x" * ((4 << 20) + 1)}, "prompt"),
                ("/tokenize", {"prompt": "x", "add_special_tokens": 1}, "add_special_tokens"),
                ("/tokenize", {"messages": []}, "messages"),
                ("/tokenize", {"messages": [{"role": "tool", "content": ""}]}, "messages[0].role"),
                ("/tokenize", {"messages": hello, "add_generation_prompt": False},
                 "add_generation_prompt"),
                ("/detokenize", {}, "tokens"),
                ("/detokenize", {"tokens": "x"}, "tokens"),
                ("/detokenize", {"tokens": [0] * 500_001}, "tokens"),
                *(("/detokenize", {"tokens": [1, bad]}, "tokens")
                  for bad in (-1, 49152, 2 ** 64 - 1, 2 ** 70, 1.5, "1", None, [1], True))):
            with self.subTest(path=path, body=str(body)[:80]):
                status, _, answer = server.request("POST", path, body)
                self.assertEqual((status, answer["error"]["param"]), (400, param), answer)
        status, _, answer = server.request("POST", "/tokenize", {"prompt": "x", "model": "other"})
        self.assertEqual((status, answer["error"]["code"]), (404, "model_not_found"))


class Service(unittest.TestCase):
    def test_health_and_metrics(self):
        status, headers, health = server.request("GET", "/health")
        self.assertEqual((status, health["status"]), (200, "ok"))
        self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
        before = server.metric("tandem_generated_tokens_total")
        server.request("POST", CHAT, {**LONG, "max_tokens": 4})
        self.assertEqual(server.metric("tandem_generated_tokens_total"), before + 4)
        total = server.request("GET", "/v1/documents?collection=default")[2]["total"]
        self.assertEqual(server.metric("tandem_documents", collection="default"), total)
        self.assertGreaterEqual(server.metric("tandem_passages", collection="default"), 3)
        self.assertGreaterEqual(server.metric("tandem_time_to_first_token_seconds_count"), 1)
        self.assertGreaterEqual(server.metric("tandem_http_request_seconds_count", route="/health"), 1)

    def test_concurrent_requests_share_the_server(self):
        results = []
        body = {"messages": [{"role": "user", "content": "How long does the bread bake?"}],
                "max_tokens": 12}

        def ask():
            results.append(server.request("POST", CHAT, body)[2])

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        texts = {result["choices"][0]["message"]["content"] for result in results}
        self.assertEqual(len(texts), 1, "the same question gave different answers")

    def test_a_store_without_documents_can_chat(self):
        with support.running_server(documents=[]) as empty:
            status, _, answer = empty.request("POST", CHAT, {**LONG, "max_tokens": 3, "tandem": {}})
            self.assertEqual((status, answer["passages"]), (200, []))
            listed = empty.request("GET", "/v1/documents")[2]
            self.assertEqual((listed["data"], listed["total"]), ([], 0))

    def test_a_request_in_flight_ends_before_the_server_does(self):
        for stream in (True, False):
            with self.subTest(stream=stream), support.running_server(documents=[]) as other:
                body = {**LONG, "max_tokens": 40, "stream": stream}
                with other.connect() as connection, other.connect() as idle:
                    connection.sendall(http_bytes("POST", CHAT, json.dumps(body).encode()))
                    wait_until(lambda: other.metric("tandem_generations_in_flight") == 1,
                               what="the generation's start")
                    other.terminate()
                    answer = read_all(connection)
                    idle.settimeout(5)
                    self.assertEqual(idle.recv(1), b"")
                self.assertIn(b"data: [DONE]" if stream else b'"finish_reason":', answer)
                self.assertEqual(other.process.wait(20), 0)
                other.process.stdout.close()


if __name__ == "__main__":
    unittest.main()
