#!/usr/bin/env python3
"""Has what is written under a grammar judged by `jsonschema`, and valid documents tried against it.

Usage: live_grammar.py GRAMMAR_DOCUMENTS [SEED [SCHEMAS]]

Schemas are made at random from everything that is understood. For each, documents are written by
choosing among the allowed tokens of SmolLM2's vocabulary at random; every one must parse and satisfy
the schema. And for each, values that satisfy it are made without the grammar; written as JSON, their
tokens must be allowed one after the other. Exits with 77 (skipped, for CTest) where the package or
the model is missing.
"""
import importlib.metadata
import json
import os
import pathlib
import random
import re
import string
import subprocess
import sys

SKIPPED = 77

try:
    import jsonschema
except ImportError as error:
    print(f"skipped: {error}; set TANDEM_TEST_PYTHON to a Python that has the reference packages")
    sys.exit(SKIPPED)

# A pattern, and texts in which it matches.
PATTERNS = [
    ("^[a-z]{2,5}$", ["ab", "hello"]),
    ("^[A-Z][a-z]+( [A-Z][a-z]+)*$", ["Ada", "Ada Lovelace"]),
    (r"^\d{3}-\d{4}$", ["555-0199"]),
    ("cat|dog", ["cat", "the dog sleeps", "日本cat\n"]),
    (r"^(0x)?[0-9a-f]+$", ["0xff", "7"]),
    ('^"[^"]*"$', ['"quoted"', '""']),
    (r"^\\\w+$", ["\\alpha"]),
    ("^[\\u3040-\\u309f]+$", ["ひらがな"]),
    ("^(a|b)*c?$", ["", "abba", "ac"]),
]
FORMATS = {
    "date": ["2024-01-31"], "time": ["10:20:30Z"], "date-time": ["1999-12-31T23:59:59.5+02:00"],
    "uuid": ["123e4567-e89b-12d3-a456-426614174000"], "email": ["ada@example.org"],
    "ipv4": ["192.168.0.1"],
}
# The checks of `jsonschema` need packages of their own for some formats; these need none.
FORMAT_PATTERNS = {
    "date": r"\d{4}-\d\d-\d\d", "uuid": r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    "date-time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)",
    "time": r"\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", "email": r"[^@\s]+@[^@\s]+\.[^@\s]+",
    "ipv4": r"\d{1,3}(\.\d{1,3}){3}",
}
TEXTS = ["", "a", "two words", "Zoë", "日本語", "😀", 'say "hi"', "back\\slash", "tab\there", "{}"]


def cache_folder():
    for name, tail in (("TANDEM_CACHE", ""), ("XDG_CACHE_HOME", "tandem")):
        if os.environ.get(name):
            return pathlib.Path(os.environ[name]) / tail
    return pathlib.Path.home() / ".cache" / "tandem"


class Maker:
    """Makes a schema together with a function that makes values of it."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def schema(self, depth=0):
        scalars = [self.text, self.integer, self.number, self.enumeration, self.simple]
        nested = [self.object, self.object, self.array, self.tuple, self.union, self.list_of_nodes]
        return self.random.choice(scalars if depth > 2 else scalars + nested * 2)(depth + 1)

    def text(self, _):
        kind = self.random.randrange(4)
        if kind == 0:
            pattern, texts = self.random.choice(PATTERNS)
            return {"type": "string", "pattern": pattern}, lambda: self.random.choice(texts)
        if kind == 1:
            name, texts = self.random.choice(list(FORMATS.items()))
            return {"type": "string", "format": name}, lambda: self.random.choice(texts)
        if kind == 2:
            low = self.random.randrange(6)
            high = low + self.random.randrange(30)
            schema = {"type": "string", "minLength": low, "maxLength": high}
            return schema, lambda: "".join(
                self.random.choice('aé日😀"\n ') for _ in range(self.random.randint(low, high)))
        return {"type": "string"}, lambda: self.random.choice(TEXTS)

    def integer(self, _):
        low = self.random.randrange(-1000, 1000)
        high = low + self.random.choice([0, 1, 9, 57, 3000])
        kind = self.random.randrange(4)
        if kind == 0:
            return {"type": "integer"}, lambda: self.random.randint(-10**9, 10**9)
        if kind == 1:
            return {"type": "integer", "minimum": low}, lambda: low + self.random.randrange(500)
        if kind == 2:
            return ({"type": "integer", "exclusiveMaximum": low},
                    lambda: low - 1 - self.random.randrange(500))
        return ({"type": "integer", "minimum": low, "maximum": high},
                lambda: self.random.randint(low, high))

    def number(self, _):
        low = self.random.randrange(-20, 20)
        high = low + self.random.randrange(1, 30)
        kind = self.random.randrange(3)
        if kind == 0:
            return {"type": "number"}, lambda: round(self.random.uniform(-1e6, 1e6), 3)
        if kind == 1:
            return ({"type": "number", "exclusiveMinimum": low, "exclusiveMaximum": high},
                    lambda: round(low + (high - low) * self.random.uniform(0.1, 0.9), 4))
        return ({"type": "number", "minimum": low, "maximum": high},
                lambda: self.random.choice([low, high, round(self.random.uniform(low, high), 5)]))

    def enumeration(self, _):
        values = self.random.sample(
            ["red", "red wine", "é", 'q"', 1, 12, -3, 2.5, True, None, [1, "x"], {"k": {}}], 4)
        if self.random.random() < 0.3:
            return {"const": values[0]}, lambda: values[0]
        return {"enum": values}, lambda: self.random.choice(values)

    def simple(self, _):
        if self.random.random() < 0.2:
            return True, lambda: {"any": [1, {"thing": None}]}
        return {"type": ["boolean", "null"]}, lambda: self.random.choice([True, False, None])

    def object(self, depth):
        names = self.random.sample(
            ["name", "names", "id", "größe", "a b", 'q"uote', "n", "x\\y", "list"],
            self.random.randrange(6))
        members = {name: self.schema(depth) for name in names}
        required = [name for name in names if self.random.random() < 0.6]
        schema = {"type": "object", "properties": {n: s for n, (s, _) in members.items()},
                  "required": required}
        additional = None
        kind = self.random.randrange(3)
        if kind == 0:
            schema["additionalProperties"] = False
        elif kind == 1:
            schema["additionalProperties"], additional = self.schema(depth + 1)

        def make():
            value = {n: make_one() for n, (_, make_one) in members.items()
                     if n in required or self.random.random() < 0.5}
            for _ in range(self.random.randrange(3) if additional else 0):
                value["".join(self.random.choices(string.ascii_uppercase, k=4))] = additional()
            return value

        return schema, make

    def array(self, depth):
        item, make_item = self.schema(depth)
        low = self.random.randrange(3)
        high = low + self.random.randrange(4)
        schema = {"type": "array", "items": item}
        if self.random.random() < 0.7:
            schema |= {"minItems": low, "maxItems": high}
        return schema, lambda: [make_item() for _ in range(self.random.randint(low, high))]

    def tuple(self, depth):
        items = [self.schema(depth + 1) for _ in range(self.random.randrange(1, 4))]
        least = self.random.randrange(len(items) + 1)
        schema = {"type": "array", "prefixItems": [s for s, _ in items], "items": False,
                  "minItems": least}
        return schema, lambda: [m() for _, m in items[:self.random.randint(least, len(items))]]

    def union(self, depth):
        parts = [self.schema(depth) for _ in range(self.random.randrange(1, 4))]
        return {"anyOf": [s for s, _ in parts]}, lambda: self.random.choice(parts)[1]()

    def list_of_nodes(self, depth):
        item, make_item = self.schema(depth + 1)
        name = f"node{self.random.randrange(10**9)}"
        schema = {"$ref": f"#/$defs/{name}", "$defs": {name: {
            "type": "object", "required": ["value", "next"], "additionalProperties": False,
            "properties": {"value": item, "next": {"anyOf": [
                {"type": "null"}, {"$ref": f"#/$defs/{name}"}]}}}}}

        def make():
            value = None
            for _ in range(self.random.randrange(1, 5)):
                value = {"value": make_item(), "next": value}
            return value

        return schema, make


def lift_definitions(schema):
    """Moves every `$defs` to the root, where references look for them."""
    found = {}

    def visit(value):
        if isinstance(value, dict):
            # Enumerated values are no schemas, but they have no `$defs` either.
            found.update(value.pop("$defs", {}))
            for inner in list(value.values()):
                visit(inner)
        elif isinstance(value, list):
            for inner in value:
                visit(inner)

    visit(schema)
    pending = list(found.values())
    while pending:
        before = set(found)
        visit(pending.pop())
        pending += [found[name] for name in set(found) - before]
    return schema | {"$defs": found} if isinstance(schema, dict) and found else schema


def validator_of(schema):
    checker = jsonschema.FormatChecker(formats=())
    for name, pattern in FORMAT_PATTERNS.items():
        checker.checks(name)(
            lambda text, p=pattern: not isinstance(text, str) or re.fullmatch(p, text) is not None)
    kind = jsonschema.validators.validator_for({}, default=jsonschema.Draft202012Validator)
    return kind(schema, format_checker=checker)


class Program:
    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)

    def ask(self, request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"grammar_documents ended at {json.dumps(request)}")
        return json.loads(line)


def main():
    model = cache_folder() / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf"
    if not model.exists():
        print(f"skipped: {model} is not there; run scripts/models")
        return SKIPPED
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    schemas = int(sys.argv[3]) if len(sys.argv) > 3 else 300
    program = Program(sys.argv[1], str(model))
    version = importlib.metadata.version("jsonschema")
    print(f"jsonschema {version}, seed {seed}, {schemas} schemas")
    failures = written = read = 0

    def fail(what, schema, detail):
        nonlocal failures
        failures += 1
        if failures <= 10:
            print(f"{what}\n  schema {json.dumps(schema)}\n  {detail}")

    for i in range(schemas):
        schema, make = Maker(f"{seed}-{i}").schema()
        schema = lift_definitions(schema)
        validator = validator_of(schema)
        answer = program.ask({"schema": schema, "seed": i, "count": 5})
        if "error" in answer:
            fail("refused", schema, answer["error"])
            continue
        for document in answer["documents"]:
            written += 1
            try:
                validator.validate(json.loads(document))
            except (ValueError, jsonschema.ValidationError) as error:
                fail("written but not valid", schema, f"{document!r}: {error.args[0]}")
        for _ in range(5):
            value = make()
            validator.validate(value)
            text = json.dumps(value, ensure_ascii=False)
            read += 1
            if not program.ask({"schema": schema, "text": text})["accepted"]:
                fail("valid but not accepted", schema, repr(text))
    for document in program.ask({"schema": None, "seed": seed, "count": 200})["documents"]:
        written += 1
        if not isinstance(json.loads(document), dict):
            fail("no object", None, document)
    print(f"{written} documents written, {read} read, {failures} failures")
    return 1 if failures or written < 4 * schemas else 0


if __name__ == "__main__":
    sys.exit(main())
