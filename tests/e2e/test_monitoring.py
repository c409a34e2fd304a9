"""What a running server tells those who look after it: metrics, the dashboard over them, and its log."""
import json
import pathlib
import re
import socket
import unittest

import support

DASHBOARD = pathlib.Path(__file__).parents[2] / "docs/grafana.json"
CHAT = "/v1/chat/completions"
SECRET = "Where is the treasure of Wren Tower buried?"


def ask(server, **fields):
    return server.request("POST", CHAT, {"messages": [{"role": "user", "content": SECRET}], "max_tokens": 4,
                                         **fields})


def samples(text):
    """Names of metrics, each with the labels of its samples."""
    found = {}
    for line in text.splitlines():
        if match := re.fullmatch(r"(\w+)(?:\{(.*)\})? \S+", line):
            found.setdefault(match[1], []).append(dict(re.findall(r'(\w+)="([^"]*)"', match[2] or "")))
    return found


class Metrics(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        stack = support.running_server()
        cls.server = stack.__enter__()
        cls.addClassCleanup(stack.__exit__, None, None, None)
        ask(cls.server)
        cls.server.request("POST", "/v1/embeddings", {"input": ["one", "two"]})
        cls.server.request("POST", "/v1/documents", {"text": "The tide turns at noon."})

    def test_the_dashboard_shows_what_is_there(self):
        there = samples(self.server.request("GET", "/metrics")[2])
        dashboard = json.loads(DASHBOARD.read_text())
        self.assertGreaterEqual(dashboard["schemaVersion"], 36)
        self.assertEqual(dashboard["templating"]["list"][0]["query"], "prometheus")
        panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
        self.assertEqual(len({panel["id"] for panel in dashboard["panels"]}), len(dashboard["panels"]))
        self.assertGreater(len(panels), 10)
        for panel in panels:
            for target in panel["targets"]:
                with self.subTest(panel=panel["title"], expr=target["expr"]):
                    self.check_expression(target["expr"], there)

    def check_expression(self, expression, there):
        names = re.findall(r"(tandem_\w+)\{([^}]*)\}", expression)
        self.assertEqual(len(names), expression.count("tandem_"), "each has its labels in braces")
        for name, selectors in names:
            self.assertIn(name, there)
            # The name of the instance is Prometheus'.
            wanted = dict(re.findall(r'(\w+)="([^"]*)"', selectors))
            self.assertTrue(any(wanted.items() <= labels.items() for labels in there[name]), wanted)
            for group in re.findall(r"by \(([^)]*)\)", expression):
                for label in group.split(", "):
                    self.assertTrue(all(label in labels for labels in there[name]), label)

    def test_counts_what_the_encoder_did(self):
        def work(kind):
            return [self.server.metric(f"tandem_encoder_{what}_total", kind=kind)
                    for what in ("calls", "texts", "seconds")]

        calls, texts, seconds = work("query")
        ask(self.server)
        after = work("query")
        self.assertEqual(after[:2], [calls + 1, texts + 1])
        self.assertGreater(after[2], seconds)
        _, before, _ = work("plain")
        self.server.request("POST", "/v1/embeddings", {"input": ["one", "two", "three"]})
        self.assertEqual(work("plain")[1], before + 3)

    def test_speed_and_sizes(self):
        answers = self.server.metric("tandem_decode_tokens_per_second_count")
        ask(self.server)
        self.assertEqual(self.server.metric("tandem_decode_tokens_per_second_count"), answers + 1)
        self.assertGreater(self.server.metric("tandem_store_bytes", part="db"), 1000)
        self.assertEqual(self.server.metric("tandem_http_connections_waiting"), 0)


class Log(unittest.TestCase):
    def log_of(self, use, *arguments):
        """Lines that a server has written when `use` of it has ended."""
        with support.running_server(arguments=arguments) as server:
            use(server)
            server.terminate()
            server.process.wait(60)
            server.process.stdout.close()
            with server.log:
                return server.read_log().splitlines()

    def use(self, server):
        self.assertEqual(ask(server)[0], 200)
        headers = {"X-Request-Id": "mine-7", "Authorization": "Bearer secret-word", "Cookie": "secret-word"}
        status, _, body = server.request("POST", CHAT, {"messages": [{"role": "user", "content": SECRET}],
                                                        "max_tokens": 2, "stream": True}, headers)
        self.assertEqual(status, 200)
        self.streamed = len(body.encode())
        self.assertEqual(server.request("GET", "/v1/documents/treasure-map?collection=treasure")[0], 404)
        self.assertEqual(server.request("GET", "/treasure")[0], 404)
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(b"treasure\r\n\r\n")
            support.read_all(connection)

    def test_json_is_an_object_a_line(self):
        lines = [json.loads(line) for line in self.log_of(self.use, "--log-format", "json")]
        for line in lines:
            self.assertRegex(line["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            self.assertIn(line["level"], ("info", "warning", "error"))
            self.assertTrue(line["message"])
        requests = [line for line in lines if "route" in line]
        self.assertEqual([(line["method"], line["route"], line["status"]) for line in requests[:4]],
                         [("POST", CHAT, 200), ("POST", CHAT, 200), ("GET", "/v1/documents/{id}", 404),
                          ("GET", "other", 404)])
        self.assertEqual([line["level"] for line in requests], ["info"] * len(requests))
        self.assertEqual(requests[-1]["status"], 400)
        self.assertTrue(all(line["request_id"] for line in requests))
        self.assertEqual(requests[1]["request_id"], "mine-7")
        for line in requests[:2]:
            self.assertGreater(line["seconds"], 0)
        self.assertGreater(requests[0]["bytes"], 1000)
        self.assertGreater(requests[1]["bytes"], self.streamed)
        self.assertTrue(any("stopping" in line["message"] for line in lines if "route" not in line))

    def test_nothing_of_what_users_write_is_in_it(self):
        for format in ("json", "text"):
            log = "\n".join(self.log_of(self.use, "--log-format", format))
            for word in ("reasure", "Wren", "secret-word"):
                self.assertNotIn(word, log)

    def test_text_has_no_line_for_each_request(self):
        lines = self.log_of(self.use)
        self.assertTrue(any("stopping" in line for line in lines))
        self.assertFalse([line for line in lines if CHAT in line or line.startswith("{")])


if __name__ == "__main__":
    unittest.main()
