"""The view "Models" of the page: releases, a training, its curves."""
import json
import re

from playwright.sync_api import expect

import browser
import support

TRAINING_MS = 600_000  # a slow machine under load
STEPS = 3
WIDE, PHONE = (1280, 900), (390, 844)


def lines(questions):
    return "\n".join(json.dumps({"question": question, "answers": [answer]})
                     for question, answer in questions).encode()


TRAIN = lines([("How often does the lamp of Gannet Rock flash?", "Every fifteen seconds."),
               ("What is baked in the oven?", "Bread.")])
DEV = lines([("What is a bicycle's chain for?", "It drives the wheel.")])


def file(name, content):
    return {"name": name, "mimeType": "application/jsonl", "buffer": content}


def setUpModule():
    global server
    server = browser.start()


class ModelsTest(browser.PageTest):
    size = WIDE
    address = "/#models"

    def setUp(self):
        super().setUp()
        self.page.locator("#releases li").first.wait_for()

    def shot(self, name):
        """The whole view, also what would have to be scrolled to."""
        height = self.page.evaluate("document.querySelector('.models-column').offsetHeight + 120")
        self.page.set_viewport_size({"width": self.size[0], "height": max(height, self.size[1])})
        self.page.screenshot(path=browser.ARTIFACTS / f"models-{name}.png", animations="disabled")
        self.resize(self.size)

    def row(self, name):
        return self.page.locator("#releases li", has=self.page.locator("strong", has_text=name))

    def confirm(self, words, name):
        """Reads the question and agrees."""
        dialog = self.page.get_by_role("dialog")
        expect(dialog).to_contain_text(words)
        dialog.get_by_role("button", name=name).click()
        expect(dialog).to_be_hidden()

    def start(self, method, **numbers):
        """Begins a training of a few steps with the form; returns its row."""
        page = self.page
        page.get_by_role("radio", name=re.compile(f"^{method}")).check()
        page.get_by_label("File of questions to learn from").set_input_files(file("train.jsonl", TRAIN))
        page.get_by_label("Questions to measure by").first.select_option(label="another file on this computer")
        page.get_by_label("File of questions to measure by").set_input_files(file("dev.jsonl", DEV))
        page.get_by_text("More settings").click()
        for label, number in {"Stop after so many steps": STEPS, "Rank of a small addition": 2,
                              "Passages read for a question": 2, "Tokens read of a passage": 32,
                              "Questions answered to measure": 1, "Measure after so many steps": 1,
                              **numbers}.items():
            page.get_by_label(label).fill(str(number))
        page.get_by_role("button", name="Start training").click()
        return page.locator("#jobs li").first

    def resize(self, size):
        self.size = size
        self.page.set_viewport_size({"width": size[0], "height": size[1]})

    def no_sideways_scroll(self):
        super().no_sideways_scroll()
        width = self.page.evaluate("document.getElementById('models').scrollWidth")
        self.assertLessEqual(width, self.size[0])


class Wide(ModelsTest):
    def test_trains_watches_promotes_and_rolls_back(self):
        page = self.page
        expect(page.locator("#serving")).to_contain_text(support.GENERATOR_NAME)
        expect(page.locator("#serving")).to_contain_text("default: 3 documents")
        expect(self.row("r1")).to_contain_text("in service")
        self.shot("before")

        page.get_by_label("Name for the new models").fill("keepers")
        job = self.start("Both models")
        expect(job).to_contain_text("keepers")
        expect(job.locator(".badge")).to_have_text("training", timeout=60_000)
        loss = job.get_by_role("img", name="Loss while learning")
        expect(loss).to_be_visible(timeout=TRAINING_MS)
        self.shot("running")
        expect(job.locator(".badge")).to_have_text("succeeded", timeout=TRAINING_MS)
        expect(job).to_contain_text(f"step {STEPS}")
        expect(loss.locator(".point")).to_have_count(STEPS)
        expect(loss).to_have_attribute("aria-label", re.compile(f"at step 1 to .* at step {STEPS}"))
        expect(job.get_by_role("img", name="Words of the answers right")).to_be_visible()
        job.get_by_text("All figures as a table").click()
        expect(job.locator("tbody tr")).to_have_count(STEPS)
        self.shot("trained")
        self.resize(PHONE)
        self.no_sideways_scroll()
        self.shot("phone-trained")
        self.resize(WIDE)
        page.emulate_media(color_scheme="dark")
        self.shot("dark")
        page.emulate_media(color_scheme="light")

        job.get_by_role("button", name="Promote r2").click()
        self.confirm("keepers", "Promote")
        expect(self.row("r2")).to_contain_text("in service", timeout=60_000)
        expect(page.locator("#serving")).to_contain_text(f"{support.GENERATOR_NAME}-keepers")
        self.assertEqual(server.request("GET", "/health")[2]["release"], "r2")
        self.shot("promoted")

        page.get_by_role("button", name="Roll back to r1").click()
        self.confirm("r2, which is kept", "Roll back")
        expect(self.row("r1")).to_contain_text("in service", timeout=60_000)
        self.assertEqual(server.request("GET", "/health")[2]["release"], "r1")

        page.get_by_role("button", name="Delete r2").click()
        page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
        expect(self.row("r2")).to_be_visible()
        page.get_by_role("button", name="Delete r2").click()
        self.confirm("cannot be undone", "Delete")
        expect(self.row("r2")).to_have_count(0)
        left = server.request("GET", "/v1/releases")[2]["data"]
        self.assertEqual([release["id"] for release in left], ["r1"])

    def test_cancels_a_training(self):
        job = self.start("The generator", **{"Stop after so many steps": 1000})
        job.get_by_role("button", name="Cancel").click()
        self.confirm("given up", "Cancel the training")
        expect(job.locator(".badge")).to_have_text("cancelled", timeout=60_000)
        self.assertEqual(server.request("GET", "/v1/fine_tuning/jobs")[2]["data"][0]["status"], "cancelled")

    def test_tells_what_is_wrong_with_a_file_and_keeps_nothing_of_it(self):
        files = len(server.request("GET", "/v1/files")[2]["data"])
        self.page.get_by_label("File of questions to learn from").set_input_files(
            file("<b>bad</b>.jsonl", b"<b>no line</b>"))
        self.page.get_by_role("button", name="Start training").click()
        expect(self.page.locator("#train-error")).to_contain_text("Line 1 of the file")
        self.assertEqual(len(server.request("GET", "/v1/files")[2]["data"]), files)
        self.shot("refused")
        self.faults = [fault for fault in self.faults if "400" not in fault]

    def test_a_reader_sees_all_and_is_told_that_changes_need_more(self):
        key = support.keys(server.store, "add", "models-reader")
        self.addCleanup(support.keys, server.store, "remove", "models-reader")
        self.page.reload()
        expect(self.page.locator("#key")).to_be_focused()
        self.page.keyboard.type(key)
        self.page.keyboard.press("Enter")
        expect(self.row("r1")).to_contain_text("in service")
        self.page.get_by_label("File of questions to learn from").set_input_files(file("train.jsonl", TRAIN))
        self.page.get_by_role("button", name="Start training").click()
        expect(self.page.locator("#train-error")).to_contain_text("scope 'write'")
        expect(self.page.get_by_role("button", name="Use another key")).to_be_visible()
        # The browser itself reports each refusal.
        self.faults = [fault for fault in self.faults if "401" not in fault and "403" not in fault]

    def test_the_views_have_addresses_and_need_no_mouse(self):
        page = self.page
        ask, models = page.get_by_role("link", name="Ask"), page.get_by_role("link", name="Models")
        expect(models).to_have_attribute("aria-current", "page")
        expect(page.locator("#question")).to_be_hidden()
        ask.focus()
        page.keyboard.press("Enter")
        expect(page.locator("#question")).to_be_visible()
        expect(page.locator("#models")).to_be_hidden()
        expect(ask).to_have_attribute("aria-current", "page")
        page.keyboard.press("Tab")
        page.go_back()
        expect(page.locator("#models")).to_be_visible()
        page.locator("#releases-title").evaluate("node => node.focus()")
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.id === 'train-start'"):
                return
        self.fail("Tab never reaches the button that starts a training")


class Phone(ModelsTest):
    size = PHONE

    def test_works_at_phone_width(self):
        expect(self.page.locator("#train-collection")).to_contain_text("default")
        self.page.get_by_text("More settings").click()
        self.no_sideways_scroll()
        self.shot("phone")


if __name__ == "__main__":
    browser.main()
