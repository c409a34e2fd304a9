"""The page: ask, watch, follow a citation, add documents, judge answers."""
from playwright.sync_api import expect

import browser
import support

QUESTION = "How often does the lamp of Gannet Rock flash?"
ANSWER_MS = 90_000  # a slow machine under load

DROP_FILE = """([name, text]) => {
  const data = new DataTransfer();
  data.items.add(new File([text], name, {type: 'text/markdown'}));
  const at = document.querySelector('main');
  for (const type of ['dragenter', 'dragover', 'drop']) {
    at.dispatchEvent(new DragEvent(type, {dataTransfer: data, bubbles: true, cancelable: true}));
  }
}"""


def setUpModule():
    global server
    server = browser.start()


class PageTest(browser.PageTest):
    def setUp(self):
        super().setUp()
        self.page.locator("#documents li").first.wait_for(state="attached")

    def shot(self, name):
        self.page.screenshot(path=browser.ARTIFACTS / f"page-{name}.png")

    def ask(self, question=QUESTION):
        self.page.locator("#question").fill(question)
        self.page.keyboard.press("Enter")
        self.page.locator(".turn .answer").last.wait_for()

    def wait_for_answer(self):
        expect(self.page.locator(".answer").last).to_have_attribute(
            "aria-busy", "false", timeout=ANSWER_MS)

    def remove_documents(self, source):
        for document in server.request("GET", "/v1/documents")[2]["data"]:
            if document["source"] == source:
                server.request("DELETE", f"/v1/documents/{document['id']}")

    def check_marked(self):
        """The cited words are marked in the document and in view; returns them."""
        mark = self.page.locator("#viewer mark")
        expect(mark).to_be_in_viewport()
        return mark.inner_text()

    def newest(self, status):
        """What the server has of the newest answer that was, or was not, judged."""
        return server.request("GET", f"/v1/feedback?status={status}&limit=1")[2]["data"][0]

    def wait_for_feedback(self, holds):
        support.wait_until(lambda: holds(self.newest("all")), what="the feedback")

    def make_queue(self, *questions):
        """These questions, the first one first, are all that is to be reviewed."""
        while left := server.request("GET", "/v1/feedback?status=unreviewed")[2]["data"]:
            for item in left:
                server.request("POST", "/v1/feedback", {"answer_id": item["id"], "rating": "good"})
        for question in reversed(questions):
            status, _, answer = server.request("POST", "/v1/chat/completions", {
                "messages": [{"role": "user", "content": question}], "max_tokens": 30})
            self.assertEqual(status, 200, answer)


class Wide(PageTest):
    def test_asks_streams_and_follows_a_citation(self):
        self.shot("welcome")
        self.ask()
        answer = self.page.locator(".answer").last
        expect(answer).to_have_attribute("aria-busy", "true")
        expect(self.page.locator("#stop")).to_be_visible()
        expect(answer).not_to_have_class("answer streaming waiting", timeout=ANSWER_MS)
        first = answer.inner_text()
        self.shot("streaming")
        self.wait_for_answer()
        self.assertGreater(len(answer.inner_text()), len(first), "the answer came all at once")
        expect(self.page.locator("#stop")).to_be_hidden()

        cite = self.page.locator(".cite").first
        expect(cite).to_have_text("1")
        self.shot("answer")
        cite.click()
        expect(self.page.locator("#viewer-title")).to_contain_text("Gannet Rock")
        expect(self.page.locator("#viewer-text")).to_be_focused()
        self.assertIn("flashes", self.check_marked())
        self.shot("citation")
        self.page.keyboard.press("Escape")
        expect(self.page.locator("#viewer")).to_be_hidden()
        expect(cite).to_be_focused()

        quote = self.page.locator(".source .quote").first
        words = quote.inner_text().split()
        quote.click()
        self.assertEqual(self.check_marked().split(), words)
        self.page.locator("#viewer-close").click()
        expect(quote).to_be_focused()

    def test_stop_ends_the_answer(self):
        self.ask("Tell me everything about the lighthouse, the bread and the bicycle.")
        expect(self.page.locator(".answer.waiting")).to_have_count(0, timeout=ANSWER_MS)
        self.page.locator("#stop").click()
        expect(self.page.locator(".facts").last).to_have_text("Stopped.")
        expect(self.page.locator("#send")).to_be_visible()
        support.wait_until(lambda: server.metric("tandem_generations_in_flight") == 0)

    def test_adds_a_document_by_file_chooser_and_removes_it(self):
        with self.page.expect_file_chooser() as chooser:
            self.page.locator("#add").click()
        chooser.value.set_files(support.DOCUMENTS / "upload.md")
        expect(self.page.locator("#uploads .state")).to_contain_text("Added", timeout=60_000)
        title = "Beekeeping at Alder Farm"
        item = self.page.locator("#documents li", has_text=title)
        expect(item).to_be_visible()
        self.shot("upload")
        self.page.once("dialog", lambda dialog: dialog.accept())
        item.hover()
        item.locator(".remove").click()
        expect(item).to_have_count(0)

    def test_adds_a_document_by_drag_and_drop_and_answers_from_it(self):
        text = (support.DOCUMENTS / "upload.md").read_text()
        self.page.evaluate(DROP_FILE, ["dropped.md", text])
        self.addCleanup(self.remove_documents, "dropped.md")
        expect(self.page.locator("#uploads .state")).to_contain_text("Added", timeout=60_000)
        self.ask("How much sugar syrup is each hive fed with in September?")
        self.wait_for_answer()
        self.page.locator("details.sources summary").last.click()
        expect(self.page.locator("details.sources .source").first).to_contain_text("Alder Farm")

    def test_tells_why_a_file_cannot_be_added(self):
        self.page.locator("#file").set_input_files(
            {"name": "picture.png", "mimeType": "image/png", "buffer": b"\x89PNG\r\n\x1a\n" * 20})
        state = self.page.locator("#uploads .failed .state")
        expect(state).not_to_be_empty()
        self.page.get_by_role("button", name="Dismiss").click()
        expect(state).to_have_count(0)
        self.faults = [fault for fault in self.faults if "415" not in fault]

    def test_takes_feedback(self):
        self.ask()
        self.wait_for_answer()
        panel = self.page.locator(".feedback").last
        good, bad = panel.get_by_label("Good answer"), panel.get_by_label("Bad answer")
        good.click()
        expect(good).to_have_attribute("aria-pressed", "true")
        expect(panel.get_by_role("status")).to_have_text("Saved")
        self.wait_for_feedback(lambda said: said["rating"] == "good")
        bad.click()
        expect(bad).to_have_attribute("aria-pressed", "true")
        expect(good).to_have_attribute("aria-pressed", "false")
        panel.get_by_role("button", name="Correct it").click()
        expect(panel.locator("textarea")).to_be_focused()
        self.page.keyboard.type("Every <b>fifteen</b> seconds.")
        self.shot("correcting")
        panel.get_by_role("button", name="Save").click()
        expect(panel.locator(".corrected")).to_have_text("Corrected: Every <b>fifteen</b> seconds.")
        expect(panel.get_by_role("button", name="Correct it")).to_be_focused()
        # A passage that is cited has two cards, which say the same.
        self.page.locator("details.sources summary").last.click()
        self.page.get_by_label("Right passage").first.click()
        expect(self.page.locator(".mark[aria-pressed=true]")).to_have_count(2)
        self.page.get_by_label("Wrong passage").last.click()
        expect(self.page.locator(".mark[aria-pressed=true]")).to_have_count(3)
        self.shot("feedback")
        said = self.newest("reviewed")
        self.assertEqual((said["rating"], said["correction"]), ("bad", "Every <b>fifteen</b> seconds."))
        self.assertEqual(sorted(mark["relevant"] for mark in said["passages"]), [False, True])
        bad.click()
        self.wait_for_feedback(lambda said: said["rating"] is None and said["correction"])

    def test_review_by_keys(self):
        questions = ["How long does the <i>bread</i> bake?", QUESTION, "What is a bicycle's chain for?"]
        self.make_queue(*questions)
        self.page.get_by_role("link", name="Review").click()
        shown = self.page.locator("#review .question")
        expect(shown).to_have_text(questions[0])
        expect(shown).to_be_focused()
        expect(self.page.locator("#ask")).to_be_hidden()
        self.shot("review")
        self.page.keyboard.press("n")
        expect(shown).to_have_text(questions[1])
        self.page.keyboard.press("p")
        expect(shown).to_have_text(questions[0])
        self.page.keyboard.press("g")
        expect(shown).to_have_text(questions[1])
        self.page.keyboard.press("c")
        self.page.keyboard.type("Every fifteen seconds, big and bright.")
        self.page.keyboard.press("Control+Enter")
        expect(shown).to_have_text(questions[2])
        self.page.locator("#review details.sources summary").click()
        self.page.get_by_label("Wrong passage").last.click()
        expect(self.page.locator(".mark[aria-pressed=true]").last).to_be_visible()
        expect(shown).to_have_text(questions[2])
        self.page.keyboard.press("b")
        expect(self.page.locator("#review .done")).to_have_text("That was the last one.")
        reviewed = server.request("GET", "/v1/feedback?limit=3")[2]["data"]
        self.assertEqual([(said["rating"], said["correction"]) for said in reviewed],
                         [("good", None), (None, "Every fifteen seconds, big and bright."), ("bad", None)])
        self.page.keyboard.press("p")
        expect(shown).to_have_text(questions[2])
        expect(self.page.get_by_label("Bad answer")).to_have_attribute("aria-pressed", "true")
        self.page.get_by_role("link", name="Ask").click()
        expect(self.page.locator("#question")).to_be_visible()
        expect(self.page.locator("#review")).to_be_hidden()

    def test_text_of_documents_never_becomes_markup(self):
        markup = "<img src=x onerror=\"document.title='broken'\"><b>Bold cranes nest on roofs.</b>"
        server.request("POST", "/v1/documents", {"id": "markup", "title": "<i>Cranes</i>",
                                                 "source": "cranes.txt", "text": markup})
        self.page.reload()
        self.page.locator("#documents .open", has_text="<i>Cranes</i>").click()
        expect(self.page.locator("#viewer-text")).to_contain_text("<b>Bold cranes")
        self.assertEqual(self.page.locator("#viewer-text b, #viewer-text img").count(), 0)
        self.assertEqual(self.page.title(), "Tandem")
        server.request("DELETE", "/v1/documents/markup")


    def test_asks_for_the_key_where_there_is_one(self):
        key = support.keys(server.store, "add", "page")
        self.addCleanup(support.keys, server.store, "remove", "page")
        self.page.reload()
        dialog = self.page.locator("#key-dialog")
        expect(self.page.locator("#key")).to_be_focused()
        self.shot("key")
        self.page.keyboard.type("tdm_wrong")
        self.page.keyboard.press("Enter")
        expect(self.page.locator("#key-message")).to_contain_text("not known")
        self.page.keyboard.type(key)
        self.page.keyboard.press("Enter")
        expect(dialog).to_be_hidden()
        self.page.locator("#documents li").first.wait_for()
        self.ask()
        self.wait_for_answer()
        self.page.reload()  # the tab still has it
        self.page.locator("#documents li").first.wait_for()
        # The browser itself reports each refusal.
        self.faults = [fault for fault in self.faults if "401" not in fault]


class Keyboard(PageTest):
    def tab_to(self, selector):
        for _ in range(60):
            self.page.keyboard.press("Tab")
            if self.page.evaluate("s => document.activeElement.matches(s)", selector):
                return
        self.fail(f"Tab never reaches {selector}")

    def test_everything_without_a_mouse(self):
        expect(self.page.locator("#question")).to_be_focused()
        self.page.keyboard.type(QUESTION)
        self.page.keyboard.press("Enter")
        self.wait_for_answer()
        self.page.keyboard.press("Escape")
        self.page.evaluate("document.activeElement.blur()")
        self.tab_to(".skip")
        self.page.keyboard.press("Enter")
        expect(self.page.locator("#question")).to_be_focused()
        self.page.evaluate("document.activeElement.blur(); document.body.focus()")
        self.tab_to("#add")
        self.tab_to("#documents .open")
        self.tab_to(".cite")
        self.page.keyboard.press("Enter")
        self.check_marked()
        self.shot("keyboard")
        self.page.keyboard.press("Escape")
        expect(self.page.locator(".cite").first).to_be_focused()
        self.tab_to(".source .quote")
        self.page.keyboard.press("Space")
        self.check_marked()


class Dark(PageTest):
    scheme = "dark"

    def test_citation_in_the_dark(self):
        self.ask()
        self.wait_for_answer()
        self.page.locator(".cite").first.click()
        self.check_marked()
        self.shot("dark")

    def test_review_in_the_dark(self):
        self.make_queue(QUESTION)
        self.page.get_by_role("link", name="Review").click()
        expect(self.page.locator("#review .question")).to_have_text(QUESTION)
        self.page.locator("#review details.sources summary").click()
        self.page.get_by_label("Right passage").last.click()
        self.page.get_by_label("Wrong passage").first.click()
        expect(self.page.locator(".mark[aria-pressed=true]").first).to_be_visible()
        self.page.locator("#review-scroll").evaluate("node => { node.scrollTop = 0; }")
        self.shot("dark-review")


class Phone(PageTest):
    size = (390, 844)

    def test_works_at_phone_width(self):
        self.no_sideways_scroll()
        self.shot("phone-welcome")
        self.ask()
        self.wait_for_answer()
        self.no_sideways_scroll()
        self.shot("phone-answer")
        self.page.locator(".cite").first.click()
        self.check_marked()
        self.no_sideways_scroll()
        self.shot("phone-citation")
        self.page.locator("#viewer-close").click()
        self.page.locator("#library-toggle").click()
        expect(self.page.locator("#documents li").first).to_be_visible()
        self.no_sideways_scroll()
        self.shot("phone-documents")

    def test_review_at_phone_width(self):
        self.make_queue(QUESTION)
        self.page.get_by_role("link", name="Review").click()
        expect(self.page.locator("#review .question")).to_have_text(QUESTION)
        self.no_sideways_scroll()
        self.shot("phone-review")
        self.page.get_by_label("Good answer").click()
        expect(self.page.locator("#review .done")).to_be_visible()


if __name__ == "__main__":
    browser.main()
