"""profiles/import and profiles/get: fields of every type, merging, identity, and names that are no fields."""

from typing import Any

import pytest

from cast import Stage

BATCH = "campaigns/triggers/import_and_start_batch"

GOOD: list[tuple[str, Any, Any]] = [
    ("_fname", "Zoë", "Zoë"),
    ("_lname", " O'Neil ", " O'Neil "),
    ("_bdate", "2001-12-31", "2001-12-31"),
    ("_bdate", "2001-12-31T00:00:00Z", "2001-12-31"),
    ("_sex", "female", "female"),
    ("_sex", 1, "male"),
    ("_regdate", "2026-11-21T10:00:00+03:00", "2026-11-21T07:00:00Z"),
    ("_ip", "192.0.2.1", "192.0.2.1"),
    ("_regip", "2001:DB8::1", "2001:db8::1"),
    ("_status", "unsubscribed", 1),
    ("_status", "0", 0),
    ("phones", "+79000000001", ["+79000000001"]),
    ("phones", ["+7 900 000-00-01", "+79000000002", "+79000000001"], ["+79000000001", "+79000000002"]),
    ("phones", "+790000000000", ["+790000000000"]),
    ("CRM_ID", 17, "17"),
    ("bonus", "15", 15),
    ("bonus", -(2**63), -(2**63)),
    ("bonus", 8.0, 8),
    ("score", "1.5", 1.5),
    ("score", 3, 3.0),
    ("vip", "true", True),
    ("vip", 0, False),
    ("birthday", "31.12.2001", "2001-12-31"),
    ("last_order_at", "2026-11-21 10:00", "2026-11-21T10:00:00Z"),
    ("plan", "pro", "pro"),
    ("plan", "0", "free"),
    ("host", "::ffff:10.0.0.1", "10.0.0.1"),
    ("interests", "a, b,a", ["a", "b"]),
    ("interests", ["x", 5], ["x", "5"]),
    ("address", {"city": "Riga", "lines": ["1", {"b": None}]}, {"city": "Riga", "lines": ["1", {"b": None}]}),
    ("orders", [{"id": 1}, {"id": 2}], [{"id": 1}, {"id": 2}]),
    ("orders", {"id": 1}, [{"id": 1}]),
]

BAD: list[tuple[str, Any]] = [
    ("email", "nobody"),
    ("email", "a@example.com;b@example.com"),
    ("email", 5),
    ("email", ["a@example.com"]),
    ("phones", "12"),
    ("phones", 79000000001),
    ("phones", ["+79000000001", "x"]),
    ("phones", {"a": 1}),
    ("_fname", {"a": 1}),
    ("_fname", ["a"]),
    ("_fname", "x" * 100_001),
    ("_bdate", "31/12/2001"),
    ("_bdate", "2001-02-30"),
    ("_sex", "other"),
    ("_sex", 3),
    ("_ip", "256.0.0.1"),
    ("_status", 7),
    ("_regdate", "yesterday"),
    ("CRM_ID", {}),
    ("bonus", "1.5"),
    ("bonus", True),
    ("bonus", "9" * 19),
    ("score", "nan"),
    ("score", "1e999"),
    ("vip", "maybe"),
    ("vip", 2),
    ("birthday", 20011231),
    ("last_order_at", "2026-11-21T25:00:00Z"),
    ("plan", "gold"),
    ("plan", 2),
    ("host", "localhost"),
    ("interests", {"a": 1}),
    ("interests", [["a"]]),
    ("interests", [str(number) for number in range(1001)]),
    ("address", "Riga"),
    ("address", [1]),
    ("orders", [1]),
    ("orders", "x"),
]


async def import_one(stage: Stage, data: dict[str, Any], **members: Any) -> dict[str, Any]:
    return await stage.post("profiles/import", {"db_id": 1} | members, data=data)


async def imported(stage: Stage, data: dict[str, Any], **members: Any) -> dict[str, Any]:
    """The profile as it is after an import that succeeds."""
    answer = await import_one(stage, data, **members)
    assert answer["error"] == 0, answer
    by_id = {"matching": "profile_id", "profile_id": answer["profile_id"]}
    return await stage.get_profile(**by_id, db_id=members.get("db_id", 1))


@pytest.mark.parametrize(("field", "given", "stored"), GOOD)
async def test_a_good_value_is_stored_in_its_type(stage: Stage, field: str, given: Any, stored: Any):
    profile = await imported(stage, {"email": "ann@example.com", field: given})
    assert profile[field] == stored
    assert type(profile[field]) is type(stored)


async def test_all_fields_together_come_back_as_one_profile(stage: Stage):
    data = {field: given for field, given, _ in GOOD}
    profile = await imported(stage, {"email": "Ann@Example.com"} | data)
    expected = {field: stored for field, _, stored in GOOD}
    assert profile == expected | {
        "id": profile["id"],
        "db_id": 1,
        "email": "Ann@example.com",
        "subscriptions": [],
    }


@pytest.mark.parametrize(("field", "given"), BAD)
async def test_a_bad_value_is_refused_and_nothing_is_kept(stage: Stage, field: str, given: Any):
    before = await stage.count_rows()
    answer = await import_one(stage, {"email": "ann@example.com", "CRM_ID": "A-1", field: given})
    assert (answer["error"], answer["error_text"]) == (400, "Invalid request")
    assert answer["error_debug"].startswith(f"data.{field}: ")
    assert len(answer["error_debug"]) < 300
    assert await stage.count_rows() == before


async def test_bad_values_are_errors_of_their_items_alone(stage: Stage):
    items = [{"data": {"CRM_ID": f"bad-{place}", field: value}} for place, (field, value) in enumerate(BAD)]
    good = [{"data": {"CRM_ID": f"good-{place}"}} for place in range(len(BAD))]
    mixed = [item for pair in zip(items, good, strict=True) for item in pair]
    answer = await stage.post(BATCH, trigger_id=8, matching="custom", field_name="CRM_ID", data=mixed)
    assert answer["error"] == 0
    assert [one["index"] for one in answer["errors"]] == list(range(0, len(mixed), 2))
    assert {one["error"] for one in answer["errors"]} == {400}
    for one in answer["errors"]:
        field = BAD[one["index"] // 2][0]
        assert one["error_debug"].startswith(f"data[{one['index']}].{field}: "), one
    assert len(answer["result"]) == len(good)
    assert (await stage.count_rows())["profiles"] == len(good)


async def test_values_from_xml_are_the_same_as_from_json(stage: Stage):
    await stage.post_xml(
        "profiles/import",
        """<xml><token>abcdefghijklmnqrstuvwxyz</token><db_id>1</db_id><data>
        <email>ann@example.com</email><_fname>Zoë &amp; Ann</_fname><phones>+79000000001</phones><bonus>15</bonus>
        <score>1.5</score><vip>true</vip><birthday>2001-12-31</birthday><plan>1</plan>
        <interests>a</interests><interests>b</interests><address><city>Riga</city></address>
        <orders array='true'><id>1</id></orders>
        </data></xml>""",
    )
    profile = await stage.get_profile(email="ann@example.com")
    assert profile == {
        "id": profile["id"],
        "db_id": 1,
        "subscriptions": [],
        "email": "ann@example.com",
        "_fname": "Zoë & Ann",
        "phones": ["+79000000001"],
        "bonus": 15,
        "score": 1.5,
        "vip": True,
        "birthday": "2001-12-31",
        "plan": "pro",
        "interests": ["a", "b"],
        "address": {"city": "Riga"},
        "orders": [{"id": "1"}],
    }


async def test_get_answers_in_xml_too(stage: Stage):
    profile_id = await stage.add(
        email="ann@example.com",
        interests=["a", "b"],
        subscriptions=[{"email": "ann@work.example.com", "resource_id": 21, "cats": ["news"]}],
    )
    root = await stage.post_xml(
        "profiles/get",
        "<xml><token>abcdefghijklmnqrstuvwxyz</token><db_id>1</db_id><email>ann@example.com</email></xml>",
    )
    assert (root.findtext("error"), root.findtext("data/id")) == ("0", profile_id)
    assert [element.text for element in root.findall("data/interests")] == ["a", "b"]
    assert root.findtext("data/subscriptions/email_data/domain") == "work.example.com"
    assert root.findtext("data/subscriptions/cats") == "news"


@pytest.mark.parametrize(
    ("field", "value"), [("_fname", None), ("phones", None), ("bonus", None), ("bonus", ""), ("address", "")]
)
async def test_null_clears_a_field_and_so_does_empty_text_unless_it_holds_text(stage: Stage, field: str, value: Any):
    full = {"_fname": "A", "phones": "+79000000001", "bonus": 5, "address": {"a": 1}}
    await stage.add(email="ann@example.com", **full)
    profile = await imported(stage, {"email": "ann@example.com", field: value})
    assert set(full) - set(profile) == {field}


async def test_empty_text_is_a_value_of_a_text_field(stage: Stage):
    await stage.add(email="ann@example.com", _fname="A")
    assert (await imported(stage, {"email": "ann@example.com", "_fname": ""}))["_fname"] == ""


async def test_clearing_a_phone_number_makes_it_unfindable(stage: Stage):
    await stage.add(email="ann@example.com", phones=["+79000000001"], CRM_ID="A-1")
    await imported(stage, {"email": "ann@example.com", "phones": None, "CRM_ID": None})
    assert (await stage.post("profiles/get", db_id=1, matching="phone", phone="+79000000001"))["error"] == 404
    by_field = {"matching": "custom", "field_name": "CRM_ID", "field_value": "A-1"}
    assert (await stage.post("profiles/get", by_field, db_id=1))["error"] == 404


async def test_an_update_changes_what_it_names_and_leaves_the_rest(stage: Stage):
    first = await imported(stage, {"email": "ann@example.com", "_fname": "A", "_lname": "B", "interests": "x, y"})
    second = await imported(stage, {"email": "ann@example.com", "_lname": "C", "interests": ["z"], "bonus": 1})
    assert second == first | {"_lname": "C", "interests": ["z"], "bonus": 1}


async def test_an_update_with_the_same_values_writes_nothing(stage: Stage):
    data = {"email": "ann@example.com", "_fname": "A", "subscriptions": [{"email": "a@example.com", "resource_id": 21}]}
    await imported(stage, data)
    before = await stage.rows("SELECT xmin, ctid FROM profiles")
    await imported(stage, data)
    assert await stage.rows("SELECT xmin, ctid FROM profiles") == before


async def test_a_change_of_email_moves_the_identity(stage: Stage):
    by_field = {"matching": "custom", "field_name": "CRM_ID"}
    first = await imported(stage, {"CRM_ID": "A-1", "email": "old@example.com"}, **by_field)
    second = await imported(stage, {"CRM_ID": "A-1", "email": "new@example.com"}, **by_field)
    assert (second["id"], second["email"]) == (first["id"], "new@example.com")
    assert (await stage.get_profile(email="new@example.com"))["id"] == first["id"]
    assert (await stage.post("profiles/get", db_id=1, email="old@example.com"))["error"] == 404
    assert (await imported(stage, {"email": "old@example.com"}))["id"] != first["id"]


async def test_another_spelling_of_the_same_email_is_no_new_identity(stage: Stage):
    first = await imported(stage, {"email": "ann@example.com"})
    second = await imported(stage, {"email": "ANN@example.com"})
    assert (second["id"], second["email"]) == (first["id"], "ANN@example.com")
    assert await stage.rows("SELECT value FROM identities") == [("ann@example.com",)]


# Unique fields.


async def test_a_value_of_a_unique_field_belongs_to_one_profile(stage: Stage):
    await stage.add(email="ann@example.com", CRM_ID="A-1")
    answer = await import_one(stage, {"email": "bob@example.com", "CRM_ID": "A-1"})
    assert answer == {
        "error": 409,
        "error_text": "Conflict",
        "error_debug": "data.CRM_ID: another profile has this value of a unique field",
    }
    assert (await stage.count_rows())["profiles"] == 1


async def test_a_unique_field_is_unique_within_one_batch_too(stage: Stage):
    answer = await stage.post(
        BATCH,
        trigger_id=8,
        data=[
            {"data": {"email": "ann@example.com", "CRM_ID": "A-1"}},
            {"data": {"email": "bob@example.com", "CRM_ID": "A-1"}},
            {"data": {"email": "ann@example.com", "CRM_ID": "A-2"}},
            {"data": {"email": "bob@example.com", "CRM_ID": "A-1"}},
        ],
    )
    assert len(answer["result"]) == 3
    assert [(one["index"], one["error"]) for one in answer["errors"]] == [(1, 409)]
    assert (await stage.get_profile(email="ann@example.com"))["CRM_ID"] == "A-2"
    assert (await stage.get_profile(email="bob@example.com"))["CRM_ID"] == "A-1"


async def test_a_unique_value_that_was_given_up_is_free(stage: Stage):
    await stage.add(email="ann@example.com", CRM_ID="A-1")
    await imported(stage, {"email": "ann@example.com", "CRM_ID": None})
    assert (await imported(stage, {"email": "bob@example.com", "CRM_ID": "A-1"}))["CRM_ID"] == "A-1"


async def test_the_same_unique_value_may_stand_in_two_databases(stage: Stage):
    await stage.add(email="ann@example.com", CRM_ID="A-1")
    assert (await imported(stage, {"email": "bob@example.com", "CRM_ID": "A-1"}, db_id=2))["CRM_ID"] == "A-1"


# Names that are no fields.


async def test_unknown_fields_are_left_out_and_listed_once(stage: Stage):
    answer = await stage.post(
        BATCH,
        trigger_id=8,
        data=[
            {"data": {"email": "ann@example.com", "Zip": 1, "_nope": {"a": 1}}},
            {"data": {"email": "bob@example.com", "Zip": 2}},
        ],
    )
    assert answer["ignored_fields"] == ["Zip", "_nope"]
    assert "errors" not in answer
    assert "Zip" not in await stage.get_profile(email="ann@example.com")
    single = await import_one(stage, {"email": "ann@example.com", "Zip": 1})
    assert single["ignored_fields"] == ["Zip"]


async def test_known_names_beside_the_fields_are_not_called_unknown(stage: Stage):
    answer = await import_one(
        stage, {"email": "ann@example.com", "id": "x", "_id": "y", "db_id": 1, "profile_id": "z", "subscriptions": []}
    )
    assert list(answer) == ["error", "error_text", "profile_id"]


async def test_a_database_may_keep_unknown_fields(stage: Stage):
    extra = {"Zip": 1, "tree": {"a": [1, {"b": None}]}, "none": None}
    answer = await import_one(stage, {"email": "ann@example.com"} | extra, db_id=2)
    assert "ignored_fields" not in answer
    profile = await stage.get_profile(db_id=2, email="ann@example.com")
    assert {name: profile.get(name) for name in extra} == extra


async def test_null_clears_a_kept_unknown_field(stage: Stage):
    await stage.add(db_id=2, email="ann@example.com", Zip=1)
    assert "Zip" not in await imported(stage, {"email": "ann@example.com", "Zip": None}, db_id=2)


async def test_a_database_may_refuse_unknown_fields(stage: Stage):
    answer = await import_one(stage, {"email": "ann@example.com", "Zip": 1}, db_id=3)
    assert (answer["error"], answer["error_debug"]) == (400, "data.Zip: the database has no such field")
    batch = await stage.post(
        BATCH,
        trigger_id=100,
        data=[{"data": {"email": "ann@example.com", "Zip": 1}}, {"data": {"email": "bob@example.com"}}],
    )
    assert len(batch["result"]) == 1
    assert [(one["index"], one["error"]) for one in batch["errors"]] == [(0, 400)]


@pytest.mark.parametrize("method", ["profiles/import", "profiles/get"])
async def test_a_database_that_is_not_there_is_not_found(stage: Stage, method: str):
    answer = await stage.post(method, db_id=77, email="ann@example.com", data={"email": "ann@example.com"})
    assert (answer["error"], answer["error_debug"]) == (404, "there is no database 77")


async def test_get_needs_a_value(stage: Stage):
    answer = await stage.post("profiles/get", db_id=1)
    assert (answer["error"], answer["error_debug"]) == (400, "email: expected a value to search for")
