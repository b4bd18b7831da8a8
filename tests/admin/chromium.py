"""Debian's Chromium, looking at a real server: everything that it complains of is a mistake of ours."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, ConsoleMessage, Response, sync_playwright
from playwright.sync_api import Page as Tab

PASSWORD = "correct horse battery"
SCREENSHOTS = os.environ.get("TOCSIN_TEST_SCREENSHOTS", "")
_MOST_PAGE_BYTES = 100 * 1024
_ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


def find_chromium() -> str:
    """Where it is; without it a test is skipped on a developer's machine, and fails where CI has to install it."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if not found and not os.environ.get("CI"):
        pytest.skip("needs Chromium, as of Debian's package chromium; CI installs it")
    assert found, "CI installs Debian's package chromium"
    return found


@dataclass
class Watcher:
    """A tab whose complaints are kept. The console tells of answers 4xx too: those are no complaints."""

    tab: Tab
    url: str
    complaints: list[str] = field(default_factory=list)
    documents: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tab.on("console", self._hear)
        self.tab.on("pageerror", lambda error: self.complaints.append(f"{self.tab.url}: {error}"))
        self.tab.on("dialog", self._refuse)
        self.tab.on("response", self._weigh)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.complaints.append(f"{self.tab.url}: {message.text}")

    def _refuse(self, dialog: Any) -> None:
        if dialog.type == "alert":
            self.complaints.append(f"{self.tab.url}: a script of a stranger ran")
        dialog.accept()

    def _weigh(self, response: Response) -> None:
        if response.request.resource_type == "document" and response.ok:
            size = len(response.body())
            if size > _MOST_PAGE_BYTES and "/html" not in response.url:
                self.complaints.append(f"{response.url}: {size} bytes")

    def open(self, path: str) -> int:
        """Go to a page of the console; its HTTP status."""
        response = self.tab.goto(f"{self.url}/admin/{path}", wait_until="load")
        assert response
        return response.status

    def press(self, words: str) -> None:
        """Press the button with these words, and wait for what it leads to."""
        with self.tab.expect_navigation():
            self.tab.get_by_role("button", name=words, exact=True).first.click()

    def log_in(self, email: str) -> None:
        self.open("login")
        self.tab.fill("#email", email)
        self.tab.fill("#password", PASSWORD)
        self.press("Log in")

    def use_link(self, link: str, *, name: str = "", email: str = "") -> None:
        """Choose a password by a link, and an account where it is the first."""
        self.tab.goto(link)
        for member, value in (("#name", name), ("#email", email)):
            if value:
                self.tab.fill(member, value)
        self.tab.fill("#password", PASSWORD)
        with self.tab.expect_navigation():
            self.tab.click("main button.wide")

    def check_accessibility(self) -> None:
        """Complain of what axe-core finds serious or critical."""
        for violation in Axe().run(self.tab).response["violations"]:
            if violation["impact"] in ("serious", "critical"):
                nodes = "; ".join(node["html"][:150] for node in violation["nodes"][:3])
                self.complaints.append(f"{self.tab.url}: {violation['id']}: {violation['help']}: {nodes}")

    def check_width(self) -> None:
        """Complain of a page that must be scrolled sideways."""
        wide = self.tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wide > 1:
            self.complaints.append(f"{self.tab.url}: {wide} pixels wider than the window")

    def keep(self, name: str) -> None:
        """A screenshot, where somebody wants them."""
        if SCREENSHOTS:
            folder = Path(SCREENSHOTS)
            folder.mkdir(parents=True, exist_ok=True)
            self.tab.screenshot(path=folder / f"{re.sub(r'[^a-z0-9]+', '-', name.lower())}.png")


Theme = Literal["light", "dark"]


@contextmanager
def open_watchers(url: str) -> Iterator[Any]:
    """Opens tabs, each in a browser session of its own: `open_tab(theme, width)`."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find_chromium(), args=list(_ARGUMENTS))
        contexts: list[BrowserContext] = []

        def open_tab(theme: Theme = "light", width: int = 1280, state: Any = None) -> Watcher:
            context = chromium.new_context(
                viewport={"width": width, "height": 800}, color_scheme=theme, storage_state=state, locale="en-GB"
            )
            context.set_default_timeout(20_000)
            contexts.append(context)
            return Watcher(context.new_page(), url)

        try:
            yield open_tab
        finally:
            for context in contexts:
                context.close()
            chromium.close()
