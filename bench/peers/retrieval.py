"""sentence-transformers, faiss-cpu and SQLite's FTS5, on the figures of bench/retrieval.cc: the script
most people start from. HTML is stripped by the standard library and cut at 200 tokens; the rankings by
meaning and by words are joined by their reciprocal ranks.

usage: retrieval.py ENCODER DOCUMENTS STORE THREADS
"""
import html.parser
import os
import pathlib
import re
import sqlite3
import statistics
import sys
import time

import faiss
import numpy
import torch
from measure import answer_measurements
from sentence_transformers import SentenceTransformer

MAX_TOKENS = 200
HIDDEN = {"script", "style", "nav", "header", "footer", "title"}


class TextOf(html.parser.HTMLParser):
    def __init__(self, source):
        super().__init__()
        self.pieces = []
        self.hidden = 0
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.hidden += tag in HIDDEN

    def handle_endtag(self, tag):
        self.hidden -= tag in HIDDEN and self.hidden > 0

    def handle_data(self, data):
        if not self.hidden:
            self.pieces.append(data)


def passages_of(text, tokenizer):
    passage, length = [], 0
    for sentence in re.split(r"(?<=[.!?])\s+|\n{2,}", text):
        tokens = len(tokenizer.tokenize(sentence))
        if passage and length + tokens > MAX_TOKENS:
            yield " ".join(passage)
            passage, length = [], 0
        passage.append(sentence)
        length += tokens
    if passage:
        yield " ".join(passage)


def questions_of(source):
    """The same questions, read out of the program that this is the peer of."""
    block = re.search(r"kQuestions = \{(.*?)\};", source.read_text(), re.DOTALL).group(1)
    return re.findall(r'"([^"]+)"', block)


def main():
    encoder_path, documents, store, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    faiss.omp_set_num_threads(int(threads))
    model = SentenceTransformer(encoder_path, device="cpu")
    questions = questions_of(pathlib.Path(__file__).parents[1] / "retrieval.cc")

    def measure():
        if os.path.exists(store):
            os.remove(store)
        start = time.perf_counter()
        database = sqlite3.connect(store)
        database.execute("create table passage(id integer primary key, document text, text text)")
        database.execute("create virtual table words using fts5(text, content='passage', "
                         "content_rowid='id', tokenize='porter')")
        index = faiss.IndexFlatIP(model.get_sentence_embedding_dimension())
        texts, rows, count = [], [], 0
        for path in sorted(pathlib.Path(documents).rglob("*.html")):
            text = "".join(TextOf(path.read_text(errors="replace")).pieces)
            for passage in passages_of(text, model.tokenizer):
                rows.append((len(texts), str(path), passage))
                texts.append(passage)
            count += 1
        index.add(model.encode(texts, batch_size=32, normalize_embeddings=True))
        with database:
            database.executemany("insert into passage values (?, ?, ?)", rows)
            database.executemany("insert into words(rowid, text) values (?, ?)",
                                 [(row[0], row[2]) for row in rows])
        rate = count / (time.perf_counter() - start)
        latencies = []
        for question in questions:
            start = time.perf_counter()
            vector = model.encode([question], normalize_embeddings=True)
            _, ids = index.search(numpy.asarray(vector), 50)
            query = " OR ".join(re.findall(r"\w+", question))
            found = database.execute("select rowid from words where words match ? order by rank "
                                     "limit 50", (query,)).fetchall()
            scores = {}
            for ranking in ([int(i) for i in ids[0]], [row[0] for row in found]):
                for rank, i in enumerate(ranking):
                    scores[i] = scores.get(i, 0) + 1 / (60 + rank)
            for i in sorted(scores, key=scores.get, reverse=True)[:5]:
                database.execute("select text from passage where id = ?", (i,)).fetchone()
            latencies.append(1000 * (time.perf_counter() - start))
        return {
            "file to searchable, documents/s": rate,
            "question to passages (median), ms": statistics.median(latencies),
        }

    answer_measurements(measure)


if __name__ == "__main__":
    main()
