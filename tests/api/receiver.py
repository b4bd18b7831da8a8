"""A server that is told what happened: keeps what it takes, and answers as it is asked to."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.channels.web_server import Asked, WebServer, page

Event = dict[str, Any]


@dataclass
class Receiver(WebServer):
    """`judge` says the status for a batch, which is in `events` when that is 200; all that came is in `requests`."""

    judge: Callable[[list[Event]], int] = lambda _batch: 200
    says: bytes = b"OK"
    events: list[Event] = field(default_factory=list)
    hangs: bool = False

    @property
    def taken(self) -> list[str]:
        """The ids of what was taken, in order."""
        return [event["event_id"] for event in self.events]

    def by_profile(self) -> dict[str, list[str]]:
        """The ids of what was taken, in order, of each profile."""
        found = defaultdict(list)
        for event in self.events:
            found[event["profile_id"]].append(event["event_id"])
        return dict(found)

    async def _answer(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        batch = json.loads(asked.body)
        status = self.judge(batch)
        if status == 200:
            self.events += batch
        writer.write(page(self.says, f"{status} Whatever"))
        await writer.drain()
