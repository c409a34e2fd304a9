"""Files and fine-tuning by the official openai client, over an end of the server in the middle."""
import json
import pathlib
import subprocess
import tempfile
import time
import unittest

import openai

import support

QUESTIONS = [
    ("How often does the lamp of Gannet Rock flash?", "Every fifteen seconds."),
    ("What is baked in the oven?", "Bread."),
    ("What is a bicycle's chain for?", "It drives the wheel."),
]
CHATS = "\n".join(json.dumps({"messages": [
    {"role": "system", "content": "Be brief."}, {"role": "user", "content": question},
    {"role": "assistant", "content": answer}]}) for question, answer in QUESTIONS).encode()
OWN_LINES = "\n".join(json.dumps({"question": question, "answers": [answer]})
                      for question, answer in QUESTIONS).encode()
STEPS = 3
# Small enough for a few seconds a step.
SMALL = {"steps": STEPS, "lora_rank": 2, "passages": 2, "passage_tokens": 32, "checkpoint": 1, "dev_answers": 1,
         "allow_leaks": True}


class FineTuning(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="tandem-e2e-")))
        for document in support.INDEXED:
            subprocess.run([support.PROGRAM, "index", support.DOCUMENTS / document, "--store", self.folder / "store",
                            "--encoder", support.ENCODER], check=True, capture_output=True)
        self.start()
        self.addCleanup(lambda: self.server.process.poll() is None and self.server.stop())

    def start(self, *arguments):
        self.server = support.Server(self.folder / "store", *arguments)
        self.client = openai.OpenAI(base_url=f"{self.server.url}/v1", api_key="unused", max_retries=0)
        self.addCleanup(self.client.close)
        self.jobs = self.client.fine_tuning.jobs

    def kill(self):
        self.server.process.kill()
        self.server.process.wait(60)
        self.server.process.stdout.close()
        self.server.log.close()

    def upload(self, content=CHATS, name="train.jsonl", purpose="fine-tune"):
        return self.client.files.create(file=(name, content), purpose=purpose)

    def create(self, own=None, **arguments):
        return self.jobs.create(model=support.GENERATOR_NAME, training_file=self.upload().id, seed=1,
                                extra_body={"tandem": {**SMALL, **(own or {})}}, **arguments)

    def messages(self, job):
        return [event.message for event in self.jobs.list_events(job.id, limit=3)]

    def wait_for(self, job, condition, seconds=600):
        deadline = time.monotonic() + seconds
        while not condition(now := self.jobs.retrieve(job.id)):
            if time.monotonic() > deadline or now.status in ("failed", "cancelled"):
                raise AssertionError((now.to_json(), self.messages(job)))
            time.sleep(0.1)
        return now

    def test_files(self):
        content = b"\x00\xff any bytes\r\n--boundary"
        made = self.upload(content, "../../etc/a \"b\" <c>.txt", "user_data")
        self.assertEqual((made.object, made.bytes, made.purpose, made.status),
                         ("file", len(content), "user_data", "processed"))
        self.assertNotIn("/", made.filename)
        self.assertLess(abs(made.created_at - time.time()), 60)
        others = [self.upload(CHATS, f"{i}.jsonl").id for i in range(5)]
        self.assertEqual(self.client.files.content(made.id).read(), content)
        self.assertEqual(self.client.files.retrieve(made.id), made)

        first = self.client.files.list(purpose="fine-tune", limit=2)
        self.assertTrue(first.has_more)
        self.assertEqual([file.id for file in first.data], others[:-3:-1])
        self.assertEqual([file.id for file in first], others[::-1])  # the client follows the pages
        self.assertEqual([file.id for file in self.client.files.list(order="asc", limit=4)], [made.id, *others])

        self.kill()
        self.start()
        self.assertEqual(self.client.files.content(made.id).read(), content)
        self.assertTrue(self.client.files.delete(made.id).deleted)
        for gone in made.id, "..%2F..%2FCURRENT", "file-1":
            with self.assertRaises(openai.NotFoundError):
                self.client.files.retrieve(gone)
            with self.assertRaises(openai.NotFoundError):
                self.client.files.content(gone)
        with self.assertRaises(openai.BadRequestError):
            self.client.files.list(after=made.id)
        with self.assertRaises(openai.BadRequestError) as refused:
            self.upload(purpose="world-domination")
        self.assertEqual(refused.exception.param, "purpose")
        with self.assertRaises(openai.BadRequestError):
            self.client.files.create(file=("a", b"a"), purpose="batch",
                                     expires_after={"anchor": "created_at", "seconds": 3600})

    def test_bad_uploads_are_the_clients_fault(self):
        part = b'--B\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
        purpose = part % (b"purpose", b"", b"fine-tune")
        file = part % (b"file", b'; filename="a"', b"x")
        bodies = {
            "empty": b"", "no end": purpose + file, "other boundary": (purpose + file).replace(b"--B", b"--C"),
            "no file": purpose + b"--B--\r\n", "no purpose": file + b"--B--\r\n",
            "no name": purpose + part % (b"file", b'; filename=""', b"x") + b"--B--\r\n",
            "long name": purpose + part % (b"file", b'; filename="%s"' % (b"a" * 5000), b"x") + b"--B--\r\n",
            "no disposition": b"--B\r\n\r\nx\r\n--B--\r\n", "many parts": (part % (b"a", b"", b"")) * 20_000 + b"--B--\r\n",
            "many headers": b"--B\r\n" + b"a: b\r\n" * 100_000 + b"\r\nx\r\n--B--\r\n",
            "nested": b"--B\r\nContent-Type: multipart/mixed; boundary=B\r\n\r\n" * 1000 + b"--B--\r\n",
            "half a header": b"--B\r\nContent-Disposi", "zeros": b"\0" * 100_000,
        }
        for kind in "multipart/form-data; boundary=B", "multipart/form-data", "multipart/form-data; boundary=", \
                "application/json", "multipart/form-data; boundary=" + "B" * 3000:
            for name, body in bodies.items():
                with self.subTest(kind=kind[:40], body=name):
                    status = self.server.request("POST", "/v1/files", body, {"Content-Type": kind})[0]
                    self.assertTrue(400 <= status < 500, status)
        connection = self.server.connect()
        connection.sendall(b"POST /v1/files HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999999\r\n"
                           b"Content-Type: multipart/form-data; boundary=B\r\n\r\n")
        self.assertIn(b" 413 ", support.read_all(connection).split(b"\r\n")[0])
        self.assertEqual(self.client.files.list().data, [])
        # An odd name is only a name.
        self.server.request("POST", "/v1/files", purpose + part % (b"file", b'; filename="\xff\x00\x1b[31m"', b"x") +
                            b"--B--\r\n", {"Content-Type": "multipart/form-data; boundary=B"})
        self.assertLessEqual(len(self.client.files.list().data), 1)

    def test_joint_training_survives_the_end_of_the_server(self):
        dev = self.upload(OWN_LINES, "dev.jsonl").id
        job = self.create({"promote": True}, suffix="keepers", metadata={"who": "me"}, validation_file=dev, method={
            "type": "joint", "joint": {"hyperparameters": {"batch_size": 2, "learning_rate_multiplier": 0.5}}})
        self.assertEqual(job.object, "fine_tuning.job")
        self.assertIsNone(job.fine_tuned_model)
        self.assertEqual(job.hyperparameters.batch_size, 2)
        waiting = self.create()
        running = self.wait_for(
            job, lambda now: now.tandem["step"] >= 1 and self.jobs.checkpoints.list(job.id).data)
        self.assertEqual(running.tandem["steps"], STEPS)
        self.assertGreaterEqual(running.estimated_finish, running.created_at)
        self.assertIsNone(self.jobs.retrieve(waiting.id).tandem["steps"])
        self.assertEqual(self.jobs.retrieve(waiting.id).status, "queued")
        training = self.trainings()[0]
        self.kill()
        support.wait_until(lambda: not pathlib.Path(f"/proc/{training}").exists(), 10, "the end of the training")
        self.start()
        self.assertEqual(self.jobs.cancel(waiting.id).status, "cancelled")
        # It answers meanwhile.
        self.assertEqual(self.client.chat.completions.create(
            model="tandem", max_tokens=3, messages=[{"role": "user", "content": "Why?"}]).release, "r1")
        ended = self.wait_for(job, lambda now: now.status == "succeeded")
        self.assertEqual((ended.fine_tuned_model, ended.seed, ended.suffix, ended.metadata),
                         ("r2", 1, "keepers", {"who": "me"}))
        self.assertGreater(ended.trained_tokens, 0)
        self.assertGreaterEqual(ended.finished_at, ended.created_at)
        self.assertIsNone(ended.estimated_finish)

        events = list(self.jobs.list_events(job.id, limit=2))
        told = [event.message for event in events]
        self.assertIn("The server was started again: the job goes on", told)
        steps = [event.data["step"] for event in events if event.type == "metrics" and "train_loss" in event.data]
        self.assertEqual(steps, list(range(STEPS, 0, -1)))
        checkpoints = self.jobs.checkpoints.list(job.id).data
        self.assertEqual([one.fine_tuned_model_checkpoint for one in checkpoints], ["r2"])
        self.assertIn(checkpoints[0].step_number, range(1, STEPS + 1))
        listed = self.jobs.list(limit=1)
        self.assertEqual([one.id for one in listed], [waiting.id, job.id])

        # It serves, under names of its own.
        answer = self.client.chat.completions.create(
            model=ended.fine_tuned_model, max_tokens=5, messages=[{"role": "user", "content": QUESTIONS[0][0]}])
        self.assertEqual(answer.release, "r2")
        self.assertEqual({model.id for model in self.client.models.list()},
                         {f"{support.GENERATOR_NAME}-keepers", f"{support.ENCODER_NAME}-keepers"})
        # And can be gone on with.
        again = self.jobs.create(model="r2", training_file=self.upload().id, extra_body={"tandem": SMALL})
        self.wait_for(again, lambda now: now.status == "running")
        self.assertEqual(self.jobs.cancel(again.id).status, "cancelled")

    def test_preferences(self):
        pairs = "\n".join(json.dumps({
            "input": {"messages": [{"role": "user", "content": question}]},
            "preferred_output": [{"role": "assistant", "content": answer}],
            "non_preferred_output": [{"role": "assistant", "content": "Nobody can say."}]})
            for question, answer in QUESTIONS).encode()
        job = self.jobs.create(
            model="tandem", training_file=self.upload(pairs).id, seed=1, suffix="taste",
            method={"type": "dpo", "dpo": {"hyperparameters": {"beta": 0.2, "batch_size": 2}}},
            extra_body={"tandem": {"steps": 2, "lora_rank": 2, "passages": 1, "passage_tokens": 32, "promote": True}})
        self.assertEqual((job.method.type, job.method.dpo.hyperparameters.beta), ("dpo", 0.2))
        ended = self.wait_for(job, lambda now: now.status == "succeeded")
        self.assertEqual((ended.fine_tuned_model, ended.tandem["step"]), ("r2", 2))
        # The generator is another one, the encoder is not.
        self.assertEqual({model.id for model in self.client.models.list()},
                         {f"{support.GENERATOR_NAME}-taste", support.ENCODER_NAME})

    def test_cancelling_ends_the_training(self):
        job = self.create()
        self.wait_for(job, lambda now: now.status == "running")
        support.wait_until(self.trainings, 60, "a training")
        poll = lambda path: self.server.request("GET", path)[1].get_all("openai-poll-after-ms", [])
        paths = "/v1/fine_tuning/jobs", f"/v1/fine_tuning/jobs/{job.id}"
        self.assertEqual([len(poll(path)) for path in paths], [1, 1])
        self.assertEqual(self.jobs.cancel(job.id).status, "cancelled")
        self.assertEqual([poll(path) for path in paths], [[], []])
        self.assertEqual(self.trainings(), [])
        with self.assertRaises(openai.BadRequestError):
            self.jobs.cancel(job.id)
        with self.assertRaises(openai.NotFoundError):
            self.jobs.cancel("ftjob-none")

    def trainings(self):
        """Processes that the server has started."""
        tasks = pathlib.Path(f"/proc/{self.server.process.pid}/task")
        return [child for task in tasks.iterdir() for child in (task / "children").read_text().split()]

    def test_a_training_that_fails_says_why(self):
        file = self.upload(b'{"question": "Why?", "answers": ["So."], "positives": ["no such passage"]}')
        job = self.jobs.create(model="tandem", training_file=file.id)
        with self.assertRaises(AssertionError):
            self.wait_for(job, lambda now: now.status == "succeeded")
        failed = self.jobs.retrieve(job.id)
        self.assertEqual(failed.status, "failed")
        self.assertIn("no such passage", failed.error.message)
        self.assertEqual(self.client.models.list().data[0].id, support.GENERATOR_NAME)

    def test_what_cannot_be_done_is_said_at_once(self):
        file = self.upload().id
        for arguments in ({"method": {"type": "reinforcement"}}, {"method": {"type": "dpo"}}, {"model": "gpt-4o-mini"}, {"training_file": "file-none"},
                          {"training_file": self.upload(b"no lines").id}, {"hyperparameters": {"n_epochs": -1}},
                          {"training_file": self.upload(purpose="assistants").id},
                          {"extra_body": {"tandem": {"promote_if": "dev.f1 > current"}}}):
            with self.subTest(**arguments), self.assertRaises(openai.BadRequestError):
                self.jobs.create(**{"model": "tandem", "training_file": file, **arguments})
        self.assertEqual(self.jobs.list().data, [])
        for call in self.jobs.retrieve, self.jobs.list_events, self.jobs.checkpoints.list:
            with self.assertRaises(openai.NotFoundError):
                call("ftjob-none")


if __name__ == "__main__":
    unittest.main()
