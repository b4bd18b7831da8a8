"""How profiles are found: every mode, where its value may stand, and what is said when none or several match."""

from typing import Any

import pytest

from cast import Stage
from tocsin.actions import configuration

START = "campaigns/triggers/start"
START_BATCH = "campaigns/triggers/start_batch"
IMPORT_BATCH = "campaigns/triggers/import_and_start_batch"

ANN: dict[str, Any] = {
    "email": "ann@example.com",
    "phones": ["+79000000001", "+79000000002"],
    "CRM_ID": "A-1",
    "Custom_ID": "x.y",
    "bonus": 7,
    "plan": "pro",
    "host": "10.0.0.1",
    "interests": ["a", "b", "c"],
    "subscriptions": [
        {"channel": "email", "email": "ann@work.example.com", "resource_id": 21},
        {"channel": "email", "email": "ann@sister.example.com", "resource_id": 22},
        {"channel": "sms", "phone": "+79000000003", "resource_id": 20},
    ],
}
BOB: dict[str, Any] = {"email": "bob@example.com", "CRM_ID": "B-1", "bonus": 8, "interests": ["a", "c"]}


@pytest.fixture
async def ann(stage: Stage) -> str:
    """Ann's id; Bob is there too."""
    await stage.add(**BOB)
    return await stage.add(**ANN)


async def search(stage: Stage, **members: Any) -> str:
    """The id that profiles/get, start and start_batch agree upon, or the error that they agree upon."""
    got = await stage.post("profiles/get", db_id=1, **members)
    started = await stage.post(START, id=8, **members)
    assert got["error"] == started["error"], (got, started)
    if got["error"]:
        return f"{got['error']} {got['error_debug']}"
    found: str = got["data"]["id"]
    assert started["profile_id"] == found
    in_item = {name: members.pop(name) for name in ("email", "phone", "profile_id", "field_value") if name in members}
    batch = await stage.post(START_BATCH, trigger_id=8, data=[in_item], **members)
    assert batch["result"] == [{"profile_id": found}], batch
    return found


@pytest.mark.parametrize(
    "members",
    [
        {"email": "ann@example.com"},
        {"matching": "", "email": "ann@example.com"},
        {"matching": "email", "email": " Ann@Example.COM "},
        {"matching": "email", "email": "ann@work.example.com"},
        {"matching": "email", "email": "ANN@Sister.example.com"},
        {"matching": "email", "email": "ann@work.example.com", "resource_id": 21},
        {"matching": "email", "email": "ann@example.com", "resource_id": 20},
        {"matching": "email", "email": "ann@work.example.com", "resource_id": "21"},
        {"matching": "email_profile", "email": "ann@example.com"},
        {"matching": "phone", "phone": "+79000000001"},
        {"matching": "phone", "phone": "+7 (900) 000-00-02"},
        {"matching": "phone", "phone": "+79000000003"},
        {"matching": "phone", "phone": "+79000000003", "resource_id": 20},
        {"matching": "custom", "field_name": "CRM_ID", "field_value": "A-1"},
        {"matching": "custom", "field_name": "Custom_ID", "field_value": "x.y"},
        {"matching": "custom", "field_name": "bonus", "field_value": 7},
        {"matching": "custom", "field_name": "bonus", "field_value": "7"},
        {"matching": "custom", "field_name": "plan", "field_value": "pro"},
        {"matching": "custom", "field_name": "plan", "field_value": 1},
        {"matching": "custom", "field_name": "host", "field_value": "10.0.0.1"},
        {"matching": "custom", "field_name": "interests", "field_value": "b"},
        {"matching": "custom", "field_name": "interests", "field_value": "a, b"},
        {"matching": "custom", "field_name": "interests", "field_value": "b,c,a"},
        {"matching": "custom", "field_name": "interests", "field_value": ["c", "b"]},
    ],
)
async def test_a_profile_is_found_by_what_it_has(stage: Stage, ann: str, members: dict[str, Any]):
    assert await search(stage, **members) == ann


async def test_a_profile_is_found_by_its_id_in_any_case(stage: Stage, ann: str):
    assert await search(stage, matching="profile_id", profile_id=ann) == ann
    assert await search(stage, matching="profile_id", profile_id=ann.upper()) == ann


@pytest.mark.parametrize(
    ("members", "mode"),
    [
        ({"email": "nobody@example.com"}, "email"),
        ({"matching": "email", "email": "ann@work.example.com", "resource_id": 22}, "email"),
        ({"matching": "email_profile", "email": "ann@work.example.com"}, "email_profile"),
        ({"matching": "phone", "phone": "+79000000009"}, "phone"),
        ({"matching": "phone", "phone": "+79000000003", "resource_id": 22}, "phone"),
        ({"matching": "profile_id", "profile_id": "0" * 24}, "profile_id"),
        ({"matching": "custom", "field_name": "CRM_ID", "field_value": "a-1"}, "custom"),
        ({"matching": "custom", "field_name": "Custom_ID", "field_value": "A-1"}, "custom"),
        ({"matching": "custom", "field_name": "bonus", "field_value": 9}, "custom"),
        ({"matching": "custom", "field_name": "interests", "field_value": "a, d"}, "custom"),
        ({"matching": "custom", "field_name": "interests", "field_value": "a, b, c, d"}, "custom"),
    ],
)
async def test_a_near_miss_is_no_match(stage: Stage, ann: str, members: dict[str, Any], mode: str):
    assert ann
    assert await search(stage, **members) == f"404 no profile matches {mode}"


@pytest.mark.parametrize(
    ("members", "debug"),
    [
        ({"email": "ann"}, "email: 'ann' is not an email address"),
        ({"email": "a@example.com;b@example.com"}, "email: 'a@example.com;b@example.com' is not an email address"),
        ({"email": ""}, "email: "),
        ({"matching": "phone", "phone": "89000000001"}, "phone: '89000000001' is not a phone number"),
        ({"matching": "profile_id", "profile_id": "12"}, "profile_id: expected 24 hex digits"),
        ({"matching": "profile_id", "profile_id": "g" * 24}, "profile_id: expected 24 hex digits"),
        ({"matching": "custom", "field_value": "x"}, "field_name: matching by a custom field needs its name"),
        ({"matching": "custom", "field_name": "nix", "field_value": "x"}, "field_name: database 1 has no custom field"),
        ({"matching": "custom", "field_name": "email", "field_value": "x"}, "field_name: database 1 has no custom"),
        ({"matching": "custom", "field_name": "score", "field_value": 1.5}, "field_name: profiles cannot be found by"),
        ({"matching": "custom", "field_name": "note", "field_value": "x"}, "field_name: profiles cannot be found by"),
        ({"matching": "custom", "field_name": "bonus", "field_value": "x"}, "field_value: expected a whole number"),
        ({"matching": "custom", "field_name": "bonus", "field_value": True}, "field_value: expected a whole number"),
        ({"matching": "custom", "field_name": "bonus", "field_value": ""}, "field_value: expected a value"),
        ({"matching": "custom", "field_name": "CRM_ID", "field_value": {"a": 1}}, "field_value: expected text"),
        ({"matching": "custom", "field_name": "interests", "field_value": " , "}, "field_value: expected a value"),
        ({"matching": "nonsense", "email": "ann@example.com"}, "matching: expected one of email, email_profile"),
    ],
)
async def test_a_value_that_cannot_be_is_refused(stage: Stage, members: dict[str, Any], debug: str):
    assert (await search(stage, **members)).startswith(f"400 {debug}")


async def test_a_custom_request_beside_a_mode_does_not_count(stage: Stage, ann: str):
    query = {"email": {"$in": ["ann@example.com"]}}
    found = await stage.post(START, id=8, custom_request=query, matching="email", email="ann@work.example.com")
    assert found["profile_id"] == ann


@pytest.mark.parametrize("method", ["profiles/get", "profiles/import", START, START_BATCH, IMPORT_BATCH])
@pytest.mark.parametrize("resource_id", [9999, 2**40, -1])
async def test_a_resource_that_is_not_there_is_not_found(stage: Stage, ann: str, method: str, resource_id: int):
    bodies: dict[str, dict[str, Any]] = {
        "profiles/import": {"db_id": 1, "data": {"email": "ann@example.com"}},
        START_BATCH: {"data": [{"email": "ann@example.com"}]},
        IMPORT_BATCH: {"data": [{"data": {"email": "ann@example.com"}}]},
    }
    body = {"db_id": 1, "trigger_id": 8, "email": "ann@example.com"} | bodies.get(method, {})
    answer = await stage.post(method, body, resource_id=resource_id)
    assert ann
    assert (answer["error"], answer.get("error_debug")) == (404, f"resource_id: there is no resource {resource_id}")


async def test_start_batch_takes_the_value_from_the_root_for_items_without_one(stage: Stage, ann: str):
    bob = (await stage.get_profile(email="bob@example.com"))["id"]
    answer = await stage.post(
        START_BATCH, trigger_id=8, email="ann@example.com", data=[{}, {"email": "bob@example.com"}, {"phone": "+1"}]
    )
    assert answer["result"] == [{"profile_id": ann}, {"profile_id": bob}, {"profile_id": ann}]


async def test_start_batch_says_which_item_has_no_value_to_search_by(stage: Stage, ann: str):
    answer = await stage.post(
        START_BATCH, trigger_id=8, data=[{"phone": "+79000000001"}, {"email": "ann@example.com"}, {"email": "x"}]
    )
    assert answer["result"] == [{"profile_id": ann}]
    assert [(one["index"], one["error"]) for one in answer["errors"]] == [(0, 400), (2, 400)]
    assert [one["error_debug"].split(": ")[0] for one in answer["errors"]] == ["data[0].email", "data[2].email"]


@pytest.mark.parametrize(
    ("members", "data"),
    [
        ({"email": "ann@example.com"}, {"_fname": "Anna"}),
        ({"matching": "email_profile", "email": "ann@example.com"}, {"_fname": "Anna"}),
        ({"matching": "email"}, {"_fname": "Anna", "email": "ann@work.example.com"}),
        (
            {"matching": "email"},
            {"_fname": "Anna", "subscriptions": [{"email": "ann@work.example.com", "resource_id": 21}]},
        ),
        ({"matching": "phone", "phone": "+79000000002"}, {"_fname": "Anna"}),
        ({"matching": "phone"}, {"_fname": "Anna", "phones": "+79000000001"}),
        ({"matching": "phone"}, {"_fname": "Anna", "subscriptions": [{"phone": "+79000000003", "resource_id": 20}]}),
        ({"matching": "custom", "field_name": "CRM_ID", "field_value": "A-1"}, {"_fname": "Anna"}),
        ({"matching": "custom", "field_name": "CRM_ID"}, {"_fname": "Anna", "CRM_ID": "A-1"}),
        ({"matching": "custom", "field_name": "bonus", "field_value": "7"}, {"_fname": "Anna"}),
        ({"matching": "custom", "field_name": "interests", "field_value": "a, b"}, {"_fname": "Anna"}),
    ],
)
@pytest.mark.parametrize("method", ["profiles/import", "campaigns/triggers/import_and_start"])
async def test_an_import_takes_its_value_from_the_root_or_from_the_data(
    stage: Stage, ann: str, method: str, members: dict[str, Any], data: dict[str, Any]
):
    answer = await stage.post(method, members, db_id=1, trigger_id=8, data=data)
    assert answer.get("profile_id") == ann, answer
    assert (await stage.get_profile(matching="profile_id", profile_id=ann))["_fname"] == "Anna"


@pytest.mark.parametrize(
    "members",
    [
        {"matching": "email", "email": "ann@work.example.com"},
        {"matching": "phone", "phone": "+79000000002"},
        {"matching": "phone", "phone": "+79000000003"},
        {"matching": "custom", "field_name": "interests", "field_value": "a, b"},
    ],
)
async def test_a_search_value_at_the_root_changes_nothing_of_the_profile_it_finds(
    stage: Stage, ann: str, members: dict[str, Any]
):
    before = await stage.get_profile(matching="profile_id", profile_id=ann)
    answer = await stage.post("profiles/import", members, db_id=1, data={"_fname": "Anna"})
    assert answer["profile_id"] == ann
    assert await stage.get_profile(matching="profile_id", profile_id=ann) == before | {"_fname": "Anna"}


@pytest.mark.parametrize(
    ("members", "field", "value"),
    [
        ({"matching": "email", "email": "new@example.com"}, "email", "new@example.com"),
        ({"matching": "phone", "phone": "+79000000099"}, "phones", ["+79000000099"]),
        ({"matching": "custom", "field_name": "CRM_ID", "field_value": "N-1"}, "CRM_ID", "N-1"),
        ({"matching": "custom", "field_name": "interests", "field_value": "q, r"}, "interests", ["q", "r"]),
    ],
)
async def test_a_search_value_at_the_root_is_a_value_of_the_profile_it_creates(
    stage: Stage, members: dict[str, Any], field: str, value: Any
):
    answer = await stage.post("profiles/import", members, db_id=1, data={"_fname": "N"})
    assert (await stage.get_profile(matching="profile_id", profile_id=answer["profile_id"]))[field] == value


async def test_an_import_by_id_updates_but_never_creates(stage: Stage, ann: str):
    answer = await stage.post("profiles/import", db_id=1, matching="profile_id", profile_id=ann, data={"_fname": "A"})
    assert answer["profile_id"] == ann
    answer = await stage.post("profiles/import", db_id=1, matching="profile_id", data={"id": ann, "_lname": "B"})
    assert answer["profile_id"] == ann
    before = await stage.count_rows()
    missing = await stage.post("profiles/import", db_id=1, matching="profile_id", profile_id="0" * 24, data={})
    assert missing["error"] == 404
    assert missing["error_debug"] == "data: there is no such profile, and none can be created from this value"
    batch = await stage.post(
        IMPORT_BATCH,
        trigger_id=8,
        matching="profile_id",
        data=[{"data": {"profile_id": "f" * 24}}, {"data": {"profile_id": ann}}, {"data": {"_fname": "C"}}],
    )
    assert batch["result"] == [{"profile_id": ann}]
    assert [(one["index"], one["error"]) for one in batch["errors"]] == [(0, 404), (2, 400)]
    assert (await stage.count_rows())["profiles"] == before["profiles"]


async def test_an_import_without_any_value_to_match_by_is_an_error_of_its_item(stage: Stage):
    answer = await stage.post(
        IMPORT_BATCH, trigger_id=8, data=[{"data": {"_fname": "A"}}, {"data": {"email": "a@example.com"}}]
    )
    assert len(answer["result"]) == 1
    assert answer["errors"] == [
        {
            "index": 0,
            "error": 400,
            "error_text": "Invalid request",
            "error_debug": "data[0].email: the item has no value to match by",
        }
    ]


async def test_profiles_of_another_database_are_never_found(stage: Stage, ann: str):
    await stage.add(db_id=2, email="kim@example.com")
    assert (await stage.post(START, id=8, email="kim@example.com"))["error"] == 404
    assert (await stage.post("profiles/get", db_id=2, email="ann@example.com"))["error"] == 404
    by_id = await stage.post("profiles/get", db_id=2, matching="profile_id", profile_id=ann)
    assert by_id["error"] == 404


# Several that match.


@pytest.fixture
async def twins(stage: Stage) -> list[str]:
    """Two profiles with one phone number, one bonus and one tag."""
    shared = {"phones": "+79000000077", "bonus": 77, "interests": "twin"}
    return [await stage.add(email=f"{name}@example.com", **shared) for name in ("cas", "pol")]


AMBIGUOUS: list[dict[str, Any]] = [
    {"matching": "phone", "phone": "+79000000077"},
    {"matching": "custom", "field_name": "bonus", "field_value": 77},
    {"matching": "custom", "field_name": "interests", "field_value": "twin"},
]


@pytest.mark.parametrize("members", AMBIGUOUS)
async def test_several_matches_are_a_conflict_and_nothing_is_sent(
    stage: Stage, twins: list[str], members: dict[str, Any]
):
    assert len(set(twins)) == 2
    assert (await search(stage, **members)).startswith("409 several profiles match")
    refused = await stage.post("profiles/import", members, db_id=1, data={"_fname": "X"})
    assert (refused["error"], refused["error_text"]) == (409, "More than one profile matches")
    await stage.work()
    assert stage.mailbox.arrived == []
    assert await stage.rows("SELECT 1 FROM profiles WHERE fields ? '_fname'") == []


async def test_several_matches_are_an_error_of_their_item_alone(stage: Stage, twins: list[str], ann: str):
    started = await stage.post(
        START_BATCH,
        trigger_id=8,
        matching="phone",
        data=[{"phone": "+79000000001"}, {"phone": "+79000000077"}, {"phone": "+79000000002"}],
    )
    imported = await stage.post(
        IMPORT_BATCH,
        trigger_id=8,
        matching="phone",
        data=[{"data": {"phones": "+79000000077", "_fname": "X"}}, {"data": {"phones": "+79000000001"}}],
    )
    assert started["result"] == [{"profile_id": ann}] * 2
    assert [(one["index"], one["error"]) for one in started["errors"]] == [(1, 409)]
    assert imported["result"] == [{"profile_id": ann}]
    assert [(one["index"], one["error_text"]) for one in imported["errors"]] == [(0, "More than one profile matches")]
    assert len(twins) == 2


# The same person twice in a batch.


async def test_two_items_with_one_email_are_one_profile_with_the_later_values_and_one_message(stage: Stage):
    answer = await stage.post(
        IMPORT_BATCH,
        trigger_id=8,
        data=[
            {"data": {"email": "eve@example.com", "_fname": "Old", "_lname": "Kept"}},
            {"data": {"email": "EVE@example.com", "_fname": "New"}},
        ],
    )
    profile = await stage.get_profile(email="eve@example.com")
    assert answer["result"] == [{"profile_id": profile["id"]}] * 2
    assert (profile["_fname"], profile["_lname"]) == ("New", "Kept")
    await stage.work()
    assert [envelope.recipient for envelope in stage.mailbox.arrived] == ["EVE@example.com"]
    assert stage.mailbox.mails()["EVE@example.com"]["subject"] == "Thank you, New"


async def test_an_item_finds_the_profile_that_an_earlier_one_gave_another_address(stage: Stage):
    answer = await stage.post(
        IMPORT_BATCH,
        trigger_id=8,
        data=[
            {
                "data": {
                    "email": "eve@example.com",
                    "subscriptions": [{"email": "eve@work.example.com", "resource_id": 21}],
                }
            },
            {"data": {"email": "eve@work.example.com", "_fname": "Eve"}},
        ],
    )
    assert answer["result"][0] == answer["result"][1]
    assert (await stage.count_rows())["profiles"] == 1
    profile = await stage.get_profile(email="eve@work.example.com")
    assert (profile["email"], profile["_fname"]) == ("eve@work.example.com", "Eve")
    await stage.work()
    assert [envelope.recipient for envelope in stage.mailbox.arrived] == ["eve@work.example.com"]


async def test_an_item_no_longer_finds_a_profile_by_an_address_that_an_earlier_one_changed(stage: Stage):
    await stage.add(email="old@example.com", CRM_ID="E-1")
    by_field = await stage.post(
        IMPORT_BATCH,
        trigger_id=8,
        matching="custom",
        field_name="CRM_ID",
        data=[{"data": {"CRM_ID": "E-1", "email": "new@example.com"}}],
    )
    by_email = await stage.post(IMPORT_BATCH, trigger_id=8, data=[{"data": {"email": "old@example.com"}}])
    assert by_email["result"] != by_field["result"]


async def test_finding_one_profile_twice_launches_one_message(stage: Stage, ann: str):
    answer = await stage.post(
        START_BATCH, trigger_id=8, data=[{"email": "ann@example.com"}, {"email": "ann@work.example.com"}]
    )
    assert answer["result"] == [{"profile_id": ann}] * 2
    await stage.work()
    assert len(stage.mailbox.arrived) == 1


async def test_a_field_that_becomes_matchable_finds_profiles_that_were_there(stage: Stage, ann: str):
    """And one that ceases to be is forgotten."""
    await stage.post("profiles/import", db_id=1, matching="profile_id", profile_id=ann, data={"note": "N-1"})
    text = await configuration.export(stage.context)
    await configuration.apply(
        stage.context, text.replace("note:\n      type: string\n      match: false", "note: string"), "f", {}
    )
    found = await stage.post("profiles/get", db_id=1, matching="custom", field_name="note", field_value="N-1")
    assert (found["error"], found.get("data", {}).get("id")) == (0, ann), text
    await configuration.apply(stage.context, text, "f", {})
    assert await stage.rows("SELECT 1 FROM identities WHERE value LIKE 'note.%%'") == []


async def test_a_repeated_import_by_an_unknown_value_at_the_root_creates_its_profile_once(stage: Stage):
    call = {"db_id": 1, "email": "old@example.com", "data": {"email": "new@example.com"}}
    first = await stage.post("profiles/import", call)
    again = await stage.post("profiles/import", call)
    assert first["profile_id"] == again["profile_id"]
