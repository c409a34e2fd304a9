"""A real `tandem serve` over the documents beside this file."""
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
DOCUMENTS = HERE / "documents"
PROGRAM = os.environ["TANDEM_PROGRAM"]
MODELS = pathlib.Path(os.environ["TANDEM_MODELS"])
ENCODER = MODELS / "all-MiniLM-L6-v2"
GENERATOR = MODELS / "SmolLM2-135M-Instruct.Q4_1.gguf"
GENERATOR_NAME = GENERATOR.stem
ENCODER_NAME = ENCODER.name
INDEXED = ["lighthouse.md", "bread.html", "bicycle.txt"]


class Server:
    """A running server. Its log is shown when it ends badly."""

    def __init__(self, store, *arguments):
        self.store = store
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [PROGRAM, "serve", "--store", store, "--encoder", ENCODER, "--generator", GENERATOR,
             "--port", "0", *arguments],
            stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.process.stdout.readline()
        match = re.fullmatch(r"listening on (https?://127\.0\.0\.1:(\d+))\n", line)
        if not match:
            self.process.wait(10)
            raise AssertionError(f"no server, but {line!r} and: {self.read_log()}")
        self.url = match[1]
        self.port = int(match[2])

    def read_log(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def request(self, method, path, body=None, headers=None):
        """Status, headers and parsed body."""
        data = None
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path, data=data, method=method,
            headers={"Content-Type": "application/json", **(headers or {})})
        try:
            response = urllib.request.urlopen(request, timeout=120)
        except urllib.error.HTTPError as error:
            response = error
        with response:
            text = response.read().decode()
            kind = response.headers.get("Content-Type", "")
            return response.status, response.headers, (
                json.loads(text) if kind.startswith("application/json") else text)

    def metric(self, name, **labels):
        """The sum over all lines of a metric that have these labels."""
        total = 0.0
        for line in self.request("GET", "/metrics")[2].splitlines():
            match = re.fullmatch(r"(\w+)(\{.*\})? (\S+)", line)
            if match and match[1] == name and all(
                    f'{key}="{value}"' in (match[2] or "") for key, value in labels.items()):
                total += float(match[3])
        return total

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def stop(self):
        """Ends the server as a user would; a crash is an error."""
        self.terminate()
        status = self.process.wait(60)
        self.process.stdout.close()
        log = self.read_log()
        self.log.close()
        if status != 0:
            raise AssertionError(f"the server ended with {status}: {log}")


def keys(store, *arguments):
    """What `tandem keys` prints: of add and rotate, the key."""
    done = subprocess.run([PROGRAM, "keys", *arguments, "--store", store], check=True,
                          capture_output=True, text=True)
    return done.stdout.strip()


@contextlib.contextmanager
def running_server(documents=INDEXED, arguments=()):
    with tempfile.TemporaryDirectory(prefix="tandem-e2e-") as folder:
        store = os.path.join(folder, "store")
        for document in documents:
            subprocess.run(
                [PROGRAM, "index", DOCUMENTS / document, "--store", store, "--encoder", ENCODER],
                check=True, capture_output=True)
        server = Server(store, *arguments)
        try:
            yield server
        finally:
            if server.process.poll() is None:
                server.stop()


def wait_until(condition, seconds=20, what="the condition"):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {seconds} s")
        time.sleep(0.05)


def read_all(connection):
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while some := connection.recv(65536):
            data += some
    return data


def http_bytes(method, path, body=b"", headers=()):
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *headers]
    if body or method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def multipart(name, content, **fields):
    """A form with a file, and the headers that go with it."""
    boundary = "----tandem-test"
    parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
             for key, value in fields.items()]
    parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
                 "Content-Type: application/octet-stream\r\n\r\n".encode() + content + b"\r\n")
    body = b"".join(parts) + f"--{boundary}--\r\n".encode()
    return body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}
