#!/usr/bin/env python3
"""Compares Tandem's token ids with those of `tokenizers` and `sentencepiece` on real text.

Usage: live_tokenizers.py TOKENIZE_LINES SOURCE_FOLDER [--every-code-point]

With --every-code-point (about ten minutes), every code point of Unicode is compared as well, under each
kind of pre-tokenizer and normalizer. Run that after changing a table of characters.

Lines come from ../shared/data and from documentation and message catalogues that are installed, in
as many languages as there are. Every id must be the same. Exits with 77 (skipped, for CTest) where
the packages, the models or the texts are missing.
"""
import gettext
import gzip
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile

SKIPPED = 77
FEWEST_LINES = 5000

try:
    import sentencepiece
    import tokenizers
    from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers
    from gguf import GGUFReader
except ImportError as error:
    print(f"skipped: {error}; set TANDEM_TEST_PYTHON to a Python that has the reference packages")
    sys.exit(SKIPPED)

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
          r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")


def cache_folder():
    for name, tail in (("TANDEM_CACHE", ""), ("XDG_CACHE_HOME", "tandem")):
        if os.environ.get(name):
            return pathlib.Path(os.environ[name]) / tail
    return pathlib.Path.home() / ".cache" / "tandem"


def thin(lines, most):
    """At most `most` of the lines, spread evenly, so that each run takes the same ones."""
    step = max(1, len(lines) // most)
    return lines[::step][:most]


def strings_in(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from strings_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings_in(inner)


def data_lines(folder):
    """(language, line) of the data sets; code and tables count as languages of their own."""
    for name, language, most in (
            ("jaquad/corpus.jsonl", "ja", 800), ("corpora/debian-handbook-fr.jsonl", "fr", 800),
            ("corpora/sqlite3-doc.jsonl", "en", 800), ("squad/corpus.jsonl", "en", 600),
            ("scifact/corpus.jsonl", "en", 400), ("bipia/code-train.jsonl", "code", 800),
            ("bipia/table-train.jsonl", "table", 300), ("hh_rlhf/train.jsonl", "en", 300),
            ("wnut17/train.conll", "en", 300)):
        path = folder / name
        if not path.exists():
            continue
        lines = []
        for row in path.read_text("utf-8").splitlines():
            if path.suffix == ".jsonl":
                for text in strings_in(json.loads(row)):
                    # Whole texts and their lines: new lines inside matter to pre-tokenizers.
                    lines += [text[:2000]] + text.split("\n")
            else:
                lines.append(row)
        yield from ((language, line) for line in thin([x for x in lines if x.strip()], most))


def manual_lines():
    root = pathlib.Path("/usr/share/man")
    for folder in sorted(root.iterdir()) if root.is_dir() else []:
        if not folder.is_dir():
            continue
        language = "en" if folder.name.startswith("man") else folder.name
        lines = []
        for path in thin(sorted(folder.rglob("*.gz")), 40):
            try:
                text = gzip.decompress(path.read_bytes()).decode("utf-8")
            except (OSError, EOFError, UnicodeDecodeError):
                continue
            lines += [line for line in text.splitlines() if len(line) > 20]
        yield from ((language, line) for line in thin(lines, 250))


def catalogue_lines():
    root = pathlib.Path("/usr/share/locale")
    for folder in sorted(root.iterdir()) if root.is_dir() else []:
        lines = []
        for path in thin(sorted(folder.glob("LC_MESSAGES/*.mo")), 20):
            try:
                with open(path, "rb") as file:
                    catalogue = gettext.GNUTranslations(file)._catalog
            except (OSError, ValueError, IndexError, LookupError, struct.error):
                continue
            lines += [text for text in catalogue.values() if text]
        yield from ((folder.name, line) for line in thin(lines, 80))


def collect(source_folder):
    data = os.environ.get("TANDEM_SHARED_DATA") or source_folder / ".." / "shared" / "data"
    seen = {}
    for lines in (data_lines(pathlib.Path(data)), manual_lines(), catalogue_lines()):
        for language, line in lines:
            seen.setdefault(line, language)
    return list(seen.keys()), sorted(set(seen.values()))


def every_code_point():
    """Each between a letter and a digit, alone, doubled, and after an apostrophe."""
    texts = []
    for c in range(0x110000):
        if not 0xD800 <= c <= 0xDFFF:
            s = chr(c)
            texts.append(f"a{s}1{s}{s} {s}b\n{s}'{s}x e{s}\u0301")
    return texts


def run_ours(program, where, texts, parse):
    payload = b"".join(struct.pack("<I", len(t)) + t for t in (x.encode() for x in texts))
    command = [program, *where] + (["--parse"] if parse else [])
    done = subprocess.run(command, input=payload, stdout=subprocess.PIPE, check=True)
    return [[int(x) for x in line.split()] for line in done.stdout.decode().splitlines()]


class Comparison:
    def __init__(self, program):
        self.program = program
        self.failures = 0

    def check(self, name, where, texts, reference, parse=False):
        ours = run_ours(self.program, where, texts, parse)
        theirs = reference(texts)
        wrong = [i for i in range(len(texts)) if i >= len(ours) or ours[i] != theirs[i]]
        tokens = sum(map(len, theirs))
        print(f"{name}: {len(texts) - len(wrong)} of {len(texts)} texts identical, {tokens} tokens")
        for i in wrong[:5]:
            print(f"  text {texts[i]!r:.300}\n  ours   {ours[i][:60] if i < len(ours) else None}\n"
                  f"  theirs {theirs[i][:60]}")
        self.failures += bool(wrong)
        sys.stdout.flush()


def hugging_face(tokenizer, parse=False):
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def encode(texts):
        tokenizer.encode_special_tokens = not parse
        ids = []
        for start in range(0, len(texts), 10000):
            batch = tokenizer.encode_batch_fast(texts[start:start + 10000], add_special_tokens=False)
            ids += [e.ids for e in batch]
        return ids

    return encode


def bpe_of_gguf(path):
    """The reference of SmolLM2: its vocabulary and merges out of the file, its steps by name."""
    fields = GGUFReader(str(path)).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    types = fields["tokenizer.ggml.token_type"].contents()
    merges = [tuple(m.split(" ")) for m in fields["tokenizer.ggml.merges"].contents()]
    tokenizer = Tokenizer(models.BPE({t: i for i, t in enumerate(tokens)}, merges))
    tokenizer.add_special_tokens([t for t, kind in zip(tokens, types) if kind == 3])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    return tokenizer


def gemma_of_gguf(path):
    """The reference of Gemma: pairs merge in the order of the scores of what they become."""
    fields = GGUFReader(str(path)).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    types = fields["tokenizer.ggml.token_type"].contents()
    scores = fields["tokenizer.ggml.scores"].contents()
    vocabulary = {t.replace(" ", "\u2581"): i for i, t in enumerate(tokens)}
    merges = []
    for token, kind, score in zip(tokens, types, scores):
        if kind == 1:
            merges += [(-score, (token[:n], token[n:])) for n in range(1, len(token))
                       if token[:n] in vocabulary and token[n:] in vocabulary]
    merges.sort(key=lambda merge: merge[0])
    tokenizer = Tokenizer(models.BPE(
        vocabulary, [pair for _, pair in merges], unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Replace(" ", "\u2581")
    tokenizer.add_special_tokens([t for t, kind in zip(tokens, types) if kind == 3 and t != "<unk>"])
    tokenizer.add_tokens([AddedToken(t.replace(" ", "\u2581"), normalized=True)
                          for t, kind in zip(tokens, types) if kind == 4])
    return tokenizer


def metadata_only(path, folder):
    """A vocabulary needs no tensors, whatever their types."""
    with open(path, "rb") as file:
        head = bytearray(file.read(16 << 20))
    head[8:16] = bytes(8)  # their number
    (folder / path.name).write_bytes(head)
    return ["--gguf", str(folder / path.name)]


def byte_level(*patterns, prefix_space=False):
    splits = [pre_tokenizers.Split(Regex(p), "isolated") for p in patterns]
    return pre_tokenizers.Sequence(
        splits + [pre_tokenizers.ByteLevel(add_prefix_space=prefix_space, use_regex=not splits)])


def variants(tokenizer):
    """The same vocabulary with the steps of other families, for the tokenizer.json path."""
    yield "Llama 3 steps", None, byte_level(LLAMA3)
    yield "Qwen 2 steps", normalizers.NFC(), byte_level(QWEN2)
    yield "GPT-2 steps with prefix space", normalizers.NFKC(), byte_level(prefix_space=True)
    yield "lower case without accents", normalizers.Sequence(
        [normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()]), byte_level()
    yield "three numbers, then a pattern of its own", None, byte_level(
        r"\p{N}{1,3}", r"[a-z]+|[A-Z][a-z]*|\n+")
    yield "merged with next", None, pre_tokenizers.Sequence([
        pre_tokenizers.Split("e", "merged_with_next"), pre_tokenizers.Split(".", "contiguous"),
        pre_tokenizers.Split(" ", "merged_with_previous"), pre_tokenizers.Digits(False),
        pre_tokenizers.Split("x", "removed"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])


def pairs_tokenizer():
    """Every pair of bytes has a merge, so a cut between two bytes shows in the ids."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {c: i for i, c in enumerate(alphabet)}
    merges = [(a, b) for a in alphabet for b in alphabet]
    for a, b in merges:
        vocabulary[a + b] = len(vocabulary)
    return Tokenizer(models.BPE(vocabulary, merges))


def characters_tokenizer():
    """WordPiece that knows every character of the planes in use, so that no [UNK] hides a change."""
    planes = [*range(0x30000), *range(0xE0000, 0xE1000)]
    vocabulary = {"[UNK]": 0}
    for c in planes:
        if not 0xD800 <= c <= 0xDFFF:
            vocabulary[chr(c)] = len(vocabulary)
            vocabulary["##" + chr(c)] = len(vocabulary)
    return Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))


def train_sentence_piece(kind, lines, folder):
    path = folder / f"sentence-piece-{kind}"
    path.mkdir()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(thin([x for x in lines if "\0" not in x], 5000)),
        model_prefix=str(path / "tokenizer"), vocab_size=4000, model_type=kind, byte_fallback=True,
        character_coverage=0.98, num_threads=1, minloglevel=2, hard_vocab_limit=False)
    processor = sentencepiece.SentencePieceProcessor(model_file=str(path / "tokenizer.model"))
    return processor, ["--folder", str(path)]


def save(tokenizer, folder, name):
    (folder / name).mkdir()
    tokenizer.save(str(folder / name / "tokenizer.json"))
    return ["--folder", str(folder / name)]


def compare_code_points(compare, folder):
    texts = every_code_point()
    pairs = pairs_tokenizer()
    for name, normalizer, pre_tokenizer in (
            ("GPT-2", None, byte_level()), ("Llama 3", None, byte_level(LLAMA3)),
            ("digits", None, pre_tokenizers.Sequence(
                [pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(add_prefix_space=False)])),
            ("NFC and Qwen 2", normalizers.NFC(), byte_level(QWEN2)),
            ("NFKD and lower case", normalizers.Sequence(
                [normalizers.NFKD(), normalizers.Lowercase()]), byte_level())):
        pairs.pre_tokenizer = pre_tokenizer
        if normalizer is not None:
            pairs.normalizer = normalizer
        compare.check(f"every code point, {name}",
                      save(pairs, folder, "pairs-" + name.replace(" ", "_")), texts,
                      hugging_face(pairs))
        pairs = pairs_tokenizer()
    for options in ({}, {"lowercase": False}, {"strip_accents": False}, {"clean_text": False},
                    {"handle_chinese_chars": False}):
        characters = characters_tokenizer()
        characters.normalizer = normalizers.BertNormalizer(**options)
        characters.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        compare.check(f"every code point, BertNormalizer({options or ''})",
                      save(characters, folder, "bert-" + "-".join(options)), texts,
                      hugging_face(characters))


def main():
    program, source_folder = sys.argv[1], pathlib.Path(sys.argv[2])
    encoder = cache_folder() / "models" / "all-MiniLM-L6-v2"
    generator = cache_folder() / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf"
    for path in (encoder / "tokenizer.json", generator):
        if not path.exists():
            print(f"skipped: {path} is not there; run scripts/models")
            return SKIPPED
    lines, languages = collect(source_folder)
    if len(lines) < FEWEST_LINES:
        print(f"skipped: only {len(lines)} lines of real text found, {FEWEST_LINES} are needed")
        return SKIPPED
    print(f"{len(lines)} lines in {len(languages)} languages: {' '.join(languages)}")
    print(f"tokenizers {tokenizers.__version__}, sentencepiece {sentencepiece.__version__}")

    compare = Comparison(program)
    bert = Tokenizer.from_file(str(encoder / "tokenizer.json"))
    where = ["--folder", str(encoder)]
    compare.check("WordPiece", where, lines, hugging_face(bert))
    compare.check("WordPiece, control tokens parsed", where, lines, hugging_face(bert, True), True)
    smol = bpe_of_gguf(generator)
    where = ["--gguf", str(generator)]
    compare.check("SmolLM2 from GGUF", where, lines, hugging_face(smol))
    compare.check("SmolLM2, control tokens parsed", where, lines, hugging_face(smol, True), True)

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "vocab").mkdir()
        (folder / "vocab" / "vocab.txt").symlink_to(encoder / "vocab.txt")
        compare.check("WordPiece from vocab.txt", ["--folder", str(folder / "vocab")], lines,
                      hugging_face(bert))
        for name, normalizer, pre_tokenizer in variants(smol):
            smol.pre_tokenizer = pre_tokenizer
            if normalizer is not None:
                smol.normalizer = normalizer
            smol = Tokenizer.from_str(smol.to_str())
            compare.check(name, save(smol, folder, name.replace(" ", "_")), lines,
                          hugging_face(smol))
            smol = bpe_of_gguf(generator)
        for kind in ("unigram", "bpe"):
            processor, where = train_sentence_piece(kind, lines, folder)
            compare.check(f"SentencePiece, {kind}", where, lines,
                          lambda texts, p=processor: p.encode(texts, out_type=int))

        gemma = cache_folder() / "models" / "gemma3-270m-q4_k_m.gguf"
        if gemma.exists():
            where = metadata_only(gemma, folder)
            reference = gemma_of_gguf(gemma)
            compare.check("Gemma 3 from GGUF", where, lines, hugging_face(reference))
            compare.check("Gemma 3, control tokens parsed", where, lines,
                          hugging_face(reference, True), True)
        else:
            print(f"Gemma 3 is left out: {gemma} is not there; run scripts/models gemma")

        if "--every-code-point" in sys.argv[3:]:
            compare_code_points(compare, folder)
    print("all identical" if compare.failures == 0 else f"{compare.failures} comparisons FAILED")
    return 1 if compare.failures else 0


if __name__ == "__main__":
    sys.exit(main())
