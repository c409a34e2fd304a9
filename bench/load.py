"""A server under load, over the loopback interface: many clients, many open streams, an ingestion.

Prints one JSON object a figure. There is no peer: figures are compared with those of the same server
when nothing else is going on.
"""
import concurrent.futures
import http.client
import json
import pathlib
import re
import statistics
import subprocess
import threading
import time

CLIENTS = 64
STREAMS = 256
STREAM_TOKENS = 16
IDLE_SEARCHES = 200
QUESTIONS = ["How large may a database be?", "What is a savepoint?", "When is an index used?",
             "How does vacuum work?", "What is the default page size?", "Which functions are built in?",
             "What does write-ahead logging change?", "How are dates stored?"]


class Server:
    def __init__(self, program, store, encoder, generator, threads):
        self.process = subprocess.Popen(
            [program, "serve", "--store", store, "--encoder", encoder, "--generator", generator, "--threads",
             threads, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        line = self.process.stdout.readline()
        self.port = int(re.fullmatch(r"listening on http://127\.0\.0\.1:(\d+)\n", line)[1])

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)

    def resident_mib(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024

    def stop(self):
        self.process.terminate()
        self.process.wait(60)


def post(connection, path, body):
    """Status and seconds; the body is read."""
    begin = time.perf_counter()
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    response = connection.getresponse()
    response.read()
    return response.status, time.perf_counter() - begin


def searches(server, count, first=0):
    connection = server.connect()
    done = [post(connection, "/v1/search", {"query": QUESTIONS[(first + i) % len(QUESTIONS)]})
            for i in range(count)]
    connection.close()
    return done


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def print_figure(name, unit, value, other, other_name, target=None):
    """`other` is what `value` is measured against, both smaller the better."""
    print(json.dumps({"figure": f"load: {name}", "unit": unit, "tandem": round(value, 4), "peer": round(other, 4),
                      "peer_name": other_name, "ratio": round(other / value, 3) if value else None,
                      "target": target, "n": 1}), flush=True)


def measure_clients(server, idle_s, each):
    """Closed loops of many clients: whether any is refused, and whether all get their part."""
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        begin = time.perf_counter()
        answers = list(pool.map(lambda client: searches(server, each, client), range(CLIENTS)))
        seconds = time.perf_counter() - begin
    refused = sum(status != 200 for client in answers for status, _ in client)
    means = [statistics.mean(taken for _, taken in client) for client in answers]
    print_figure(f"{CLIENTS} clients, errors", "requests", refused, 0, "none")
    print_figure(f"{CLIENTS} clients, time of a search", "s", seconds / (CLIENTS * each), idle_s,
                 "one client, median")
    print_figure(f"{CLIENTS} clients, the slowest's mean", "s", max(means), min(means), "the fastest's mean")


def stream(server, barrier, index):
    """Whether a streamed answer came whole; all begin together and stay open at once."""
    connection = server.connect()
    body = {"messages": [{"role": "user", "content": f"Count from {index} on."}], "stream": True,
            "max_tokens": STREAM_TOKENS, "tandem": {"retrieve": False}}
    connection.connect()
    barrier.wait(600)
    connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
    response = connection.getresponse()
    whole = response.status == 200 and b"data: [DONE]" in response.read()
    connection.close()
    return whole


def measure_streams(server):
    def round_of_streams():
        barrier = threading.Barrier(STREAMS)
        with concurrent.futures.ThreadPoolExecutor(STREAMS) as pool:
            return sum(not whole for whole in pool.map(lambda i: stream(server, barrier, i), range(STREAMS)))
    broken = round_of_streams()
    before = server.resident_mib()
    broken += round_of_streams() + round_of_streams()
    print_figure(f"{STREAMS} open streams, errors in 3 rounds", "requests", broken, 0, "none")
    print_figure(f"{STREAMS} open streams, resident after 3 rounds", "MiB", server.resident_mib(), before,
                 "after the first")


def measure_ingestion(server, idle_s, documents):
    """One client searches while another adds documents as fast as they are taken."""
    ended = threading.Event()

    def ingest():
        connection = server.connect()
        for path in documents:
            text = path.read_text(errors="replace")
            post(connection, "/v1/documents", {"text": text, "source": path.name, "collection": "added"})
        ended.set()
    thread = threading.Thread(target=ingest)
    thread.start()
    taken = []
    while not ended.is_set():
        taken += [seconds for _, seconds in searches(server, len(QUESTIONS))]
    thread.join()
    print_figure("search during an ingestion, p99", "s", percentile(taken, 0.99), idle_s,
                 f"idle, median; {len(taken)} searches", 0.333)


def run(program, store, encoder, generator, threads, documents, quick):
    server = Server(program, store, encoder, generator, threads)
    try:
        searches(server, IDLE_SEARCHES)
        idle_s = statistics.median(seconds for _, seconds in searches(server, IDLE_SEARCHES))
        measure_clients(server, idle_s, 20 if quick else 100)
        measure_streams(server)
        measure_ingestion(server, idle_s, documents[:40 if quick else 200])
    finally:
        server.stop()
