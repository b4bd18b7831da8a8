"""What docs/sms.md says for a gateway that speaks SMPP: its file, and the words of Kannel 1.4.5 as it was heard."""

import re
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from tests.channels.web_server import WebServer, page

from cast import TOKEN, Stage
from tocsin.actions import configuration

# The page's sender 2 is another here.
PAGE = (
    (Path(__file__).parents[2] / "docs" / "sms.md").read_text(encoding="utf-8")
    .replace("- id: 2\n", "- id: 30\n").replace("%2F2%2F", "%2F30%2F").replace("/sms/2/", "/sms/30/")
)  # fmt: skip
SECRETS = {"KANNEL_PASSWORD": "kannel&password", "SMS_CALLBACK": "0123456789abcdef"}
OBJECTS = """
templates:
  - {id: 30, name: Code, sms: {text: "{lead._fname}: {apicontent.code}"}}
triggers:
  - {id: 300, name: Code, database: 1, channel: sms, template: 30, sender: 30, active: true}
"""
DELIVERED = "id:op-1 sub:001 dlvrd:001 submit date:2611210800 done date:2611210801 stat:DELIVRD err:000 text:"


def documented_sender() -> str:
    return next(one for one in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if "sendsms" in one)


async def launch(stage: Stage, name: str, encoding: str) -> None:
    """One launch whose text is `<name>: 7`."""
    method = "campaigns/triggers/import_and_start_batch"
    if encoding == "json":
        data = {"_fname": name, "email": "ann@example.com", "phones": "+79000000001"}
        await stage.post(method, trigger_id=300, data=[{"data": data}], content={"code": 7})
        return
    item = f"<_fname>{name}</_fname><email>ann@example.com</email><phones>+79000000001</phones>"
    await stage.post_xml(
        method,
        f"<xml><token>{TOKEN}</token><trigger_id>300</trigger_id><content><code>7</code></content>"
        f"<data><data>{item}</data></data></xml>",
    )


async def send(stage: Stage, answer: bytes, name: str = "Ann", encoding: str = "json") -> list[dict[str, str]]:
    """What the gateway was asked, as the members of each query."""
    async with WebServer({"/cgi-bin/sendsms": answer}) as gateway:
        text = documented_sender().replace("http://127.0.0.1:13013", gateway.url) + OBJECTS
        await configuration.apply(stage.context, text, "gateway.yaml", SECRETS)
        await launch(stage, name, encoding)
        await stage.work()
        stage.clock.advance(minutes=1)
        return [dict(parse_qsl(urlsplit(one.path).query)) for one in gateway.requests]


async def list_events(stage: Stage) -> list[str]:
    return [type_ for (type_,) in await stage.rows("SELECT type FROM events ORDER BY at, id")]


@pytest.mark.parametrize("encoding", ["json", "xml"])
@pytest.mark.parametrize(("name", "coding"), [("Ann", "0"), ("Аня", "2")])
async def test_a_call_reaches_the_gateway_in_the_right_alphabet(stage: Stage, name: str, coding: str, encoding: str):
    [asked] = await send(stage, page(b"0: Accepted for delivery", "202 Accepted"), name, encoding)
    ((message_id,),) = await stage.rows("SELECT id FROM events")
    asked_back = urlsplit(asked.pop("dlr-url"))
    assert asked == {
        "username": "tocsin", "password": "kannel&password", "from": "Shop", "to": "+79000000001",
        "text": f"{name}: 7", "charset": "UTF-8", "coding": coding, "dlr-mask": "19",
    }  # fmt: skip
    assert asked_back.path == "/callbacks/sms/30/0123456789abcdef"
    assert asked_back.query == f"id={message_id.hex()}&status=%d&reason=%A"
    assert await list_events(stage) == ["send_sms"]


@pytest.mark.parametrize(
    ("status", "reason", "event"),
    [
        ("1", DELIVERED, "deliv_sms"),
        ("2", DELIVERED.replace("DELIVRD", "UNDELIV"), "undeliv_sms"),
        ("16", "NACK/0x0000000b/Invalid Destination Address", "undeliv_sms"),
        ("8", "ACK/", None),
    ],
)
async def test_what_the_gateway_reports_becomes_the_event(stage: Stage, status: str, reason: str, event: str | None):
    [asked] = await send(stage, page(b"0: Accepted for delivery", "202 Accepted"))
    place = urlsplit(asked["dlr-url"].replace("%d", status).replace("%A", reason))
    response = await stage.client.get(place.path, params=dict(parse_qsl(place.query)))
    assert response.status_code == 200
    assert await list_events(stage) == ["send_sms", *([event] if event else [])]


@pytest.mark.parametrize(
    ("status", "said", "event"),
    [
        ("202 Accepted", b"3: Queued for later delivery", ["send_sms"]),
        ("400 Bad Request", b"Number(s) has/have been denied by white- and/or black-lists.", ["undeliv_sms"]),
        ("403 Forbidden", b"Authorization failed for sendsms", []),
        ("202 Accepted", b"Sent.", []),
    ],
)
async def test_what_the_gateway_answers_is_understood(stage: Stage, status: str, said: bytes, event: list[str]):
    await send(stage, page(said, status))
    assert await list_events(stage) == event


async def test_a_stop_word_by_the_gateway_is_heard(stage: Stage):
    await send(stage, page(b"0: Accepted for delivery", "202 Accepted"))
    subscription = {"channel": "sms", "phone": "+79000000001", "resource_id": 20}
    await stage.add(email="ann@example.com", subscriptions=[subscription])
    place = re.search(r'get-url = "https://your\.host(.*)"', PAGE)[1].replace("SECRET", SECRETS["SMS_CALLBACK"])
    heard = place.replace("%p", "%2B79000000001").replace("%a", "%D0%A1%D0%A2%D0%9E%D0%9F")
    assert (await stage.client.get(heard)).status_code == 200
    assert await list_events(stage) == ["send_sms", "unsub_sms"]
