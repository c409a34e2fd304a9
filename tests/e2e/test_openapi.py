"""The description of the API, and whether the server does what it says, whatever it is sent."""
import os
import pathlib
import unittest

import hypothesis
import openapi_spec_validator
import schemathesis
from hypothesis import strategies
from schemathesis.checks import content_type_conformance, not_a_server_error, response_schema_conformance

import support

RERANKER = pathlib.Path(__file__).parents[1] / "model/references/cross_encoders/bert"
EXAMPLES = int(os.environ.get("TANDEM_OPENAPI_EXAMPLES", "10"))  # of each operation, valid and invalid ones
# They train, or change the models that the others are answered by.
LEFT_OUT = {"createTuningJob", "createRelease", "promoteRelease", "rollback", "deleteRelease"}
# Answers take long; a few tokens say as much here.
MOST_TOKENS = 3
TOKEN_FIELDS = {"chat": ("max_tokens", "max_completion_tokens"), "createResponse": ("max_output_tokens",)}


def setUpModule():
    global server, api, known
    stack = support.running_server(arguments=("--reranker", str(RERANKER)))
    server = stack.__enter__()
    unittest.addModuleCleanup(stack.__exit__, None, None, None)
    api = schemathesis.openapi.from_dict(server.request("GET", "/openapi.json")[2])
    known = make_objects()


def make_objects():
    """Values of path parameters that lead somewhere, by the beginning of the path and the name."""
    def made(path, body, headers=None):
        status, _, answer = server.request("POST", path, body, headers)
        assert status in (200, 201), answer
        return answer["id"]

    stores = "/v1/vector_stores"
    file = made("/v1/files", *support.multipart("tides.txt", b"The tide turns at noon.", purpose="assistants"))
    made("/v1/documents", {"text": "The tide turns at noon.", "id": "tide", "attributes": {"hour": 12}})
    store = made(stores, {"name": "tides"})
    made("/v1/documents", {"text": "The ebb is at six.", "id": "ebb", "collection": store})
    batch = made(f"{stores}/{store}/file_batches", {"file_ids": [file]})
    response = made("/v1/responses", {"input": "When?", "max_output_tokens": MOST_TOKENS})
    return {("/v1/documents/", "id"): ["tide"], ("/v1/responses/", "id"): [response],
            ("/v1/feedback/", "id"): [response], ("/debug/trace/", "id"): [response],
            ("/v1/files/", "id"): [file], (stores, "id"): [store, store, "default"],
            (stores, "file_id"): ["ebb", file, "tide"], (stores, "batch_id"): [batch],
            ("/v1/models/", "id"): [support.GENERATOR_NAME, support.ENCODER_NAME], ("/v1/releases/", "id"): ["r1"]}


def lead_somewhere(case, choice):
    """Puts in what no schema can ask for: ids of what there is, and a question at the end."""
    for (path, name), values in known.items():
        if (case.operation.path.startswith(path) and name in case.path_parameters
                and case.operation.method != "delete"):
            case.path_parameters[name] = values[choice % len(values)]
    body = case.body if isinstance(case.body, dict) else {}
    if isinstance(body.get("messages"), list):
        body["messages"].append({"role": "user", "content": "When does the tide turn?"})
    if "file_id" in body:
        body["file_id"] = known["/v1/files/", "id"][0]
    if "answer_id" in body:
        body["answer_id"] = known["/v1/feedback/", "id"][0]
    if isinstance(body.get("input"), list) and case.operation.path == "/v1/responses":
        body["input"].append({"role": "user", "content": "When does the tide turn?"})


def with_few_tokens(case):
    fields = TOKEN_FIELDS.get(case.operation.definition.raw["operationId"])
    if not fields or not isinstance(case.body, dict):
        return
    for field in fields:
        given = case.body.get(field)
        if given is None or (isinstance(given, (int, float)) and given > MOST_TOKENS):
            case.body[field] = MOST_TOKENS


def check_status_is_its_own(context, response, case):
    """`default` stands for what the server refuses before it knows the operation."""
    declared = case.operation.definition.raw["responses"]
    if str(response.status_code) not in declared:
        raise AssertionError(f"{response.status_code} is not declared, but {sorted(declared)}")


CHECKS = [not_a_server_error, check_status_is_its_own, content_type_conformance]


def check_answer(case):
    response = case.call(base_url=server.url, timeout=120)
    checks = list(CHECKS)
    # Of a stream, whose events are text to it, schemathesis would make JSON.
    if response.headers["content-type"][0].startswith("application/json"):
        checks.append(response_schema_conformance)
    case.validate_response(response, checks=checks)


class Description(unittest.TestCase):
    def test_is_valid(self):
        status, headers, document = server.request("GET", "/openapi.json")
        self.assertEqual((status, headers["Content-Type"]), (200, "application/json"))
        openapi_spec_validator.validate(document)
        self.assertEqual(document["openapi"], "3.1.0")


class Operations(unittest.TestCase):
    def check_all(self, mode, examples):
        """Every operation, with what `mode` has for it."""
        for result in api.get_all_operations():
            operation = result.ok()
            name = operation.definition.raw["operationId"]
            if name in LEFT_OUT:
                continue

            @hypothesis.settings(
                max_examples=examples, deadline=None, derandomize=True, database=None,
                phases=[hypothesis.Phase.generate], suppress_health_check=list(hypothesis.HealthCheck))
            @hypothesis.given(case=operation.as_strategy(generation_mode=mode),
                              choice=strategies.integers(0, 7))
            def check(case, choice):
                if choice > 1:
                    lead_somewhere(case, choice)
                with_few_tokens(case)
                check_answer(case)

            with self.subTest(operation=name):
                try:
                    check()
                except hypothesis.errors.Unsatisfiable:
                    pass  # nothing can be wrong with a request that has neither parameters nor a body

    def test_answer_valid_requests_as_declared(self):
        self.check_all(schemathesis.GenerationMode.POSITIVE, EXAMPLES)

    def test_answer_invalid_requests_as_declared(self):
        self.check_all(schemathesis.GenerationMode.NEGATIVE, EXAMPLES)

    def test_the_server_is_there_afterwards(self):
        self.assertEqual(server.request("GET", "/health")[0], 200)


if __name__ == "__main__":
    unittest.main()
