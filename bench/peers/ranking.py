"""sentence-transformers, bm25s and reciprocal rank fusion of both, on the figures of bench/ranking.cc.

usage: ranking.py ENCODER DATA
"""
import json
import math
import pathlib
import sys

from measure import answer_measurements

DEPTH = 100


def lines(path):
    return [json.loads(line) for line in open(path)]


def questions_of(folder):
    """Pairs of a text and the grades of its relevant documents."""
    if (folder / "dev.jsonl").exists():
        return [(row["question"], dict.fromkeys(row["positives"], 1)) for row in lines(folder / "dev.jsonl")]
    relevant = {}
    for line in open(folder / "qrels/test.tsv").read().splitlines()[1:]:
        query, document, grade = line.split("\t")
        if int(grade) > 0:
            relevant.setdefault(query, {})[document] = int(grade)
    return [(row["text"], relevant[row["_id"]]) for row in lines(folder / "queries.jsonl")
            if row["_id"] in relevant]


def dense(encoder, texts, questions):
    import numpy
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(encoder, device="cpu")
    passages = model.encode(texts, batch_size=32, normalize_embeddings=True)
    scores = model.encode(questions, normalize_embeddings=True) @ passages.T
    return numpy.argsort(-scores, axis=1, kind="stable")[:, :DEPTH].tolist()


def bm25(texts, questions):
    import bm25s
    import Stemmer

    def words(of):
        return bm25s.tokenize(of, stopwords="en", stemmer=Stemmer.Stemmer("english"), show_progress=False)

    index = bm25s.BM25()
    index.index(words(texts), show_progress=False)
    return index.retrieve(words(questions), k=DEPTH, show_progress=False)[0].tolist()


def fused(rankings):
    scores = {}
    for ranking in rankings:
        for place, document in enumerate(ranking):
            scores[document] = scores.get(document, 0) + 1 / (61 + place)
    return sorted(scores, key=scores.get, reverse=True)


def ndcg(ranking, relevant):
    gains = [relevant.get(document, 0) for document in ranking[:10]]
    ideal = sorted(relevant.values(), reverse=True)[:10]
    return (sum(gain / math.log2(i + 2) for i, gain in enumerate(gains)) /
            sum(gain / math.log2(i + 2) for i, gain in enumerate(ideal)))


def reciprocal_rank(ranking, relevant):
    return next((1 / (i + 1) for i, document in enumerate(ranking) if document in relevant), 0)


def main():
    encoder, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    corpus = lines(folder / "corpus.jsonl")
    ids = [row.get("_id", row.get("id")) for row in corpus]
    texts = ["\n".join(filter(None, (row.get("title"), row["text"]))) for row in corpus]
    questions = questions_of(folder)

    def measure():
        asked = [text for text, _ in questions]
        modes = {"BM25": bm25(texts, asked), "dense": dense(encoder, texts, asked)}
        modes["hybrid"] = [fused(pair) for pair in zip(*modes.values())]
        figures = {}
        for name, rankings in modes.items():
            found = [([ids[place] for place in ranking], relevant)
                     for ranking, (_, relevant) in zip(rankings, questions)]
            figures[f"{name}: nDCG@10, of 1"] = sum(ndcg(*pair) for pair in found) / len(found)
            figures[f"{name}: MRR, of 1"] = sum(
                reciprocal_rank(ranking[:20], relevant) for ranking, relevant in found) / len(found)
            for k in (1, 5, 20):
                figures[f"{name}: recall@{k}, of 1"] = sum(
                    len(relevant.keys() & set(ranking[:k])) / len(relevant)
                    for ranking, relevant in found) / len(found)
        return figures

    answer_measurements(measure)


if __name__ == "__main__":
    main()
