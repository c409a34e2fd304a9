"""HTTPS: the real client, what is no TLS, and a certificate that is renewed while the server runs."""
import contextlib
import json
import os
import pathlib
import socket
import ssl
import subprocess
import tempfile
import unittest
import urllib.request

import openai

import support

QUESTION = [{"role": "user", "content": "How often does the lamp of Gannet Rock flash?"}]


def make_certificate(folder, days=1):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-days", str(days), "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost,IP:127.0.0.1", "-out", folder / "new.pem", "-keyout",
         folder / "new.key"], check=True, capture_output=True)
    # As tools that renew certificates do: one file after the other.
    os.replace(folder / "new.key", folder / "server.key")
    os.replace(folder / "new.pem", folder / "server.pem")


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="tandem-e2e-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        make_certificate(cls.folder)
        stack = support.running_server(arguments=("--tls-certificate", cls.folder / "server.pem",
                                                  "--tls-key", cls.folder / "server.key"))
        cls.server = stack.__enter__()
        cls.addClassCleanup(stack.__exit__, None, None, None)

    def trusting(self):
        return ssl.create_default_context(cafile=self.folder / "server.pem")

    def client(self):
        http = openai.DefaultHttpxClient(verify=self.trusting())
        client = openai.OpenAI(base_url=f"{self.server.url}/v1", api_key="unused", max_retries=0, http_client=http)
        self.addCleanup(client.close)
        return client

    def get(self, path):
        with urllib.request.urlopen(self.server.url + path, context=self.trusting()) as response:
            return response.read().decode()

    def answers(self):
        return json.loads(self.get("/health"))["status"]

    def test_the_real_client(self):
        client = self.client()
        whole = client.chat.completions.create(model="tandem", messages=QUESTION, temperature=0)
        self.assertIn("15 seconds", whole.choices[0].message.content)
        text = ""
        for chunk in client.chat.completions.create(model="tandem", messages=QUESTION, temperature=0, stream=True):
            text += chunk.choices[0].delta.content or ""
        self.assertEqual(text, whole.choices[0].message.content)

    def test_large_bodies_go_both_ways(self):
        text = "\n\n".join(f"Paragraph {i} of a long text about nothing." for i in range(4000))
        files = self.client().files
        file = files.create(file=("long.txt", text.encode()), purpose="user_data")
        self.assertEqual(files.content(file.id).read(), text.encode())

    def test_a_connection_is_used_again(self):
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=30) as plain, \
                self.trusting().wrap_socket(plain, server_hostname="localhost") as connection:
            # The last are two at once: what was decrypted of the second must not wait for more from the
            # network.
            for count in 1, 1, 2:
                connection.sendall(support.http_bytes("GET", "/health") * count)
                answer = b""
                while answer.count(b'"ok"') < count:
                    answer += connection.recv(65536)

    def test_what_is_no_tls_ends_and_harms_nothing(self):
        for sent in (support.http_bytes("GET", "/health"), b"\x16\x03\x01\xff\xff" + b"x" * 5000, b""):
            with self.subTest(sent=sent[:10]), self.server.connect() as connection:
                connection.sendall(sent)
                with contextlib.suppress(OSError):  # it may have been closed already
                    connection.shutdown(socket.SHUT_WR)
                self.assertNotIn(b"HTTP/1.1 200", support.read_all(connection))
        self.assertEqual(self.answers(), "ok")

    def test_old_versions_are_refused(self):
        context = self.trusting()
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=30) as plain, \
                self.assertRaises(ssl.SSLError):
            context.wrap_socket(plain, server_hostname="localhost")

    def test_a_client_that_leaves_cancels_its_generation(self):
        body = json.dumps({"messages": QUESTION, "max_tokens": 2000, "stream": True, "ignore_eos": True,
                           "tandem": {"retrieve": False}}).encode()
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=30) as plain, \
                self.trusting().wrap_socket(plain, server_hostname="localhost") as connection:
            connection.sendall(support.http_bytes("POST", "/v1/chat/completions", body))
            self.assertIn(b"200 OK", connection.recv(65536))
        support.wait_until(lambda: "tandem_generations_in_flight 0\n" in self.get("/metrics"),
                           what="the end of the generation")

    def test_a_renewed_certificate_is_used(self):
        def served():
            return ssl.get_server_certificate(("127.0.0.1", self.server.port))
        former = served()
        make_certificate(self.folder, days=2)
        self.assertNotEqual(served(), former)
        self.assertEqual(served().strip(), (self.folder / "server.pem").read_text().strip())
        self.assertEqual(self.answers(), "ok")
        renewed = served()
        (self.folder / "server.pem").write_text("damaged")
        self.assertEqual(served(), renewed)
        make_certificate(self.folder)

    def test_files_that_are_none_are_refused_at_once(self):
        for certificate, key in (("none.pem", "server.key"), ("server.key", "server.pem")):
            with self.subTest(certificate=certificate):
                done = subprocess.run(
                    [support.PROGRAM, "serve", "--store", self.folder / "other", "--encoder", support.ENCODER,
                     "--generator", support.GENERATOR, "--port", "0", "--tls-certificate", self.folder / certificate, "--tls-key",
                     self.folder / key], capture_output=True, text=True)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(certificate, done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
