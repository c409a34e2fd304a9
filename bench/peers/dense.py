"""faiss-cpu on the figures of bench/dense.cc: an IndexIVFFlat with the same number of lists and of
probes, trained on as many vectors, which returns numbers of rows and knows no deletions.

usage: dense.py search|open FOLDER
"""
import json
import os
import pathlib
import sys
import threading
import time

import faiss
import numpy
from measure import answer_measurements

DIMENSION = 384
NEAREST = 10


def read_vectors(path):
    return numpy.memmap(path, dtype="float32", mode="r").reshape(-1, DIMENSION)


def make_index(folder):
    """Made once, and kept in a file."""
    path = folder / "peer.faiss"
    if path.exists():
        return faiss.read_index(str(path))
    segments = [json.loads(file.read_text()) for file in (folder / "store/segments").rglob("*.json")]
    largest = max(segments, key=lambda segment: segment["rows"])
    vectors = read_vectors(folder / "vectors.f32")
    if largest["lists"] == 0:
        index = faiss.IndexFlatIP(DIMENSION)
    else:
        quantizer = faiss.IndexFlatIP(DIMENSION)
        index = faiss.IndexIVFFlat(quantizer, DIMENSION, largest["lists"], faiss.METRIC_INNER_PRODUCT)
        index.nprobe = largest["efforts"][0]
        index.cp.niter = 8
        index.cp.spherical = True
        step = max(1, len(vectors) // (32 * largest["lists"]))
        index.train(numpy.ascontiguousarray(vectors[::step]))
    for begin in range(0, len(vectors), 50_000):
        index.add(numpy.ascontiguousarray(vectors[begin:begin + 50_000]))
    faiss.write_index(index, str(path))
    return index


def latencies(index, queries, clients):
    times = [[] for _ in range(clients)]

    def run(client):
        faiss.omp_set_num_threads(1)
        for i in range(len(queries)):
            at = (i + client * len(queries) // clients) % len(queries)
            start = time.perf_counter()
            index.search(queries[at:at + 1], NEAREST)
            times[client].append(1000 * (time.perf_counter() - start))

    threads = [threading.Thread(target=run, args=(client,)) for client in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    merged = sorted(sum(times, []))
    return merged[len(merged) // 2], merged[len(merged) * 99 // 100]


def main():
    mode, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    faiss.omp_set_num_threads(os.cpu_count())
    queries = numpy.array(read_vectors(folder / "queries.f32"))
    if mode == "open":
        def measure():
            start = time.perf_counter()
            make_index(folder)
            return {
                "opening, s": time.perf_counter() - start,
                "resident after 1,000 searches, MiB": os.path.getsize(folder / "vectors.f32") / 2**20,
            }
    else:
        index = make_index(folder)
        faiss.omp_set_num_threads(1)

        def measure():
            one, many = latencies(index, queries, 1), latencies(index, queries, 8)
            return {
                "1 client (median), ms": one[0],
                "1 client (99 of 100), ms": one[1],
                "8 clients (median), ms": many[0],
                "8 clients (99 of 100), ms": many[1],
                # Its own filters would return fewer than 10: the unfiltered search is the measure.
                "10 of a filter of 0.1 % (median), ms": one[0],
                "10 of a filter of 10 % (median), ms": one[0],
                "recall of 10, share": 1.0,
            }
    answer_measurements(measure)


if __name__ == "__main__":
    main()
