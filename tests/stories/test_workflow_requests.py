"""Requests of workflows to servers that do what servers do, and worse: the profile goes on, nobody else waits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from tests.channels.web_server import Behaviour, WebServer, close, drip, hang, page, redirect, say_and_close
from workflow_story import ask, define, delay, enter, pass_time, place, reasons, received, send, start, visited

from cast import Stage
from tocsin.actions import passage_steps

EMAIL = "ann@example.com"
BATCH = "workflows/import_and_start_batch"
MEGABYTE = 1024 * 1024
# What no second try mends, and what is said of it.
FOR_GOOD: dict[str, tuple[bytes | Behaviour, str]] = {
    "no JSON": (page(b"{price: 5}"), "the answer is no JSON"),
    "nothing": (page(b""), "the answer is no JSON"),
    "a NUL": (page(rb'{"name": "a\u0000b"}'), "the answer holds what cannot be stored"),
    "half a letter": (page(rb'{"name": "\ud800"}'), "the answer is no JSON"),
    "deep": (page(b"[" * 65 + b"]" * 65), "the answer holds what cannot be stored"),
    "bottomless": (page(b"[" * 100_000 + b"]" * 100_000), "the answer is no JSON"),
    "too much to carry along": (page(b'"' + b"x" * 200_000 + b'"'), "200,000 bytes"),
    "ten megabytes": (page(b'"' + b"x" * 10 * MEGABYTE + b'"'), "too large"),
    "a forbidden address": (redirect("http://127.0.0.2:9/quote"), "127.0.0.2"),
    "the metadata of a cloud": (redirect("http://169.254.169.254/latest"), "169.254.169.254"),
    "the host's own IPv6": (redirect("http://[::1]:9/"), "::1"),
    "a refusal": (page(b"{}", "403 Forbidden"), "the server answered 403"),
}
# What is tried again, and how long it takes to say so.
FOR_NOW: dict[str, tuple[bytes | Behaviour, str]] = {
    "silence": (hang, "0.2 s"),
    "a byte now and then": (drip(page(b"{}"), 0.05), "0.2 s"),
    "a closed door": (close, ""),
    "no HTTP": (say_and_close(b"220 mail.example.com ESMTP\r\n\r\n"), ""),
    "half an answer": (say_and_close(page(b"{}" * 50)[:-10]), ""),
    "too busy": (page(b"{}", "503 Busy"), "the server answered 503"),
}


@asynccontextmanager
async def asking(stage: Stage, answer: bytes | Behaviour, **members: Any) -> AsyncIterator[tuple[WebServer, str]]:
    """A workflow that asks a server which answers so, and a profile that has entered it."""
    ann = await stage.add(email=EMAIL, _fname="Ann")
    async with WebServer({"/quote": answer}) as server:
        options = {"timeout_seconds": 0.2, "save_as": "quote"} | members
        question = ask("quote", f"{server.url}/quote", "good", "bad", **options)
        await define(stage, start("quote"), question, delay("good", days=9), send("bad"))
        await enter(stage)
        yield server, ann


@pytest.mark.parametrize("case", FOR_GOOD)
async def test_an_answer_that_no_second_try_mends_fails_at_once(stage: Stage, case: str):
    answer, said = FOR_GOOD[case]
    async with asking(stage, answer, timeout_seconds=5.0) as (server, ann):
        pass
    assert said in (await reasons(stage, ann))[1]
    assert await visited(stage, ann) == ["start", "quote", "bad", "done"]
    assert (len(server.requests), received(stage)) == (1, ["Thank you, Ann"])


@pytest.mark.parametrize("case", FOR_NOW)
async def test_what_may_be_better_later_is_asked_three_times_under_one_key(stage: Stage, case: str):
    answer, said = FOR_NOW[case]
    async with asking(stage, answer, timeout_seconds=0.2 if said == "0.2 s" else 5.0) as (server, ann):
        for seconds in (10, 40):
            assert await place(stage, ann) == ["quote"]
            await pass_time(stage, seconds=seconds - 1)
            await pass_time(stage, seconds=1)
    told = await reasons(stage, ann)
    assert [one.startswith("asks again after: ") for one in told] == [False, True, True, False, False, False]
    assert all(said in one for one in told[1:4])
    assert (await visited(stage, ann))[-2:] == ["bad", "done"]
    assert len(server.requests) == 3
    assert len({one.headers["idempotency-key"] for one in server.requests}) == 1


async def test_a_server_that_recovers_is_heard_and_each_visit_has_a_key_of_its_own(stage: Stage):
    answers: dict[str, bytes | Behaviour] = {"/quote": page(b"{}", "500 Oops")}
    ann = await stage.add(email=EMAIL)
    async with WebServer(answers) as server:
        question = ask("quote", f"{server.url}/quote", "day", "gave_up", save_as="quote")
        await define(stage, start("quote"), question, delay("day", "quote", days=1), delay("gave_up", days=99))
        await enter(stage)
        answers["/quote"] = page(b'{"price": 5}')
        await pass_time(stage, seconds=10)
        assert await place(stage, ann) == ["day"]
        await pass_time(stage, days=1)
    assert await place(stage, ann) == ["day"]
    keys = [one.headers["idempotency-key"] for one in server.requests]
    assert (keys[0] == keys[1], keys[1] == keys[2], len(keys)) == (True, False, 3)


async def test_an_answer_that_is_not_kept_may_be_anything(stage: Stage):
    async with asking(stage, page(b"thank you"), save_as=None) as (_, ann):
        assert await place(stage, ann) == ["good"]


async def test_a_request_that_cannot_be_made_of_a_profile_fails_without_asking(stage: Stage):
    """Its header would get a letter that headers cannot have."""
    ann = await stage.add(email=EMAIL, _fname="Аня")
    async with WebServer() as server:
        question = ask("quote", server.url, "good", "bad", headers={"X-Name": "{lead._fname}"})
        await define(stage, start("quote"), question, delay("good", days=9), send("bad"))
        await enter(stage)
    assert server.requests == []
    assert "headers.X-Name" in (await reasons(stage, ann))[1]
    assert await visited(stage, ann) == ["start", "quote", "bad", "done"]


async def test_while_a_server_hangs_nobody_else_waits(stage: Stage):
    """Its own workflow has more profiles than may be asked for at once."""
    ann = await stage.add(email=EMAIL, _fname="Ann")
    crowd = [{"data": {"email": f"p{number}@example.com"}} for number in range(300)]
    async with WebServer({"/": hang}) as silent, WebServer() as quick:
        for workflow, server in ((41, silent), (42, quick)):
            question = ask("quote", f"{server.url}/", "hi", "hi", timeout_seconds=1.0, retries=0)
            await define(stage, start("quote"), question, send("hi"), workflow=workflow)
        assert (await stage.post(BATCH, workflow_id=41, matching="email", data=crowd))["error"] == 0
        for _ in range(3):
            await work_without_waiting(stage)
        await stage.post("workflows/start", id=42, email=EMAIL)
        async with asyncio.timeout(5):
            while not received(stage, EMAIL):
                await work_without_waiting(stage)
        assert stage.asker.is_asking
        assert await stage.rows("SELECT DISTINCT node FROM passages WHERE workflow_id = 41") == [("quote",)]
        assert (silent.most_at_once, len(quick.requests)) == (10, 1)
        await asyncio.wait_for(stage.asker.close(), 10)
    assert await visited(stage, ann) == ["start", "quote", "hi", "done"]


async def work_without_waiting(stage: Stage) -> None:
    """One round of a worker."""
    await passage_steps.move(stage.context, stage.graphs, timedelta(seconds=60), 500)
    await stage.asker.ask()
    await stage.delivery.deliver(500)


async def test_what_is_secret_in_a_request_is_told_to_nobody(stage: Stage, capfd: pytest.CaptureFixture[str]):
    hidden = {"headers": {"Authorization": "Bearer s3cret"}, "json": {"key": "s3cret"}, "method": "POST"}
    async with asking(stage, close, retries=0, **hidden) as (server, ann):
        (asked,) = server.requests
    assert (asked.headers["authorization"], asked.body) == ("Bearer s3cret", b'{"key": "s3cret"}')
    written = capfd.readouterr()
    assert "s3cret" not in "".join([*await reasons(stage, ann), written.out, written.err])
