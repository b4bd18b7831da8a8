"""`profiles/{update,import_batch,update_batch}`: flat items, in JSON and in XML."""

import pytest

from cast import TOKEN, Stage

PEOPLE = [{"email": "ann@example.com", "_fname": "Ann"}, {"email": "bob@example.com", "bonus": 3}]


async def test_a_batch_creates_and_then_updates(stage: Stage):
    first = await stage.post("profiles/import_batch", db_id=1, data=PEOPLE)
    assert first.keys() == {"error", "error_text", "result"}
    again = await stage.post("profiles/update_batch", db_id=1, data=[{"email": "bob@example.com", "bonus": 4}])
    assert again["result"] == first["result"][1:]
    assert (await stage.get_profile(email="bob@example.com"))["bonus"] == 4
    assert await stage.rows("SELECT count(*) FROM messages") == [(0,)]


async def test_a_batch_in_xml_has_the_fields_in_its_items(stage: Stage):
    xml = (
        f"<xml><token>{TOKEN}</token><db_id>1</db_id><matching>email</matching>"
        "<data><email>ann@example.com</email><bonus>7</bonus><interests>a</interests><interests>b</interests></data>"
        "<data><email>not one</email></data></xml>"
    )
    root = await stage.post_xml("profiles/import_batch", xml)
    assert len(root.findall("result")) == 1
    assert root.findtext("errors/index") == "1"
    ann = await stage.get_profile(email="ann@example.com")
    assert (ann["bonus"], ann["interests"]) == (7, ["a", "b"])
    updated = await stage.post_xml("profiles/update_batch", xml.replace("7", "8"))
    assert updated.findtext("result/profile_id") == root.findtext("result/profile_id")
    assert (await stage.get_profile(email="ann@example.com"))["bonus"] == 8


async def test_an_update_creates_nobody(stage: Stage):
    ann = await stage.add(email="ann@example.com")
    before = await stage.count_rows()
    batch = await stage.post("profiles/update_batch", db_id=1, data=[*PEOPLE, {"email": "cy@example.com"}])
    assert batch["result"] == [{"profile_id": ann}]
    assert [(error["index"], error["error"]) for error in batch["errors"]] == [(1, 404), (2, 404)]
    single = await stage.post("profiles/update", db_id=1, data={"email": "bob@example.com"})
    assert single["error"] == 404
    assert await stage.count_rows() == before
    assert (await stage.post("profiles/update", db_id=1, email="ann@example.com", data={"bonus": 1}))["error"] == 0
    assert (await stage.get_profile(email="ann@example.com"))["bonus"] == 1


@pytest.mark.parametrize("method", ["profiles/import_batch", "profiles/update_batch"])
@pytest.mark.parametrize(
    ("data", "debug"),
    [([], "data: expected at least one item"), ([1], "data[0]: "), ([{}] * 100_001, "data: expected at most 100000")],
)
async def test_a_batch_that_is_none_is_refused(stage: Stage, method: str, data: list, debug: str):
    answer = await stage.post(method, db_id=1, data=data)
    assert answer["error"] == 400
    assert answer["error_debug"].startswith(debug)


async def test_an_unknown_database_is_not_found(stage: Stage):
    assert (await stage.post("profiles/import_batch", db_id=9, data=PEOPLE))["error"] == 404
    assert (await stage.post("profiles/update", db_id=9, data=PEOPLE[0]))["error"] == 404


async def test_a_token_that_may_only_read_may_not_write(stage: Stage):
    for method, data in (("profiles/update", PEOPLE[0]), ("profiles/import_batch", PEOPLE)):
        assert (await stage.post(method, token="reader-reader-reader", db_id=1, data=data))["error"] == 403
