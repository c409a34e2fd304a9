#!/usr/bin/env python3
"""Writes gemma_tokens.jsonl: the ids that Gemma 3's vocabulary, as its GGUF file has it, gives.

Usage: make_gemma_tokens.py    (needs llama-cpp-python, sentencepiece, protobuf, gguf, tokenizers;
the model as `scripts/models gemma` puts it)

Two references, independent of each other and of Tandem: llama.cpp, and the sentencepiece package with
a model whose fields are filled from the file through protobuf. Gemma was trained with the second, so its
ids are the ones kept; the line also names llama.cpp's where they differ.
"""
import base64
import json
import pathlib
import sys

import llama_cpp
import sentencepiece
from gguf import GGUFReader
from sentencepiece import sentencepiece_model_pb2

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
from live_tokenizers import cache_folder  # noqa: E402
from make_tokenizers import HARD_CASES  # noqa: E402

# Written for this file, one language each; some end in what a user would paste.
LINES = """
Nobody told the baker that the river would rise, so the flour was still on the lower shelf.
Der B\u00e4cker wusste nicht, dass der Fluss steigen w\u00fcrde; das Mehl stand noch im unteren Regal.
Le boulanger ignorait que la rivi\u00e8re allait monter\u00a0: la farine \u00e9tait rest\u00e9e en bas.
Nadie le dijo al panadero que el r\u00edo iba a crecer, \u00bfverdad? La harina segu\u00eda abajo.
O padeiro n\u00e3o sabia que o rio ia subir; a farinha ainda estava na prateleira de baixo.
Il fornaio non sapeva che il fiume sarebbe salito: la farina era ancora sul ripiano basso.
De bakker wist niet dat de rivier zou stijgen, dus het meel stond nog op de onderste plank.
Bagaren visste inte att \u00e5n skulle stiga, s\u00e5 mj\u00f6let stod kvar p\u00e5 den nedre hyllan.
Piekarz nie wiedzia\u0142, \u017ce rzeka wzbierze, wi\u0119c m\u0105ka sta\u0142a na dolnej p\u00f3\u0142ce.
Peka\u0159 nev\u011bd\u011bl, \u017ee \u0159eka stoupne, a mouka z\u016fstala na spodn\u00ed polici.
A p\u00e9k nem tudta, hogy megn\u0151 a foly\u00f3, \u00edgy a liszt az als\u00f3 polcon maradt.
Leipuri ei tiennyt, ett\u00e4 joki nousisi, joten jauhot j\u00e4iv\u00e4t alahyllylle.
F\u0131r\u0131nc\u0131 nehrin y\u00fckselece\u011fini bilmiyordu; un h\u00e2l\u00e2 alt raftayd\u0131.
Ng\u01b0\u1eddi th\u1ee3 b\u00e1nh kh\u00f4ng bi\u1ebft r\u1eb1ng n\u01b0\u1edbc s\u00f4ng s\u1ebd d\u00e2ng cao.
\u041f\u0435\u043a\u0430\u0440\u044c \u043d\u0435 \u0437\u043d\u0430\u043b, \u0447\u0442\u043e \u0440\u0435\u043a\u0430 \u043f\u043e\u0434\u043d\u0438\u043c\u0435\u0442\u0441\u044f.
\u041f\u0435\u043a\u0430\u0440 \u043d\u0435 \u0437\u043d\u0430\u0432, \u0449\u043e \u0440\u0456\u0447\u043a\u0430 \u043f\u0456\u0434\u043d\u0456\u043c\u0435\u0442\u044c\u0441\u044f, \u0457\u0439-\u0431\u043e\u0433\u0443.
\u039f \u03c6\u03bf\u03cd\u03c1\u03bd\u03b1\u03c1\u03b7\u03c2 \u03b4\u03b5\u03bd \u03ae\u03be\u03b5\u03c1\u03b5 \u03cc\u03c4\u03b9 \u03c4\u03bf \u03c0\u03bf\u03c4\u03ac\u03bc\u03b9 \u03b8\u03b1 \u03b1\u03bd\u03ad\u03b2\u03b5\u03b9.
\u05d4\u05d0\u05d5\u05e4\u05d4 \u05dc\u05d0 \u05d9\u05d3\u05e2 \u05e9\u05d4\u05e0\u05d4\u05e8 \u05d9\u05e2\u05dc\u05d4.
\u0644\u0645 \u064a\u0643\u0646 \u0627\u0644\u062e\u0628\u0627\u0632 \u064a\u0639\u0644\u0645 \u0623\u0646 \u0627\u0644\u0646\u0647\u0631 \u0633\u064a\u0631\u062a\u0641\u0639\u060c \u0641\u0628\u0642\u064a \u0627\u0644\u062f\u0642\u064a\u0642.
\u0646\u0627\u0646\u0648\u0627 \u0646\u0645\u06cc\u200c\u062f\u0627\u0646\u0633\u062a \u06a9\u0647 \u0631\u0648\u062f\u062e\u0627\u0646\u0647 \u0628\u0627\u0644\u0627 \u0645\u06cc\u200c\u0622\u06cc\u062f.
\u0928\u093e\u0928\u092c\u093e\u0908 \u0915\u094b \u0928\u0939\u0940\u0902 \u092a\u0924\u093e \u0925\u093e \u0915\u093f \u0928\u0926\u0940 \u091a\u0922\u093c\u0947\u0917\u0940\u0964
\u09a8\u09a6\u09c0 \u09ac\u09be\u09a1\u09bc\u09ac\u09c7, \u09b0\u09c1\u099f\u09bf\u0993\u09af\u09bc\u09be\u09b2\u09be \u099c\u09be\u09a8\u09a4 \u09a8\u09be\u0964
\u0b86\u0bb1\u0bc1 \u0b89\u0baf\u0bb0\u0bc1\u0bae\u0bcd \u0b8e\u0ba9\u0bcd\u0bb1\u0bc1 \u0baf\u0bbe\u0bb0\u0bc1\u0bae\u0bcd \u0b9a\u0bca\u0bb2\u0bcd\u0bb2\u0bb5\u0bbf\u0bb2\u0bcd\u0bb2\u0bc8.
\u0e04\u0e19\u0e02\u0e32\u0e22\u0e02\u0e19\u0e21\u0e1b\u0e31\u0e07\u0e44\u0e21\u0e48\u0e23\u0e39\u0e49\u0e27\u0e48\u0e32\u0e19\u0e49\u0e33\u0e08\u0e30\u0e02\u0e36\u0e49\u0e19
\u9762\u5305\u5e08\u4e0d\u77e5\u9053\u6cb3\u6c34\u4f1a\u4e0a\u6da8\uff0c\u6240\u4ee5\u9762\u7c89\u8fd8\u653e\u5728\u4e0b\u5c42\u67b6\u5b50\u4e0a\u3002
\u30d1\u30f3\u5c4b\u306f\u5ddd\u304c\u5897\u6c34\u3059\u308b\u3068\u306f\u77e5\u3089\u305a\u3001\u5c0f\u9ea6\u7c89\u306f\u4e0b\u306e\u68da\u306b\u7f6e\u3044\u305f\u307e\u307e\u3060\u3063\u305f\u3002
\ube75\uc9d1 \uc8fc\uc778\uc740 \uac15\ubb3c\uc774 \ubd88\uc5b4\ub0a0 \uc904 \ubab0\ub790\ub2e4.
\u10db\u10ea\u10ee\u10dd\u10d1\u10d4\u10da\u10db\u10d0 \u10d0\u10e0 \u10d8\u10ea\u10dd\u10d3\u10d0, \u10e0\u10dd\u10db \u10db\u10d3\u10d8\u10dc\u10d0\u10e0\u10d4 \u10d0\u10d8\u10ec\u10d4\u10d5\u10d3\u10d0.
\u1295\u130b\u1308\u122d \u12c8\u1295\u12d9 \u12a5\u1295\u12f0\u121a\u12c8\u1323 \u12a0\u120b\u12c8\u1240\u121d\u1362
Mwokaji hakujua kwamba mto ungepanda, kwa hiyo unga ulikuwa bado kwenye rafu ya chini.
""".strip().splitlines()

PASTED = {
    "indented code": "if river.rising:\n        move(flour, shelf=2)\n\n\n    else:\n\tpass\n\t\t# wait",
    "runs of spaces": "".join("a" + " " * n for n in range(1, 40)),
    "runs of new lines": "".join("a" + "\n" * n for n in range(1, 40)),
    "runs of tabs": "".join("a" + "\t" * n for n in range(1, 40)),
    "spaces before new lines": "a \n  b   \n\n c\n \n",
    "HTML": "<table><thead><th>flour</th></thead></table> <code>x</code> < table > <h1></h7>",
    "turns": "<bos><start_of_turn>user\nhi<end_of_turn>\n<start_of_turn>model\n<eos><unk><pad>",
    "reserved tokens": "<unused0><unused99> <start_of_image> [multimodal] [@BOS@]",
    "byte tokens as text": "<0x0A> <0xFF>",
    "the sign of a space": "\u2581 a\u2581b \u2581 \u2581\u2581c",
}


def sentence_piece_of(path):
    fields = GGUFReader(str(path)).fields
    model = sentencepiece_model_pb2.ModelProto()
    for i, (token, score, kind) in enumerate(zip(
            fields["tokenizer.ggml.tokens"].contents(), fields["tokenizer.ggml.scores"].contents(),
            fields["tokenizer.ggml.token_type"].contents())):
        # llama.cpp's converter undid the first for user-defined tokens and types the unknown one as control.
        model.pieces.add(
            piece=token.replace(" ", "\u2581") if kind == 4 else token, score=score,
            type=2 if i == fields["tokenizer.ggml.unknown_token_id"].contents() else kind)
    model.trainer_spec.model_type = sentencepiece_model_pb2.TrainerSpec.BPE
    model.trainer_spec.byte_fallback = True
    model.normalizer_spec.name = "identity"
    model.normalizer_spec.add_dummy_prefix = False
    model.normalizer_spec.remove_extra_whitespaces = False
    return sentencepiece.SentencePieceProcessor(model_proto=model.SerializeToString())


def main():
    path = cache_folder() / "models" / "gemma3-270m-q4_k_m.gguf"
    llama = llama_cpp.Llama(str(path), vocab_only=True, verbose=False)
    sentence_piece = sentence_piece_of(path)
    cases = dict(HARD_CASES) | {f"line {i}": line for i, line in enumerate(LINES)} | PASTED
    different = 0
    with open(HERE / "gemma_tokens.jsonl", "w", encoding="ascii") as out:
        made_by = {"script": "make_gemma_tokens.py", "llama-cpp-python": llama_cpp.__version__,
                   "sentencepiece": sentencepiece.__version__}
        out.write(json.dumps(made_by) + "\n")
        for name, case in cases.items():
            raw = case if isinstance(case, bytes) else case.encode()
            text = raw.decode(errors="replace")
            line = {"name": name, "bytes": base64.b64encode(raw).decode(),
                    "ids": sentence_piece.encode(text, out_type=int)}
            theirs = llama.tokenize(text.encode(), add_bos=False, special=False)
            if theirs != line["ids"]:
                line["llama_cpp"] = theirs
                different += 1
            out.write(json.dumps(line, separators=(",", ":")) + "\n")
    print(f"{len(cases)} cases, llama.cpp differs in {different}")


if __name__ == "__main__":
    main()
