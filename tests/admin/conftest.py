"""A console on the stage: browsers that log in as anybody."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from browser import Browser, become_owner, invite

from cast import Stage

Enter = Callable[[str], Awaitable[Browser]]


@pytest.fixture
async def owner(stage: Stage) -> AsyncIterator[Browser]:
    """A browser in which the first owner is logged in."""
    async with Browser.open(stage) as browser:
        await become_owner(browser)
        yield browser


@pytest.fixture
async def enter(stage: Stage, owner: Browser) -> AsyncIterator[Enter]:
    """Opens a browser in which somebody with that role is logged in."""
    async with AsyncExitStack() as stack:

        async def open_as(role: str) -> Browser:
            browser = await stack.enter_async_context(Browser.open(stage))
            await invite(owner, browser, role)
            return browser

        yield open_as
