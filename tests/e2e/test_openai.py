"""The official openai client against a running server."""
import base64
import math
import struct
import unittest

import openai

import support

QUESTION = "How often does the lamp of Gannet Rock flash?"


def setUpModule():
    global server, client, stack
    stack = support.running_server()
    server = stack.__enter__()
    client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="unused", max_retries=0)


def tearDownModule():
    stack.__exit__(None, None, None)


def chat(**arguments):
    arguments.setdefault("messages", [{"role": "user", "content": QUESTION}])
    arguments.setdefault("max_tokens", 60)
    return client.chat.completions.create(model=support.GENERATOR_NAME, **arguments)


class Chat(unittest.TestCase):
    def check_citations(self, citations, passages, answer):
        """Every offset leads to exactly the text it promises."""
        read = {passage["passage_id"] for passage in passages}
        for citation in citations:
            self.assertIn(citation["passage_id"], read)
            document = server.request("GET", f"/v1/documents/{citation['document_id']}")[2]
            span = document["text"][citation["start"]:citation["end"]]
            self.assertEqual(span, citation["quote"])
            self.assertEqual(document["title"], citation["title"])
            self.assertTrue(answer[citation["answer_start"]:citation["answer_end"]].strip())
        numbers = [citation["number"] for citation in citations]
        self.assertEqual(sorted(set(numbers)), list(range(1, len(set(numbers)) + 1)))

    def test_answers_from_the_documents_with_citations(self):
        completion = chat()
        choice = completion.choices[0]
        self.assertEqual(completion.object, "chat.completion")
        self.assertEqual(completion.model, support.GENERATOR_NAME)
        self.assertEqual(choice.message.role, "assistant")
        self.assertIn(choice.finish_reason, ("stop", "length"))
        self.assertRegex(choice.message.content, "fifteen|15")
        self.assertTrue(completion.citations)
        self.check_citations(completion.citations, completion.passages, choice.message.content)
        self.assertIn("Gannet Rock", completion.citations[0]["title"])
        usage = completion.usage
        self.assertGreater(usage.prompt_tokens, 100)
        self.assertEqual(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens)
        self.assertLessEqual(usage.completion_tokens, 60)

    def test_streams_the_same_answer(self):
        whole = chat()
        chunks = list(chat(stream=True, stream_options={"include_usage": True}))
        self.assertEqual(chunks[0].choices[0].delta.role, "assistant")
        self.assertEqual(len({chunk.id for chunk in chunks}), 1)
        self.assertEqual({chunk.object for chunk in chunks}, {"chat.completion.chunk"})
        text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
        self.assertEqual(text, whole.choices[0].message.content)
        self.assertGreater(sum(1 for c in chunks if c.choices and c.choices[0].delta.content), 5)
        last, usage = chunks[-2], chunks[-1]
        self.assertEqual(last.choices[0].finish_reason, whole.choices[0].finish_reason)
        self.assertEqual(last.citations, whole.citations)
        self.assertEqual(last.passages, whole.passages)
        self.assertEqual(usage.choices, [])
        self.assertEqual(usage.usage, whole.usage)
        self.assertTrue(all(chunk.usage is None for chunk in chunks[:-1]))

    def test_streams_without_usage_unless_asked(self):
        chunks = list(chat(stream=True, max_tokens=3))
        self.assertEqual(chunks[-1].choices[0].finish_reason, "length")
        self.assertTrue(all(chunk.usage is None for chunk in chunks))

    def test_max_tokens_stop_and_seed(self):
        self.assertEqual(chat(max_tokens=2).usage.completion_tokens, 2)
        self.assertEqual(chat(max_completion_tokens=3, max_tokens=9).usage.completion_tokens, 3)
        full = chat().choices[0].message.content
        word = full.split()[3]
        stopped = chat(stop=[word])
        self.assertEqual(stopped.choices[0].message.content, full[:full.index(word)])
        self.assertEqual(stopped.choices[0].finish_reason, "stop")
        hot = {"temperature": 1.5, "max_tokens": 20}
        self.assertEqual(chat(seed=7, **hot).choices[0].message.content,
                         chat(seed=7, **hot).choices[0].message.content)
        self.assertNotEqual(chat(seed=7, **hot).choices[0].message.content,
                            chat(seed=8, **hot).choices[0].message.content)

    def test_choices_differ_by_their_seeds_and_share_the_prompt(self):
        hot = {"temperature": 1.2, "max_tokens": 16, "logprobs": True}
        several = chat(n=4, seed=7, **hot)
        self.assertEqual([choice.index for choice in several.choices], [0, 1, 2, 3])
        alone = [chat(seed=7 + i, **hot) for i in range(4)]
        self.assertEqual([choice.message.content for choice in several.choices],
                         [one.choices[0].message.content for one in alone])
        self.assertEqual([choice.logprobs for choice in several.choices],
                         [one.choices[0].logprobs for one in alone])
        self.assertEqual(len({choice.message.content for choice in several.choices}), 4)
        usage = several.usage
        self.assertEqual(usage.prompt_tokens, alone[0].usage.prompt_tokens)
        self.assertEqual(usage.completion_tokens, sum(one.usage.completion_tokens for one in alone))
        self.assertEqual(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens)
        self.assertEqual(several.passages, alone[0].passages)
        for choice, one in zip(several.choices, alone):
            self.assertEqual(choice.citations, one.citations)
            self.check_citations(choice.citations, several.passages, choice.message.content)
        self.assertEqual(several.citations, alone[0].citations)

    def test_the_prompt_of_choices_is_computed_once(self):
        def computed():
            return server.metric("tandem_scheduler", what="prompt_tokens")

        question = [{"role": "user", "content": "How many lamps has Gannet Rock, all in all?"}]
        before, answers = computed(), server.metric("tandem_generations_total")
        several = chat(messages=question, n=8, max_tokens=4)
        self.assertEqual(server.metric("tandem_generations_total"), answers + 8)
        # The last block of a prompt, of a few tokens, is not shared.
        self.assertLess(computed() - before, several.usage.prompt_tokens * 2.5)
        self.assertEqual(len({choice.message.content for choice in several.choices}), 1)

    def test_streams_choices_side_by_side(self):
        hot = {"temperature": 1.2, "max_tokens": 24, "seed": 3, "n": 3}
        whole = chat(**hot)
        chunks = list(chat(stream=True, stream_options={"include_usage": True}, **hot))
        self.assertEqual(chunks[-1].choices, [])
        self.assertEqual(chunks[-1].usage, whole.usage)
        order = [chunk.choices[0].index for chunk in chunks[:-1]]
        for i, choice in enumerate(whole.choices):
            own = [chunk for chunk in chunks[:-1] if chunk.choices[0].index == i]
            self.assertEqual(own[0].choices[0].delta.role, "assistant")
            self.assertEqual("".join(c.choices[0].delta.content or "" for c in own),
                             choice.message.content)
            self.assertEqual(own[-1].choices[0].finish_reason, choice.finish_reason)
            self.assertTrue(all(c.choices[0].finish_reason is None for c in own[:-1]))
            self.assertEqual(own[-1].citations, choice.citations)
            self.assertEqual(own[-1].passages, whole.passages)
        # One begins before another ends.
        self.assertNotEqual(order[:-3], sorted(order[:-3]))

    def test_one_choice_where_the_likeliest_is_given(self):
        with self.assertRaises(openai.BadRequestError) as caught:
            chat(n=2, extra_body={"tandem": {"answer_from": "each"}})
        self.assertEqual(caught.exception.param, "n")

    def check_logprobs(self, content, text, top):
        self.assertEqual(b"".join(bytes(token.bytes) for token in content).decode(), text)
        for token in content:
            self.assertEqual(bytes(token.bytes).decode(errors="replace"), token.token)
            self.assertEqual(len(token.top_logprobs), top)
            likely = [other.logprob for other in token.top_logprobs]
            self.assertEqual(likely, sorted(likely, reverse=True))
            self.assertLessEqual(sum(math.exp(logprob) for logprob in likely), 1.0001)
            self.assertTrue(math.isfinite(token.logprob) and token.logprob <= 0)
            same = [other for other in token.top_logprobs if other.token == token.token]
            if same:
                self.assertEqual(same[0].logprob, token.logprob)

    def test_log_probabilities(self):
        whole = chat(logprobs=True, top_logprobs=5)
        choice = whole.choices[0]
        self.check_logprobs(choice.logprobs.content, choice.message.content, 5)
        self.assertIsNone(choice.logprobs.refusal)
        self.assertEqual(len(choice.logprobs.content), whole.usage.completion_tokens)
        # Asking for them changes nothing else.
        self.assertEqual(choice.message.content, chat().choices[0].message.content)
        self.assertIsNone(chat(max_tokens=2).choices[0].logprobs)

        streamed = []
        for chunk in chat(logprobs=True, top_logprobs=5, stream=True):
            part = chunk.choices[0]
            self.assertEqual(part.logprobs is not None, bool(part.delta.content))
            streamed += part.logprobs.content if part.logprobs else []
        self.assertEqual(streamed, choice.logprobs.content)

        hot = chat(logprobs=True, temperature=1.5, seed=3, max_tokens=20).choices[0]
        self.check_logprobs(hot.logprobs.content, hot.message.content, 0)

    def test_log_probabilities_that_cannot_be_given(self):
        for arguments in ({"logprobs": True, "top_logprobs": 21}, {"top_logprobs": 3}):
            with self.assertRaises(openai.BadRequestError) as caught:
                chat(**arguments)
            self.assertEqual(caught.exception.param, "top_logprobs")

    def test_tandems_own_options(self):
        plain = chat(extra_body={"tandem": {"retrieve": False}}, max_tokens=5)
        self.assertEqual((plain.citations, plain.passages), ([], []))
        few = chat(extra_body={"tandem": {"top_k": 1}}, max_tokens=5)
        self.assertEqual(len(few.passages), 1)
        with self.assertRaises(openai.NotFoundError):
            chat(extra_body={"tandem": {"collection": "nothing"}})

    def test_conversations_and_content_parts(self):
        completion = chat(max_tokens=5, messages=[
            {"role": "system", "content": "Answer briefly."},
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": "Hello!"},
            {"role": "user", "content": [{"type": "text", "text": QUESTION}]}])
        self.assertTrue(completion.choices[0].message.content)


class Tools(unittest.TestCase):
    """What the responses API's tool says of a search, in a chat."""

    QUESTION = [{"role": "user", "content": "Which colour has the harbour's boat?"}]

    @classmethod
    def setUpClass(cls):
        for collection, year, text in (("harbour", 1969, "The harbour's boat is painted green."),
                                       ("harbour", 2001, "The harbour has a boat of iron."),
                                       ("yard", 1969, "The yard's boats are grey.")):
            server.request("POST", "/v1/documents",
                           {"text": text, "collection": collection, "attributes": {"year": year}})

    def passages(self, *stores, tool_choice="auto", own=None, **fields):
        tool = {"type": "file_search", "vector_store_ids": list(stores), **fields}
        return chat(messages=self.QUESTION, max_tokens=2, tools=[tool], tool_choice=tool_choice,
                    extra_body={"tandem": own} if own else None).passages

    def search(self, *stores, **arguments):
        return [passage["text"] for passage in self.passages(*stores, **arguments)]

    def test_searches_the_vector_stores_that_it_names(self):
        green, iron, grey = ("The harbour's boat is painted green.", "The harbour has a boat of iron.",
                             "The yard's boats are grey.")
        self.assertCountEqual(self.search("harbour"), [green, iron])
        self.assertCountEqual(self.search("harbour", "yard", tool_choice="required"), [green, iron, grey])
        self.assertEqual(self.search("harbour", max_num_results=1), [green])
        old = {"type": "eq", "key": "year", "value": 1969}
        self.assertCountEqual(self.search("harbour", "yard", filters=old), [green, grey])
        scores = {passage["text"]: passage["score"] for passage in self.passages("harbour", "yard")}
        between = (min(scores.values()) + max(scores.values())) / 2
        above = [text for text, score in scores.items() if score >= between]
        self.assertLess(len(above), 3)
        self.assertCountEqual(
            self.search("harbour", "yard", ranking_options={"score_threshold": between}), above)
        self.assertEqual(self.search("yard", own={"mode": "dense", "collection": "yard"}), [grey])
        self.assertEqual(self.search("harbour", tool_choice="none"), [])

    def test_a_store_without_documents_is_searched_in_vain(self):
        store = client.vector_stores.create(name="empty")
        self.assertEqual(self.search(store.id), [])

    def test_streams_with_it(self):
        chunks = list(chat(messages=self.QUESTION, max_tokens=2, stream=True, tools=[
            {"type": "file_search", "vector_store_ids": ["yard"]}]))
        self.assertEqual(chunks[-1].passages[0]["collection"], "yard")

    def test_what_cannot_be_is_refused(self):
        function = {"type": "function", "function": {"name": "f", "parameters": {}}}
        with self.assertRaises(openai.BadRequestError) as caught:
            chat(tools=[function])
        self.assertEqual(caught.exception.param, "tools[0].type")
        self.assertIn("file_search", str(caught.exception))
        with self.assertRaises(openai.BadRequestError) as caught:
            self.search("yard", own={"collection": "harbour"})
        self.assertEqual(caught.exception.param, "tandem.collection")
        for stream in (False, True):
            with self.assertRaises(openai.NotFoundError) as caught:
                chat(stream=stream, tools=[
                    {"type": "file_search", "vector_store_ids": ["yard", "vs_nothing"]}])
            self.assertEqual(caught.exception.param, "tools[0].vector_store_ids")


class Embeddings(unittest.TestCase):
    def embed(self, **arguments):
        return client.embeddings.create(model=support.ENCODER_NAME, **arguments)

    def test_floats_and_base64_are_equal_unit_vectors(self):
        texts = ["a lighthouse", "grüße 🗼", "rye bread"]
        floats = self.embed(input=texts, encoding_format="float")
        self.assertEqual([item.index for item in floats.data], [0, 1, 2])
        self.assertEqual(floats.usage.prompt_tokens, floats.usage.total_tokens)
        encoded = self.embed(input=texts, encoding_format="base64")
        for item, other in zip(floats.data, encoded.data):
            self.assertAlmostEqual(math.sqrt(sum(x * x for x in item.embedding)), 1, places=4)
            raw = base64.b64decode(other.embedding)
            unpacked = struct.unpack(f"<{len(raw) // 4}f", raw)
            self.assertEqual(len(unpacked), 384)
            for x, y in zip(item.embedding, unpacked):
                self.assertAlmostEqual(x, y, places=6)

    def test_the_clients_default_works(self):
        vector = self.embed(input="a lighthouse").data[0].embedding
        self.assertEqual(len(vector), 384)

    def test_token_arrays_stand_for_their_text(self):
        # "lighthouse" in the vocabulary of BERT uncased.
        by_token = self.embed(input=[[10171]], encoding_format="float").data[0].embedding
        by_text = self.embed(input="lighthouse", encoding_format="float").data[0].embedding
        self.assertGreater(sum(x * y for x, y in zip(by_token, by_text)), 0.9999)

    def test_bad_input_is_refused(self):
        for arguments in ({"input": []}, {"input": ""}, {"input": ["a", ""]},
                          {"input": [[30522]]}, {"input": [[-1]]},
                          {"input": "a", "dimensions": 12}, {"input": ["a"] * 2049}):
            with self.subTest(arguments=str(arguments)[:60]):
                with self.assertRaises(openai.BadRequestError):
                    self.embed(**arguments)


class Models(unittest.TestCase):
    def test_lists_generator_and_encoder(self):
        names = [model.id for model in client.models.list()]
        self.assertEqual(names, [support.GENERATOR_NAME, support.ENCODER_NAME])
        for name in names:
            self.assertEqual(client.models.retrieve(name).id, name)

    def test_unknown_models_are_not_found(self):
        calls = [
            lambda: client.models.retrieve("gpt-4o"),
            lambda: client.embeddings.create(model="gpt-4o", input="a"),
            lambda: client.chat.completions.create(
                model="gpt-4o", messages=[{"role": "user", "content": "a"}]),
        ]
        for call in calls:
            with self.assertRaises(openai.NotFoundError) as caught:
                call()
            self.assertEqual(caught.exception.code, "model_not_found")
            self.assertEqual(caught.exception.param, "model")
            self.assertIn(support.GENERATOR_NAME, str(caught.exception))
            self.assertTrue(caught.exception.request_id)


class Errors(unittest.TestCase):
    def test_bad_requests_name_the_field(self):
        with self.assertRaises(openai.BadRequestError) as caught:
            chat(messages=[{"role": "wizard", "content": "a"}])
        self.assertEqual(caught.exception.param, "messages[0].role")
        with self.assertRaises(openai.BadRequestError) as caught:
            chat(n=9)
        self.assertEqual(caught.exception.param, "n")

    def test_a_conversation_that_is_too_long(self):
        for stream in (False, True):
            with self.assertRaises(openai.BadRequestError) as caught:
                chat(messages=[{"role": "user", "content": "lamp " * 20_000}], stream=stream)
            self.assertEqual(caught.exception.code, "context_length_exceeded")


if __name__ == "__main__":
    unittest.main()
