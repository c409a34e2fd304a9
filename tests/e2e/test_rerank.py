"""Reranking over HTTP, by a tiny reranker with random weights: what it thinks does not matter here."""
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

import support

FOLDER = pathlib.Path(__file__).parents[1] / "model/references/cross_encoders/bert"
DOCUMENTS = ["the mill burned down twice", "pears grow in the orchard", "who lit the lighthouse of varn",
             "the harbour keeps", "twice and down"]
QUERY = "when was the mill built"


def setUpModule():
    global server, stack
    stack = support.running_server(arguments=("--reranker", str(FOLDER)))
    server = stack.__enter__()


def tearDownModule():
    stack.__exit__(None, None, None)


def rerank(**fields):
    status, _, answer = server.request("POST", "/v1/rerank", {"query": QUERY, "documents": DOCUMENTS, **fields})
    return status, answer


class Rerank(unittest.TestCase):
    def test_documents_come_by_relevance(self):
        status, answer = rerank(model="bert")
        self.assertEqual((status, answer["model"]), (200, "bert"), answer)
        scores = [result["relevance_score"] for result in answer["results"]]
        self.assertEqual(scores, sorted(scores, reverse=True))
        self.assertEqual(sorted(result["index"] for result in answer["results"]), list(range(5)))
        self.assertTrue(all(0 <= score <= 1 for score in scores))
        self.assertGreater(len(set(scores)), 3)
        self.assertNotIn("document", answer["results"][0])
        self.assertGreater(answer["usage"]["total_tokens"], 5 * 8)

        alone = rerank(documents=[DOCUMENTS[answer["results"][0]["index"]]])[1]["results"]
        self.assertAlmostEqual(alone[0]["relevance_score"], scores[0], places=4)

    def test_documents_may_be_objects_and_come_back(self):
        plain = rerank(top_n=2, return_documents=True)[1]["results"]
        self.assertEqual(len(plain), 2)
        for result in plain:
            self.assertEqual(result["document"], {"text": DOCUMENTS[result["index"]]})
        objects = rerank(documents=[{"text": text, "id": 7} for text in DOCUMENTS], top_n=2,
                         return_documents=True)[1]["results"]
        self.assertEqual(objects, plain)
        self.assertEqual(len(rerank(top_n=10**15)[1]["results"]), 5)

    def test_wrong_requests_name_the_field(self):
        for fields, status, param in [
                ({"query": None}, 400, "query"), ({"query": ""}, 400, "query"), ({"query": 5}, 400, "query"),
                ({"documents": None}, 400, "documents"), ({"documents": []}, 400, "documents"),
                ({"documents": "one"}, 400, "documents"), ({"documents": ["a"] * 1001}, 400, "documents"),
                ({"documents": ["a", 5]}, 400, "documents[1]"),
                ({"documents": ["a", {"title": "b"}]}, 400, "documents[1].text"),
                ({"top_n": 0}, 400, "top_n"), ({"return_documents": "yes"}, 400, "return_documents"),
                ({"model": "other"}, 404, "model")]:
            found, answer = rerank(**fields)
            self.assertEqual((found, answer["error"]["param"]), (status, param), answer)

    def test_searches_and_answers_can_be_reranked(self):
        def search(**fields):
            status, _, answer = server.request("POST", "/v1/search", {"query": QUERY, "limit": 3, **fields})
            self.assertEqual(status, 200, answer)
            return [(hit["passage_id"], hit["score"]) for hit in answer["data"]]

        reranked = search(rerank=20)
        self.assertEqual(len(reranked), 3)
        scores = [score for _, score in reranked]
        self.assertEqual(scores, sorted(scores, reverse=True))
        self.assertNotEqual(reranked, search())
        self.assertEqual(search(rerank=False), search())
        self.assertEqual(len(search(rerank=True)), 3)
        ids = [passage for passage, _ in search()]
        self.assertEqual([passage for passage, _ in search(rerank=20, rerank_weight=0)], ids)
        status, _, answer = server.request("POST", "/v1/search", {"query": QUERY, "rerank_weight": 2})
        self.assertEqual((status, answer["error"]["param"]), (400, "rerank_weight"), answer)
        for wrong in [0, 1001, -1, 1.5, "5"]:
            status, _, answer = server.request("POST", "/v1/search", {"query": QUERY, "rerank": wrong})
            self.assertEqual((status, answer["error"]["param"]), (400, "rerank"), answer)
        chat = {"messages": [{"role": "user", "content": QUERY}], "max_tokens": 4,
                "tandem": {"rerank": 20, "top_k": 3}}
        status, _, answer = server.request("POST", "/v1/chat/completions", chat)
        self.assertEqual((status, [(p["passage_id"], p["score"]) for p in answer["passages"]]),
                         (200, reranked), answer)

    def test_the_command_line_reranks(self):
        with tempfile.TemporaryDirectory() as folder:
            store = ["--store", os.path.join(folder, "store"), "--encoder", support.ENCODER]
            subprocess.run([support.PROGRAM, "index", support.DOCUMENTS / "lighthouse.md", *store], check=True,
                           capture_output=True)

            def search(*arguments):
                run = subprocess.run([support.PROGRAM, "search", QUERY, "--json", *store, *arguments],
                                     capture_output=True, text=True)
                return run.returncode, [json.loads(line) for line in run.stdout.splitlines()]

            status, hits = search("--reranker", FOLDER, "--rerank", "9")
            self.assertEqual(status, 0)
            scores = [hit["score"] for hit in hits]
            self.assertEqual(scores, sorted(scores, reverse=True))
            plain = search()[1]
            self.assertEqual({hit["passage_id"] for hit in hits}, {hit["passage_id"] for hit in plain})
            self.assertNotEqual(scores, [hit["score"] for hit in plain])
            self.assertEqual(search("--rerank", "9")[0], 2, "without a reranker")

    def test_the_reranker_is_among_the_models(self):
        models = {model["kind"]: model["id"] for model in server.request("GET", "/v1/models")[2]["data"]}
        self.assertEqual(models["reranker"], "bert")
        self.assertEqual(server.request("GET", "/v1/models/bert")[2]["kind"], "reranker")


if __name__ == "__main__":
    unittest.main()
