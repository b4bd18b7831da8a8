"""Work under way beside its maker: so much for each key and so much in all, so that one slow key holds up no other."""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any


class Flights:
    """Tasks, each under a key. What one of them raised is raised by the next call that waits."""

    def __init__(self, most: int, most_each: int) -> None:
        self._most = most
        self._most_each = most_each
        self._tasks: dict[asyncio.Task[None], int] = {}

    def list_full(self) -> frozenset[int]:
        """Keys that have no room."""
        counted = Counter(self._tasks.values())
        return frozenset(key for key, count in counted.items() if count >= self._most_each)

    async def wait_for_room(self, key: int | None = None) -> None:
        """Until there is room at all, and for a key."""
        self._reap()
        while len(self._tasks) >= self._most or key in self.list_full():
            await self.wait_for_one()

    async def wait_for_one(self, timeout_seconds: float | None = None) -> None:
        """Until one has ended, or the time is over."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
            self._reap()

    def start(self, key: int, work: Coroutine[Any, Any, None]) -> None:
        """Set one on its way."""
        self._tasks[asyncio.create_task(work)] = key

    async def drain(self) -> None:
        """Until all have ended."""
        if self._tasks:
            await asyncio.wait(self._tasks)
            self._reap()

    def _reap(self) -> None:
        ended = [task for task in self._tasks if task.done()]
        for task in ended:
            del self._tasks[task]
        errors = [error for task in ended if (error := task.exception())]
        if errors:
            raise errors[0]
