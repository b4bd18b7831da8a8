"""Somebody who opens a mail, and stays or goes."""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from cast import Stage
from tocsin.core.reading import Spans

BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36"

# Whoever stays has read at once; whoever goes has skimmed, or glanced, whatever the machine is busy with.
STAYS, SKIMS, GLANCES = Spans(0.02, 0.01), Spans(600.0, 0.0), Spans(600.0, 300.0)


class Visitor:
    """A program that asks for a picture, and what it gets."""

    def __init__(self, stage: Stage, url: str, agent: str = BROWSER, method: str = "GET") -> None:
        self._stage = stage
        self._asked = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": urlsplit(url).path,
            "raw_path": urlsplit(url).path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(b"host", b"tocsin.test"), (b"user-agent", agent.encode())],
            "client": ("127.0.0.1", 1),
            "server": ("tocsin.test", 80),
        }
        self._gone = asyncio.Event()
        self._body = [{"type": "http.request", "body": b"", "more_body": False}]
        self.answered = asyncio.Event()
        self.body = b""
        self.headers: Mapping[str, str] = {}
        self.is_whole = False

    def go(self) -> None:
        self._gone.set()

    async def ask(self) -> None:
        """Until it is answered, or it has gone."""
        app: Any = self._stage.client._transport.app  # type: ignore[attr-defined]  # Its ASGI transport has one.  # noqa: SLF001 - and has no other name for it
        await app(self._asked, self._receive, self._take)

    async def leave(self) -> None:
        """Ask, and go as soon as the picture is there."""
        asking = asyncio.create_task(self.ask())
        await self.answered.wait()
        self.go()
        await asking

    async def _receive(self) -> Any:
        if self._body:
            return self._body.pop()
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _take(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            return
        self.body += message["body"]
        self.is_whole = not message.get("more_body", False)
        self.answered.set()
