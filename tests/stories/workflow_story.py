"""What stories about workflows share: nodes, a way in, and what became of a profile."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import yaml
from product import own_database

from cast import CONFIGURATION, MovableClock, Stage
from tocsin.actions import configuration, housekeeping
from tocsin.actions.context import Context
from tocsin.core.ids import parse
from tocsin.store import migrate
from tocsin.store.database import Database

START = "workflows/start"
FIRST = 40


async def define(stage: Stage, *nodes: dict[str, Any], workflow: int = FIRST, **members: Any) -> None:
    """A workflow of these nodes and of `done`, where it ends, if one of them leads there."""
    document = describe(*nodes, workflow=workflow, **members)
    await configuration.apply(stage.context, yaml.safe_dump({"workflows": [document]}), "story.yaml", {})


def describe(*nodes: dict[str, Any], workflow: int = FIRST, **members: Any) -> dict[str, Any]:
    """The same as plain values."""
    named = {"id": workflow, "name": "Story", "database": 1, "active": True}
    ends = [{"id": "done", "type": "end"}] if "'done'" in repr(nodes) else []
    return named | {"nodes": [*nodes, *ends]} | members


def start(target: str, **members: Any) -> dict[str, Any]:
    return {"id": "start", "type": "start", "next": target} | members


def send(node: str, trigger: int = 8, then: str = "done", **members: Any) -> dict[str, Any]:
    return {"id": node, "type": "campaign", "trigger": trigger, "next": then} | members


def delay(node: str, then: str = "done", **length: float) -> dict[str, Any]:
    return {"id": node, "type": "delay", "for": length, "next": then}


def until(node: str, then: str = "done", otherwise: str | None = None, **moment: Any) -> dict[str, Any]:
    other = {"otherwise": otherwise} if otherwise else {}
    return {"id": node, "type": "delay", "until": moment, "next": then} | other


def change(node: str, then: str = "done", **fields: Any) -> dict[str, Any]:
    return {"id": node, "type": "update", "set": fields, "next": then}


def ask(node: str, url: str, then: str = "done", failed: str = "done", **members: Any) -> dict[str, Any]:
    return {"id": node, "type": "api_request", "method": "GET", "url": url, "next": then, "failed": failed} | members


def condition(node: str, query: Mapping[str, Any], yes: str, no: str) -> dict[str, Any]:
    return {"id": node, "type": "condition", "query": dict(query), "yes": yes, "no": no}


def jump(node: str, workflow: int) -> dict[str, Any]:
    return {"id": node, "type": "workflow_jump", "workflow": workflow}


@asynccontextmanager
async def open_context(server: str, name: str) -> AsyncIterator[Context]:
    """A database of its own with the cast's configuration, where many can be at work at once."""
    with own_database(server, name) as conninfo:
        database = Database(conninfo, connections=12)
        await database.open()
        context = Context(database, clock=MovableClock())
        async with database.transaction() as transaction:
            await migrate.migrate(transaction)
        await housekeeping.prepare(context)
        await configuration.apply(context, CONFIGURATION, "cast.yaml", {})
        yield context
        await database.close()


async def enter(stage: Stage, email: str = "ann@example.com", workflow: int = FIRST, **members: Any) -> dict[str, Any]:
    """Bring a profile in, and do what is due."""
    answer = await stage.post(START, id=workflow, email=email, **members)
    assert answer["error"] == 0, answer
    await stage.work()
    return answer


async def pass_time(stage: Stage, **length: float) -> None:
    """Let time pass, and do what is due then."""
    stage.clock.advance(**length)
    await stage.work()


async def place(stage: Stage, profile_id: str) -> list[str]:
    """The nodes where the profile is."""
    rows = await stage.rows("SELECT node FROM passages WHERE profile_id = %s ORDER BY node", parse(profile_id))
    return [node for (node,) in rows]


async def way(stage: Stage, profile_id: str) -> list[tuple[str, str | None, str]]:
    """The steps that the profile took."""
    rows = await stage.rows(
        "SELECT node, target, reason FROM steps WHERE profile_id = %s ORDER BY at, number", parse(profile_id)
    )
    return [(node, target, reason) for node, target, reason in rows]


async def visited(stage: Stage, profile_id: str) -> list[str]:
    """The nodes that the profile has left, in order."""
    return [node for node, _, _ in await way(stage, profile_id)]


async def reasons(stage: Stage, profile_id: str) -> list[str]:
    return [reason for _, _, reason in await way(stage, profile_id)]


def received(stage: Stage, email: str | None = None) -> list[str]:
    """The subjects of the mails that arrived, perhaps only at one address."""
    return [
        next(line[9:] for line in one.body.decode().split("\r\n") if line.startswith("Subject: "))
        for one in stage.mailbox.arrived
        if email in (None, one.recipient)
    ]
