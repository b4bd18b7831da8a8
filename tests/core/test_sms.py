import json
from urllib.parse import parse_qs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.core import sms
from tocsin.core.configuration_senders import HttpSender, SmsAlphabets, SmsAnswer, SmsReceipts
from tocsin.core.errors import Invalid
from tocsin.core.sms_receipts import ReceiptReader
from tocsin.core.sms_requests import SmsProvider

BASIC = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ"


@pytest.mark.parametrize(
    ("text", "alphabet", "units", "segments"),
    [
        ("", "GSM-7", 0, 0),
        ("a" * 160, "GSM-7", 160, 1),
        ("a" * 161, "GSM-7", 161, 2),
        ("a" * 306, "GSM-7", 306, 2),
        ("a" * 307, "GSM-7", 307, 3),
        (BASIC, "GSM-7", len(BASIC), 1),
        ("€" * 80, "GSM-7", 160, 1),
        ("€" * 81, "GSM-7", 162, 2),
        # 76 escaped characters fill 152 of 153 septets: the next pair goes into the next segment.
        ("€" * 152, "GSM-7", 304, 2),
        ("€" * 153, "GSM-7", 306, 3),
        ("`", "UCS-2", 1, 1),
        ("ç", "UCS-2", 1, 1),
        ("й" * 70, "UCS-2", 70, 1),
        ("й" * 71, "UCS-2", 71, 2),
        ("й" * 134, "UCS-2", 134, 2),
        ("й" * 135, "UCS-2", 135, 3),
        ("😀" * 35, "UCS-2", 70, 1),
        # 33 pairs fill 66 of 67 units.
        ("😀" * 66, "UCS-2", 132, 2),
        ("😀" * 67, "UCS-2", 134, 3),
    ],
)
def test_a_text_takes_so_many_sms(text, alphabet, units, segments):
    assert sms.measure(text) == (alphabet, units, segments)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=700))
def test_a_longer_text_never_takes_fewer_sms_and_none_overflows(text):
    length = sms.measure(text)
    most = {"GSM-7": 153, "UCS-2": 67}[length.alphabet]
    assert length.units <= max(160, length.segments * most)
    assert length.segments <= length.units
    assert sms.measure(f"{text}й").segments >= length.segments


def make(**members):
    given_members = {"url": "http://sms.example.com", "json": {"to": "{phone}", "text": "{text}"}} | members
    return SmsProvider(HttpSender(id=1, name="gateway", channel="sms", **given_members))


def render(provider, text="Hello", from_name=""):
    return provider.render(phone="+79000000001", text=text, from_name=from_name, message_id="0f")


def test_a_form_an_url_and_json_say_the_same():
    form = make(json=None, form={"to": "{digits}", "text": "{text}", "id": "{message_id}"})
    assert parse_qs(render(form, "a&b=c ü").body.decode()) == {"to": ["79000000001"], "text": ["a&b=c ü"], "id": ["0f"]}
    assert dict(render(form).headers) == {"Content-Type": "application/x-www-form-urlencoded"}
    url = make(
        json=None, method="GET", url="http://sms.example.com/?t={text}&p={phone}&k=${KEY}", secrets={"KEY": "a&b"}
    )
    assert render(url, "a&b").url == "http://sms.example.com/?t=a%26b&p=%2B79000000001&k=a%26b"
    assert render(url).body == b""
    assert json.loads(render(make(), '"\\').body) == {"to": "+79000000001", "text": '"\\'}


def test_neither_a_value_nor_a_secret_is_looked_at_again():
    provider = make(json={"text": "{text} ${KEY}"}, secrets={"KEY": "{phone}${KEY}"})
    assert json.loads(render(provider, "{phone}${KEY}").body) == {"text": "{phone}${KEY} {phone}${KEY}"}


def test_the_template_says_from_whom_before_the_sender_does():
    provider = make(json={"from": "{from}", "text": "{text}"}, from_name="Shop")
    assert json.loads(render(provider).body)["from"] == "Shop"
    assert json.loads(render(provider, from_name="Sale").body)["from"] == "Sale"


@pytest.mark.parametrize(("text", "alphabet"), [("Hello €", "0"), ("`", "2"), ("Привет", "2"), ("", "0")])
def test_a_provider_is_told_the_alphabet_of_each_text(text, alphabet):
    provider = make(
        json=None, form={"text": "{text}", "coding": "{alphabet}"}, alphabets=SmsAlphabets(gsm7="0", ucs2="2")
    )
    assert parse_qs(render(provider, text).body.decode())["coding"] == [alphabet]
    named = make(json={"text": "{text}", "alphabet": "{alphabet}"})
    assert json.loads(render(named, text).body)["alphabet"] == {"0": "GSM-7", "2": "UCS-2"}[alphabet]


def test_a_header_holds_one_line_of_ascii():
    provider = make(headers={"X-Text": "{text}"})
    for text in ("a\r\nX-Evil: 1", "ü"):
        with pytest.raises(Invalid, match="the header X-Text would hold more"):
            render(provider, text)


@pytest.mark.parametrize(
    ("answer", "status", "body", "state", "provider_id"),
    [
        ({}, 200, b"", "sent", ""),
        ({}, 400, b"", "refused", ""),
        ({}, 401, b"", "deferred", ""),
        ({}, 404, b"", "deferred", ""),
        ({}, 429, b"", "deferred", ""),
        ({}, 500, b"", "deferred", ""),
        ({"accepted": "OK"}, 200, b"ERR", "deferred", ""),
        ({"accepted": "OK", "refused": "blacklist"}, 200, b"ERR blacklisted", "refused", ""),
        ({"message_id": r"id=(\w+)"}, 200, b"OK id=abc", "sent", "abc"),
        ({"message_id": "id"}, 200, b"OK id=abc", "no group", ""),
        ({"message_id": "$.m[0].id"}, 200, b'{"m": [{"id": 17}]}', "sent", "17"),
        ({"message_id": "$.m[0].id"}, 200, b'{"m": []}', "sent", ""),
        ({"message_id": "$.id"}, 200, b"[" * 100_000, "sent", ""),
        ({"message_id": "$.id"}, 200, b'{"id": "a b\\u0000\xc3\xbc"}', "sent", "ab"),
        ({"message_id": "$.id"}, 200, b'{"id": "' + b"x" * 5000 + b'"}', "sent", "x" * 200),
        ({"message_id": "$..id"}, 200, b"[" + b"[1]," * 300_000 + b"1]", "sent", ""),
    ],
)
def test_an_answer_means(answer, status, body, state, provider_id):
    if state == "no group":
        with pytest.raises(ValueError, match="one group"):
            make(answer=SmsAnswer(**answer))
        return
    verdict = make(answer=SmsAnswer(**answer)).read(status, body)
    assert (verdict.state, verdict.provider_id) == (state, provider_id)


RECEIPTS = {"status": "s", "delivered": ("ok",), "failed": ("no",), "message_id": "id"}


def read(said, **members):
    return ReceiptReader(SmsReceipts(**RECEIPTS | members)).read(said)


@pytest.mark.parametrize("said", [None, 7, "ok", [], {}, {"s": "ok"}, {"id": "0" * 24}, {"s": "other", "id": "0" * 24}])
def test_what_says_nothing_is_no_report(said):
    assert read(said) == ([], [])


def test_a_call_has_a_thousand_reports_at_most():
    many = {"r": [{"id": f"{number:024x}", "s": "OK "} for number in range(1500)]}
    assert len(read(many, reports="$.r").reports) == 1000
    assert len(read(many, reports="$.r[*]").reports) == 1000
    assert len(read(many, reports="r").reports) == 1000


def test_a_stop_word_stands_alone():
    who = {"phone": "from", "text": "text"}
    for text, phones in (
        ("STOP", ["+79000000001"]),
        ("стоп ", ["+79000000001"]),
        ("nonstop", []),
        ("", []),
        (["STOP"], []),
    ):
        assert read({"from": "79000000001", "text": text}, **who).stopped == phones
    assert read({"from": "Shop", "text": "STOP"}, **who).stopped == []
