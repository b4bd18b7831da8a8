"""From a call to the SMS that a provider got, and back from what it reports."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.channels.web_server import Asked, WebServer, hang, page

from cast import TOKEN, Stage, parse_xml
from tocsin.actions import configuration
from tocsin.core.errors import ConfigurationMistakes

SECRET = "callback-secret-2"
GATEWAY = """
senders:
  - id: 20
    name: gateway
    channel: sms
    type: http
    url: "{url}/send"
    headers: {{Authorization: "Bearer ${{SMS_KEY}}"}}
    json: {{to: "{{phone}}", text: "{{text}}", from: "{{from}}", ref: "{{message_id}}"}}
    from_name: Shop
    answer: {{accepted: '"ok"', refused: '"code": ?7', message_id: $.id}}
    receipts: {{status: state, delivered: [DELIVRD], failed: [UNDELIV], provider_id: id, message_id: ref, reason: why,
               phone: sender, text: body}}
    callback_secret: callback-secret-2
templates:
  - {{id: 20, name: Code, sms: {{text: "{{lead._fname}}, your code is {{apicontent.code}}"}}}}
  - {{id: 21, name: Short, sms: {{text: "{{apicontent.text}}", from_name: "{{apicontent.from}}", max_segments: 2}}}}
triggers:
  - {{id: 200, name: Code, database: 1, channel: sms, template: 20, sender: 20, active: true}}
  - {{id: 201, name: Updates, database: 1, channel: sms, resource: 20, template: 20, sender: 20, active: true}}
  - {{id: 202, name: Short, database: 1, channel: sms, template: 21, sender: 20, active: true}}
workflows:
  - id: 20
    name: Remind
    database: 1
    active: true
    nodes:
      - {{id: start, type: start, next: text}}
      - {{id: text, type: campaign, trigger: 200, next: arrived}}
      - id: arrived
        type: feedback
        of: text
        events: [deliv_sms]
        within: {{hours: 1}}
        next: mail
        otherwise: done
      - {{id: mail, type: campaign, trigger: 8, next: done}}
      - {{id: done, type: end}}
"""
ACCEPTED = page(b'{"status": "ok", "id": "prov-1"}')


@asynccontextmanager
async def provided(stage: Stage, answer: Any = ACCEPTED) -> AsyncIterator[WebServer]:
    """A provider that answers like this, and the stage configured to send SMS through it."""
    async with WebServer({"/send": answer}) as server:
        await apply(stage, GATEWAY.format(url=server.url))
        yield server


async def apply(stage: Stage, text: str, **environment: str) -> None:
    await configuration.apply(stage.context, text, "sms.yaml", {"SMS_KEY": "s3cr3t-key", **environment})


def sent(server: WebServer) -> list[dict[str, Any]]:
    return [json.loads(one.body) for one in server.requests]


async def events(stage: Stage) -> list[tuple[str, dict[str, Any]]]:
    return await stage.rows("SELECT type, data FROM events ORDER BY at, id")


async def start(stage: Stage, trigger_id: int = 200, **members: Any) -> dict[str, Any]:
    item = {"data": {"_fname": "Ann", "email": "ann@example.com", "phones": "+79000000001", **members.pop("data", {})}}
    return await stage.post(
        "campaigns/triggers/import_and_start_batch",
        trigger_id=trigger_id, data=[item], content={"code": 731}, **members,
    )  # fmt: skip


async def call_back(stage: Stage, said: Any = None, query: str = "", secret: str = SECRET, sender: Any = 20) -> int:
    path = f"/callbacks/sms/{sender}/{secret}{query}"
    response = await (stage.client.get(path) if said is None else stage.client.post(path, json=said))
    return response.status_code


async def test_a_call_in_json_becomes_the_sms_that_the_provider_gets(stage: Stage):
    async with provided(stage) as server:
        answer = await start(stage)
        await stage.work()
    (message_id,) = (await stage.rows("SELECT id FROM events"))[0]
    assert answer["result"] == [{"profile_id": (await stage.get_profile(email="ann@example.com"))["id"]}]
    assert sent(server) == [
        {"to": "+79000000001", "text": "Ann, your code is 731", "from": "Shop", "ref": message_id.hex()}
    ]
    assert server.requests[0].headers["authorization"] == "Bearer s3cr3t-key"
    ((type_, data),) = await events(stage)
    assert type_ == "send_sms"
    assert data == {
        "address": "+79000000001", "attempts": 1, "code": 200, "text": '200 {"status": "ok", "id": "prov-1"}',
        "segments": 1, "provider_id": "prov-1",
    }  # fmt: skip


async def test_a_call_in_xml_that_matches_by_phone_sends_to_the_subscription(stage: Stage):
    async with provided(stage) as server:
        await stage.add(
            matching="phone", _fname="Bob", phones="+79000000002",
            subscriptions=[{"channel": "sms", "phone": "+79000000003", "resource_id": 20}],
        )  # fmt: skip
        answer = await stage.post_xml(
            "campaigns/triggers/start_batch",
            f"<xml><token>{TOKEN}</token><trigger_id>201</trigger_id><matching>phone</matching>"
            "<content><code>9</code></content><data><phone>+79000000002</phone></data></xml>",
        )
        await stage.work()
    assert answer.findtext("error") == "0"
    assert [(one["to"], one["text"]) for one in sent(server)] == [("+79000000003", "Bob, your code is 9")]


@pytest.mark.parametrize("encoding", ["json", "xml"])
async def test_a_subscription_filter_chooses_the_phone(stage: Stage, encoding: str):
    async with provided(stage) as server:
        subscriptions = [{"channel": "sms", "phone": f"+7900000000{n}", "resource_id": 20} for n in (4, 5, 6)]
        await stage.add(_fname="Eve", email="eve@example.com", subscriptions=subscriptions)
        if encoding == "json":
            answer = await stage.post(
                "campaigns/triggers/start", id=201, matching="email", email="eve@example.com",
                subscription_filter={"phone": "+7 900 000-00-05"},
            )  # fmt: skip
            assert answer["error"] == 0
        else:
            said = await stage.post_xml(
                "campaigns/triggers/start",
                f"<xml><token>{TOKEN}</token><id>201</id><matching>email</matching><email>eve@example.com</email>"
                "<subscription_filter><phone>+79000000005</phone></subscription_filter></xml>",
            )
            assert said.findtext("error") == "0"
        await stage.work()
    assert [one["to"] for one in sent(server)] == ["+79000000005"]


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ({"phone": "five"}, "subscription_filter.phone"),
        ({"provider": "mozilla"}, "subscription_filter.subscription_id"),
        ({"subscription_id": "x"}, "subscription_filter.provider"),
    ],
)
async def test_a_filter_that_is_no_address_is_refused(stage: Stage, asked: dict[str, str], path: str):
    async with provided(stage):
        await stage.add(email="eve@example.com")
        answer = await stage.post(
            "campaigns/triggers/start", id=200, matching="email", email="eve@example.com", subscription_filter=asked
        )
    assert answer["error"] == 400
    assert path in answer["error_debug"]


@pytest.mark.parametrize(
    ("fields", "trigger_id", "reason"),
    [
        ({"phones": ""}, 200, "no_address"),
        ({"_status": 1}, 200, "not_subscribed"),
        ({}, 201, "no_subscription"),
        (
            {"subscriptions": [{"channel": "sms", "phone": "+79000000001", "resource_id": 20, "status": "suspended"}]},
            201,
            "not_subscribed",
        ),
    ],
)
async def test_who_gets_no_sms_is_told_with_the_reason(stage: Stage, fields: Any, trigger_id: int, reason: str):
    async with provided(stage) as server:
        answer = await start(stage, trigger_id, data=fields)
        await stage.work()
    assert [one["reason"] for one in answer["skipped"]] == [reason]
    assert server.requests == []


async def test_a_mail_that_bounced_does_not_keep_the_sms_back(stage: Stage):
    async with provided(stage) as server:
        await start(stage, data={"_status": 3})
        await stage.work()
    assert len(server.requests) == 1


async def test_what_takes_too_many_segments_is_not_sent(stage: Stage):
    async with provided(stage) as server:
        await stage.add(email="ann@example.com", phones="+79000000001")
        for text in ("й" * 134, "й" * 135):
            await stage.post(
                "campaigns/triggers/start", id=202, email="ann@example.com", content={"text": text, "from": "Café"}
            )
        await stage.work()
    assert [(one["from"], len(one["text"])) for one in sent(server)] == [("Café", 134)]
    told = sorted((type_, data.get("segments"), data.get("text")) for type_, data in await events(stage))
    assert told == [
        ("send_sms", 2, '200 {"status": "ok", "id": "prov-1"}'),
        ("undeliv_sms", None, "the SMS takes 3 segments; its template allows 2"),
    ]


async def test_a_refusal_is_for_good_and_trouble_is_not(stage: Stage):
    async with provided(stage, page(b'{"status": "error", "code": 7}')):
        await start(stage)
        await stage.work()
    assert [type_ for type_, _ in await events(stage)] == ["undeliv_sms"]
    async with provided(stage, page(b"busy", "503 Busy")) as server:
        await start(stage)
        await stage.work()
        assert len(server.requests) == 1
        assert (await stage.rows("SELECT count(*) FROM messages"))[0][0] == 1
        server.answers = {"/send": ACCEPTED}
        stage.clock.advance(hours=2)
        await stage.work()
        assert len(server.requests) == 2
        assert sent(server)[0]["ref"] == sent(server)[1]["ref"]
    assert [type_ for type_, _ in await events(stage)] == ["undeliv_sms", "send_sms"]


async def test_receipts_become_events_once_by_either_id(stage: Stage):
    async with provided(stage):
        await start(stage)
        await stage.work()
    ((message_id,),) = await stage.rows("SELECT id FROM events")
    stage.clock.advance(minutes=1)
    assert await call_back(stage, query="?id=prov-1&state=ENROUTE") == 200
    assert await call_back(stage, {"id": "prov-1", "state": "undeliv", "why": "absent"}) == 200
    assert await call_back(stage, query=f"?ref={message_id.hex()}&state=UNDELIV") == 200
    stage.clock.advance(minutes=1)
    assert await call_back(stage, query="?id=prov-1&state=DELIVRD") == 200
    assert [(type_, data.get("text")) for type_, data in (await events(stage))[1:]] == [
        ("undeliv_sms", "absent"),
        ("deliv_sms", None),
    ]


@pytest.mark.parametrize(
    ("said", "changed", "status"),
    [
        ({"id": "prov-1", "state": "DELIVRD"}, {"secret": "guessed-secret-2"}, 404),
        ({"id": "prov-1", "state": "DELIVRD"}, {"secret": "секрет"}, 404),
        ({"id": "prov-1", "state": "DELIVRD"}, {"sender": 21}, 404),
        ({"id": "prov-1", "state": "DELIVRD"}, {"sender": "x"}, 404),
        ({"id": "prov-1", "state": "DELIVRD"}, {"sender": 1}, 404),
        ({"id": "prov-1", "state": "DELIVRD"}, {"sender": "9" * 5000}, 404),
        ({"id": "prov-2", "state": "DELIVRD"}, {}, 404),
        ({"ref": "0" * 24, "state": "DELIVRD"}, {}, 404),
        ({"ref": "z" * 24, "state": "DELIVRD"}, {}, 200),
        ({"id": {"a": 1}, "state": ["DELIVRD"]}, {}, 200),
        ([1, "x", None], {}, 200),
        ({"id": "prov\0-1", "state": "DELIVRD"}, {}, 404),
    ],
)
async def test_what_is_forged_or_unknown_does_nothing(stage: Stage, said: Any, changed: Any, status: int):
    async with provided(stage):
        await start(stage)
        await stage.work()
    assert await call_back(stage, said, **changed) == status
    assert [type_ for type_, _ in await events(stage)] == ["send_sms"]


@pytest.mark.parametrize("body", [b"{", b"[" * 100_000, b"\xff\xfe", b"<xml/>", b'{"a": ' + b'"x"' * 400_000])
async def test_a_body_that_cannot_be_read_is_refused(stage: Stage, body: bytes):
    async with provided(stage):
        pass
    response = await stage.client.post(f"/callbacks/sms/20/{SECRET}", content=body)
    assert response.status_code == 400


async def test_a_list_of_reports_is_taken_as_one(stage: Stage):
    async with provided(stage):
        text = GATEWAY.format(url="http://127.0.0.1:9").replace(
            "status: state,", "reports: $.results, status: $.status.name,"
        )
        await apply(stage, text.replace("provider_id: id", "provider_id: $.msg"))
        rows = [{"email": f"c{n}@example.com", "phones": f"+7900000001{n}"} for n in range(3)]
        await stage.post(
            "campaigns/triggers/import_and_start_batch", trigger_id=200, data=[{"data": row} for row in rows]
        )
        known = [message_id.hex() for (message_id,) in await stage.rows("SELECT id FROM messages")]
    results = [{"ref": one, "status": {"name": "DELIVRD"}} for one in known]
    assert await call_back(stage, {"results": [*results, {"ref": "0" * 24, "status": {"name": "DELIVRD"}}]}) == 404
    assert [type_ for type_, _ in await events(stage)] == ["deliv_sms"] * 3
    assert await call_back(stage, {"results": results}) == 200
    assert len(await events(stage)) == 3


async def test_stop_ends_the_sms_subscriptions_of_the_phone(stage: Stage):
    subscriptions = [
        {"channel": "sms", "phone": "+79000000007", "resource_id": 20},
        {"channel": "sms", "phone": "+79000000008", "resource_id": 20},
        {"channel": "email", "email": "eve@example.com", "resource_id": 21},
    ]
    async with provided(stage):
        await stage.add(email="eve@example.com", subscriptions=subscriptions)
        await stage.add(email="mum@example.com", subscriptions=subscriptions[:1])
        assert await call_back(stage, {"sender": 79000000007, "body": " stop "}) == 200
        assert await call_back(stage, {"sender": "+79000000008", "body": "please stop"}) == 200
    found = [
        one["status"]
        for email in ("eve@example.com", "mum@example.com")
        for one in (await stage.get_profile(email=email))["subscriptions"]
    ]
    assert found == ["unsubscribed", "subscribed", "subscribed", "unsubscribed"]
    assert await events(stage) == [("unsub_sms", {"address": "+79000000007"})] * 2
    async with provided(stage):
        assert await call_back(stage, {"sender": "79000000007", "body": "STOP"}) == 200
    assert len(await events(stage)) == 2


async def test_a_workflow_sends_an_sms_and_goes_on_when_it_has_arrived(stage: Stage):
    async with provided(stage) as server:
        await stage.add(_fname="Ann", email="ann@example.com", phones="+79000000001")
        answer = await stage.post(
            "workflows/start", workflow_id=20, matching="email", email="ann@example.com", content={"code": 5}
        )
        assert answer["error"] == 0, answer
        await stage.work()
        assert [one["text"] for one in sent(server)] == ["Ann, your code is 5"]
        assert stage.mailbox.mails() == {}
        stage.clock.advance(seconds=10)
        assert await call_back(stage, {"id": "prov-1", "state": "DELIVRD"}) == 200
        await stage.work()
    assert list(stage.mailbox.mails()) == ["ann@example.com"]


async def test_a_provider_that_is_silent_costs_its_own_messages_an_attempt(stage: Stage):
    async with WebServer({"/send": hang}) as server:
        await apply(stage, GATEWAY.format(url=server.url).replace("from_name: Shop", "timeout_seconds: 0.2"))
        await start(stage)
        await stage.work()
    ((attempts,),) = await stage.rows("SELECT attempts FROM messages")
    assert attempts == 1


async def test_secrets_are_neither_exported_nor_stored_in_the_texts(stage: Stage):
    async with provided(stage) as server:
        exported = await configuration.export(stage.context)
        assert "Bearer ${SMS_KEY}" in exported
        assert "callback_secret: ${SENDER_20_CALLBACK_SECRET}" in exported
        assert "s3cr3t-key" not in exported
        assert SECRET not in exported
        again = await configuration.apply(stage.context, exported, "sms.yaml", {})
        assert {one.action for one in again.changes} == {"unchanged"}
        await configuration.apply(stage.context, exported, "sms.yaml", {"SMS_KEY": "another"})
        await start(stage)
        await stage.work()
    assert server.requests[0].headers["authorization"] == "Bearer another"
    with pytest.raises(ConfigurationMistakes, match=r"headers\.Authorization: the environment variable OTHER is not"):
        await configuration.apply(stage.context, exported.replace("SMS_KEY", "OTHER"), "sms.yaml", {})


async def test_what_a_provider_echoes_shows_no_secret(stage: Stage):
    async with provided(stage, page(b'{"ok": "ok", "auth": "Bearer s3cr3t-key"}')):
        await start(stage)
        await stage.work()
    assert "s3cr3t-key" not in str(await events(stage))


NASTY = 'a&to=+1"\\</x>{phone}${SMS_KEY}{{x}} ünï %41\n?'


FORM = "form: {{to: '{{digits}}', text: '{{text}}', key: '${{SMS_KEY}}'}}"
JSON = "json: {{to: '{{digits}}', texts: ['{{text}}', '${{SMS_KEY}}', 7]}}"
DEEP = "json: {{to: ['{{phone}}'], list: [{{deep: '{{text}}'}}]}}"
BODY = "body: '<m to=\"{{phone}}\">{{text}}</m>'"


@pytest.mark.parametrize(
    ("how", "read"),
    [
        (FORM, lambda asked: parse_qs(asked.body.decode())["text"][0]),
        (JSON, lambda asked: json.loads(asked.body)["texts"][0]),
        (DEEP, lambda asked: json.loads(asked.body)["list"][0]["deep"]),
        (BODY, lambda asked: parse_xml(asked.body).text),
        ("url", lambda asked: parse_qs(urlsplit(asked.path).query)["text"][0]),
    ],
)
async def test_values_do_not_break_out_of_the_request(stage: Stage, how: str, read: Callable[[Asked], str]):
    said = 'json: {{to: "{{phone}}", text: "{{text}}", from: "{{from}}", ref: "{{message_id}}"}}'
    text = GATEWAY.replace(said, "{how}").replace('headers: {{Authorization: "Bearer ${{SMS_KEY}}"}}', "{headers}")
    headers = "headers: {{Content-Type: application/xml}}" if how.startswith("body") else "from_name: ''"
    text = text.replace("from_name: Shop\n", "\n") if not how.startswith("body") else text
    if how.startswith("url"):
        text, how = text.replace("/send", "/send?to={{digits}}&text={{text}}&key=${{SMS_KEY}}"), "method: GET"
    async with WebServer({"/send": ACCEPTED}) as server:
        whole = text.replace("{how}", how).replace("{headers}", headers)
        await apply(stage, whole.format(url=server.url))
        await stage.add(email="ann@example.com", phones="+79000000001")
        await stage.post("campaigns/triggers/start", id=202, email="ann@example.com", content={"text": NASTY})
        await stage.work()
    assert read(server.requests[0]) == NASTY


@pytest.mark.parametrize("encoding", ["json", "xml"])
async def test_an_sms_is_shown_as_it_was_sent(stage: Stage, encoding: str):
    async with provided(stage):
        await start(stage)
        await stage.work()
    ((message_id,),) = await stage.rows("SELECT encode(id, 'hex') FROM events")
    shown = {"from_name": "", "phone": "+79000000001", "text": "Ann, your code is 731", "segments": 1}
    if encoding == "json":
        answer = await stage.post("webver/get", send_message_id=message_id)
        assert answer["data"]["sms"] == shown
        assert "email" not in answer["data"]
    else:
        xml = f"<xml><token>{TOKEN}</token><send_message_id>{message_id}</send_message_id></xml>"
        found = (await stage.post_xml("webver/get", xml)).find("data/sms")
        assert found is not None
        assert {one.tag: one.text or "" for one in found} == {name: str(value) for name, value in shown.items()}
