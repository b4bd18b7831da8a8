"""The cast: one configuration, one token, and a stage on which calls are made and messages are sent."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_network
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal
from xml.etree import ElementTree as ET

import httpx
import psycopg

from tocsin.actions import hooks, launch_changes, passage_steps, passage_updates, tasks
from tocsin.actions.context import Context
from tocsin.actions.hook_delivery import HookDelivery
from tocsin.actions.messages import Delivery
from tocsin.actions.outside import Outside
from tocsin.actions.passage_requests import Asker
from tocsin.actions.passages import Graphs
from tocsin.actions.tracking import Hits
from tocsin.channels.contract import Channel, Envelope, Outcome, Record
from tocsin.channels.http import HttpDoor
from tocsin.channels.ways_out import WaysOut
from tocsin.core.configuration_senders import Sender
from tocsin.store.database import Database, Transaction, _configure
from tocsin.web.admin.app import Console
from tocsin.web.app import Limits, create_app
from tocsin.web.public.reading import Reading

TOKEN = "abcdefghijklmnqrstuvwxyz"
READER = "reader-reader-reader"
MEGABYTE = 1024 * 1024
WRITTEN = (
    "profiles", "identities", "launches", "messages", "events", "tasks", "task_chunks", "requests", "files"
)  # fmt: skip

CONFIGURATION = """
databases:
  - id: 1
    name: Customers
    fields:
      CRM_ID: {type: string, unique: true}
      Custom_ID: string
      Custom_id: string
      New_field_1: string
      New_field_7: string
      bonus: int
      score: float
      vip: bool
      birthday: date
      last_order_at: datetime
      plan: {type: enum, values: [free, pro]}
      host: ip
      interests: tags
      address: object
      orders: arr_object
      note: {type: string, match: false}
  - {id: 2, name: Keepers, fields: {CRM_ID: string}, unknown_fields: keep}
  - {id: 3, name: Refusers, unknown_fields: refuse}
resources:
  - {id: 20, name: Order updates, databases: [1], channels: [sms]}
  - {id: 21, name: Newsletter, databases: [1], channels: [email], categories: [news, sales], token: newsletter-21-token}
  - {id: 22, name: Sister brand, databases: [1], channels: [email, sms, push]}
  - {id: 23, name: Every channel}
  - {id: 24, name: Elsewhere, databases: [2], channels: [email]}
senders:
  - {id: 1, name: relay, channel: email, type: smtp, host: 127.0.0.1, port: 2525, security: none}
  - {id: 2, name: second, channel: email, type: smtp, host: 127.0.0.1, port: 2526, security: none}
templates:
  - id: 1
    name: Order received
    email:
      from_name: Shop
      from_email: shop@example.com
      reply_to_email: help@example.com
      subject: "Thank you, {lead._fname}"
      html: "<p>Dear {lead._fname}, page {apicontent.page}, number {lead.CRM_ID}.</p>"
  - id: 2
    name: Newsletter
    email:
      from_email: news@example.com
      subject: "{apicontent.H1}"
      html: "<p>For {subscription.email}: {apicontent.H2}</p>"
      text: "For {subscription.email}: {apicontent.H2}"
triggers:
  - {id: 8, name: Order received, database: 1, template: 1, sender: 1, active: true}
  - {id: 13, name: Registration, database: 1, template: 1, sender: 1, active: true}
  - {id: 85, name: By xml, database: 1, template: 1, sender: 1, active: true}
  - {id: 96, name: Welcome, database: 1, template: 1, sender: 1, active: true}
  - {id: 97, name: Newsletter, database: 1, template: 2, sender: 1, resource: 21, active: true}
  - {id: 98, name: Asleep, database: 1, template: 1, sender: 1, active: false}
  - {id: 99, name: Keepers, database: 2, template: 1, sender: 1, active: true}
  - {id: 100, name: Refusers, database: 3, template: 1, sender: 2, active: true}
  - {id: 455, name: By field, database: 1, template: 1, sender: 1, active: true}
workflows:
  - id: 12
    name: Welcome
    database: 1
    active: true
    nodes:
      - {id: start, type: start, next: hello}
      - {id: hello, type: campaign, trigger: 8, next: pause}
      - {id: pause, type: delay, for: {hours: 2}, next: bought}
      - {id: bought, type: condition, query: {bonus: {$gt: 0}}, yes: done, no: remind}
      - {id: remind, type: campaign, name: A second try, trigger: 96, next: done}
      - {id: done, type: end}
  - id: 13
    name: Asleep
    database: 1
    nodes:
      - {id: start, type: start, next: done}
      - {id: done, type: end}
hooks:
  - {id: 1, name: crm, url: "http://127.0.0.1:9300/events", events: [send, hbounce], active: false}
tokens:
  - {name: shop, token: abcdefghijklmnqrstuvwxyz}
  - {name: reader, token: reader-reader-reader, permissions: [profiles.read]}
"""


class StageDatabase(Database):
    """One connection whose outer transaction is never committed; what the product commits are savepoints of it."""

    def __init__(self, connection: Transaction) -> None:
        self._connection_lock = asyncio.Lock()
        self._one = connection

    @asynccontextmanager
    async def _connection(self, timeout_seconds: float = 0) -> AsyncIterator[Transaction]:  # noqa: ARG002 - never full
        async with self._connection_lock:
            yield self._one


@dataclass
class Mailbox:
    """A channel that keeps what it is given; answers as `answers` says for a recipient, else accepts.

    `counts_acceptance`: whether what it accepts counts as delivered.
    """

    arrived: list[Envelope] = field(default_factory=list)
    answers: dict[str, tuple[str, int, str]] = field(default_factory=dict)
    opened: list[Sender] = field(default_factory=list)
    counts_acceptance: bool = False

    async def send(self, envelopes: Sequence[Envelope], record: Record | None = None) -> list[Outcome]:
        outcomes = []
        for envelope in envelopes:
            state, code, text = self.answers.get(envelope.recipient, ("sent", 250, "2.0.0 ok"))
            if state == "sent":
                self.arrived.append(envelope)
            is_delivered = self.counts_acceptance and state == "sent"
            outcomes.append(Outcome(envelope.message_id, state, code, text, is_delivered=is_delivered))  # type: ignore[arg-type]  # One of three.
            if record:
                record(outcomes[-1])
        return outcomes

    async def check(self) -> str:
        return "usable"

    async def close(self) -> None:
        pass

    def mails(self) -> dict[str, EmailMessage]:
        """What arrived, parsed, by recipient."""
        return {one.recipient: parse_mail(one.body) for one in self.arrived}


def parse_mail(body: bytes) -> EmailMessage:
    parsed = message_from_bytes(body, policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def parse_xml(body: bytes) -> ET.Element:
    return ET.fromstring(body)  # noqa: S314 - our own answers


class MovableClock:
    """The time that the test says it is."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **length: float) -> None:
        self.now += timedelta(**length)


@dataclass
class Stage:
    """Calls go in by `post` and `post_xml`; `work` runs tasks and sends what is due."""

    context: Context
    client: httpx.AsyncClient
    mailbox: Mailbox
    clock: MovableClock
    delivery: Delivery
    connection: Transaction
    graphs: Graphs
    asker: Asker
    hits: Hits
    hook_delivery: HookDelivery
    reading: Reading

    async def post(self, method: str, body: Any = None, **members: Any) -> dict[str, Any]:
        """A call in JSON with the cast's token, and its decoded answer."""
        sent = {"token": TOKEN} | (body or {}) | members
        response = await self.client.post(f"/api/v1.1/{method}", json=sent)
        assert response.headers["content-type"].startswith("application/json"), response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def call(
        self, method: str, body: str | bytes, encoding: Literal["json", "xml"] = "json", **headers: str
    ) -> httpx.Response:
        """Bytes as they are, and the answer as it is. Headers are named with underscores."""
        named = {"content-type": f"application/{encoding}"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        content = body.encode() if isinstance(body, str) else body
        return await self.client.post(f"/api/v1.1/{method}", content=content, headers=named)

    async def post_xml(self, method: str, xml: str) -> ET.Element:
        """A call in XML and the root of its answer."""
        response = await self.client.post(
            f"/api/v1.1/{method}", content=xml.encode(), headers={"content-type": "application/xml"}
        )
        assert response.headers["content-type"].startswith("application/xml"), response.text
        return parse_xml(response.content)

    async def get_profile(self, **search: Any) -> dict[str, Any]:
        """The `data` of profiles/get, in database 1 unless `db_id` says otherwise."""
        answer = await self.post("profiles/get", {"db_id": 1} | search)
        assert answer["error"] == 0, answer
        profile: dict[str, Any] = answer["data"]
        return profile

    async def add(self, *, matching: str = "email", db_id: int = 1, **fields: Any) -> str:
        """Import one profile with these fields; its id."""
        answer = await self.post("profiles/import", db_id=db_id, matching=matching, data=fields)
        assert answer["error"] == 0, answer
        profile_id: str = answer["profile_id"]
        return profile_id

    async def work(self) -> None:
        """Do everything that is due now: run tasks, move passages, send."""
        lease = timedelta(seconds=60)
        await self.hits.flush()
        while (
            await tasks.run_next(self.context, lease)
            or await passage_steps.move(self.context, self.graphs, lease, 500)
            or await passage_updates.update(self.context, self.graphs, lease, 500)
            or await self._ask()
            or await launch_changes.settle(self.context, lease)
            or await self.delivery.deliver(500)
            or await hooks.replay_some(self.context)
            or await self._tell_hooks()
        ):
            pass

    async def _tell_hooks(self) -> bool:
        was_busy = await self.hook_delivery.deliver()
        await self.hook_delivery.drain()
        return was_busy

    async def _ask(self) -> bool:
        """Ask for all that are due, and wait for the answers."""
        was_busy = await self.asker.ask()
        while self.asker.is_asking:
            await self.asker.ask()
        return was_busy

    async def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Rows of the database as they are."""
        cursor = await self.connection.execute(query, parameters)  # type: ignore[arg-type]  # Queries of tests.
        return await cursor.fetchall()

    async def count_rows(self) -> dict[str, int]:
        """The number of rows of each table that calls write to."""
        return {table: (await self.rows(f"SELECT count(*) FROM {table}"))[0][0] for table in WRITTEN}


def open_hook_door(connections: int) -> HttpDoor:
    loopback = [ip_network("127.0.0.1/32")]
    return HttpDoor(loopback, connections=connections, connections_per_host=connections, lets_rest=False)


@asynccontextmanager
async def open_stage(conninfo: str) -> AsyncIterator[Stage]:
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
        await _configure(connection)
        async with connection.transaction(force_rollback=True):
            clock = MovableClock()
            context = Context(StageDatabase(connection), clock=clock)
            hits, reading = Hits(context), Reading()
            mailbox = Mailbox()
            ways_out = WaysOut([ip_network("127.0.0.1/32")])

            def open_channel(sender: Sender) -> Channel:
                mailbox.opened.append(sender)
                return mailbox if sender.channel == "email" else ways_out.open(sender)

            console = Console(context, outside=Outside(open_channel, open_hook_door))
            limits = Limits(10 * MEGABYTE, 100 * MEGABYTE)
            app = create_app(context, limits, hits=hits, console=console, reading=reading)
            journals = TemporaryDirectory()
            delivery = Delivery(context, open_channel, timedelta(seconds=60), Path(journals.name))
            graphs = Graphs()
            asker = Asker(context, HttpDoor([ip_network("127.0.0.1/32")]), graphs, timedelta(seconds=60))
            hook_delivery = HookDelivery(context, open_hook_door)
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://tocsin.test") as client:
                yield Stage(
                    context, client, mailbox, clock, delivery, connection, graphs, asker, hits, hook_delivery, reading
                )
            await hits.close()
            await asker.close()
            await hook_delivery.close()
            await delivery.close()
            journals.cleanup()


@asynccontextmanager
async def open_call_stage(context: Context) -> AsyncIterator[Callable[..., Awaitable[dict[str, Any]]]]:
    """Calls in JSON on a database that commits."""
    transport = httpx.ASGITransport(app=create_app(context, Limits(10 * MEGABYTE, 100 * MEGABYTE)))
    async with httpx.AsyncClient(transport=transport, base_url="http://tocsin.test", timeout=60) as client:

        async def post(method: str, **members: Any) -> dict[str, Any]:
            answer: dict[str, Any] = (await client.post(f"/api/v1.1/{method}", json={"token": TOKEN} | members)).json()
            return answer

        yield post
