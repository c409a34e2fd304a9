#!/usr/bin/env python3
"""Writes character_classes.inc: what the Hugging Face `tokenizers` package thinks of each code point.

The package mixes crates that follow different versions of Unicode (8 for WordPiece's categories, 12
for normal forms, 16 for regular expressions), so no one release of ICU agrees with it. Each class is
found by asking the package itself, one code point at a time.

Usage: make_character_classes.py > character_classes.inc   (needs the package `tokenizers`)
"""
import tokenizers
from tokenizers import Regex
from tokenizers import normalizers
from tokenizers import pre_tokenizers

CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]


def split_apart(pre_tokenizer, left, right):
    """Code points that stand alone between two characters of another class."""
    return lambda s: len(pre_tokenizer.pre_tokenize_str(left + s + right)) == 3


def pattern(regex, left="\n", right="\n"):
    return split_apart(pre_tokenizers.Split(Regex(regex), "isolated"), left, right)


def bert(**options):
    flags = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return normalizers.BertNormalizer(**{**flags, **options})


# In the order of the bits in character_classes.h.
CLASSES = [
    ("dropped by BertNormalizer.clean_text", lambda s: bert_clean.normalize_str(s) == ""),
    ("white space", lambda s: len(bert_split.pre_tokenize_str("a" + s + "b")) == 2),
    ("removed by BertNormalizer.strip_accents", lambda s: bert_strip.normalize_str(s) == ""),
    ("punctuation of BertPreTokenizer", split_apart(pre_tokenizers.BertPreTokenizer(), "a", "b")),
    (r"\p{L}", pattern(r"[^\P{L}\n]")),
    (r"\p{N}", pattern(r"\p{N}")),
    ("digit of Digits", split_apart(pre_tokenizers.Digits(individual_digits=True), "a", "b")),
    ("removed by StripAccents", lambda s: normalizers.StripAccents().normalize_str(s) == ""),
]
bert_clean = bert(clean_text=True)
bert_strip = bert(strip_accents=True)
bert_split = pre_tokenizers.BertPreTokenizer()


def print_rows(rows):
    line = ""
    for row in rows:
        if len(line) + len(row) + 1 > 100:
            print(line)
            line = ""
        line += (" " if line else "") + row
    print(line)


def main():
    flags = [0] * 0x110000
    for bit, (_, belongs) in enumerate(CLASSES):
        for c in CODE_POINTS:
            if belongs(chr(c)):
                flags[c] |= 1 << bit
    regex_space = pattern(r"\s", "a", "b")
    for c in CODE_POINTS:
        assert regex_space(chr(c)) == bool(flags[c] & 2), hex(c)

    print(f"// Made by make_character_classes.py with tokenizers {tokenizers.__version__}; not edited.")
    print("// clang-format off")
    print("// {first code point, classes}: holds up to the next row.")
    print("constexpr ClassRange kClassRanges[] = {")
    starts = [c for c in range(0x110000) if c == 0 or flags[c] != flags[c - 1]]
    print_rows([f"{{0x{c:X},{flags[c]}}}," for c in starts])
    print("};")

    lower = normalizers.Lowercase()
    pairs = []
    for c in CODE_POINTS:
        mapped = lower.normalize_str(chr(c))
        if mapped == chr(c):
            continue
        if len(mapped) != 1:
            assert (c, mapped) == (0x130, "i\u0307"), hex(c)
            continue
        pairs.append((c, ord(mapped) - c))
    runs = []  # [first, last, step, difference]
    for c, difference in pairs:
        if runs and runs[-1][3] == difference:
            first, last, step, _ = runs[-1]
            if (first == last and c - last in (1, 2)) or (first != last and c - last == step):
                runs[-1][1:3] = [c, c - last]
                continue
        runs.append([c, c, 1, difference])
    print("// {first, last, step, difference}; U+0130 alone becomes two characters and is not here.")
    print("constexpr LowerCaseRun kLowerCaseRuns[] = {")
    print_rows([f"{{0x{a:X},0x{b:X},{s},{d}}}," for a, b, s, d in runs])
    print("};")
    print("// clang-format on")


if __name__ == "__main__":
    main()
