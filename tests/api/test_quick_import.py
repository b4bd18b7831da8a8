"""Quick import: one profile by flat parameters, from wherever they come, with real HTTP status codes."""

import json
import logging
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from httpx import Response

from cast import CONFIGURATION, MEGABYTE, READER, TOKEN, Stage, parse_xml
from tocsin.actions import configuration
from tocsin.web import markup
from tocsin.web.app import Limits, create_app
from tocsin.web.operations import INTEGRATIONS

ANY = "/api/integrations/any/profile_import"
TILDA = "/api/integrations/tilda/profile_import"
LPGENERATOR = "/api/integrations/lpgenerator/profile_import"
FORM = "application/x-www-form-urlencoded"
PAGE = Path(__file__).parents[2] / "docs" / "api" / "quick-import.md"

Sent = dict[str, Any] | list[tuple[str, Any]]


async def get(stage: Stage, sent: Sent, path: str = ANY, **headers: str) -> Response:
    """Parameters in the query."""
    query = urlencode([("token", TOKEN), *pairs(sent)])
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await stage.client.get(f"{path}?{query}", headers=named)


async def post(stage: Stage, body: str | bytes, content_type: str, query: str = "", path: str = ANY) -> Response:
    content = body.encode() if isinstance(body, str) else body
    return await stage.client.post(f"{path}?{query}", content=content, headers={"content-type": content_type})


def pairs(sent: Sent) -> list[tuple[str, Any]]:
    return list(sent.items()) if isinstance(sent, dict) else sent


async def by_query(stage: Stage, sent: Sent) -> Response:
    return await get(stage, sent)


async def by_query_of_a_post(stage: Stage, sent: Sent) -> Response:
    return await post(stage, b"", "", urlencode([("token", TOKEN), *pairs(sent)]))


async def by_form(stage: Stage, sent: Sent) -> Response:
    return await post(stage, urlencode([("token", TOKEN), *pairs(sent)]), f"{FORM}; charset=utf-8")


async def by_json(stage: Stage, sent: Sent) -> Response:
    return await post(stage, json.dumps({"token": TOKEN} | gathered(sent)), "application/json")


async def by_xml(stage: Stage, sent: Sent) -> Response:
    return await post(stage, markup.write({"token": TOKEN} | gathered(sent)), "application/xml", "format=json")


def gathered(sent: Sent) -> dict[str, Any]:
    """Repeated names as lists."""
    found: dict[str, list[Any]] = {}
    for name, value in pairs(sent):
        found.setdefault(name, []).append(value)
    return {name: values if len(values) > 1 else values[0] for name, values in found.items()}


WAYS = pytest.mark.parametrize("call", [by_query, by_query_of_a_post, by_form, by_json, by_xml])


def imported(response: Response) -> str:
    answer = response.json()
    assert (response.status_code, answer["error"], answer["error_text"]) == (200, 0, "Successful operation"), answer
    return str(answer["profile_id"])


def refused(response: Response) -> tuple[int, str]:
    answer = response.json()
    assert response.status_code == answer["error"]
    return answer["error"], answer["error_debug"]


# What it does.


@WAYS
async def test_a_profile_is_created_with_its_fields_wherever_the_parameters_stand(stage: Stage, call: Any):
    sent = {"db_id": 1, "email": "Ann@Example.com", "phone": "+79000000001", "_fname": "Ann", "bonus": "7"}
    sent |= {"_regip": "192.0.2.7", "_regurl": "https://shop.example/?a=1&b=2", "CRM_ID": "5"}
    profile_id = imported(await call(stage, sent))
    profile = await stage.get_profile(email="ann@example.com")
    assert profile["id"] == profile_id
    assert (profile["phones"], profile["_fname"], profile["bonus"]) == (["+79000000001"], "Ann", 7)
    assert (profile["_regip"], profile["_regurl"]) == ("192.0.2.7", "https://shop.example/?a=1&b=2")
    assert profile["subscriptions"] == []


@WAYS
async def test_the_same_call_again_finds_the_profile(stage: Stage, call: Any):
    sent = {"db_id": 1, "email": "ann@example.com"}
    assert imported(await call(stage, sent)) == imported(await call(stage, {**sent, "_fname": "Anna"}))
    assert (await stage.get_profile(email="ann@example.com"))["_fname"] == "Anna"


@WAYS
async def test_repeated_parameters_are_lists(stage: Stage, call: Any):
    sent = [("db_id", 1), ("email", "ann@example.com"), ("interests", "a"), ("interests", "b")]
    sent += [("phones", "+79000000001"), ("phones", "+79000000002")]
    imported(await call(stage, sent))
    profile = await stage.get_profile(email="ann@example.com")
    assert (profile["interests"], profile["phones"]) == (["a", "b"], ["+79000000001", "+79000000002"])


@pytest.mark.parametrize("encode", [lambda body: (urlencode(body), FORM), lambda body: (json.dumps(body), "")])
async def test_sources_merge_and_the_body_wins(stage: Stage, encode: Any):
    body, content_type = encode({"email": "ann@example.com", "_fname": "Body"})
    query = f"token={TOKEN}&db_id=1&_fname=Query&_lname=Query"
    imported(await post(stage, body, content_type, query))
    profile = await stage.get_profile(email="ann@example.com")
    assert (profile["_fname"], profile["_lname"]) == ("Body", "Query")


async def test_blank_inputs_of_a_form_change_nothing(stage: Stage):
    await stage.add(email="ann@example.com", _fname="Ann", phones=["+79000000001"])
    form = f"token={TOKEN}&db_id=1&email=ann@example.com&_fname=&phone=&phones=+&trigger_id=&resource_id=&_bdate"
    imported(await post(stage, form, FORM))
    profile = await stage.get_profile(email="ann@example.com")
    assert (profile["_fname"], profile["phones"]) == ("Ann", ["+79000000001"])


async def test_nothing_is_taken_from_the_connection(stage: Stage):
    await get(
        stage, {"db_id": 1, "email": "ann@example.com"}, referer="https://shop.example/", x_forwarded_for="1.2.3.4"
    )
    profile = await stage.get_profile(email="ann@example.com")
    assert not {"_regip", "_ip", "_regurl"} & profile.keys()


@WAYS
async def test_a_phone_is_found_and_is_added_to_those_that_the_profile_has(stage: Stage, call: Any):
    known = await stage.add(email="ann@example.com", phones=["+79000000001"])
    assert imported(await call(stage, {"db_id": 1, "matching": "phone", "phone": "+7 900 000-00-01"})) == known
    assert imported(await call(stage, {"db_id": 1, "email": "ann@example.com", "phone": "+79000000002"})) == known
    assert (await stage.get_profile(email="ann@example.com"))["phones"] == ["+79000000001", "+79000000002"]
    other = imported(await call(stage, {"db_id": 1, "matching": "phone", "phone": "+79000000003", "_fname": "Bob"}))
    assert other == (await stage.get_profile(matching="phone", phone="+79000000003"))["id"]


async def test_a_phone_beside_phones_is_one_of_them(stage: Stage):
    sent = {"db_id": 1, "matching": "phone", "phone": "+79000000001", "phones": "+79000000002"}
    first = imported(await get(stage, sent))
    assert imported(await get(stage, sent)) == first
    assert (await stage.get_profile(matching="phone", phone="+79000000002"))["phones"] == [
        "+79000000001",
        "+79000000002",
    ]


async def test_a_plus_that_was_not_encoded_is_understood(stage: Stage):
    query = f"?token={TOKEN}&db_id=1&matching=phone&phone=+79000000001"
    profile_id = imported(await stage.client.get(ANY + query))
    assert (await stage.get_profile(matching="phone", phone="+79000000001"))["id"] == profile_id


@WAYS
@pytest.mark.parametrize(
    "search",
    [
        {"matching": "field_name", "field_name": "CRM_ID", "CRM_ID": "5"},
        {"matching": "custom", "field_name": "CRM_ID", "field_value": "5"},
        {"matching": "custom", "field_name": "CRM_ID", "CRM_ID": "5", "email": "else@example.com"},
    ],
)
async def test_a_profile_is_found_by_a_field(stage: Stage, call: Any, search: dict[str, str]):
    known = await stage.add(email="ann@example.com", CRM_ID="5")
    await stage.add(email="bob@example.com", CRM_ID="6")
    assert imported(await call(stage, {"db_id": 1, "_fname": "Ann"} | search)) == known
    created = {name: "7" if value == "5" else value for name, value in search.items()}
    created = {name: value.replace("else", "new") for name, value in created.items()}
    assert imported(await call(stage, {"db_id": 1} | created)) != known
    assert (await stage.rows("SELECT count(*) FROM profiles WHERE fields->>'CRM_ID' = '7'")) == [(1,)]


async def test_email_profile_does_not_look_at_subscriptions(stage: Stage):
    subscription = {"resource_id": 21, "channel": "email", "email": "ann@example.com"}
    known = await stage.add(email="private@example.com", subscriptions=[subscription])
    assert imported(await get(stage, {"db_id": 1, "matching": "email", "email": "ann@example.com"})) == known
    await stage.post("profiles/import", db_id=1, matching="profile_id", profile_id=known, data={"email": None})
    assert imported(await get(stage, {"db_id": 1, "matching": "email_profile", "email": "ann@example.com"})) != known


# Subscribing.


def subscriptions_of(profile: dict[str, Any]) -> set[tuple[int, str, str, str]]:
    return {
        (one["resource_id"], one["channel"], one.get("email") or one["phone"], one["status"])
        for one in profile["subscriptions"]
    }


@WAYS
@pytest.mark.parametrize(
    ("resource_id", "expected"),
    [
        (20, {(20, "sms", "+79000000001", "subscribed")}),
        (21, {(21, "email", "ann@example.com", "subscribed")}),
        (23, {(23, "email", "ann@example.com", "subscribed"), (23, "sms", "+79000000001", "subscribed")}),
    ],
)
async def test_contacts_are_subscribed_where_the_resource_has_their_channel(
    stage: Stage, call: Any, resource_id: int, expected: Any
):
    sent = {"db_id": 1, "email": "ann@example.com", "phone": "+79000000001", "resource_id": resource_id}
    response = await call(stage, sent)
    imported(response)
    assert "warnings" not in response.json()
    assert subscriptions_of(await stage.get_profile(email="ann@example.com")) == expected


@pytest.mark.parametrize("contact", [{"email": "ann@example.com"}, {"matching": "custom", "field_name": "CRM_ID"}])
async def test_it_is_said_when_nobody_was_subscribed(stage: Stage, contact: dict[str, str]):
    response = await get(stage, {"db_id": 1, "CRM_ID": "5", "resource_id": 20} | contact)
    imported(response)
    assert response.json()["warnings"] == ["resource_id had no effect: no contact for a channel of resource 20"]


async def test_who_has_unsubscribed_stays_so(stage: Stage):
    subscription = {"resource_id": 21, "channel": "email", "email": "ann@example.com", "status": "unsubscribed"}
    await stage.add(email="ann@example.com", subscriptions=[subscription])
    imported(await get(stage, {"db_id": 1, "email": "ann@example.com", "resource_id": 21}))
    expected = {(21, "email", "ann@example.com", "unsubscribed")}
    assert subscriptions_of(await stage.get_profile(email="ann@example.com")) == expected


async def test_the_resource_does_not_narrow_the_search(stage: Stage):
    elsewhere = {"resource_id": 22, "channel": "email", "email": "ann@example.com"}
    known = await stage.add(email="private@example.com", subscriptions=[elsewhere])
    sent = {"db_id": 1, "matching": "email_sub", "email": "ann@example.com", "resource_id": 21}
    assert imported(await get(stage, sent)) == known


# Launching.


@WAYS
async def test_a_trigger_is_launched_for_the_profile(stage: Stage, call: Any):
    profile_id = imported(await call(stage, {"db_id": 1, "email": "ann@example.com", "_fname": "Ann", "trigger_id": 8}))
    await stage.work()
    assert stage.mailbox.mails()["ann@example.com"]["subject"] == "Thank you, Ann"
    assert (await stage.get_profile(email="ann@example.com"))["id"] == profile_id


async def test_who_cannot_be_sent_to_is_imported_and_skipped(stage: Stage):
    response = await get(stage, {"db_id": 1, "email": "ann@example.com", "trigger_id": 97})
    profile_id = imported(response)
    assert [one["profile_id"] for one in response.json()["skipped"]] == [profile_id]


async def test_a_call_that_subscribes_and_launches_sends_to_the_new_subscription(stage: Stage):
    imported(await get(stage, {"db_id": 1, "email": "ann@example.com", "resource_id": 21, "trigger_id": 97}))
    await stage.work()
    assert set(stage.mailbox.mails()) == {"ann@example.com"}


# What it refuses.

ANN = {"db_id": 1, "email": "ann@example.com"}


@WAYS
@pytest.mark.parametrize(
    ("sent", "code", "debug"),
    [
        ({"db_id": 9, "email": "ann@example.com"}, 404, "there is no database 9"),
        (ANN | {"resource_id": 99}, 404, "there is no resource 99"),
        (ANN | {"trigger_id": 9999}, 404, "there is no trigger 9999"),
        (ANN | {"workflow_id": 9999}, 404, "there is no workflow 9999"),
        (ANN | {"matching": "profile_id", "profile_id": "0" * 24}, 404, "there is no such profile"),
        (ANN | {"trigger_id": 99}, 400, "trigger_id: trigger 99 is not of database 1"),
        (ANN | {"trigger_id": 98}, 400, "trigger_id: trigger 98 is not active"),
        ({"email": "ann@example.com"}, 400, "db_id: this member is required"),
        ({"db_id": "x", "email": "ann@example.com"}, 400, "db_id: "),
        ({"db_id": 1, "email": "nobody"}, 400, "email: "),
        ({"db_id": 1, "_fname": "Ann"}, 400, "email: the item has no value to match by"),
        (ANN | {"phone": "12"}, 400, "phone: "),
        (ANN | {"_bdate": "yesterday"}, 400, "_bdate: expected a date"),
        (ANN | {"matching": "magic"}, 400, "matching: "),
        (ANN | {"matching": "field_name"}, 400, "field_name: "),
        (ANN | {"matching": "custom", "field_name": "CRM_ID"}, 400, "CRM_ID: "),
        (ANN | {"resource_id": 24}, 400, "subscriptions[0].resource_id: "),
        ({"db_id": 3, "email": "ann@example.com", "Nonsense": "1"}, 400, "Nonsense: the database has no such field"),
    ],
)
async def test_what_is_wrong_is_said_by_status_and_name_and_nothing_is_done(
    stage: Stage, call: Any, sent: dict[str, Any], code: int, debug: str
):
    before = await stage.count_rows()
    answered, said = refused(await call(stage, sent))
    assert answered == code
    assert said.startswith(debug)
    assert await stage.count_rows() == before


@WAYS
async def test_several_profiles_are_a_conflict(stage: Stage, call: Any):
    for email in ("ann@example.com", "bob@example.com"):
        await stage.add(email=email, phones=["+79000000001"])
    sent = {"db_id": 1, "matching": "phone", "phone": "+79000000001", "trigger_id": 8}
    assert refused(await call(stage, sent)) == (409, "several profiles match phone")
    assert (await stage.count_rows())["messages"] == 0


@pytest.mark.parametrize("query", ["", "token=wrong&", f"token={READER}&", f"token={TOKEN}&token=other&"])
async def test_a_wrong_token_is_403_and_is_not_logged(stage: Stage, query: str, caplog: pytest.LogCaptureFixture):
    before = await stage.count_rows()
    with caplog.at_level(logging.DEBUG, "tocsin"):
        response = await stage.client.get(f"{ANY}?{query}db_id=1&email=ann@example.com")
    assert refused(response)[0] == (400 if "other" in query else 403)
    told = [str(record.__dict__.get("members")) for record in caplog.records if record.name == "tocsin.web"]
    assert told
    assert not [text for text in told if TOKEN in text or READER in text or "wrong" in text]
    assert await stage.count_rows() == before


@pytest.mark.parametrize("launched", ["trigger_id", "workflow_id"])
async def test_launching_needs_its_own_permission(stage: Stage, launched: str):
    token = "  - {name: writer, token: writer-writer-writer, permissions: [profiles.write]}"
    await configuration.apply(stage.context, f"{CONFIGURATION}{token}", "cast.yaml", {})
    query = "?token=writer-writer-writer&db_id=1&email=ann@example.com"
    refusal = refused(await stage.client.get(f"{ANY}{query}&{launched}=8"))
    assert refusal == (403, "token 'writer' lacks the permission launch")
    imported(await stage.client.get(ANY + query))


async def test_a_bearer_token_is_taken(stage: Stage):
    response = await stage.client.get(
        f"{ANY}?db_id=1&email=a@example.com", headers={"authorization": f"Bearer {TOKEN}"}
    )
    imported(response)


@pytest.mark.parametrize("method", ["HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_other_methods_are_405_and_do_nothing(stage: Stage, method: str):
    before = await stage.count_rows()
    response = await stage.client.request(method, f"{ANY}?token={TOKEN}&db_id=1&email=ann@example.com")
    assert response.status_code == 405
    assert await stage.count_rows() == before


@pytest.mark.parametrize(
    ("query", "debug"),
    [
        ("email=%FF", "the query is not UTF-8"),
        ("&".join(["a=1"] * 1001), "the query has more than 1000 parameters"),
        ("_fname=a%00b", "_fname: the text has a NUL character"),
        ("a%00b=1", "the name of a member has a NUL character"),
        ("bonus=99999999999999999999", "bonus: expected a whole number of 64 bits"),
        ("db_id=1&db_id=2", "db_id: "),
        ("phone=%2B79000000001&phone=%2B79000000002", "phone: "),
    ],
)
async def test_hostile_parameters_are_refused(stage: Stage, query: str, debug: str):
    sent = f"token={TOKEN}&db_id=1&email=ann@example.com&{query}" if "db_id" not in query else f"token={TOKEN}&{query}"
    for response in (await stage.client.get(f"{ANY}?{sent}"), await post(stage, sent, FORM)):
        code, said = refused(response)
        assert code == 400
        assert said.replace("the form", "the query").startswith(debug)


async def test_a_query_of_raw_bytes_is_refused(stage: Stage):
    answers: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        answers.append(message)

    scope = {"type": "http", "method": "GET", "path": ANY, "query_string": b"db_id=1&email=\xff", "headers": []}
    app = create_app(stage.context, Limits(MEGABYTE, MEGABYTE))
    await app(scope | {"http_version": "1.1", "scheme": "http", "root_path": "", "server": ("t", 80)}, receive, send)
    assert answers[0]["status"] == 400


@pytest.mark.parametrize(
    ("body", "content_type", "debug"),
    [
        (b"\xff\xfe", FORM, "the form is not UTF-8"),
        (b"{", "application/json", "not well-formed JSON"),
        (b"[]", "application/json", "expected an object"),
        (b"<xml", "application/xml", "not well-formed XML"),
        (b"<xml>text</xml>", "application/xml", "expected an object"),
        (b" " * (10 * 1024 * 1024 + 1), FORM, "http: request body too large"),
    ],
)
async def test_bodies_that_cannot_be_read_are_refused(stage: Stage, body: bytes, content_type: str, debug: str):
    code, said = refused(await post(stage, body, content_type, f"token={TOKEN}&db_id=1&format=json"))
    assert code == 400
    assert said.startswith(debug)


# What it has in common with other calls.


@pytest.mark.parametrize("header", ["Request_ID", "Idempotency_Key"])
async def test_a_key_makes_it_repeatable_by_get_too(stage: Stage, header: str):
    sent = ANN | {"trigger_id": 8}
    first = await get(stage, sent, **{header: "key-1"})
    repeat = await get(stage, sent, **{header: "key-1"})
    assert (imported(first), first.headers.get("duplicate-request")) == (imported(repeat), None)
    assert (repeat.content, repeat.headers["duplicate-request"]) == (first.content, "true")
    assert (await stage.count_rows())["messages"] == 1
    other = await get(stage, sent | {"_fname": "Ann"}, **{header: "key-1"})
    assert refused(other)[0] == 409


async def test_the_answer_is_in_the_format_of_the_body_or_as_asked_and_never_cached(stage: Stage):
    xml = f"<xml><token>{TOKEN}</token><db_id>1</db_id><email>ann@example.com</email></xml>"
    answered = await post(stage, xml, "text/xml")
    assert parse_xml(answered.content).findtext("error") == "0"
    asked = await get(stage, ANN | {"format": "xml"})
    assert parse_xml(asked.content).findtext("profile_id") == parse_xml(answered.content).findtext("profile_id")
    wrong = await get(stage, {"db_id": 9, "format": "xml"})
    assert (wrong.status_code, parse_xml(wrong.content).findtext("error")) == (404, "404")
    assert {one.headers["cache-control"] for one in (answered, asked, wrong)} == {"no-store"}


async def test_unknown_fields_are_named(stage: Stage):
    response = await get(stage, ANN | {"utm_source": "x", "Nonsense": "y"})
    imported(response)
    assert response.json()["ignored_fields"] == ["Nonsense", "utm_source"]


async def test_integrations_are_where_the_documentation_has_them_and_nowhere_else(stage: Stage):
    for operation in INTEGRATIONS:
        assert f"/api/{operation.path}" in PAGE.read_text("utf-8")
        for path in (f"/api/{operation.path}/", f"//api/v1.1/{operation.path}"):
            assert (await stage.client.get(f"http://tocsin.test{path}")).status_code in (400, 403)
    assert (await stage.client.post("/api/profiles/import", json={})).status_code == 404
    assert (await stage.client.get("/api/integrations/other/profile_import")).status_code == 404


async def test_the_openapi_document_has_both_methods_and_all_parameters(stage: Stage):
    document = (await stage.client.get("/api/openapi.json")).json()
    path = document["paths"][ANY]
    assert (path["get"]["parameters"][-1]["in"], "requestBody" in path["get"]) == ("query", False)
    assert FORM in path["post"]["requestBody"]["content"]
    assert {"400", "403", "404", "409"} <= set(path["post"]["responses"])
    documented = set(document["components"]["schemas"]["QuickImportParameters"]["properties"])
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"\w+", row)} == documented


# Site builders.


async def test_a_form_of_tilda_is_a_profile(stage: Stage):
    form = {"Name": "Ann", "Email": "ann@example.com", "Phone": "+79000000001", "bonus": "7"}
    form |= {"tranid": "1:2", "formid": "form1", "COOKIES": "a=b"}
    response = await post(stage, urlencode(form), FORM, f"token={TOKEN}&db_id=1&resource_id=23", TILDA)
    imported(response)
    assert "ignored_fields" not in response.json()
    profile = await stage.get_profile(email="ann@example.com")
    assert (profile["_fname"], profile["phones"], profile["bonus"]) == ("Ann", ["+79000000001"], 7)
    assert len(profile["subscriptions"]) == 2


async def test_the_fields_own_names_come_before_those_of_tilda(stage: Stage):
    form = urlencode({"email": "ann@example.com", "Email": "bob@example.com", "Name": "Bob", "_fname": "Ann"})
    imported(await post(stage, form, FORM, f"token={TOKEN}&db_id=1", TILDA))
    assert (await stage.get_profile(email="ann@example.com"))["_fname"] == "Ann"


async def test_the_probe_of_tilda_is_answered_and_does_nothing(stage: Stage):
    before = await stage.count_rows()
    response = await post(stage, "test=test", FORM, f"token={TOKEN}", TILDA)
    assert (response.status_code, response.json()) == (200, {"error": 0, "error_text": "Successful operation"})
    assert refused(await post(stage, "test=test", FORM, "token=wrong", TILDA))[0] == 403
    assert await stage.count_rows() == before


LEAD: dict[str, Any] = {"id": 77, "meta_data": {"user_ip": "192.0.2.7"}, "utm_data": {}, "db_id": "1", "token": TOKEN}


async def test_the_lead_of_lpgenerator_is_a_profile(stage: Stage):
    lead = {"email": "ann@example.com", "phone": "+79000000001", "_fname": "Ann", "_lname": "", "db_id": "2"}
    response = await post(stage, json.dumps(LEAD | {"lead_data": lead, "resource_id": "21"}), "", path=LPGENERATOR)
    imported(response)
    assert "ignored_fields" not in response.json()
    profile = await stage.get_profile(email="ann@example.com")
    assert (profile["_fname"], profile["phones"]) == ("Ann", ["+79000000001"])
    assert not {"_regip", "_lname", "id_", "utm_data"} & profile.keys()
    assert subscriptions_of(profile) == {(21, "email", "ann@example.com", "subscribed")}


async def test_the_lead_is_found_by_a_field(stage: Stage):
    known = await stage.add(email="ann@example.com", CRM_ID="5")
    sent = LEAD | {"matching": "custom", "field_name": "CRM_ID", "lead_data": {"CRM_ID": "5", "_fname": "Ann"}}
    assert imported(await post(stage, json.dumps(sent), "", path=LPGENERATOR)) == known


@pytest.mark.parametrize("lead", [None, "x", []])
async def test_a_lead_that_is_no_object_is_refused(stage: Stage, lead: Any):
    response = await post(stage, json.dumps(LEAD | {"lead_data": lead}), "", path=LPGENERATOR)
    assert refused(response) == (400, "lead_data: expected an object")


async def test_the_calls_of_the_page_are_answered(stage: Stage):
    examples = re.findall(r"```\n(GET|POST) (\S+)\n(?:\n(.*?)\n)?```", PAGE.read_text("utf-8"), re.DOTALL)
    assert len(examples) == 4
    for method, url, body in examples:
        content_type = "application/json" if body.startswith("{") else FORM
        response = await stage.client.request(method, url, content=body, headers={"content-type": content_type})
        imported(response)
    assert {name for name in ("ann", "bob", "cara") if await stage.get_profile(email=f"{name}@example.com")}
