"""Telling what stays open for long that the server is about to end."""

import asyncio


class Closing:
    """Set once; whoever keeps an answer open waits for it beside what it waits for anyway."""

    def __init__(self) -> None:
        self._begun = asyncio.Event()

    def begin(self) -> None:
        """The server ends: finish what is open."""
        self._begun.set()

    async def wait(self, seconds: float) -> bool:
        """Wait so long at most; True as soon as the server is about to end."""
        try:
            await asyncio.wait_for(self._begun.wait(), seconds)
        except TimeoutError:
            return False
        return True
