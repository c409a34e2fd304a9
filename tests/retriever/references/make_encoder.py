"""Reference vectors for tests/retriever/encoder_test.cc.

    python make_encoder.py all-MiniLM-L6-v2/ encoder_minilm

writes encoder_minilm.json, the 200 texts, each as a list of pieces to be joined by a space, and
encoder_minilm.f16, their vectors by `sentence-transformers` in float32, stored as little-endian
float16 [200, dimension].
"""

import json
import random
import sys

import numpy
import sentence_transformers
import torch

pieces = [
    "The ferry leaves the northern pier at a quarter past seven.",
    "A partial index covers only the rows that satisfy its WHERE clause.",
    "Photosynthesis stores the energy of sunlight in the bonds of sugars.",
    "He signed the lease without reading the clause about the roof.",
    "Memory that is freed twice corrupts the allocator's lists.",
    "Glaciers move a few centimetres a day, carrying boulders on their backs.",
    "The court held that silence does not amount to acceptance.",
    "Boil the lentils for twenty minutes, then add cumin and salt.",
    "The patient showed no fever, but the cough persisted for three weeks.",
    "Interest is compounded monthly unless the contract says otherwise.",
    "Der Vertrag kann mit einer Frist von drei Monaten gekündigt werden.",
    "Über den Dächern der Stadt kreisten am Abend hunderte Mauersegler.",
    "Le château fut reconstruit après l'incendie de l'année précédente.",
    "Où se trouve la gare la plus proche, s'il vous plaît ?",
    "El río crecía cada primavera e inundaba los huertos de la orilla.",
    "¿Cuántos años tardó en construirse el acueducto?",
    "Il treno delle sei e mezza è in ritardo di quaranta minuti.",
    "Onderzoekers vonden sporen van een oude dijk onder het zand.",
    "Książka leżała na stole, otwarta na stronie o gwiazdach.",
    "Библиотека открывается в девять часов утра, кроме понедельника.",
    "Η θάλασσα ήταν ήρεμη και το φως έπεφτε χαμηλά.",
    "図書館は月曜日を除いて毎朝九時に開きます。",
    "这座桥建于一九三二年,至今仍在使用。",
    "도서관은 월요일을 제외하고 매일 아침 아홉 시에 문을 연다.",
    "تفتح المكتبة أبوابها كل صباح ما عدا يوم الاثنين.",
    "הספרייה נפתחת בכל בוקר בתשע, חוץ מיום שני.",
    "पुस्तकालय सोमवार को छोड़कर हर सुबह नौ बजे खुलता है।",
    "Thư viện mở cửa lúc chín giờ sáng mỗi ngày, trừ thứ Hai.",
    "Kütüphane pazartesi dışında her sabah dokuzda açılır.",
    "SELECT title FROM books WHERE year > 1950 ORDER BY author LIMIT 10;",
    "for (int i = 0; i < n; ++i) sum += a[i] * b[i];",
    "pH = 7.4, T = 310 K, c(NaCl) = 0.154 mol/L",
    "🚲🌧️☕ — a day in three signs",
    "https://example.org/a/b?c=d&e=f#part-2",
    "O'Neill-Smith & Co. (est. 1897), e-mail: desk@example.org",
    "???!!!... --- ***",
    "naïve façade, coöperate, Zürich, Łódź, São Paulo",
    "x",
    "7",
    "supercalifragilisticexpialidocious" * 4,
]

hard = [[], [""], [" "], ["\n\t "], ["."], ["the"], ["\u200b"], ["\ufffd\ufffd"], ["[sep] (cls) {mask}"],
        ["a" * 3000], ["\u0301\u0301e\u0301"]]


def texts():
    chosen = list(hard) + [[piece] for piece in pieces]
    choice = random.Random(20)
    while len(chosen) < 200:
        # Lengths grow evenly from one piece to about 600 tokens, past the 256 that the model reads.
        count = 1 + (len(chosen) - 51) * 22 // 149
        first = choice.randrange(len(pieces) - 12)
        near = choice.random() < 0.5  # one language, or all mixed
        chosen.append([pieces[first + choice.randrange(3) if near else choice.randrange(len(pieces))]
                       for _ in range(count)])
    return chosen


def main(folder, out):
    model = sentence_transformers.SentenceTransformer(folder, device="cpu")
    chosen = texts()
    vectors = model.encode([" ".join(text) for text in chosen], normalize_embeddings=True)
    vectors.astype("<f2").tofile(out + ".f16")
    index = {piece: i for i, piece in enumerate(pieces)}
    with open(out + ".json", "w", encoding="utf-8") as file:
        json.dump({
            "made_by": {"torch": torch.__version__,
                        "sentence-transformers": sentence_transformers.__version__,
                        "numpy": numpy.__version__},
            "dimension": int(vectors.shape[1]),
            "pieces": pieces,
            # A number stands for a piece, a string for itself.
            "texts": [[index.get(piece, piece) for piece in text] for text in chosen],
        }, file, ensure_ascii=True)
        file.write("\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
