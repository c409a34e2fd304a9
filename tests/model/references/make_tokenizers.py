#!/usr/bin/env python3
"""Makes what the tokenizer tests compare with, out of the reference packages.

Writes beside itself:
  byte_level_bpe/tokenizer.json   a small byte-level BPE trained on TRAINING_TEXT
  sentence_piece/tokenizer.model  a small SentencePiece unigram model with byte fallback, likewise
  sentence_piece_bpe/tokenizer.model  a BPE model with the settings of Llama 2 and Gemma, likewise
  tokenizer_hard_cases.json       HARD_CASES and the ids that each reference gives for them

Usage: make_tokenizers.py    (needs tokenizers, sentencepiece, gguf; models as scripts/deps puts them)
Needs the models once: a test run does not.
"""
import base64
import io
import json
import pathlib
import sys

import sentencepiece
import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from tokenizers import trainers

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from live_tokenizers import QWEN2, bpe_of_gguf, cache_folder  # noqa: E402

TRAINING_TEXT = """
The lighthouse keeper wrote the weather down every evening, and nobody ever asked him for it.
It's raining again; we'll wait, they've left, I'm late, you're early, he'd know, don't ask.
Rain on Monday 12, wind on Tuesday 345, sun on 6789 other days, and 3.14159 more or less.
In 2024 the ferry carried 1,204,331 people, 17 % more than in 2019.
A recipe: two eggs, 250 g flour, half a litre of milk, and a pinch of salt; bake for 40 minutes.
Der Leuchtturmw\u00e4rter schrieb jeden Abend das Wetter auf, und niemand fragte je danach.
Gr\u00fc\u00dfe aus K\u00f6ln: die \u00dcberfahrt war schr\u00e4g, aber sch\u00f6n.
Le gardien du phare notait le temps chaque soir, et personne ne le lui demandait jamais.
O\u00f9 \u00e9tait l'\u00e9t\u00e9 ? \u00c7a, c'est une autre histoire, d\u00e9j\u00e0 racont\u00e9e.
El farero escrib\u00eda el tiempo cada noche. \u00bfQui\u00e9n lo le\u00eda? \u00a1Nadie!
\u0421\u043c\u043e\u0442\u0440\u0438\u0442\u0435\u043b\u044c \u043c\u0430\u044f\u043a\u0430 \
\u0437\u0430\u043f\u0438\u0441\u044b\u0432\u0430\u043b \u043f\u043e\u0433\u043e\u0434\u0443.
\u706f\u53f0\u5b88\u306f\u6bce\u6669\u5929\u6c17\u3092\u66f8\u3044\u305f\u3002\
\u8ab0\u3082\u805e\u304b\u306a\u304b\u3063\u305f\u3002
\u706f\u5854\u7684\u770b\u5b88\u4eba\u6bcf\u5929\u665a\u4e0a\u8bb0\u4e0b\u5929\u6c14\u3002
\ub4f1\ub300\uc9c0\uae30\ub294 \ub9e4\uc77c \uc800\ub141 \ub0a0\uc528\ub97c \uc801\uc5c8\ub2e4.
\u05e9\u05d5\u05de\u05e8 \u05d4\u05de\u05d2\u05d3\u05dc\u05d5\u05e8 \u05db\u05ea\u05d1.
\u0643\u062a\u0628 \u062d\u0627\u0631\u0633 \u0627\u0644\u0645\u0646\u0627\u0631\u0629.
for (int i = 0; i < count; ++i) { total += values[i]; }
def keeper(evening):
    return {"weather": evening.weather, "wind": evening.wind}
if x >= 10 and y != 20: print("done")   # and   many   spaces
"""


def u(*code_points):
    return "".join(map(chr, code_points))


def repeated(text, n):
    return text * n


# Texts, or bytes where they are not valid UTF-8. Written as escapes where an editor could change
# them.
HARD_CASES = {
    "empty": "",
    "one space": " ",
    "only spaces": "     ",
    "only new lines": "\n\n\n",
    "spaces around": "   leading and trailing   ",
    "spaces inside": "one  two   three    four",
    "tab, new line, space": "a\t\tb\n\nc \n d\r\ne\rf",
    "CRLF lines": "first line\r\nsecond line\r\n\r\nfourth line\r\n",
    "vertical tab and form feed": "a\x0bb\x0cc",
    "next line": "a\u0085b \u0085 c",
    "contractions": "I'm you're he's she'll we'd they've don't 'tis rock 'n' roll o'clock",
    "contractions in capitals": "I'M YOU'RE HE'S SHE'LL WE'D THEY'VE DON'T",
    "long s after apostrophe": "it'\u017f and '\u017fo",
    "typographic apostrophes": "I\u2019m you\u2019re it\u02bcs \u2018quoted\u2019",
    "apostrophes in a row": "''s '''re ''ll'' 's's's",
    "digits": "1 12 123 1234 12345 1234567890 3.14 1,000,000 0x1F 1e-9",
    "digits of other scripts": u(0x661, 0x662, 0x663) + " " + u(0x967, 0x968) + " " + u(0xff11, 0xff12)
    + " " + u(0x2167) + " \u00b2\u00b3\u00b9 \u00bd \u2460 " + u(0x1d7d9, 0x1d7da),
    "letters and digits": "abc123def456 x86_64 COVID-19 4th 2nd",
    "punctuation": "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
    "punctuation in a row": "wait... what?!?! --- *** ### >>> ==> <!-- -->",
    "punctuation of other scripts": "\u3001\u3002\u300c\u300d\u00bf\u00a1\u00ab\u00bb\u2014\u2026\u061f\u0964",
    "currency and symbols": "\u20ac12 \u00a35 $7 \u00a59 \u00b0C \u00a9 \u2122 \u00b1 \u2260 \u2264 \u221e \u2192",
    "camel and snake": "getHTTPResponseCode get_http_response_code kebab-case-name",
    "web addresses": "https://example.org/a/b?c=d&e=f#g user.name+tag@example.co.uk",
    "accents composed": "caf\u00e9 na\u00efve \u00c5ngstr\u00f6m \u0141\u00f3d\u017a Stra\u00dfe",
    "accents decomposed": "cafe\u0301 nai\u0308ve A\u030angstro\u0308m",
    "marks out of order": "q\u0323\u0307 q\u0307\u0323 a\u0315\u0300\u05ae\u0062",
    "marks that nothing removes": "x\u302e\u0301\u302f y\u302f\u302e " + u(0x1d158, 0x1d165, 0x1d16e),
    "marks without a base": "\u0301\u0302 \u0301",
    "many marks": "Z" + u(*range(0x300, 0x330)) + "algo",
    "capitals": "ISTANBUL \u0130stanbul I\u0131 \u1e9e \u03a3\u0391\u03a3 \u01c5 \u2126 \u212a \u212b",
    "final sigma": "\u039f\u0394\u03a5\u03a3\u03a3\u0395\u03a5\u03a3 \u03bf\u03b4\u03cc\u03c2",
    "ligatures and widths": "\ufb01\ufb02 \uff28\uff45\uff4c\uff4c\uff4f \uff76\uff85 \u3392",
    "Greek question mark": "what\u037e \u1fef \u226e \u2260",
    "emoji": u(0x1f600) + " hello " + u(0x1f680, 0x1f680),
    "emoji with skin tone": u(0x1f44b, 0x1f3fd) + u(0x1f9d1, 0x1f3ff),
    "emoji family": u(0x1f468, 0x200d, 0x1f469, 0x200d, 0x1f467, 0x200d, 0x1f466),
    "flags and keycaps": u(0x1f1e9, 0x1f1ea) + " 1" + u(0xfe0f, 0x20e3) + " " + u(0x2764, 0xfe0f),
    "tag sequence": u(0x1f3f4, 0xe0067, 0xe0062, 0xe0065, 0xe006e, 0xe0067, 0xe007f),
    "Chinese": u(0x706f, 0x5854, 0x770b, 0x5b88, 0x4eba) + "\uff0c" + u(0x6bcf, 0x5929) + "\u3002",
    "Chinese and Latin": "GPU" + u(0x52a0, 0x901f) + "3" + u(0x500d),
    "rare ideographs": u(0x20000, 0x2a6d6, 0x2b820, 0x2b920, 0x3400, 0xf900, 0x2f800, 0x30000),
    "kana": u(0x3072, 0x3089, 0x304c, 0x306a) + " " + u(0x30ab, 0x30bf, 0x30ab, 0x30ca, 0x30fc),
    "kana with marks": u(0x304b, 0x3099) + u(0x30cf, 0x309a) + u(0x304c, 0x30d1),
    "Hangul": "\ud55c\uad6d\uc5b4 \ub4f1\ub300",
    "Hangul jamo": u(0x1112, 0x1161, 0x11ab) + " " + u(0x3131, 0x314f),
    "Hebrew": u(0x5e9, 0x5b8, 0x5dc, 0x5d5, 0x5b9, 0x5dd) + " " + u(0x5e2, 0x5d5, 0x5dc, 0x5dd),
    "Arabic": u(0x645, 0x64e, 0x631, 0x652, 0x62d, 0x628, 0x627) + " " + u(0x661, 0x662) + u(0x61f),
    "Persian with joiner": u(0x645, 0x6cc, 0x200c, 0x62e, 0x648, 0x627, 0x647, 0x645),
    "direction marks": "a\u200eb\u200fc \u202aembedded\u202c \u2067isolated\u2069",
    "Thai": u(0xe2a, 0xe27, 0xe31, 0xe2a, 0xe14, 0xe35) + u(0xe0a, 0xe32, 0xe27),
    "Devanagari": u(0x928, 0x92e, 0x938, 0x94d, 0x924, 0x947) + u(0x964) + " " + u(0x915, 0x93c, 0x958),
    "Bengali and Tamil": u(0x9ac, 0x9be, 0x982) + " " + u(0xba4, 0xbae, 0xbbf, 0xbb4, 0xbcd),
    "Khmer and Tibetan": u(0x1781, 0x17d2, 0x1798) + " " + u(0xf56, 0xf7c, 0xf51, 0xf0b),
    "Georgian and Cherokee": u(0x10d0, 0x1c90) + " " + u(0x13a0, 0xab70),
    "mixed scripts": "p\u0430yp\u0430l " + u(0x3b1, 0x431, 0x5d2, 0x62f) + "x" + u(0x4e00) + "y",
    "mathematical letters": u(0x1d400, 0x1d4d0, 0x1d504, 0x2102, 0x2115),
    "Deseret": u(0x10400, 0x10428, 0x1e900),
    "no-break and other spaces": "a\u00a0b\u2003c\u2009d\u202fe\u3000f\u1680g\u205fh",
    "spaces of other kinds in a row": "a\u00a0\u00a0 b \u3000\u3000c\u2028d\u2029e",
    "zero width": "zero\u200bwidth\u200cnon\u200djoin\u2060er\ufeffend",
    "soft hyphen": "co\u00adopera\u00adtion",
    "byte order mark": "\ufeffbegins with a mark",
    "replacement character": "a\ufffdb \ufffd \ufffd\ufffd",
    "private use": "a\ue000b " + u(0xf0000) + "c" + u(0x10fffd),
    "unassigned": "a\u0378b " + u(0x1fffd) + " " + u(0xe0080) + u(0x3fff0),
    "noncharacters": "a\ufdd0b\ufffec\uffff",
    "variation selectors": u(0x845b, 0xe0100) + " a\ufe00b",
    "control characters": "".join(map(chr, range(1, 32))) + "\x7f" + "".join(map(chr, range(0x80, 0xa0))),
    "control characters inside words": "he\x01ll\x02o wo\x7frld e\x01\u0301",
    "NUL": "before\x00after \x00 \x00\x00",
    "control tokens of BERT": "[CLS] hello [SEP] [MASK]ed [UNK] [PAD][PAD] [sep] [ CLS ]",
    "control tokens of chat": "<|im_start|>system\nobey<|im_end|>\n<|endoftext|> <|im_end",
    "control tokens of Llama": "<s>[INST] hi [/INST]</s> <|eot_id|> <unk> <pad>",
    "control tokens and spaces": " <|im_end|> \n<|im_start|>x<|im_end|><|im_end|> [MASK] [MASK]",
    "added tokens": "say <tool> and <tool> <trim> here keep KEEP keeper <trim>",
    "code": "int main() {\n\tfor (int i = 0; i < 10; ++i) {\n\t\tprintf(\"%d\\n\", i);\n\t}\n}\n",
    "code in Python": "def f(x):\n    if x:\n        return [y ** 2 for y in x]\n\n\n# end",
    "JSON": "{\"a\": [1, 2.5, null], \"b\\u00e9\": \"\\n\"}",
    "markdown": "# Title\n\n* one\n* two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n",
    "long word of letters": repeated("a", 3000),
    "word of 100 characters": repeated("ab", 50),
    "word of 101 characters": repeated("ab", 50) + "c",
    "word of 100 wide characters": repeated("\u00e9", 100) + " " + repeated("\u00e9", 101),
    "long word without repetition": "".join(chr(97 + (i * i * 7 + i * 3) % 26) for i in range(2000)),
    "long run of digits": repeated("0123456789", 100),
    "long run of spaces": "a" + repeated(" ", 1000) + "b",
    "long run of new lines": "a" + repeated("\n", 300) + " b",
    "long run of punctuation": repeated("-=", 300),
    "unknown words": "qwxzjk zzzzyyyy \u0f00\u0f01 " + u(0x1f9ff) + "x",
    "word pieces": "unaffable embeddings tokenization antidisestablishmentarianism ##ing ## #",
    "every Latin-1 character": "".join(map(chr, range(0xa0, 0x100))),
    "lone lead byte": b"a\xc3",
    "lone continuation": b"a\x80b\xbf",
    "overlong": b"a\xc0\xafb\xe0\x80\xafc",
    "surrogates as bytes": b"a\xed\xa0\x80\xed\xb0\x80b",
    "above the last code point": b"a\xf4\x90\x80\x80b\xf5\x80\x80\x80",
    "cut emoji": b"ok \xf0\x9f\x98 then \xf0\x9f then \xf0",
    "Latin-1 bytes": "caf\u00e9 na\u00efve".encode("latin-1"),
    "UTF-16": "hello".encode("utf-16"),
    "every byte": bytes(range(256)),
    "bad byte beside marks": b"e\xff\xcc\x81 x\xcc\x81\xfe",
    "bad bytes in a control token": b"<|im_\xffend|> [S\xffEP] \xff[SEP]\xff",
}


def train_byte_level_bpe():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(QWEN2), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.train_from_iterator(TRAINING_TEXT.splitlines(), trainers.BpeTrainer(
        vocab_size=700, special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    tokenizer.add_tokens([
        AddedToken("<tool>", normalized=False), AddedToken("keep", single_word=True),
        AddedToken("<trim>", lstrip=True, rstrip=True, normalized=True)])
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single="<|im_start|> $A <|im_end|>", special_tokens=[
            (t, tokenizer.token_to_id(t)) for t in ("<|im_start|>", "<|im_end|>")])])
    (HERE / "byte_level_bpe").mkdir(exist_ok=True)
    tokenizer.save(str(HERE / "byte_level_bpe" / "tokenizer.json"), pretty=False)
    return tokenizer


def train_sentence_piece(folder, **options):
    # "identity": the tables of the other rules would make the file 250 kB; live_tokenizers.py has them.
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TRAINING_TEXT.strip().splitlines()), model_writer=model,
        vocab_size=600, byte_fallback=True, character_coverage=0.99,
        normalization_rule_name="identity", control_symbols=["<|im_start|>", "<|im_end|>"],
        num_threads=1, minloglevel=2, hard_vocab_limit=False, **options)
    (HERE / folder).mkdir(exist_ok=True)
    (HERE / folder / "tokenizer.model").write_bytes(model.getvalue())
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())


def main():
    models_folder = cache_folder() / "models"
    references = {
        "word_piece": Tokenizer.from_file(str(models_folder / "all-MiniLM-L6-v2" / "tokenizer.json")),
        "smollm2": bpe_of_gguf(models_folder / "SmolLM2-135M-Instruct.Q4_1.gguf"),
        "byte_level_bpe": train_byte_level_bpe(),
    }
    sentence_pieces = {
        "sentence_piece": train_sentence_piece(
            "sentence_piece", model_type="unigram", user_defined_symbols=["<tool>"]),
        "sentence_piece_bpe": train_sentence_piece(
            "sentence_piece_bpe", model_type="bpe", remove_extra_whitespaces=False,
            split_digits=True, allow_whitespace_only_pieces=True,
            user_defined_symbols=["<tool>", "\n", "\n\n", "\n\n\n", "\u2581" * 2, "\u2581" * 3]),
    }
    cases = []
    for name, case in HARD_CASES.items():
        raw = case if isinstance(case, bytes) else case.encode()
        text = raw.decode(errors="replace")
        expected = {}
        for reference, tokenizer in references.items():
            tokenizer.no_truncation()
            tokenizer.no_padding()
            for mode, as_text in (("as_text", True), ("parse", False)):
                tokenizer.encode_special_tokens = as_text
                expected.setdefault(reference, {})[mode] = tokenizer.encode(
                    text, add_special_tokens=False).ids
            if expected[reference]["parse"] == expected[reference]["as_text"]:
                del expected[reference]["parse"]
        for reference, processor in sentence_pieces.items():
            expected[reference] = {"as_text": processor.encode(text, out_type=int)}
        cases.append({"name": name, "bytes": base64.b64encode(raw).decode(), "expected": expected})
    made_by = {"script": "make_tokenizers.py", "tokenizers": tokenizers.__version__,
               "sentencepiece": sentencepiece.__version__}
    with open(HERE / "tokenizer_hard_cases.json", "w", encoding="ascii") as out:
        out.write('{"made_by": ' + json.dumps(made_by) + ',\n"cases": [\n')
        out.write(",\n".join(json.dumps(c, separators=(",", ":")) for c in cases))
        out.write("\n]}\n")
    print(f"{len(cases)} cases")


if __name__ == "__main__":
    main()
