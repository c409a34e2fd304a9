"""OpenAI's responses API, by its official client, against a running server."""
import asyncio
import json
import os
import subprocess
import tempfile
import unittest

import openai
import pydantic

import support

QUESTION = "How often does the lamp of Gannet Rock flash?"
COLLECTIONS = {"coast": ["lighthouse.md"], "crafts": ["bread.html", "bicycle.txt"]}


def setUpModule():
    global folder, store, server
    folder = tempfile.TemporaryDirectory(prefix="tandem-e2e-")
    store = os.path.join(folder.name, "store")
    for collection, documents in COLLECTIONS.items():
        for document in documents:
            subprocess.run([support.PROGRAM, "index", support.DOCUMENTS / document, "--store", store,
                            "--encoder", support.ENCODER, "--collection", collection],
                           check=True, capture_output=True)
    start()


def tearDownModule():
    server.stop()
    folder.cleanup()


def start():
    global server, client
    server = support.Server(store)
    client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="unused", max_retries=0)


def restart():
    server.stop()
    start()


def file_search(*stores, **fields):
    return {"type": "file_search", "vector_store_ids": list(stores or ["coast"]), **fields}


def arguments_of(arguments):
    return {"model": support.GENERATOR_NAME, "input": QUESTION, "tools": [file_search()],
            "max_output_tokens": 60, **arguments}


def respond(**arguments):
    return client.responses.create(**arguments_of(arguments))


def message_of(response):
    return response.output[-1].content[0]


def comparable(response):
    """What two answers to one question have in common."""
    fields = response.to_dict()
    for name in ("id", "created_at", "completed_at"):
        fields.pop(name)
    fields["usage"].pop("input_tokens_details")
    for item in fields["output"]:
        item.pop("id")
    return fields


class Whole(unittest.TestCase):
    def check_annotations(self, part):
        """Every offset leads to exactly the text it promises."""
        self.assertTrue(part.annotations)
        for annotation in part.annotations:
            self.assertEqual(annotation.type, "file_citation")
            fields = annotation.to_dict()
            document = server.request(
                "GET", f"/v1/documents/{annotation.file_id}?collection={fields['collection']}")[2]
            self.assertEqual(annotation.filename, document["source"])
            self.assertEqual(document["text"][fields["start"]:fields["end"]], fields["quote"])
            self.assertEqual(annotation.index, fields["answer_end"])
            cited = part.text[fields["answer_start"]:annotation.index]
            self.assertEqual(cited, cited.strip())
            self.assertTrue(cited)

    def test_answers_from_a_vector_store(self):
        response = respond()
        self.assertEqual(response.object, "response")
        self.assertEqual(response.status, "completed")
        self.assertEqual(response.model, support.GENERATOR_NAME)
        self.assertTrue(response.id.startswith("resp_"))
        call, message = response.output
        self.assertEqual((call.type, call.status), ("file_search_call", "completed"))
        self.assertEqual(call.queries, [QUESTION])
        self.assertIsNone(call.results)
        self.assertEqual((message.type, message.role, message.status),
                         ("message", "assistant", "completed"))
        self.assertRegex(response.output_text, "fifteen|15")
        self.check_annotations(message.content[0])
        self.assertIn("lighthouse", message.content[0].annotations[0].filename)
        usage = response.usage
        self.assertGreater(usage.input_tokens, 100)
        self.assertEqual(usage.total_tokens, usage.input_tokens + usage.output_tokens)
        self.assertEqual(usage.output_tokens_details.reasoning_tokens, 0)
        self.assertGreater(respond().usage.input_tokens_details.cached_tokens, 100)

    def test_is_what_the_clients_types_say(self):
        response = respond(include=["file_search_call.results", "message.output_text.logprobs"])
        fields = response.to_dict()
        type(response).model_validate(fields, strict=False)
        self.assertIsNone(response.error)
        self.assertIsNone(response.incomplete_details)

    def test_results_are_included_where_asked_for(self):
        results = respond(include=["file_search_call.results"]).output[0].results
        self.assertGreater(len(results), 1)
        self.assertEqual([result.score for result in results],
                         sorted((result.score for result in results), reverse=True))
        for result in results:
            self.assertIn("lighthouse.md", result.filename)
            document = server.request("GET",
                                      f"/v1/documents/{result.file_id}?collection=coast")[2]
            self.assertIn(result.text, document["text"])
            self.assertEqual(result.attributes, {})
        few = respond(include=["file_search_call.results"],
                      tools=[file_search(max_num_results=1)]).output[0].results
        self.assertEqual([result.to_dict()["passage_id"] for result in few],
                         [results[0].to_dict()["passage_id"]])
        best = respond(include=["file_search_call.results"], tools=[
            file_search(ranking_options={"score_threshold": 0.99})]).output[0].results
        self.assertLess(len(best), len(results))

    def test_several_vector_stores(self):
        tools = [file_search("crafts", "coast", max_num_results=20)]
        response = respond(tools=tools, include=["file_search_call.results"])
        results = response.output[0].results
        self.assertEqual({result.to_dict()["collection"] for result in results},
                         {"coast", "crafts"})
        self.assertIn("lighthouse", results[0].filename)
        self.assertRegex(response.output_text, "fifteen|15")
        self.check_annotations(message_of(response))
        source = results[-1].filename
        filters = {"type": "eq", "key": "$source", "value": source}
        chosen = respond(tools=[file_search("crafts", "coast", filters=filters)],
                         include=["file_search_call.results"]).output[0].results
        self.assertEqual({result.filename for result in chosen}, {source})

    def test_a_vector_store_without_files(self):
        empty = client.vector_stores.create(name="empty")

        def found(*stores):
            response = respond(tools=[file_search(*stores)], max_output_tokens=1,
                               include=["file_search_call.results"])
            return response.output[0].queries, len(response.output[0].results)

        self.assertEqual(found(empty.id), ([QUESTION], 0))
        self.assertEqual(found(empty.id, "coast"), found("coast"))
        client.vector_stores.delete(empty.id)
        with self.assertRaises(openai.NotFoundError):
            found(empty.id, "coast")

    def test_without_the_tool_nothing_is_retrieved(self):
        for arguments in ({"tools": []}, {"tool_choice": "none"}):
            response = respond(max_output_tokens=5, **arguments)
            self.assertEqual([item.type for item in response.output], ["message"])
            self.assertEqual(message_of(response).annotations, [])
            self.assertLess(response.usage.input_tokens, 80)

    def test_a_limit_on_the_answer_leaves_it_incomplete(self):
        response = respond(max_output_tokens=2)
        self.assertEqual(response.status, "incomplete")
        self.assertEqual(response.incomplete_details.reason, "max_output_tokens")
        self.assertEqual(response.output[-1].status, "incomplete")
        self.assertEqual(response.usage.output_tokens, 2)

    def test_schemas_hold(self):
        class Lamp(pydantic.BaseModel):
            place: str
            seconds: int

        response = client.responses.parse(**arguments_of({"text_format": Lamp}))
        self.assertEqual(set(json.loads(response.output_text)), {"place", "seconds"})
        self.assertIsInstance(response.output_parsed, Lamp)
        loose = respond(text={"format": {"type": "json_object"}}, max_output_tokens=200)
        if loose.status == "completed":
            self.assertIsInstance(json.loads(loose.output_text), dict)

    def test_an_answer_from_each_passage(self):
        response = respond(extra_body={"tandem": {"answer_from": "each"}})
        self.assertRegex(response.output_text, "fifteen|15")
        self.check_annotations(message_of(response))

    def test_log_probabilities(self):
        response = respond(include=["message.output_text.logprobs"], top_logprobs=2)
        tokens = message_of(response).logprobs
        self.assertEqual(b"".join(bytes(token.bytes) for token in tokens).decode(),
                         response.output_text)
        self.assertTrue(all(len(token.top_logprobs) == 2 for token in tokens))
        streamed = []
        for event in respond(include=["message.output_text.logprobs"], top_logprobs=2, stream=True):
            if event.type == "response.output_text.delta":
                streamed += [(token.token, token.logprob) for token in event.logprobs]
        self.assertEqual(streamed, [(token.token, token.logprob) for token in tokens])
        self.assertEqual(message_of(respond()).logprobs, [])


class Streamed(unittest.TestCase):
    def names(self, events):
        """Event types without repetitions of deltas and annotations."""
        names = []
        for event in events:
            name = event.type.removeprefix("response.")
            if not names or name != names[-1]:
                names.append(name)
        return names

    def check(self, events, whole):
        self.assertEqual([event.sequence_number for event in events], list(range(len(events))))
        self.assertEqual(self.names(events), [
            "created", "in_progress",
            "output_item.added", "file_search_call.in_progress", "file_search_call.searching",
            "file_search_call.completed", "output_item.done",
            "output_item.added", "content_part.added", "output_text.delta",
            "output_text.annotation.added", "output_text.done", "content_part.done",
            "output_item.done", "completed"])
        by_name = {}
        for event in events:
            by_name.setdefault(event.type.removeprefix("response."), []).append(event)
        last = by_name["completed"][0].response
        self.assertEqual(comparable(last), comparable(whole))
        self.assertEqual({event.response.id for name in ("created", "in_progress", "completed")
                          for event in by_name[name]}, {last.id})
        self.assertEqual(by_name["created"][0].response.output, [])
        part = message_of(last)
        self.assertEqual("".join(event.delta for event in by_name["output_text.delta"]), part.text)
        self.assertGreater(len(by_name["output_text.delta"]), 5)
        added = by_name["output_text.annotation.added"]
        self.assertEqual([event.annotation.to_dict() for event in added],
                         [annotation.to_dict() for annotation in part.annotations])
        self.assertEqual([event.annotation_index for event in added],
                         list(range(len(part.annotations))))
        self.assertEqual(by_name["output_text.done"][0].text, part.text)
        self.assertEqual(by_name["content_part.done"][0].part, part)
        self.assertEqual([event.item for event in by_name["output_item.done"]], last.output)
        self.assertEqual([event.item.id for event in by_name["output_item.added"]],
                         [item.id for item in last.output])
        self.assertEqual([event.output_index for event in by_name["output_item.added"]], [0, 1])
        call, message = last.output
        for name, found in by_name.items():
            for event in found:
                if hasattr(event, "item_id"):
                    item, place = (call, 0) if name.startswith("file_search") else (message, 1)
                    self.assertEqual((event.item_id, event.output_index), (item.id, place))

    def test_tells_the_same_event_by_event(self):
        arguments = {"include": ["file_search_call.results"]}
        self.check(list(respond(stream=True, **arguments)), respond(**arguments))

    def test_the_clients_helper_puts_it_together(self):
        arguments = arguments_of({})
        with client.responses.stream(**arguments) as stream:
            text = "".join(event.delta for event in stream
                           if event.type == "response.output_text.delta")
            final = stream.get_final_response()
        self.assertEqual(final.output_text, text)
        self.assertEqual(final.output_text, respond().output_text)

    def test_by_the_asynchronous_client(self):
        async def ask():
            async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="unused",
                                          max_retries=0) as asynchronous:
                whole = await asynchronous.responses.create(**arguments_of({}))
                stream = await asynchronous.responses.create(**arguments_of({"stream": True}))
                return whole, [event async for event in stream]

        whole, events = asyncio.run(ask())
        self.check(events, whole)

    def test_other_ends(self):
        events = list(respond(stream=True, max_output_tokens=2, tools=[]))
        self.assertEqual(self.names(events)[:3], ["created", "in_progress", "output_item.added"])
        self.assertEqual(events[-1].type, "response.incomplete")
        self.assertEqual(events[-1].response.incomplete_details.reason, "max_output_tokens")
        each = list(respond(stream=True, extra_body={"tandem": {"answer_from": "each"}}))
        self.assertEqual(sum(event.type == "response.output_text.delta" for event in each), 1)
        self.assertEqual(each[-1].type, "response.completed")

    def test_the_lines_are_those_of_openai(self):
        body = json.dumps(arguments_of({"stream": True, "max_output_tokens": 2})).encode()
        text = server.request("POST", "/v1/responses", body)[2]
        blocks = text.split("\n\n")
        self.assertEqual(blocks.pop(), "")
        for block in blocks:
            name, data = block.split("\n")
            self.assertEqual(name, "event: " + json.loads(data.removeprefix("data: "))["type"])
        self.assertNotIn("[DONE]", text)

    def test_a_client_that_leaves_ends_its_generation(self):
        before = server.metric("tandem_http_requests_total", status="499")
        for stream in (True, False):
            body = json.dumps(arguments_of({"stream": stream, "max_output_tokens": 100_000,
                                            "input": "Tell a very long story.", "tools": []}))
            connection = server.connect()
            connection.sendall(support.http_bytes("POST", "/v1/responses", body.encode()))
            support.wait_until(lambda: server.metric("tandem_generations_in_flight") == 1)
            connection.close()
            support.wait_until(lambda: server.metric("tandem_generations_in_flight") == 0)
        support.wait_until(
            lambda: server.metric("tandem_http_requests_total", status="499") == before + 2)


class Kept(unittest.TestCase):
    def test_a_conversation_goes_on_after_a_restart(self):
        first = respond(input="My name is Ottilie.", tools=[], instructions="Say hello.",
                        metadata={"case": "7"})
        restart()
        kept = client.responses.retrieve(first.id)
        self.assertEqual(kept, first)
        self.assertEqual(kept.metadata, {"case": "7"})
        second = respond(input=QUESTION, previous_response_id=first.id)
        self.assertEqual(second.previous_response_id, first.id)
        sent = respond(input=[{"role": "user", "content": "My name is Ottilie."},
                              *first.output, {"role": "user", "content": QUESTION}])
        self.assertEqual(second.output_text, sent.output_text)
        self.assertEqual(second.usage.input_tokens, sent.usage.input_tokens)
        alone = respond()
        self.assertGreater(second.usage.input_tokens, alone.usage.input_tokens)
        third = respond(input="What is my name?", tools=[], previous_response_id=second.id)
        said = second.usage.output_tokens + first.usage.output_tokens
        self.assertGreater(third.usage.input_tokens, said + 20)

    def test_results_are_kept_and_shown_where_asked_for(self):
        first = respond(max_output_tokens=2)
        self.assertIsNone(client.responses.retrieve(first.id).output[0].results)
        shown = client.responses.retrieve(first.id, include=["file_search_call.results"])
        self.assertTrue(shown.output[0].results)

    def test_input_items_come_in_pages(self):
        messages = [{"role": "developer", "content": "Be brief."},
                    {"role": "user", "content": "One?"},
                    {"role": "assistant", "content": "One."},
                    {"role": "user", "content": [{"type": "input_text", "text": "Two?"}]}]
        response = respond(input=messages, tools=[], max_output_tokens=1)
        items = client.responses.input_items
        oldest_first = list(items.list(response.id, order="asc", limit=3))
        self.assertEqual([item.role for item in oldest_first],
                         ["developer", "user", "assistant", "user"])
        self.assertEqual([item.content[0].text for item in oldest_first],
                         ["Be brief.", "One?", "One.", "Two?"])
        self.assertEqual([item.id for item in items.list(response.id)],
                         [item.id for item in reversed(oldest_first)])
        page = items.list(response.id, limit=1, after=oldest_first[2].id)
        self.assertEqual([item.id for item in page.data], [oldest_first[1].id])
        self.assertTrue(page.has_more)
        self.assertEqual(page.first_id, oldest_first[1].id)
        for arguments in ({"after": "msg_nothing"}, {"limit": 0}, {"order": "up"}):
            with self.assertRaises(openai.BadRequestError):
                items.list(response.id, **arguments)

    def test_deleted_and_unkept_ones_are_gone(self):
        kept = respond(max_output_tokens=1, tools=[])
        client.responses.delete(kept.id)
        unkept = respond(max_output_tokens=1, tools=[], store=False)
        self.assertFalse(unkept.store)
        for gone in (kept, unkept):
            for call in (lambda: client.responses.retrieve(gone.id),
                         lambda: client.responses.delete(gone.id),
                         lambda: client.responses.input_items.list(gone.id)):
                with self.assertRaises(openai.NotFoundError):
                    call()
            with self.assertRaises(openai.BadRequestError) as caught:
                respond(previous_response_id=gone.id)
            self.assertEqual(caught.exception.param, "previous_response_id")
            self.assertEqual(caught.exception.code, "previous_response_not_found")

    def test_a_streamed_response_is_kept_as_it_was_sent(self):
        last = list(respond(stream=True, max_output_tokens=5))[-1].response
        self.assertEqual(client.responses.retrieve(last.id), last)


class FollowUps(unittest.TestCase):
    def found(self, questions, **own):
        """Names of the files that are searched for the last question, best first."""
        messages = []
        for question in questions:
            messages += [{"role": "user", "content": question},
                         {"role": "assistant", "content": "Let me see."}]
        response = respond(
            input=messages[:-1], max_output_tokens=1, include=["file_search_call.results"],
            tools=[file_search("coast", "crafts", max_num_results=1)], extra_body={"tandem": own})
        call = response.output[0]
        return call.queries, [os.path.basename(result.filename) for result in call.results]

    def test_a_question_may_lean_on_those_before_it(self):
        conversations = [
            (["Tell me about the lighthouse.", "And how is it cleaned?"], "lighthouse.md"),
            (["What is a tandem bicycle?", "How often is it checked?"], "bicycle.txt"),
            (["What is a tandem bicycle?", "And what does it weigh?"], "bicycle.txt"),
            (["What does the lamp of the lighthouse look like?", "What does it weigh?"],
             "lighthouse.md"),
            (["How does one bake rye bread?", "How long does it take?"], "bread.html"),
            (["How does one bake rye bread?", "How hot is it?", "And for how long?"], "bread.html"),
        ]
        alone = 0
        for questions, expected in conversations:
            with self.subTest(questions=questions):
                self.assertEqual(self.found(questions)[1], [expected])
                alone += self.found(questions, follow_up=False)[1] == [expected]
        self.assertLess(alone, len(conversations))

    def test_another_subject_is_found_as_well(self):
        questions = ["Tell me about the lighthouse.", "How hard are the tyres of a tandem pumped?"]
        self.assertEqual(self.found(questions), ([questions[1], "\n".join(reversed(questions))],
                                                 ["bicycle.txt"]))
        self.assertEqual(self.found(questions, follow_up=False), ([questions[1]], ["bicycle.txt"]))


class TooLong(unittest.TestCase):
    messages = [{"role": "user", "content": "lamp " * 3000},
                {"role": "assistant", "content": "Yes."}] * 3 + [
                    {"role": "user", "content": QUESTION}]

    def test_is_an_error_unless_the_oldest_may_go(self):
        for stream in (False, True):
            with self.assertRaises(openai.BadRequestError) as caught:
                respond(input=self.messages, tools=[], stream=stream)
            self.assertEqual(caught.exception.code, "context_length_exceeded")
            self.assertEqual(caught.exception.param, "input")
        response = respond(input=self.messages, tools=[], truncation="auto", max_output_tokens=5)
        self.assertEqual(response.truncation, "auto")
        self.assertLess(response.usage.input_tokens, 8192)
        self.assertEqual(len(list(client.responses.input_items.list(response.id))), 7)
        with self.assertRaises(openai.BadRequestError) as caught:
            respond(input="lamp " * 20_000, tools=[], truncation="auto")
        self.assertEqual(caught.exception.code, "context_length_exceeded")


class Errors(unittest.TestCase):
    def test_bad_requests_name_the_field(self):
        image = [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]
        cases = [
            ({"input": image}, "input[0].content[0].type"),
            ({"input": []}, "input"),
            ({"tools": [{"type": "function", "name": "f", "parameters": {}}]}, "tools[0].type"),
            ({"tools": [file_search("../etc")]}, "tools[0].vector_store_ids[0]"),
            ({"tools": [file_search(*"abcdefghi")]}, "tools[0].vector_store_ids"),
            ({"tools": [file_search(filters={"type": "eq"})]}, "tools[0].filters"),
            ({"tools": [file_search(max_num_results=0)]}, "tools[0].max_num_results"),
            ({"tools": [], "tool_choice": "required"}, "tool_choice"),
            ({"background": True}, "background"),
            ({"conversation": "conv_1"}, "conversation"),
            ({"include": ["everything"]}, "include[0]"),
            ({"temperature": 5}, "temperature"),
            ({"metadata": {"a": "b" * 513}}, "metadata.a"),
            ({"extra_body": {"tandem": {"collection": "coast"}}}, "tandem.collection"),
        ]
        for stream in (False, True):
            for arguments, param in cases:
                with self.subTest(param=param, stream=stream):
                    with self.assertRaises(openai.BadRequestError) as caught:
                        respond(stream=stream, **arguments)
                    self.assertEqual(caught.exception.param, param)

    def test_what_fails_before_the_first_word_has_its_status_in_streams_too(self):
        for stream in (False, True):
            with self.assertRaises(openai.BadRequestError):
                respond(stream=stream, text={"format": {
                    "type": "json_schema", "name": "n", "schema": {"type": "spell"}}})
            with self.assertRaises(openai.BadRequestError):
                respond(stream=stream, extra_body={"tandem": {"rerank": 5}})

    def test_what_is_not_there_is_not_found(self):
        for stores in (["nothing"], ["coast", "nothing"]):
            with self.assertRaises(openai.NotFoundError) as caught:
                respond(tools=[file_search(*stores)])
            self.assertEqual(caught.exception.param, "tools[0].vector_store_ids")
        with self.assertRaises(openai.NotFoundError) as caught:
            respond(model="gpt-4o")
        self.assertEqual(caught.exception.code, "model_not_found")
        with self.assertRaises(openai.NotFoundError):
            client.responses.retrieve("resp_nothing")

    def test_hostile_bodies(self):
        deep = "[" * 100 + "]" * 100
        bodies = [b"", b"{", b"[]", b"null", b'{"input": "\xff"}', b'{"input": "\\ud800"}',
                  b'{"input": ' + deep.encode() + b"}", b'{"input": {"a": 1}}',
                  b'{"input": [[]]}', b'{"input": "x", "tools": [null]}',
                  b'{"input": "x", "tools": [{"type": 5}]}',
                  b'{"input": "x", "text": {"format": []}}', b'{"input": "x", "include": [[]]}',
                  b'{"input": "x", "tool_choice": []}', b'{"input": "x", "tandem": 1}',
                  b'{"input": "x", "metadata": []}', b'{"input": "x", "user": {}}',
                  b'{"input": "x", "previous_response_id": "../../etc/passwd"}',
                  b'{"input": "x", "max_output_tokens": 1e300}']
        for body in bodies:
            with self.subTest(body=body[:60]):
                status, _, answer = server.request("POST", "/v1/responses", body)
                self.assertEqual(status, 400)
                self.assertTrue(answer["error"]["message"])
                self.assertEqual(answer["error"]["type"], "invalid_request_error")
        for path in ("/v1/responses/..%2F..%2Fstore", "/v1/responses/%00", "/v1/responses/%FF"):
            self.assertIn(server.request("GET", path)[0], (400, 404))


if __name__ == "__main__":
    unittest.main()
