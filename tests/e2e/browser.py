"""The page of a real server in a real Chromium; screenshots are kept."""
import contextlib
import os
import pathlib
import shutil
import sys
import unittest

from playwright.sync_api import sync_playwright

import support

ARTIFACTS = pathlib.Path(os.environ.get("TANDEM_ARTIFACTS", "artifacts"))
CHROMIUM = shutil.which("chromium")


def start():
    """For setUpModule: a server, which is returned, and a Chromium, until the module's tests have ended."""
    stack = contextlib.ExitStack()
    unittest.addModuleCleanup(stack.close)
    PageTest.server = stack.enter_context(support.running_server())
    playwright = stack.enter_context(sync_playwright())
    PageTest.chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
    stack.callback(PageTest.chromium.close)
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    return PageTest.server


class PageTest(unittest.TestCase):
    """Fails for what the page reports as an error, and for what it loads from elsewhere."""

    size = (1280, 800)
    scheme = "light"
    address = "/"

    def setUp(self):
        width, height = self.size
        context = self.chromium.new_context(viewport={"width": width, "height": height},
                                            color_scheme=self.scheme)
        self.page = context.new_page()
        self.page.set_default_timeout(20_000)
        self.faults = []
        self.foreign = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", lambda message: message.type == "error" and
                     self.faults.append(message.text))
        self.page.on("request", lambda request: request.url.startswith(self.server.url) or
                     self.foreign.append(request.url))
        self.addCleanup(self.check_faults)
        self.addCleanup(context.close)
        self.page.goto(self.server.url + self.address)

    def check_faults(self):
        self.assertEqual(self.faults, [])
        self.assertEqual(self.foreign, [], "the page loaded something from elsewhere")

    def no_sideways_scroll(self):
        width = self.page.evaluate("document.documentElement.scrollWidth")
        self.assertLessEqual(width, self.size[0])


def main():
    if CHROMIUM is None:
        print("skipped: there is no chromium; install Debian's package of that name")
        sys.exit(77)
    unittest.main()
