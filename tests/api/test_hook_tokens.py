"""Hooks whose server wants an access token: asked for at another server, kept, renewed, and never shown."""

import json
from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs

import pytest
from tests.api.receiver import Receiver
from tests.channels.web_server import Behaviour, WebServer, page

from cast import TOKEN, Stage
from tocsin.actions import configuration
from tocsin.actions.hook_posts import HookPost
from tocsin.channels.http import HttpDoor
from tocsin.core import configuration_file
from tocsin.core.errors import ConfigurationMistakes

CLIENT_SECRET = "s3cr3t+of the client"
GRANTED = b'{"access_token": "%s", "token_type": "Bearer", "expires_in": 3600}'


class Guard:
    """A token server that numbers what it grants, and a receiver that takes only tokens that are `good`."""

    def __init__(self, tokens: WebServer, receiver: Receiver) -> None:
        self.tokens, self.receiver = tokens, receiver
        self.good = {"Bearer token-1", "Bearer token-2", "Bearer token-3"}
        receiver.judge = self._judge

    def _judge(self, _batch: list[Any]) -> int:
        return 200 if self.receiver.requests[-1].headers.get("authorization") in self.good else 401


def grant(tokens: WebServer) -> Behaviour:
    async def behave(writer: Any) -> None:
        writer.write(page(GRANTED % f"token-{len(tokens.requests)}".encode()))
        await writer.drain()

    return behave


@pytest.fixture
async def guard() -> AsyncIterator[Guard]:
    async with Receiver() as receiver, WebServer() as tokens:
        tokens.answers = {"/token": grant(tokens)}
        yield Guard(tokens, receiver)


async def listen(stage: Stage, guard: Guard, **members: Any) -> None:
    oauth2 = {"token_url": f"{guard.tokens.url}/token", "client_id": "shop", "client_secret": "${CRM}"} | members
    hook = {"id": 2, "name": "crm", "url": f"{guard.receiver.url}/events", "events": ["send"], "oauth2": oauth2}
    await configuration.apply(stage.context, json.dumps({"hooks": [hook]}), "hooks.yaml", {"CRM": CLIENT_SECRET})


async def launch(stage: Stage, email: str = "ann@example.com") -> None:
    members = {"id": 8, "matching": "email", "data": {"email": email}}
    answer = await stage.post("campaigns/triggers/import_and_start", members)
    assert answer["error"] == 0, answer
    await stage.work()


async def get(stage: Stage) -> dict[str, Any]:
    answer = await stage.post("hooks/get", id=2)
    found: dict[str, Any] = answer["data"]
    return found


async def test_a_token_is_asked_for_once_and_shown_with_every_batch(stage: Stage, guard: Guard):
    await listen(stage, guard, scope="events.write")
    await launch(stage)
    await launch(stage, "bob@example.com")
    assert len(guard.receiver.events) == 2
    assert {one.headers["authorization"] for one in guard.receiver.requests} == {"Bearer token-1"}
    (asked,) = guard.tokens.requests
    assert (asked.method, asked.headers["content-type"]) == ("POST", "application/x-www-form-urlencoded")
    assert parse_qs(asked.body.decode()) == {"grant_type": ["client_credentials"], "scope": ["events.write"]}
    basic = b64encode(b"shop:s3cr3t%2Bof+the+client").decode()
    assert asked.headers["authorization"] == f"Basic {basic}"


async def test_a_call_in_xml_is_told_with_a_token_too(stage: Stage, guard: Guard):
    await listen(stage, guard)
    answer = await stage.post_xml(
        "campaigns/triggers/import_and_start",
        f"<xml><token>{TOKEN}</token><id>8</id><matching>email</matching>"
        "<data><email>ann@example.com</email></data></xml>",
    )
    assert answer.findtext("error") == "0"
    await stage.work()
    assert [one.headers["authorization"] for one in guard.receiver.requests] == ["Bearer token-1"]


async def test_the_client_can_be_named_in_the_body(stage: Stage, guard: Guard):
    await listen(stage, guard, credentials_in="body")
    await launch(stage)
    (asked,) = guard.tokens.requests
    form = {"grant_type": ["client_credentials"], "client_id": ["shop"], "client_secret": [CLIENT_SECRET]}
    assert parse_qs(asked.body.decode()) == form
    assert "authorization" not in asked.headers
    assert len(guard.receiver.events) == 1


async def test_a_token_is_renewed_shortly_before_its_end(stage: Stage, guard: Guard):
    await listen(stage, guard)
    await launch(stage)
    stage.clock.advance(minutes=54)
    await launch(stage)
    stage.clock.advance(minutes=2)
    await launch(stage)
    shown = [one.headers["authorization"] for one in guard.receiver.requests]
    assert shown == ["Bearer token-1", "Bearer token-1", "Bearer token-2"]


async def test_a_token_that_is_not_accepted_is_asked_for_anew_once(stage: Stage, guard: Guard):
    await listen(stage, guard)
    await launch(stage)
    guard.good = {"Bearer token-2"}
    await launch(stage, "bob@example.com")
    assert len(guard.receiver.events) == 2
    assert "sends_trying_num" not in guard.receiver.events[1]
    guard.good = set()
    await launch(stage, "eve@example.com")
    assert len(guard.tokens.requests) == 3
    assert (await get(stage))["failure"] == "the server answered 401"
    guard.good = {"Bearer token-4"}
    stage.clock.advance(minutes=1)
    await stage.work()
    assert guard.receiver.events[2]["sends_trying_num"] == 1
    assert (await get(stage))["state"] == "active"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            page(b'{"error": "invalid_client", "error_description": "not %s"}' % CLIENT_SECRET.encode(), "401 No"),
            "no access token: the server answered 401, invalid_client: not ...",
        ),
        (page(b"<html>", "500 Trouble"), "no access token: the server answered 500, with no token"),
        (page(b'{"access_token": "two words"}'), "no access token: the server answered 200, with no token"),
        (page(b"", "302 Found", Location="/elsewhere"), "no access token: the server answered 302, with no token"),
    ],
    ids=["refused", "broken", "unusable", "redirect"],
)
async def test_without_a_token_the_attempt_fails_and_says_why(
    stage: Stage, guard: Guard, answer: bytes, reason: str, capsys: pytest.CaptureFixture[str]
):
    await listen(stage, guard)
    guard.tokens.answers = {"/token": answer}
    await launch(stage)
    assert guard.receiver.requests == []
    view = await get(stage)
    assert (view["state"], view["failure"], view["waiting"]) == ("failing", reason, 1)
    guard.tokens.answers = {"/token": grant(guard.tokens)}
    stage.clock.advance(minutes=1)
    await stage.work()
    (event,) = guard.receiver.events
    assert event["sends_trying_num"] == 1
    logged = "".join(capsys.readouterr())
    assert CLIENT_SECRET not in logged
    assert "token-2" not in logged


async def test_a_token_server_at_a_private_address_is_not_asked_unless_that_is_allowed(stage: Stage, guard: Guard):
    await listen(stage, guard)
    async with stage.context.database.transaction() as transaction:
        hook = (await stage.context.configuration(transaction)).get_hook(2)
    post = HookPost(stage.context, hook, HttpDoor())
    reply = await post.send("msg_1", b"[]")
    await post.close()
    assert "127.0.0.1 is not public and not in TOCSIN_ALLOW_PRIVATE_ADDRESSES" in reply.text
    assert guard.tokens.requests == guard.receiver.requests == []


def test_an_exported_hook_shows_no_secret_of_its_client():
    text = (
        "hooks:\n  - {id: 1, name: a, url: 'http://x', events: [send], "
        "oauth2: {token_url: 'https://x/t', client_id: b, client_secret: '${CRM}'}}\n"
    )
    stored = configuration_file.parse(text, "a.yaml", {"CRM": CLIENT_SECRET})
    exported = configuration_file.dump(stored)
    assert "${CRM}" in exported
    assert "s3cr3t" not in exported
    assert configuration_file.parse(exported, "a.yaml", {}, stored).hooks == stored.hooks


@pytest.mark.parametrize(
    ("members", "mistake"),
    [
        (
            "oauth2: {token_url: 'https://x/t', client_id: b, client_secret: plain}",
            "oauth2.client_secret: expected ${NAME}",
        ),
        ("oauth2: {token_url: 'https://x/t', client_id: b, client_secret: '${GONE}'}", "variable GONE is not set"),
        ("oauth2: {token_url: 'ftp://x/t', client_id: b, client_secret: '${CRM}'}", "oauth2.token_url: "),
        ("oauth2: {token_url: 'https://x/t', client_secret: '${CRM}'}", "client_id"),
        (
            "oauth2: {token_url: 'https://x/t', client_id: b, client_secret: '${CRM}'}, headers: {Authorization: x}",
            "headers.Authorization: this header is written by oauth2",
        ),
    ],
)
def test_access_that_cannot_be_used_is_refused_with_its_place(members, mistake):
    with pytest.raises(ConfigurationMistakes) as raised:
        configuration_file.parse(
            f"hooks:\n  - {{id: 1, name: a, url: 'http://x', events: [send], {members}}}\n", "a.yaml", {"CRM": "x"}
        )
    (told,) = raised.value.mistakes
    assert mistake in told
    assert "plain" not in told
