"""SQLite FTS5 or bm25s, on the figures of bench/lexical.cc.

usage: lexical.py fts5|bm25s PASSAGES QUESTIONS
"""
import pathlib
import re
import sqlite3
import sys
import time

from measure import answer_measurements

HITS = 10


def fts5(passages):
    database = sqlite3.connect(":memory:")
    database.execute("create virtual table passage using fts5(text, tokenize='porter unicode61')")
    database.executemany("insert into passage values (?)", ((text,) for text in passages))
    database.execute("insert into passage(passage) values ('optimize')")

    def search(question):
        words = " OR ".join(f'"{word}"' for word in re.findall(r"\w+", question))
        return database.execute("select rowid from passage where passage match ? order by rank limit ?",
                                (words, HITS)).fetchall()

    return search


def bm25s(passages):
    import bm25s as library
    import Stemmer

    stemmer = Stemmer.Stemmer("english")
    index = library.BM25(backend="numba")
    index.index(library.tokenize(passages, stopwords="en", stemmer=stemmer, show_progress=False),
                show_progress=False)

    def search(question):
        words = library.tokenize([question], stopwords="en", stemmer=stemmer, show_progress=False)
        return index.retrieve(words, k=HITS, show_progress=False, n_threads=1)

    return search


def main():
    kind, passages, questions = sys.argv[1:]
    search = {"fts5": fts5, "bm25s": bm25s}[kind](pathlib.Path(passages).read_text().split("\n")[:-1])
    questions = pathlib.Path(questions).read_text().split("\n")[:-1]

    def measure():
        milliseconds = []
        for question in questions:
            start = time.perf_counter()
            search(question)
            milliseconds.append(1000 * (time.perf_counter() - start))
        milliseconds.sort()
        return {"question to passages (median), ms": milliseconds[len(milliseconds) // 2],
                "question to passages (95 of 100), ms": milliseconds[len(milliseconds) * 95 // 100]}

    answer_measurements(measure)


if __name__ == "__main__":
    main()
