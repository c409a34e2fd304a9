"""Traces of answers, what people say of them, and its export, over ends of the server that nobody announced."""
import json
import pathlib
import subprocess
import tempfile
import unittest

import openai

import support

QUESTION = "How often does the lamp of Gannet Rock flash?"
CORRECTION = "Every fifteen seconds."


def lines_of(text):
    return [json.loads(line) for line in text.splitlines()]


def tandem(*arguments, check=True):
    return subprocess.run([support.PROGRAM, *map(str, arguments)], check=check, capture_output=True, text=True)


class Feedback(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="tandem-e2e-")))
        self.store = self.folder / "store"
        for document in support.INDEXED:
            tandem("index", support.DOCUMENTS / document, "--store", self.store, "--encoder", support.ENCODER)
        self.start()
        self.addCleanup(lambda: self.server.process.poll() is None and self.server.stop())

    def start(self, *arguments):
        self.server = support.Server(self.store, *arguments)
        self.client = openai.OpenAI(base_url=f"{self.server.url}/v1", api_key="unused", max_retries=0)
        self.addCleanup(self.client.close)

    def kill(self):
        self.server.process.kill()
        self.server.process.wait(60)
        self.server.process.stdout.close()
        self.server.log.close()

    def get(self, path, status=200):
        got, _, body = self.server.request("GET", path)
        self.assertEqual(got, status, body)
        return body

    def say(self, status=200, **fields):
        got, _, body = self.server.request("POST", "/v1/feedback", fields)
        self.assertEqual(got, status, body)
        return body

    def ask(self, *messages, headers=None, **fields):
        """An answer of a few tokens, and its x-request-id."""
        body = {"messages": [{"role": "user", "content": text} for text in messages or [QUESTION]],
                "max_tokens": 12, **fields}
        status, sent, answer = self.server.request("POST", "/v1/chat/completions", body, headers)
        self.assertEqual(status, 200, answer)
        return answer, sent["x-request-id"]

    def ids(self, query=""):
        return [item["id"] for item in self.get(f"/v1/feedback?{query}")["data"]]

    def test_a_trace_shows_how_an_answer_came_about(self):
        answer, request = self.ask()
        trace = self.get(f"/debug/trace/{answer['id']}")
        self.assertEqual(trace, self.get(f"/debug/trace/{request}"))
        self.assertEqual(trace["messages"], [{"role": "user", "content": QUESTION}])
        self.assertEqual(trace["queries"], [QUESTION])
        self.assertEqual(trace["hits"], answer["passages"])
        self.assertEqual(trace["passages"], [hit["passage_id"] for hit in answer["passages"]])
        self.assertEqual((trace["answer"], trace["citations"], trace["release"], trace["model"]),
                         (answer["choices"][0]["message"]["content"], answer["citations"], answer["release"],
                          answer["model"]))
        # The prompt to the letter, control tokens included.
        self.assertTrue(trace["prompt"].startswith("<|im_start|>system\n"), trace["prompt"])
        self.assertTrue(trace["prompt"].endswith("<|im_end|>\n<|im_start|>assistant\n"), trace["prompt"])
        for text in QUESTION, *(hit["text"] for hit in answer["passages"]):
            self.assertIn(text, trace["prompt"])
        self.assertEqual(trace["usage"]["prompt_tokens"], answer["usage"]["prompt_tokens"])
        _, _, tokens = self.server.request("POST", "/tokenize",
                                           {"prompt": trace["prompt"], "add_special_tokens": False})
        self.assertEqual(tokens["count"], trace["usage"]["prompt_tokens"])
        timings = trace["timings"]
        self.assertGreater(timings["retrieval"], 0)
        self.assertLess(timings["retrieval"] + timings["prefill"], timings["first_token"])
        self.assertLess(timings["first_token"], timings["total"])

    def test_streams_and_responses_leave_traces_too(self):
        chunks = list(self.client.chat.completions.create(
            model="tandem", messages=[{"role": "user", "content": QUESTION}], max_tokens=12, stream=True))
        trace = self.get(f"/debug/trace/{chunks[0].id}")
        self.assertEqual(trace["answer"], "".join(chunk.choices[0].delta.content or "" for chunk in chunks))
        response = self.client.responses.create(
            model="tandem", input=QUESTION, instructions="Be brief.", max_output_tokens=12,
            tools=[{"type": "file_search", "vector_store_ids": ["default"], "max_num_results": 2}])
        trace = self.get(f"/debug/trace/{response.id}")
        self.assertEqual(trace["answer"], response.output_text)
        self.assertEqual([message["role"] for message in trace["messages"]], ["system", "user"])
        self.assertEqual((trace["collections"], len(trace["hits"])), (["default"], 2))
        each, _ = self.ask(tandem={"answer_from": "each", "top_k": 2})
        trace = self.get(f"/debug/trace/{each['id']}")
        self.assertEqual((len(trace["hits"]), trace["passages"]), (2, [each["passages"][0]["passage_id"]]))
        self.assertIn(each["passages"][0]["text"], trace["prompt"])

    def test_what_is_not_to_be_kept_is_not(self):
        answer, request = self.ask(store=False)
        self.get(f"/debug/trace/{answer['id']}", 404)
        self.get(f"/debug/trace/{request}", 404)
        response = self.client.responses.create(model="tandem", input=QUESTION, max_output_tokens=3, store=False)
        self.get(f"/debug/trace/{response.id}", 404)
        kept, _ = self.ask(headers={"X-Request-Id": "mine"})
        again, _ = self.ask(headers={"X-Request-Id": "mine"})
        self.assertNotEqual(kept["id"], again["id"])
        self.assertEqual(self.get("/debug/trace/mine")["id"], again["id"])
        self.say(answer_id=kept["id"], rating="good")
        self.server.stop()

        self.start("--keep-answers", "0")
        self.assertFalse(self.get("/health")["feedback"])
        self.get(f"/debug/trace/{again['id']}", 404)
        self.get(f"/debug/trace/{kept['id']}")
        self.get(f"/debug/trace/{self.ask()[0]['id']}", 404)
        self.say(404, answer_id=again["id"], rating="good")

    def test_feedback_survives_and_is_trained_on(self):
        answer, _ = self.ask()
        passages = [hit["passage_id"] for hit in answer["passages"]]
        # At once: its record may not be on the disk yet.
        said = self.say(answer_id=answer["id"], rating="bad", passages=[{"passage_id": passages[0], "relevant": True}])
        self.assertEqual((said["status"], said["rating"], said["answer"]["id"]), ("reviewed", "bad", answer["id"]))
        self.kill()
        self.start()
        said = self.get(f"/v1/feedback/{answer['id']}")
        self.assertEqual(said["rating"], "bad")
        self.assertIn(QUESTION, self.get(f"/debug/trace/{answer['id']}")["prompt"])
        said = self.say(answer_id=answer["id"], correction=CORRECTION,
                        passages=[{"passage_id": passages[1], "relevant": False}])
        self.assertEqual((said["rating"], said["correction"]), ("bad", CORRECTION))
        self.kill()
        self.start()

        questions = lines_of(self.get("/v1/feedback/export"))
        self.assertEqual(questions, [{"id": answer["id"], "question": QUESTION, "answers": [CORRECTION],
                                      "positives": [str(passages[0])], "negatives": [str(passages[1])]}])
        preferences = lines_of(self.get("/v1/feedback/export?kind=preferences"))
        self.assertEqual(preferences, [{"id": answer["id"], "question": QUESTION,
                                        "passages": [str(id) for id in passages], "chosen": CORRECTION,
                                        "rejected": answer["choices"][0]["message"]["content"]}])
        # The same beside the server, and by what reads it.
        corpus, train, pairs = (self.folder / name for name in ("corpus.jsonl", "train.jsonl", "pairs.jsonl"))
        out = tandem("feedback", "export", "--store", self.store, "-o", train, "--corpus", corpus).stdout
        self.assertEqual(out, f"1 lines in {train}\n")
        self.assertEqual(lines_of(train.read_text()), questions)
        tandem("feedback", "export", "--store", self.store, "--kind", "preferences", "-o", pairs)
        self.assertEqual(lines_of(pairs.read_text()), preferences)
        self.server.stop()
        tandem("eval", "--corpus", corpus, "--questions", train, "--encoder", support.ENCODER,
               "--retrieval-only")
        tandem("train", "preferences", "--corpus", corpus, "--preferences", pairs, "--generator", support.GENERATOR,
               "--lora", 2, "--steps", 1, "--passage-tokens", 32, "--run", self.folder / "run")

    def test_the_queue_of_a_review(self):
        ids = [self.ask()[0]["id"] for _ in range(4)]
        self.assertEqual(self.ids("status=unreviewed"), ids[::-1])
        self.assertEqual(self.ids("status=unreviewed&order=asc&limit=2"), ids[:2])
        self.assertEqual(self.ids(), [])
        self.say(answer_id=ids[3], rating="good")
        self.say(answer_id=ids[2], comment="Hm.")
        # The cursor is no longer in the queue.
        self.assertEqual(self.ids(f"status=unreviewed&after={ids[2]}"), ids[1::-1])
        self.assertEqual(self.ids(), [ids[3], ids[2]])
        self.assertEqual(self.ids("status=all"), ids[::-1])
        self.assertEqual(self.get(f"/v1/feedback/{ids[0]}")["status"], "unreviewed")
        self.assertEqual(self.server.request("DELETE", f"/v1/feedback/{ids[3]}")[0], 200)
        self.assertEqual(self.server.request("DELETE", f"/v1/feedback/{ids[3]}")[0], 404)
        self.assertEqual(self.ids(), [ids[2]])
        self.say(answer_id=ids[2], comment=None)
        self.assertEqual(self.ids(), [])
        for query in "status=some", "after=nothing", "limit=0", "order=up":
            self.get(f"/v1/feedback?{query}", 400)

    def test_refusals(self):
        answer, _ = self.ask()
        other = max(hit["passage_id"] for hit in answer["passages"]) + 1000
        self.assertEqual(self.say(404, answer_id="chatcmpl-none", rating="good")["error"]["code"], "answer_not_found")
        for param, fields in (("rating", {}), ("rating", {"rating": "fair"}),
                              ("correction", {"correction": "x" * 40_000}),
                              ("passages", {"passages": [{"passage_id": other, "relevant": True}]})):
            refused = self.say(400, answer_id=answer["id"], **fields)
            self.assertEqual(refused["error"]["param"], param)
        self.assertEqual(self.get(f"/v1/feedback/{answer['id']}")["status"], "unreviewed")
        for path in "/debug/trace/x", "/debug/trace/..%2F..%2FCURRENT", "/v1/feedback/x":
            self.get(path, 404)
        self.get("/v1/feedback/export?kind=poems", 400)
        failed = tandem("feedback", "export", "--store", self.store, "-o", self.folder / "none", check=False)
        self.assertEqual(failed.returncode, 1)
        self.assertIn("POST /v1/feedback", failed.stderr)


if __name__ == "__main__":
    unittest.main()
