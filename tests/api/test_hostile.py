"""Input made to break things: each gets a documented error, tells nothing of the inside, and changes nothing."""

import gzip
import json
from typing import Any

import pytest
from httpx import Response

from cast import TOKEN, Stage, parse_xml

BATCH = "campaigns/triggers/import_and_start_batch"
METHODS = [BATCH, f"{BATCH}_task", "campaigns/triggers/start_batch", "campaigns/triggers/start_batch_task"]
LAUNCH = f'{{"token": "{TOKEN}", "trigger_id": 8, "data": [{{"email": "a@example.com", "data": %s}}]}}'
CONTENT = (
    f'{{"token": "{TOKEN}", "trigger_id": 8, "content": {{"x": %s}}, "data": [{{"data": {{"email": "a@b.cc"}}}}]}}'
)
XML = f"<xml><token>{TOKEN}</token><trigger_id>8</trigger_id>%s<data><email>a@example.com</email></data></xml>"

BILLION_LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE xml [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {after} "{f"&{before};" * 10}">' for before, after in zip("abcdefgh", "bcdefghi", strict=True))
    + f"]><xml><token>{TOKEN}</token><data>&i;</data></xml>"
)
QUADRATIC_BLOWUP = f'<!DOCTYPE xml [<!ENTITY a "{"a" * 50_000}">]><xml><data>{"&a;" * 1000}</data></xml>'
OUTSIDE_ENTITY = '<!DOCTYPE xml [<!ENTITY f SYSTEM "file:///etc/passwd">]><xml><token>&f;</token></xml>'

BROKEN_JSON = [
    b"",
    b" \n",
    b"{",
    b"[]",
    b"null",
    b"5",
    b'"text"',
    b"{} {}",
    b"{'token': 1}",
    b'{"token": "\xff"}',
    b'{"token": "\xed\xa0\x80"}',
    b"\xff\xfe{\x00}\x00",
    b"\x00",
    b"<xml/>",
    gzip.compress(b"{}", mtime=0),
    b"[" * 200_000,
    b'{"a":' * 100_000,
    *(
        (CONTENT % value).encode()
        for value in (
            "NaN",
            "Infinity",
            "-Infinity",
            "1e999",
            "-1e999",
            "12345678901234567890",
            "9" * 5000,
            "01",
            "0x1F",
            "1" + "0" * 400 + ".5",
            r'"\ud800"',
            r'"\udfff\ud800"',
            r'"\u0000"',
            r'{"a\u0000": 1}',
            r'"\x41"',
            '"\n"',
            "[" * 64 + "]" * 64,
            '{"a":' * 64 + "1" + "}" * 64,
            "undefined",
            "// comment",
        )
    ),
]

BROKEN_XML = [
    "",
    "text",
    "<xml>",
    "<xml></html>",
    "<xml/><xml/>",
    "<xml>&nbsp;</xml>",
    "<xml>&#0;</xml>",
    "<xml>&#xD800;</xml>",
    "<xml>\x01</xml>",
    "<xml><a b=c/></xml>",
    "<xml><a b='1' b='2'/></xml>",
    "<xml><![CDATA[x</xml>",
    "<xml><x:a/></xml>",
    '{"token": 1}',
    "<a>" * 200_000,
    XML % ("<content>" + "<a>" * 64 + "</a>" * 64 + "</content>"),
    XML % "<timeout><days>9999999999999999999999</days></timeout>",
    XML % "<timeout><minutes>NaN</minutes></timeout>",
    XML % "<trigger_id>8</trigger_id>",
    BILLION_LAUGHS,
    QUADRATIC_BLOWUP,
    OUTSIDE_ENTITY,
    "<!DOCTYPE html><html/>",
]

INSIDE = ("Traceback", "File ", ".py", "psycopg", "msgspec", "/work", "root:", "SELECT", "NoneType")


def check_refusal(response: Response, *, code: int = 400) -> None:
    """A documented error that tells nothing of the inside."""
    assert response.status_code == 200, response.text
    if response.headers["content-type"].startswith("application/xml"):
        answer: dict[str, Any] = {element.tag: element.text for element in parse_xml(response.content)}
    else:
        answer = response.json()
    assert (int(answer["error"]), answer["error_text"]) == (code, "Invalid request"), response.text[:300]
    assert set(answer) == {"error", "error_text", "error_debug"}
    assert 0 < len(answer["error_debug"]) < 300
    assert not any(word in response.text for word in INSIDE), response.text


@pytest.mark.parametrize("body", BROKEN_JSON, ids=lambda body: repr(body[:60]))
async def test_broken_json_is_refused(stage: Stage, body: bytes):
    before = await stage.count_rows()
    for method in METHODS[:1] if len(body) > 1000 else METHODS:
        check_refusal(await stage.call(method, body))
    assert await stage.count_rows() == before


@pytest.mark.parametrize("body", BROKEN_XML, ids=lambda body: repr(body[:60]))
async def test_broken_xml_is_refused(stage: Stage, body: str):
    before = await stage.count_rows()
    for method in METHODS[:1] if len(body) > 1000 else METHODS:
        check_refusal(await stage.call(method, body, "xml"))
    assert await stage.count_rows() == before


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "utf-7", "cp1251"])
async def test_text_in_another_encoding_is_refused(stage: Stage, encoding: str):
    body = f'{{"token": "{TOKEN}", "trigger_id": 8, "data": [{{"data": {{"email": "a@b.cc", "_fname": "Жук+"}}}}]}}'
    xml = f"<?xml version='1.0' encoding='{encoding}'?>" + XML % "<content><a>Жук</a></content>"
    encoded = body.encode(encoding)
    if encoding != "utf-7":  # That one is ASCII, so no mistake in JSON.
        check_refusal(await stage.call(BATCH, encoded))
        check_refusal(await stage.call(BATCH, xml.encode(encoding), "xml"))
    assert (await stage.count_rows())["profiles"] == 0


WRONG_TYPES: list[tuple[str, Any]] = [
    ("token", 5),
    ("token", ["a"]),
    ("token", {"a": 1}),
    ("format", 5),
    ("trigger_id", 1.5),
    ("trigger_id", "8a"),
    ("trigger_id", {}),
    ("id", []),
    ("matching", 5),
    ("matching", ["email"]),
    ("email", 5),
    ("email", ["a@example.com"]),
    ("phone", 79000000000),
    ("profile_id", {}),
    ("field_name", 5),
    ("resource_id", "x"),
    ("resource_id", 1.5),
    ("resource_id", True),
    ("custom_request", "x"),
    ("custom_request", []),
    ("timeout", "soon"),
    ("timeout", [5]),
    ("timeout", {"minutes": None, "days": "x"}),
    ("content", "x"),
    ("content", ["x"]),
    ("content", 5),
    ("custom_data", "x"),
    ("custom_data", [1]),
    ("attach", "x"),
    ("attach", {"a": 1}),
    ("attach", [5]),
    ("attach", [None]),
    ("skip_triggers", "maybe"),
    ("skip_triggers", 2),
    ("skip_triggers", []),
    ("skip_invalid_subscriptions", "x"),
    ("detect_geo", {}),
    ("data", "x"),
    ("data", 5),
    ("data", [[]]),
    ("data", [{"data": {"email": "a@example.com"}, "custom_data": "x"}]),
    ("data", [{"data": {"email": "a@example.com"}, "custom_data": [1]}]),
]


@pytest.mark.parametrize(("member", "value"), WRONG_TYPES)
async def test_a_member_of_the_wrong_type_is_refused_by_name(stage: Stage, member: str, value: Any):
    before = await stage.count_rows()
    body = {"token": TOKEN, "trigger_id": 8, "data": [{"data": {"email": "a@example.com"}}]}
    response = await stage.call(BATCH, json.dumps(body | {member: value}))
    check_refusal(response)
    assert response.json()["error_debug"].startswith(member)
    assert await stage.count_rows() == before


@pytest.mark.parametrize(
    ("method", "member", "value"),
    [
        ("profiles/import", "db_id", None),
        ("profiles/import", "db_id", "x"),
        ("profiles/import", "data", None),
        ("profiles/import", "data", [{"email": "a@example.com"}]),
        ("profiles/import", "data", "x"),
        ("profiles/get", "db_id", 1.5),
        ("profiles/get", "email", 5),
        ("tasks/status", "task_id", None),
        ("tasks/status", "task_id", 5),
        ("file_upload", "header", None),
        ("file_upload", "data", ["data:,x"]),
        ("campaigns/triggers/start", "subscription_filter", "x"),
        ("campaigns/triggers/start", "subscription_filter", {"email": 5}),
        ("campaigns/triggers/start", "subscription_filter", {"not_strict": "perhaps"}),
        ("campaigns/triggers/import_and_start", "data", [{}]),
    ],
)
async def test_other_calls_refuse_wrong_types_too(stage: Stage, method: str, member: str, value: Any):
    body = {"token": TOKEN, "db_id": 1, "id": 8, "email": "a@example.com", "header": "a", "task_id": "x"}
    body["data"] = "data:,x" if method == "file_upload" else {"email": "a@example.com"}
    before = await stage.count_rows()
    response = await stage.call(method, json.dumps(body | {member: value}))
    check_refusal(response)
    assert response.json()["error_debug"].startswith(member)
    assert await stage.count_rows() == before


async def test_a_body_that_is_too_large_is_refused_in_both_encodings(stage: Stage):
    before = await stage.count_rows()
    large = "x" * (11 * 1024 * 1024)
    check_refusal(await stage.call(BATCH, LAUNCH % json.dumps({"_fname": large})))
    check_refusal(await stage.call(BATCH, XML % f"<content>{large}</content>", "xml"))
    assert await stage.count_rows() == before


async def test_a_body_as_large_as_allowed_is_read(stage: Stage):
    frame = len(LAUNCH % json.dumps({"email": "a@example.com", "x": ""}))
    filled = LAUNCH % json.dumps({"email": "a@example.com", "x": "y" * (10 * 1024 * 1024 - frame)})
    assert len(filled) == 10 * 1024 * 1024
    assert (await stage.call(BATCH, filled)).json()["error"] == 0
    check_refusal(await stage.call(BATCH, filled + " "))


# Text that means something elsewhere is text here.

MEANINGFUL = [
    "\\.",
    "\\N",
    "\\",
    "a\tb\nc\rd\\te\\n",
    "'; DROP TABLE profiles; --",
    "{lead.email}",
    "{{ 7*7 }}{% raw %}",
    "%s %(a)s $1 {0}",
    "<script>alert(1)</script>",
    "\u2028\u202e\ufeff\U0001f600\U0010ffff",
    "\x01\x1b[31m\x7f",
    "NULL",
    "null",
    "]]>",
]


@pytest.mark.parametrize("text", MEANINGFUL)
async def test_text_that_means_something_elsewhere_comes_back_as_it_was(stage: Stage, text: str):
    data = {
        "email": "ann@example.com",
        "_fname": text,
        "CRM_ID": text,
        "interests": [text.replace(",", "")],
        "address": {text: [text]},
        "subscriptions": [{"email": "a@example.com", "resource_id": 21, "custom_fields": {text: text}}],
    }
    answer = await stage.post(
        "campaigns/triggers/import_and_start_batch",
        trigger_id=8,
        content={text: text},
        custom_data={text: text},
        data=[{"data": data, "custom_data": {text: text}}],
    )
    assert (answer["error"], answer.get("errors")) == (0, None)
    profile = await stage.get_profile(matching="custom", field_name="CRM_ID", field_value=text)
    assert (profile["_fname"], profile["address"]) == (text, {text: [text]})
    assert profile["interests"] == [text.replace(",", "").strip()]
    assert profile["subscriptions"][0]["custom_fields"] == {text: text}
    assert await stage.rows("SELECT content, custom_data FROM launches") == [({text: text}, {text: text})]
    assert await stage.rows("SELECT custom_data FROM messages") == [({text: text},)]
    await stage.work()
    rows = await stage.rows("SELECT type, data->'custom_data' FROM events")
    assert rows == [("send", {text: text})]


@pytest.mark.parametrize("text", MEANINGFUL)
async def test_text_that_means_something_elsewhere_is_plain_in_a_mail(stage: Stage, text: str):
    data = {"email": "ann@example.com", "_fname": text}
    await stage.post("campaigns/triggers/import_and_start", trigger_id=8, data=data, content={"page": text})
    await stage.work()
    mail = stage.mailbox.mails()["ann@example.com"]
    subject = " ".join(text.split())
    assert mail["subject"].split()[:2] == ["Thank", "you,"]
    if text.isprintable():
        assert mail["subject"] == f"Thank you, {subject}"
    html = mail.get_body(("html",))
    assert html is not None
    assert "<script>" not in html.get_content()
    assert "49" not in html.get_content()


async def test_line_breaks_in_a_name_add_no_headers(stage: Stage):
    data = {"email": "ann@example.com", "_fname": "Ann\r\nBcc: evil@example.com\r\n\r\nbody"}
    await stage.post("campaigns/triggers/import_and_start", trigger_id=8, data=data)
    await stage.work()
    mail = stage.mailbox.mails()["ann@example.com"]
    assert mail["bcc"] is None
    assert mail["subject"].startswith("Thank you, Ann")


@pytest.mark.parametrize("name", ["\\.", "a\tb", "x" * 10_000, "$where", "__proto__", "a.b", "", "email ", "\u0130"])
async def test_names_of_fields_that_nobody_has_are_left_out(stage: Stage, name: str):
    answer = await stage.post("profiles/import", db_id=1, data={"email": "ann@example.com", name: "x"})
    assert (answer["error"], answer["ignored_fields"]) == (0, [name])
    kept = await stage.post("profiles/import", db_id=2, data={"email": "ann@example.com", name: "x"})
    assert kept["error"] in (0, 400)


@pytest.mark.parametrize("size", [("fields", 5000), ("subscriptions", 5000), ("phones", 5000), ("tags", 5000)])
async def test_one_item_with_very_many_parts_is_taken_or_refused(stage: Stage, size: tuple[str, int]):
    kind, number = size
    data: dict[str, Any] = {
        "fields": {f"f{place}": place for place in range(number)},
        "subscriptions": {
            "subscriptions": [{"email": f"s{place}@example.com", "resource_id": 21} for place in range(number)]
        },
        "phones": {"phones": [f"+7900{place:07}" for place in range(number)]},
        "tags": {"interests": [str(place) for place in range(number)]},
    }[kind]
    answer = await stage.post("profiles/import", db_id=1, data={"email": "ann@example.com"} | data)
    assert answer["error"] in (0, 400)
