"""What the benchmarks share: a server to measure against, bodies of calls, and how a ratio is printed."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from tocsin.actions import configuration, housekeeping
from tocsin.actions.context import Context
from tocsin.store import embedded, migrate
from tocsin.store.database import Database

ITEMS = 10_000
TOKEN = "abcdefghijklmnqrstuvwxyz"  # noqa: S105 - of the configuration below

CONFIGURATION = """
databases:
  - {id: 1, name: Customers, fields: {CRM_ID: string}}
resources:
  - {id: 20, name: Order updates, databases: [1], channels: [sms]}
  - {id: 21, name: Newsletter, databases: [1], channels: [email]}
senders:
  - {id: 1, name: sink, channel: email, type: smtp, host: 127.0.0.1, port: 2525, security: none, connections: 20}
templates:
  - id: 1
    name: Welcome
    email: {from_email: shop@example.com, subject: "Hello {lead._fname}", html: "<p>{lead._fname}</p>"}
triggers:
  - {id: 96, name: Welcome, database: 1, template: 1, sender: 1, active: true}
tokens:
  - {name: shop, token: abcdefghijklmnqrstuvwxyz}
"""


def profile(number: int, name: str = "Victoria") -> dict[str, Any]:
    """One profile with two subscriptions, shaped like the documented example."""
    return {
        "_fname": name,
        "_lname": "Beckham",
        "email": f"person{number}@example.com",
        "phones": f"+7900{number:07}",
        "subscriptions": [
            {"channel": "email", "email": f"private{number}@example.org", "resource_id": 21},
            {"channel": "phone", "phone": f"+7901{number:07}", "resource_id": 20},
        ],
    }


def call(profiles: list[dict[str, Any]]) -> dict[str, Any]:
    """A call whose messages wait, so that sending them does not blur the measurement."""
    return {
        "token": TOKEN,
        "trigger_id": 96,
        "matching": "email",
        "timeout": {"hours": 12},
        "content": {"page": "registration_form"},
        "data": [{"data": profile} for profile in profiles],
    }


def json_body(called: dict[str, Any]) -> bytes:
    """The call in JSON."""
    return msgspec.json.encode(called)


def xml_body(called: dict[str, Any]) -> bytes:
    """The call in XML, its items flat as the documentation has them."""
    flat = called | {"data": [item["data"] for item in called["data"]]}
    return f"<xml>{_elements(flat)}</xml>".encode()


def _elements(members: dict[str, Any]) -> str:
    return "".join(
        f"<{name}>{_elements(one) if isinstance(one, dict) else one}</{name}>"
        for name, value in members.items()
        for one in (value if isinstance(value, list) else [value])
    )


@contextmanager
def postgres() -> Iterator[str]:
    """A server with durable settings, as in production."""
    with TemporaryDirectory() as folder, embedded.running(Path(folder) / "data") as conninfo:
        yield conninfo


@asynccontextmanager
async def configured(conninfo: str, text: str = CONFIGURATION) -> AsyncIterator[Context]:
    """A migrated database with a configuration."""
    database = Database(conninfo, connections=10)
    await database.open()
    context = Context(database)
    async with database.transaction() as transaction:
        await migrate.migrate(transaction)
    await housekeeping.prepare(context)
    await configuration.apply(context, text, "benchmark.yaml", {})
    yield context
    await database.close()


async def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds that `work` takes, and what it answers."""
    started = time.perf_counter()
    answer = work()
    if asyncio.iscoroutine(answer):
        answer = await answer
    return time.perf_counter() - started, answer
