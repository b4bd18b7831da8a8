"""A browser without a screen: keeps cookies, follows redirects, sends the forms of pages as they are."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import unescape
from typing import Any

import httpx
from lxml import html

from cast import Stage
from tocsin.actions import users
from tocsin.web.admin.app import Console

PASSWORD = "correct horse battery"
OWNER = "olga@example.com"


@dataclass
class Page:
    """What a request ended with, after redirects."""

    response: httpx.Response

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def html(self) -> str:
        return self.response.text

    @property
    def path(self) -> str:
        """The path and query that the browser is at."""
        return self.response.url.raw_path.decode()

    @property
    def tree(self) -> Any:
        return html.fromstring(self.response.text)

    @property
    def text(self) -> str:
        """All words of the page, spaces as one."""
        tree = self.tree
        for gone in tree.xpath("//script|//style"):
            gone.drop_tree()
        return " ".join(unescape(tree.text_content()).split())

    def form(self, action: str = "") -> dict[str, Any]:
        """What the browser would send of the first form that posts to a path ending so; buttons are left out."""
        for form in self.tree.xpath("//form[@method='post']"):
            if form.get("action", self.path).endswith(action):
                said: dict[str, list[str]] = {}
                texts = {one.get("name") for one in form.xpath(".//textarea")}
                for name, value in form.form_values():
                    # Browsers leave out the line end that a text area begins with.
                    said.setdefault(name, []).append(value.removeprefix("\n") if name in texts else value)
                return {name: values[0] if len(values) == 1 else values for name, values in said.items()}
        raise AssertionError(f"no form posts to {action} on {self.path}: {self.text[:500]}")

    def rows(self) -> list[list[str]]:
        """The texts of the cells of the first table's body."""
        return [
            [" ".join(cell.text_content().split()) for cell in row.xpath("./td|./th")]
            for row in self.tree.xpath("(//table)[1]/tbody/tr")
        ]


@dataclass
class Browser:
    """Requests go to the stage; paths are below `/admin/`."""

    stage: Stage
    client: httpx.AsyncClient

    @classmethod
    @asynccontextmanager
    async def open(cls, stage: Stage) -> AsyncIterator["Browser"]:
        transport = stage.client._transport  # noqa: SLF001 - the application that the stage answers with
        async with httpx.AsyncClient(
            transport=transport, base_url="http://tocsin.test", follow_redirects=True, headers={"user-agent": "Browser"}
        ) as client:
            yield cls(stage, client)

    @property
    def console(self) -> Console:
        """What answers."""
        (route,) = self.client._transport.app.routes  # type: ignore[attr-defined]  # noqa: SLF001 - the stage's own application
        console: Console = route.endpoint.__self__.console
        return console

    async def get(self, path: str = "", **headers: str) -> Page:
        return Page(await self.client.get(f"/admin/{path}", headers=headers))

    async def post(self, path: str, form: dict[str, Any], **headers: str) -> Page:
        """Send a form as given, whatever a page says."""
        return Page(await self.client.post(f"/admin/{path}", data=form, headers=headers))

    async def send(self, page_path: str, changes: dict[str, Any] | None = None, to: str | None = None) -> Page:
        """Open a page, change what its form says, and send it, as a person would. None takes a member away."""
        page = await self.get(page_path)
        target = (page_path if to is None else to).partition("?")[0]
        form: dict[str, Any] = page.form(target) | (changes or {})
        return await self.post(target, {name: value for name, value in form.items() if value is not None})


async def become_owner(browser: Browser) -> None:
    link = await users.open_first_link(browser.stage.context)
    page = await browser.send(f"welcome/{link}", {"name": "Olga", "email": OWNER, "password": PASSWORD})
    assert page.status == 200, page.text


async def invite(owner: Browser, browser: Browser, role: str) -> None:
    page = await owner.send("users", {"name": role.title(), "email": f"{role}@example.com", "role": role})
    link = re.search(r"/admin/(welcome/\w+)", page.text)
    assert link, page.text
    page = await browser.send(link[1], {"password": PASSWORD})
    assert page.status == 200, page.text
