"""XGrammar on the figures of bench/grammar.cc.

Its compiler makes all masks of a schema at once, Tandem only those that come up: hence one figure for
both, from the schema to the end of a document. Calls go through a Python binding, which costs about a
microsecond each.

usage: grammar.py FILE.gguf CASES.json
"""
import json
import sys
import time

import xgrammar
from gguf import GGUFReader
from measure import answer_measurements

REPEATS = 20


def main():
    fields = GGUFReader(sys.argv[1]).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    end = tokens.index("<|im_end|>")
    vocabulary = xgrammar.TokenizerInfo(
        tokens, xgrammar.VocabType.BYTE_LEVEL, vocab_size=len(tokens), stop_token_ids=[end])
    bitmask = xgrammar.allocate_token_bitmask(1, vocabulary.vocab_size)
    with open(sys.argv[2], encoding="utf-8") as file:
        cases = json.load(file)
    ids = {token: i for i, token in enumerate(tokens)}
    alphabet = byte_alphabet()

    def tokens_of(text):
        """Longest tokens first: not the tokenizer's choice, but as many masks."""
        spelled = "".join(alphabet[b] for b in text.encode())
        found, at = [], 0
        while at < len(spelled):
            size = next(n for n in range(min(16, len(spelled) - at), 0, -1)
                        if spelled[at:at + n] in ids)
            found.append(ids[spelled[at:at + size]])
            at += size
        return found

    documents = [tokens_of(json.dumps(case["document"], ensure_ascii=False,
                                      separators=(",", ":"))) for case in cases]

    def compile_schema(schema):
        compiler = xgrammar.GrammarCompiler(vocabulary, max_threads=1, cache_enabled=False)
        if schema is None:
            return compiler.compile_builtin_json_grammar()
        return compiler.compile_json_schema(
            json.dumps(schema), any_whitespace=False, separators=(",", ":"))

    def write(compiled, document, times):
        matcher = xgrammar.GrammarMatcher(compiled)
        for token in document:
            start = time.perf_counter()
            matcher.fill_next_token_bitmask(bitmask)
            times.append(1e6 * (time.perf_counter() - start))
            assert matcher.accept_token(token)

    def quantile(values, share):
        return sorted(values)[int(share * (len(values) - 1))]

    def measure():
        times, first = [], []
        for case, document in zip(cases, documents):
            start = time.perf_counter()
            compiled = compile_schema(case["schema"])
            write(compiled, document, [])
            first.append(1e3 * (time.perf_counter() - start))
            for _ in range(REPEATS):
                write(compiled, document, times)
        return {
            "mask that was needed before (median), us": quantile(times, 0.5),
            "mask that was needed before (p99), us": quantile(times, 0.99),
            "new schema to the end of a document (median), ms": quantile(first, 0.5),
            "new schema to the end of a document (largest), ms": quantile(first, 1),
        }

    answer_measurements(measure)


def byte_alphabet():
    """GPT-2's: printable Latin-1 stands for itself, other bytes are U+0100 and on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in printable]
    return {b: chr(b) for b in printable} | {b: chr(0x100 + i) for i, b in enumerate(others)}


if __name__ == "__main__":
    main()
