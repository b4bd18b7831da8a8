"""Every matching mode: whom it finds, whom it nearly finds, and what it creates; in JSON and in XML."""

from typing import Any

import pytest

from cast import TOKEN, Stage

START = "campaigns/triggers/start_batch"
IMPORT = "campaigns/triggers/import_and_start_batch"
GET = "profiles/get"

ANN = {
    "email": "Ann@Example.com",
    "phones": ["+79000000001"],
    "CRM_ID": "A-1",
    "subscriptions": [
        {"resource_id": 21, "channel": "email", "email": "letters@example.com"},
        {"resource_id": 22, "channel": "email", "email": "sister@example.com"},
        {"resource_id": 20, "channel": "sms", "phone": "+79000000002"},
        {"resource_id": 22, "channel": "push", "provider": "ios-apns", "subscription_id": "t.o.k"},
        {"resource_id": 23, "channel": "telegram_bot", "cc_data": {"id": "777"}},
        {"resource_id": 23, "channel": "email", "email": "c@example.com", "custom_fields": {"card": "C-9", "level": 3}},
    ],
}
# Bob has as his own what Ann has as subscriptions, and the other way round.
BOB = {
    "email": "bob@example.com",
    "phones": ["+79000000012"],
    "CRM_ID": "B-1",
    "subscriptions": [
        {"resource_id": 21, "channel": "email", "email": "bobs@example.com"},
        {"resource_id": 20, "channel": "sms", "phone": "+79000000013"},
        {"resource_id": 23, "channel": "telegram_bot", "cc_data": {"id": "888"}},
    ],
}

FOUND = [
    ("email", {"email": "ann@EXAMPLE.com"}),
    ("email", {"email": "letters@example.com"}),
    ("email", {"email": "letters@example.com", "resource_id": 21}),
    ("email_profile", {"email": "ann@example.com"}),
    ("email_sub", {"email": "LETTERS@example.com"}),
    ("email_sub", {"email": "letters@example.com", "resource_id": 21}),
    ("phone", {"phone": "+7 900 000-00-01"}),
    ("phone", {"phone": "+79000000002"}),
    ("phone_sub", {"phone": "+79000000002"}),
    ("phone_sub", {"phone": "+79000000002", "resource_id": 20}),
    ("push_sub", {"provider": "ios-apns", "subscription_id": "t.o.k"}),
    ("push_sub", {"provider": "ios-apns", "subscription_id": "t.o.k", "resource_id": 22}),
    ("custom", {"field_name": "CRM_ID", "field_value": "A-1"}),
    ("custom_sub", {"field_name": "card", "field_value": "C-9"}),
    ("custom_sub", {"field_name": "level", "field_value": 3}),
    ("custom_sub", {"field_name": "card", "field_value": "C-9", "resource_id": 23}),
    ("custom_sub", {"field_name": "telegram_bot", "field_value": "777"}),
    ("email_phone", {"email": "ann@example.com"}),
    ("email_phone", {"phone": "+79000000001"}),
    ("email_phone", {"email": "ann@example.com", "phone": "+79000000001"}),
    ("email_phone", {"email": "nobody@example.com", "phone": "+79000000001"}),
    ("email_phone_sub", {"email": "letters@example.com"}),
    ("email_phone_sub", {"email": "nobody@example.com", "phone": "+79000000002"}),
]
NEARLY = [
    ("email", {"email": "letters@example.com", "resource_id": 22}),
    ("email_profile", {"email": "letters@example.com"}),
    ("email_sub", {"email": "ann@example.com"}),
    ("email_sub", {"email": "letters@example.com", "resource_id": 22}),
    ("phone", {"phone": "+79000000002", "resource_id": 21}),
    ("phone_sub", {"phone": "+79000000001"}),
    ("phone_sub", {"phone": "+79000000002", "resource_id": 22}),
    ("push_sub", {"provider": "ios-firebase", "subscription_id": "t.o.k"}),
    ("push_sub", {"provider": "ios-apns", "subscription_id": "t.o.K"}),
    ("push_sub", {"provider": "ios-apns", "subscription_id": "t.o.k", "resource_id": 21}),
    ("custom", {"field_name": "CRM_ID", "field_value": "a-1"}),
    ("custom_sub", {"field_name": "card", "field_value": "C-8"}),
    ("custom_sub", {"field_name": "CRM_ID", "field_value": "A-1"}),
    ("custom_sub", {"field_name": "card", "field_value": "C-9", "resource_id": 22}),
    ("custom_sub", {"field_name": "whatsapp", "field_value": "777"}),
    ("email_phone", {"email": "letters@example.com"}),
    ("email_phone", {"phone": "+79000000002"}),
    ("email_phone_sub", {"email": "ann@example.com", "phone": "+79000000001"}),
]
REFUSED = [
    ("push_sub", {"provider": "ios-apns"}, "subscription_id: expected a string"),
    ("push_sub", {"subscription_id": "t"}, "provider: expected a string"),
    ("custom_sub", {"field_value": "C-9"}, "field_name: matching by a field of subscriptions needs its name"),
    ("custom_sub", {"field_name": "a.b", "field_value": "C-9"}, "field_name: "),
    ("custom_sub", {"field_name": "card", "field_value": ["C-9"]}, "field_value: expected a string"),
    ("email_phone", {}, "email: expected a value to search for"),
    ("email_phone", {"email": "ann@example.com", "phone": "no"}, "phone: "),
    ("email_phone_sub", {"email": "no"}, "email: "),
]


@pytest.fixture
async def ann(stage: Stage) -> str:
    await stage.add(matching="email_profile", **BOB)
    return await stage.add(matching="email_profile", **ANN)


def as_xml(members: dict[str, Any]) -> str:
    return "".join(f"<{name}>{value}</{name}>" for name, value in members.items())


@pytest.mark.parametrize(("mode", "members"), FOUND)
async def test_a_profile_is_found(stage: Stage, ann: str, mode: str, members: dict[str, Any]):
    answer = await stage.post(GET, members, db_id=1, matching=mode)
    assert (answer["error"], answer.get("data", {}).get("id")) == (0, ann)
    call = {"token": TOKEN, "db_id": 1, "matching": mode} | members
    root = await stage.post_xml(GET, f"<xml>{as_xml(call)}</xml>")
    assert root.findtext("data/id") == ann


@pytest.mark.parametrize(("mode", "members"), NEARLY)
async def test_a_near_miss_is_a_miss(stage: Stage, ann: str, mode: str, members: dict[str, Any]):
    assert ann
    answer = await stage.post(GET, members, db_id=1, matching=mode)
    assert (answer["error"], answer["error_debug"]) == (404, f"no profile matches {mode}")


@pytest.mark.parametrize(("mode", "members", "debug"), REFUSED)
async def test_what_cannot_be_searched_for_is_refused(stage: Stage, mode: str, members: dict[str, Any], debug: str):
    answer = await stage.post(GET, members, db_id=1, matching=mode)
    assert answer["error"] == 400
    assert answer["error_debug"].startswith(debug), answer


@pytest.mark.parametrize(("mode", "members"), FOUND)
async def test_a_batch_launches_for_items_found_by_any_mode(stage: Stage, ann: str, mode: str, members: dict[str, Any]):
    at_root = {name: members[name] for name in ("resource_id", "field_name") if name in members}
    item = {name: value for name, value in members.items() if name not in at_root}
    answer = await stage.post(START, at_root, trigger_id=8, matching=mode, data=[item, item])
    assert answer["result"] == [{"profile_id": ann}] * 2
    call = {"token": TOKEN, "trigger_id": 8, "matching": mode} | at_root
    root = await stage.post_xml(START, f"<xml>{as_xml(call)}<data>{as_xml(item)}</data></xml>")
    assert root.findtext("result/profile_id") == ann


@pytest.mark.parametrize("mode", ["email_phone", "email_phone_sub"])
async def test_an_email_and_a_phone_of_two_people_are_ambiguous(stage: Stage, ann: str, mode: str):
    assert ann
    own = mode == "email_phone"
    email, phone = ("ann@example.com", "+79000000012") if own else ("letters@example.com", "+79000000013")
    answer = await stage.post(GET, db_id=1, matching=mode, email=email, phone=phone)
    assert (answer["error"], answer["error_text"]) == (409, "More than one profile matches")
    item = {"email": email, "phones": phone} if own else {"subscriptions": subscribed(email, phone)}
    imported = await stage.post(IMPORT, trigger_id=8, matching=mode, data=[{"data": item | {"_fname": "Who"}}])
    assert [error["error"] for error in imported["errors"]] == [409]
    assert "_fname" not in await stage.get_profile(matching="profile_id", profile_id=ann)


def subscribed(email: str, phone: str) -> list[dict[str, Any]]:
    return [
        {"resource_id": 21, "channel": "email", "email": email},
        {"resource_id": 20, "channel": "sms", "phone": phone},
    ]


IMPORTED = [
    ("email_sub", {}, {"subscriptions": subscribed("x@example.com", "+79000000099")}),
    ("phone_sub", {}, {"subscriptions": subscribed("x@example.com", "+79000000099")}),
    ("email_phone", {}, {"email": "x@example.com", "phones": "+79000000099"}),
    ("email_phone_sub", {}, {"subscriptions": subscribed("x@example.com", "+79000000099")}),
    (
        "push_sub",
        {},
        {"subscriptions": [{"resource_id": 22, "channel": "push", "provider": "google", "subscription_id": "new"}]},
    ),
    (
        "custom_sub",
        {"field_name": "card"},
        {"subscriptions": [subscribed("x@example.com", "+7")[0] | {"custom_fields": {"card": "C-1"}}]},
    ),
]


@pytest.mark.parametrize(("mode", "at_root", "data"), IMPORTED)
async def test_an_import_creates_once_and_then_finds(
    stage: Stage, mode: str, at_root: dict[str, Any], data: dict[str, Any]
):
    first = await stage.post(IMPORT, at_root, trigger_id=8, matching=mode, data=[{"data": data}] * 2)
    again = await stage.post(IMPORT, at_root, trigger_id=8, matching=mode, data=[{"data": data | {"_fname": "X"}}])
    assert first["result"] == again["result"] * 2
    assert await stage.rows("SELECT count(*) FROM profiles") == [(1,)]


@pytest.mark.parametrize(
    ("mode", "members"),
    [
        ("email_sub", {"email": "nobody@example.com"}),
        ("phone_sub", {"phone": "+79000000077"}),
        ("push_sub", {"provider": "google", "subscription_id": "none"}),
        ("custom_sub", {"field_name": "card", "field_value": "none"}),
    ],
)
async def test_a_subscription_named_at_the_root_creates_no_profile(stage: Stage, mode: str, members: dict[str, Any]):
    """It would not have that subscription, so that the next call would create another."""
    answer = await stage.post("profiles/import", members, db_id=1, matching=mode, data={"_fname": "X"})
    assert answer["error"] == 404
    assert await stage.rows("SELECT count(*) FROM profiles") == [(0,)]


async def test_email_and_phone_at_the_root_are_those_of_a_new_profile(stage: Stage):
    members = {"matching": "email_phone", "email": "new@example.com", "phone": "+79000000066"}
    created = await stage.post("profiles/import", members, db_id=1, data={"_fname": "New"})
    profile = await stage.get_profile(matching="profile_id", profile_id=created["profile_id"])
    assert (profile["email"], profile["phones"]) == ("new@example.com", ["+79000000066"])
