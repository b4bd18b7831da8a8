"""How long a mail is looked at: a pixel that is answered slowly, and the moment at which whoever asked goes away."""

import asyncio
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvicorn
from tests.api.test_tracking import BROWSER, links, pixel, send, tracked
from tests.api.visitor import GLANCES, SKIMS, STAYS, Visitor

from cast import Stage
from tocsin.actions import configuration
from tocsin.core.errors import ConfigurationMistakes
from tocsin.core.reading import Spans

__all__ = ["tracked"]

MORE = """
triggers:
  - {id: 64, name: Read, database: 1, template: 3, sender: 1, active: true, tracking: {reading: true, clicks: true}}
workflows:
  - id: 61
    name: Awaited
    database: 1
    active: true
    nodes:
      - {id: start, type: start, next: hello}
      - {id: hello, type: campaign, trigger: 64, next: looked}
      - {id: looked, type: feedback, events: [read], within: {days: 2}, next: reader, otherwise: done}
      - {id: reader, type: update, set: {note: reader}, next: done}
      - {id: done, type: end}
"""


@pytest.fixture
async def timed(tracked: Stage) -> Stage:
    await configuration.apply(tracked.context, MORE, "timed.yaml", {})
    return tracked


async def look(stage: Stage, url: str, spans: Spans) -> None:
    """Open the mail some time after it was sent, and stay or go as the spans are meant."""
    stage.clock.advance(minutes=5)
    stage.reading.spans = spans
    visitor = Visitor(stage, url)
    await (visitor.ask() if spans is STAYS else visitor.leave())


async def told(stage: Stage) -> list[str]:
    await stage.hits.flush()
    return [type_ for (type_,) in await stage.rows("SELECT type FROM events WHERE type <> 'send' ORDER BY at, type")]


@pytest.mark.parametrize(("spans", "kind"), [(STAYS, "read"), (SKIMS, "skimmed"), (GLANCES, "glanced")])
async def test_how_long_a_mail_is_looked_at_is_an_event_beside_its_open(timed: Stage, spans: Spans, kind: str):
    url = pixel(await send(timed, 64))
    await look(timed, url, spans)
    assert sorted(await told(timed)) == sorted(["open", "uopen", kind])
    ((data,),) = await timed.rows("SELECT data FROM events WHERE type = %s", kind)
    assert (data["ip"], data["os"], data["device"]) == ("127.0.0.1", "Windows", "desktop")
    assert await timed.rows("SELECT total FROM event_totals WHERE trigger_id = 64 AND type = %s", kind) == [(1,)]


@pytest.mark.parametrize(
    ("seconds", "kind"), [(0.0, "glanced"), (3.9, "glanced"), (4.0, "skimmed"), (7.9, "skimmed"), (8.0, "read")]
)
def test_four_and_eight_seconds_part_them(seconds: float, kind: str):
    assert Spans().name(seconds) == kind


async def test_each_kind_is_told_once_of_a_message(timed: Stage):
    url = pixel(await send(timed, 64))
    for spans in (GLANCES, GLANCES, STAYS, GLANCES, STAYS):
        await look(timed, url, spans)
        await timed.hits.flush()
    kinds = await told(timed)
    assert (kinds.count("glanced"), kinds.count("read"), kinds.count("open"), kinds.count("uopen")) == (1, 1, 5, 1)


async def test_the_picture_is_whole_and_as_long_as_it_said(timed: Stage):
    url = pixel(await send(timed, 64))
    timed.reading.spans = STAYS
    visitor = Visitor(timed, url)
    await visitor.ask()
    assert visitor.is_whole
    assert len(visitor.body) == int(visitor.headers["content-length"])
    assert visitor.body.startswith(b"GIF89a\x01\x00\x01\x00")
    assert visitor.body.endswith(b"\x00;")
    assert (visitor.headers["content-type"], visitor.headers["cache-control"]) == ("image/gif", "no-store")


async def test_only_mails_whose_trigger_wants_it_are_timed(timed: Stage):
    timed.reading.spans = GLANCES
    visitor = Visitor(timed, pixel(await send(timed, 60)))
    timed.clock.advance(minutes=5)
    await visitor.ask()
    assert visitor.is_whole
    assert await told(timed) == ["open", "uopen"]


@pytest.mark.parametrize(
    ("agent", "method", "kinds"),
    [
        ("SomeScanner/1.0 (security)", "GET", ["open"]),
        ("", "GET", ["open"]),
        (BROWSER, "HEAD", ["open"]),
        (
            "Mozilla/5.0 (Windows NT 5.1) Gecko/1 Firefox/11.0 (via ggpht.com GoogleImageProxy)",
            "GET",
            ["open", "uopen"],
        ),
    ],
)
async def test_programs_and_what_stands_between_are_answered_at_once_and_tell_no_time(
    timed: Stage, agent: str, method: str, kinds: list[str]
):
    timed.reading.spans = GLANCES
    visitor = Visitor(timed, pixel(await send(timed, 64)), agent, method)
    timed.clock.advance(minutes=5)
    await visitor.ask()
    assert visitor.is_whole
    assert await told(timed) == kinds


async def test_who_turns_out_to_be_a_program_has_read_nothing(timed: Stage):
    mail = await send(timed, 64)
    timed.clock.advance(seconds=10)
    timed.reading.spans = STAYS
    await Visitor(timed, pixel(mail)).ask()
    for url in links(mail):
        await Visitor(timed, url).ask()
    assert set(await told(timed)) == {"open", "click"}


async def test_no_more_are_held_than_there_is_room_for(timed: Stage):
    url = pixel(await send(timed, 64))
    timed.reading.spans, timed.reading.most = GLANCES, 2
    timed.clock.advance(minutes=5)
    held = [Visitor(timed, url) for _ in range(2)]
    asking = [asyncio.create_task(one.ask()) for one in held]
    for one in held:
        await one.answered.wait()
    third = Visitor(timed, url)
    await third.ask()
    assert third.is_whole
    for one in held:
        assert not one.is_whole
        one.go()
    await asyncio.gather(*asking)
    await Visitor(timed, url).leave()
    assert (await told(timed)).count("open") == 4


async def test_who_is_held_when_the_server_stops_is_answered_and_told_of_as_an_open_alone(timed: Stage):
    timed.reading.spans = GLANCES
    visitor = Visitor(timed, pixel(await send(timed, 64)))
    timed.clock.advance(minutes=5)
    asking = asyncio.create_task(visitor.ask())
    await visitor.answered.wait()
    timed.reading.close()
    await asking
    assert visitor.is_whole
    assert len(visitor.body) == int(visitor.headers["content-length"])
    assert await told(timed) == ["open", "uopen"]


async def test_a_forged_pixel_tells_nothing(timed: Stage):
    url = pixel(await send(timed, 64))
    timed.reading.spans = GLANCES
    beginning, _, token = url.rpartition("/")
    visitor = Visitor(timed, f"{beginning}/{'B' if token[0] == 'A' else 'A'}{token[1:]}")
    await visitor.ask()
    assert visitor.is_whole
    assert await told(timed) == []


async def test_a_workflow_that_waits_for_a_reader_goes_on(timed: Stage):
    await timed.add(email="ann@example.com")
    await timed.post("workflows/start", id=61, email="ann@example.com")
    await timed.work()
    url = pixel(timed.mailbox.mails()["ann@example.com"])
    await look(timed, url, GLANCES)
    await timed.work()
    assert "note" not in await timed.get_profile(email="ann@example.com")
    await look(timed, url, STAYS)
    await timed.work()
    assert (await timed.get_profile(email="ann@example.com"))["note"] == "reader"


async def test_a_connection_that_is_closed_is_noticed_at_once(timed: Stage, monkeypatch: pytest.MonkeyPatch):
    add = timed.hits.add
    url = pixel(await send(timed, 64))
    timed.clock.advance(minutes=5)
    timed.reading.spans = GLANCES
    app: Any = timed.client._transport.app  # type: ignore[attr-defined]  # Its ASGI transport has one.  # noqa: SLF001 - and has no other name for it
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, http="httptools"))
    listening = socket.create_server(("127.0.0.1", 0))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    reader, writer = await asyncio.open_connection(*listening.getsockname())
    writer.write(f"GET {urlsplit(url).path} HTTP/1.1\r\nHost: x\r\nUser-Agent: {BROWSER}\r\n\r\n".encode())
    await reader.readuntil(b"GIF89a")
    noticed = asyncio.Event()
    monkeypatch.setattr(timed.hits, "add", lambda hit: (add(hit), hit.look and noticed.set()))
    writer.transport.abort()
    await asyncio.wait_for(noticed.wait(), 20)
    assert "glanced" in await told(timed)
    server.should_exit = True
    await serving


async def test_a_trigger_whose_opens_are_off_cannot_time_them(stage: Stage):
    text = MORE.replace("reading: true", "reading: true, opens: false").replace("template: 3", "template: 1")
    with pytest.raises(ConfigurationMistakes, match=r"tracking\.reading: how long a mail is looked at is told by the"):
        await configuration.apply(stage.context, text, "off.yaml", {})
