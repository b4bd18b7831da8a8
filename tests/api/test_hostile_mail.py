"""Values that try to become headers, commands or other letters: from a call to the bytes that go out."""

from typing import Any
from xml.sax.saxutils import escape

import pytest
import yaml

from cast import TOKEN, Stage, parse_mail
from tocsin.actions import configuration

NASTY = {
    "a header more": "Ann\r\nBcc: evil@example.com",
    "a header after a bare feed": "Ann\nBcc: evil@example.com",
    "a header after a bare return": "Ann\rBcc: evil@example.com",
    "a body": "Ann\r\n\r\n<h1>Other</h1>",
    "the end of the message": "Ann\r\n.\r\nMAIL FROM:<evil@example.com>\r\n",
    "dots": ".\r\n..\r\n.",
    "a long line": "x" * 5000,
    "a long word beyond ASCII": "й" * 3000,
    "other line ends": "Ann\x0b\x0c\x1c\x85\u2028\u2029Bcc: evil@example.com",
    "a boundary": "--=_\r\nContent-Type: text/html\r\n\r\nother",
    "an encoded word": "=?utf-8?q?Ann=0D=0ABcc:_evil=40example.com?=",
    "an address": 'Ann" <evil@example.com>, "x',
    "signs": "<script>alert(1)</script>{lead.email}{{7*7}}%s",
}
HEADERS = {
    "from", "to", "subject", "date", "message-id", "mime-version", "content-type", "list-unsubscribe", "reply-to"
}  # fmt: skip


VALUE = "{lead._fname}{apicontent.page}"
EVERYWHERE = {
    "from_name": VALUE,
    "from_email": "shop@example.com",
    "reply_to_name": VALUE,
    "reply_to_email": "help@example.com",
    "subject": VALUE,
    "html": f"<p title='{VALUE}'>{VALUE}</p>",
    "text": VALUE,
}


async def change_template(stage: Stage, number: int, email: dict[str, str]) -> None:
    file = yaml.safe_dump({"templates": [{"id": number, "name": "Changed", "email": email}]})
    await configuration.apply(stage.context, file, "hostile.yaml", {})


@pytest.fixture
async def nasty(stage: Stage) -> Stage:
    await change_template(stage, 1, EVERYWHERE)
    return stage


def check(body: bytes) -> None:
    """One letter to one recipient, whatever stands in it."""
    assert body.count(b"\n") == body.count(b"\r") == body.count(b"\r\n")
    assert b"\0" not in body
    assert max(map(len, body.split(b"\r\n"))) <= 998
    mail = parse_mail(body)
    names = [name.lower() for name in mail]
    assert len(names) == len(set(names))
    assert set(names) <= HEADERS | {"list-unsubscribe-post"}
    assert mail.defects == []
    assert [address.addr_spec for address in mail["to"].addresses] == ["ann@example.com"]
    assert [address.addr_spec for address in mail["from"].addresses] == ["shop@example.com"]
    assert [address.addr_spec for address in mail["reply-to"].addresses] == ["help@example.com"]
    assert [part.get_content_type() for part in mail.walk()] == ["multipart/alternative", "text/plain", "text/html"]


@pytest.mark.parametrize("value", NASTY.values(), ids=NASTY)
@pytest.mark.parametrize("place", ["a field", "the content"])
async def test_whatever_a_value_holds_one_letter_goes_to_one_recipient(nasty: Stage, value: str, place: str):
    field, content = (value, "") if place == "a field" else ("", value)
    data: dict[str, Any] = {"email": "ann@example.com", "_fname": field}
    answer = await nasty.post("campaigns/triggers/import_and_start", trigger_id=8, data=data, content={"page": content})
    assert answer["error"] == 0, answer
    await nasty.work()
    (arrived,) = nasty.mailbox.arrived
    assert arrived.recipient == "ann@example.com"
    check(arrived.body)
    html = parse_mail(arrived.body).get_body(("html",))
    assert html
    assert "<script>" not in html.get_content()


@pytest.mark.parametrize("value", [NASTY["a header more"], NASTY["dots"], NASTY["signs"]])
async def test_the_same_comes_in_xml(nasty: Stage, value: str):
    answer = await nasty.post_xml(
        "campaigns/triggers/import_and_start",
        f"<xml><token>{TOKEN}</token><trigger_id>8</trigger_id><data><email>ann@example.com</email>"
        f"<_fname>{escape(value, {chr(13): '&#13;'})}</_fname></data></xml>",
    )
    assert answer.findtext("error") == "0"
    await nasty.work()
    (arrived,) = nasty.mailbox.arrived
    check(arrived.body)


@pytest.mark.parametrize(
    "address",
    [
        "ann@example.com\r\nRCPT TO:<evil@example.com>",
        "ann@example.com\nBcc: evil@example.com",
        "ann@example.com\0",
        "ann@example.com>,<evil@example.com",
        "a" * 300 + "@example.com",
        "ann@" + "a" * 300 + ".com",
        "ann@example.com, evil@example.com",
    ],
)
@pytest.mark.parametrize("as_subscription", [False, True])
async def test_an_address_that_is_more_than_one_is_refused_with_its_place(
    stage: Stage, address: str, as_subscription: bool
):
    data: dict[str, Any] = {"email": address}
    if as_subscription:
        data = {
            "email": "ann@example.com",
            "subscriptions": [{"channel": "email", "resource_id": 21, "email": address}],
        }
    answer = await stage.post("campaigns/triggers/import_and_start", trigger_id=8, data=data)
    assert answer["error"] == 400
    assert "email" in answer["error_debug"]
    await stage.work()
    assert stage.mailbox.arrived == []
    assert (await stage.count_rows())["messages"] == 0


async def test_a_template_that_would_make_fifty_megabytes_makes_an_event_and_holds_up_no_other(stage: Stage):
    loops = "{for a in apicontent.lines}{for b in apicontent.lines}{for c in apicontent.lines}0123456789{end}{end}{end}"
    email = {"from_email": "news@example.com", "subject": "All", "html": f"<p>{loops}</p>", "text": "short"}
    await change_template(stage, 2, email)
    data = {
        "email": "ann@example.com",
        "subscriptions": [{"channel": "email", "resource_id": 21, "email": "ann@example.com"}],
    }
    large = {"lines": list(range(172))}
    for trigger_id, content in ((97, large), (8, {})):
        await stage.post("campaigns/triggers/import_and_start", trigger_id=trigger_id, data=data, content=content)
    await stage.work()
    assert [parse_mail(one.body)["subject"] for one in stage.mailbox.arrived] == ["Thank you,"]
    ((text,),) = await stage.rows("SELECT data->>'text' FROM events WHERE type = 'undeliv' AND trigger_id = 97")
    assert "characters" in text
