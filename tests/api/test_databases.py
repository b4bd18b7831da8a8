"""databases/…: what is configured, its fields, pages by number, and what is no database."""

from typing import Any

import pytest

from cast import READER, TOKEN, Stage
from tocsin.core import fields
from tocsin.web.api.databases import TITLES


async def get_fields(stage: Stage, number: int) -> dict[str, dict[str, Any]]:
    answer = await stage.post("databases/fields", id=number)
    assert answer["error"] == 0, answer
    return {one["name"]: one for one in answer["data"]}


async def test_databases_are_listed_with_their_groups_in_capitals(stage: Stage):
    answer = await stage.post("databases/list/")
    assert answer["data"][0] == {
        "id": 1,
        "name": "Customers",
        "ui_tags": [],
        "Groups": [{"Id": 0, "Name": "main"}],
    }
    assert [one["id"] for one in answer["data"]] == [1, 2, 3]
    assert (answer["total_count"], answer["next_from_id"]) == (3, 4)


async def test_databases_are_listed_in_xml(stage: Stage):
    root = await stage.post_xml("databases/list", f"<xml><token>{TOKEN}</token><limit>2</limit></xml>")
    assert [one.findtext("name") for one in root.findall("data")] == ["Customers", "Keepers"]
    assert root.findtext("data/Groups/Name") == "main"
    assert (root.findtext("next_from_id"), root.findtext("total_count")) == ("3", "3")


async def test_pages_end_with_an_empty_one_that_names_no_next(stage: Stage):
    seen: list[int] = []
    next_from_id: int | None = 1
    while next_from_id is not None and len(seen) < 10:
        answer = await stage.post("databases/list", from_id=next_from_id, limit=2)
        seen += [one["id"] for one in answer["data"]]
        next_from_id = answer.get("next_from_id")
    assert seen == [1, 2, 3]
    assert answer["data"] == []


@pytest.mark.parametrize("members", [{"id": 2}, {"db_id": "2"}])
async def test_one_database_is_read(stage: Stage, members: dict[str, Any]):
    answer = await stage.post("databases/get", members)
    assert answer["data"] == {"id": 2, "name": "Keepers", "description": "", "suppress_id": 0}


async def test_one_database_is_read_in_xml(stage: Stage):
    root = await stage.post_xml("databases/get", f"<xml><token>{TOKEN}</token><id>2</id></xml>")
    assert (root.findtext("data/id"), root.findtext("data/name")) == ("2", "Keepers")


async def test_fields_are_the_standard_ones_and_those_of_the_database(stage: Stage):
    found = await get_fields(stage, 1)
    assert list(found)[: len(fields.STANDARD)] == list(fields.STANDARD)
    assert {name for name, one in found.items() if one["category"] == "system"} == set(fields.STANDARD)
    assert found["CRM_ID"] == {
        "category": "custom",
        "title": "CRM_ID",
        "name": "CRM_ID",
        "type": "unicode",
        "required": False,
        "unique": True,
    }
    assert (found["plan"]["type"], found["plan"]["values"]) == ("enum", ["free", "pro"])
    assert (found["email"]["unique"], found["_fname"]["title"]) == (True, "First name")
    assert set(await get_fields(stage, 3)) == set(fields.STANDARD)


@pytest.mark.parametrize(
    ("field", "type_name"),
    [
        ("email", "unicode"),
        ("phones", "phone"),
        ("bonus", "int"),
        ("score", "float"),
        ("vip", "bool"),
        ("birthday", "date"),
        ("last_order_at", "datetime"),
        ("host", "ip"),
        ("interests", "tags"),
        ("address", "object"),
        ("orders", "arr_object"),
    ],
)
async def test_a_field_has_the_name_of_its_type(stage: Stage, field: str, type_name: str):
    assert (await get_fields(stage, 1))[field]["type"] == type_name


async def test_fields_are_read_in_xml(stage: Stage):
    root = await stage.post_xml("databases/fields", f"<xml><token>{TOKEN}</token><id>1</id></xml>")
    found = {one.findtext("name"): one for one in root.findall("data")}
    assert [value.text for value in found["plan"].findall("values")] == ["free", "pro"]
    assert (found["bonus"].findtext("type"), found["bonus"].findtext("required")) == ("int", "false")


async def test_fields_of_one_category_are_those(stage: Stage):
    for category, names in (("system", list(fields.STANDARD)), ("custom", ["CRM_ID"])):
        answer = await stage.post("databases/fields", id=2, category=category)
        assert [one["name"] for one in answer["data"]] == names
    answer = await stage.post("databases/fields", id=2, category="other")
    assert (answer["error"], answer["error_debug"]) == (400, "category: expected one of system, custom")


def test_every_standard_field_has_a_title():
    assert set(TITLES) == set(fields.STANDARD)


async def test_a_token_that_reads_profiles_is_enough(stage: Stage):
    for method in ("list", "get", "fields"):
        assert (await stage.post(f"databases/{method}", token=READER, id=1))["error"] == 0


@pytest.mark.parametrize("method", ["get", "fields"])
@pytest.mark.parametrize(
    ("members", "code", "debug"),
    [
        ({"id": 404}, 404, "there is no database 404"),
        ({"id": "x"}, 400, "id: "),
        ({}, 400, "id: expected the number of a database"),
    ],
)
async def test_what_is_no_database_is_refused(
    stage: Stage, method: str, members: dict[str, Any], code: int, debug: str
):
    answer = await stage.post(f"databases/{method}", members)
    assert (answer["error"], answer["error_debug"][: len(debug)]) == (code, debug)


@pytest.mark.parametrize("noun", ["databases", "resources"])
@pytest.mark.parametrize(
    "members", [{"limit": 0}, {"limit": -1}, {"limit": 10_001}, {"limit": "all"}, {"from_id": "x"}, {"from_id": [1]}]
)
async def test_a_page_that_cannot_be_is_refused(stage: Stage, noun: str, members: dict[str, Any]):
    answer = await stage.post(f"{noun}/list", members)
    (name,) = members
    assert (answer["error"], answer["error_debug"].partition(":")[0]) == (400, name)


@pytest.mark.parametrize(("from_id", "ids"), [(-5, [1, 2, 3]), (2, [2, 3]), (10**15, [])])
async def test_a_page_may_begin_anywhere(stage: Stage, from_id: int, ids: list[int]):
    answer = await stage.post("databases/list", from_id=from_id)
    assert [one["id"] for one in answer["data"]] == ids
