"""`profiles/get_all`: a task that writes a file, and the file's way to whoever may have it."""

import csv
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest

from cast import READER, TOKEN, Stage
from tocsin.actions import configuration, exports, housekeeping, tasks
from tocsin.core.errors import Invalid
from tocsin.store import downloads
from tocsin.store import profiles as stored_profiles

EXPORT = "profiles/get_all"
BEARER = {"authorization": f"Bearer {TOKEN}"}
SUBSCRIPTION = {"channel": "email", "resource_id": 21, "email": "ann.private@example.com", "cats": ["news"]}
ANN = {
    "email": "ann@example.com",
    "_fname": "=Ann",
    "bonus": 7,
    "interests": ["tea", "books"],
    "phones": ["+79000000001"],
}


class Killed(BaseException):
    """The end of a worker, wherever it was."""


async def enqueue(stage: Stage, **members: Any) -> str:
    answer = await stage.post(EXPORT, {"source_type": "database", "source_id": 1} | members)
    assert (answer["error"], list(answer["data"])) == (0, ["task_id"]), answer
    task_id: str = answer["data"]["task_id"]
    return task_id


async def status(stage: Stage, task_id: str) -> dict[str, Any]:
    answer: dict[str, Any] = (await stage.post("tasks/status", task_id=task_id))["data"]
    return answer


async def fetch(stage: Stage, url: str, **headers: str) -> httpx.Response:
    return await stage.client.get(url, headers=BEARER | headers)


async def export(stage: Stage, **members: Any) -> str:
    """The text of the file."""
    task_id = await enqueue(stage, **members)
    await stage.work()
    (url,) = (await status(stage, task_id))["result"]["urls"]
    response = await fetch(stage, url)
    assert response.status_code == 200, response.text
    return response.text


async def exported_ids(stage: Stage, **members: Any) -> list[str]:
    return [one["id"] for one in json.loads(await export(stage, file_format="json", **members))]


async def add_many(stage: Stage, count: int, first: int = 0) -> list[str]:
    data = [{"email": f"p{number}@example.com", "bonus": number} for number in range(first, first + count)]
    answer = await stage.post("profiles/import_batch", db_id=1, matching="email", data=data)
    return [one["profile_id"] for one in answer["result"]]


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "PAGE", 3)


@asynccontextmanager
async def killed_at_page(monkeypatch: pytest.MonkeyPatch, page: int) -> AsyncIterator[list[int]]:
    """A worker that is killed once it has written a page, before that is committed; the pages written by then."""
    written: list[int] = []
    insert_chunk = downloads.insert_chunk

    async def insert(transaction: Any, file_id: Any, number: int, data: bytes) -> None:
        await insert_chunk(transaction, file_id, number, data)
        if number == page:
            raise Killed
        written.append(number)

    with monkeypatch.context() as patched:
        patched.setattr(downloads, "insert_chunk", insert)
        try:
            yield written
        except Killed:
            return
    pytest.fail("the worker was not killed")


async def run_task(stage: Stage) -> None:
    await tasks.run_next(stage.context, timedelta(seconds=60))


async def test_every_profile_is_a_row_of_csv(stage: Stage):
    ann = await stage.add(**ANN, subscriptions=[SUBSCRIPTION])
    bob = await stage.add(email="bob@example.com", vip=True, address={"city": "Köln"})
    await stage.add(db_id=2, email="elsewhere@example.com")
    text = await export(stage)
    rows = {row["id"]: row for row in csv.DictReader(text.splitlines())}
    assert rows.keys() == {ann, bob}
    assert {name: value for name, value in rows[bob].items() if value} == {
        "id": bob,
        "email": "bob@example.com",
        "vip": "true",
        "address": '{"city":"Köln"}',
    }
    (subscription,) = json.loads(rows[ann].pop("subscriptions"))
    assert subscription == SUBSCRIPTION | {"status": "subscribed", "priority": 0}
    assert {name: value for name, value in rows[ann].items() if value} == {
        "id": ann,
        "email": "ann@example.com",
        "_fname": "'=Ann",
        "bonus": "7",
        "interests": "tea, books",
        "phones": "+79000000001",
    }


async def test_json_is_taken_by_an_import(stage: Stage):
    await stage.add(**ANN, subscriptions=[SUBSCRIPTION], orders=[{"sku": "a"}], birthday="1990-05-01")
    await stage.add(email="bob@example.com")
    before = json.loads(await export(stage, file_format="json"))
    await stage.connection.execute("DELETE FROM profiles; DELETE FROM identities")
    answer = await stage.post("profiles/import_batch", db_id=1, matching="email", data=before)
    assert (answer["error"], "errors" in answer, "ignored_fields" in answer) == (0, False, False)
    after = json.loads(await export(stage, file_format="JSON"))
    strip = [[{name: one[name] for name in one if name != "id"} for one in some] for some in (before, after)]
    assert sorted(strip[0], key=str) == sorted(strip[1], key=str)
    assert len(after) == 2


async def test_the_result_is_the_documented_one(stage: Stage):
    await add_many(stage, 2)
    task_id = await enqueue(stage)
    assert await status(stage, task_id) == {"status": "queued", "progress": 0, "result": None}
    await stage.work()
    assert await status(stage, task_id) == {
        "status": "completed",
        "progress": 100,
        "result": {
            "error": 0,
            "error_text": "",
            "errors": [],
            "source_id": 1,
            "total": 2,
            "type": "database",
            "urls": [f"/api/download/data/{task_id}/1_database_export.csv"],
        },
    }


async def test_an_export_may_be_asked_for_in_xml(stage: Stage):
    wanted, _ = await add_many(stage, 2)
    root = await stage.post_xml(
        EXPORT,
        f"<xml><token>{TOKEN}</token><source_type>database</source_type><source_id>1</source_id>"
        "<file_format>json</file_format><custom_request><email>p0@example.com</email></custom_request>"
        "<fields array='true'>_id</fields></xml>",
    )
    task_id = root.findtext("data/task_id")
    await stage.work()
    root = await stage.post_xml("tasks/status", f"<xml><token>{TOKEN}</token><task_id>task_{task_id}</task_id></xml>")
    assert (root.findtext("data/status"), root.findtext("data/result/total")) == ("completed", "1")
    assert [one.text for one in root.findall("data/result/errors")] == [None]
    url = root.findtext("data/result/urls")
    assert url
    assert (await fetch(stage, url)).json() == [{"id": wanted}]


@pytest.mark.parametrize(
    ("query", "expected"),
    [({}, 7), ({"bonus": {"$lt": 5}}, 5), ({"email": "p3@example.com"}, 1), ({"email": "nobody@example.com"}, 0)],
)
@pytest.mark.usefixtures("small_pages")
async def test_a_query_says_who_is_exported(stage: Stage, query: dict[str, Any], expected: int):
    ids = await add_many(stage, 7)
    found = await exported_ids(stage, custom_request=query)
    assert len(found) == len(set(found)) == expected
    assert set(found) <= set(ids)


async def test_only_the_fields_asked_for_are_exported(stage: Stage):
    profile_id = await stage.add(**ANN)
    assert await export(stage, fields=["bonus", "_id"]) == f"bonus,id\r\n7,{profile_id}\r\n"
    assert json.loads(await export(stage, fields=["bonus"], file_format="json")) == [{"bonus": 7}]


async def test_nobody_is_a_file_too(stage: Stage):
    assert (await export(stage)).startswith("id,email,phones,")
    assert json.loads(await export(stage, file_format="json")) == []


@pytest.mark.parametrize("count", [1, 3, 4, 6])
@pytest.mark.usefixtures("small_pages")
async def test_pages_make_one_file(stage: Stage, count: int):
    ids = await add_many(stage, count)
    assert sorted(await exported_ids(stage)) == sorted(ids)
    text = await export(stage, fields=["id"])
    assert sorted(text.split()) == sorted(["id", *ids])


@pytest.mark.parametrize(
    ("members", "debug"),
    [
        ({"source_type": "segment"}, "source_type: there are no segments yet"),
        ({"source_type": "table"}, "source_type: expected database"),
        ({"source_id": 404}, "there is no database 404"),
        ({"source_id": "x"}, "source_id: "),
        ({"source_id": None}, "source_id: "),
        ({"file_format": "xlsx"}, "file_format: expected csv or json"),
        ({"fields": ["email", "no such"]}, "fields[1]: database 1 has no field 'no such'"),
        ({"custom_request": {"$where": "1"}}, "custom_request.$where"),
        ({"custom_request": ["email"]}, "custom_request: "),
    ],
)
async def test_what_cannot_be_exported_is_refused_at_once(stage: Stage, members: dict[str, Any], debug: str):
    answer = await stage.post(EXPORT, {"source_type": "database", "source_id": 1} | members)
    assert answer["error"] in (400, 404)
    assert debug in answer["error_debug"]
    assert (await stage.count_rows())["tasks"] == 0


async def test_a_repeated_call_makes_no_second_task(stage: Stage):
    body = json.dumps({"token": TOKEN, "source_type": "database", "source_id": 1})
    first, second = [await stage.call(EXPORT, body, request_id="one") for _ in range(2)]
    assert first.json() == second.json()
    assert (await stage.count_rows())["tasks"] == 1


@pytest.mark.usefixtures("small_pages")
async def test_a_killed_export_goes_on_from_its_last_page(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    ids = await add_many(stage, 10)
    task_id = await enqueue(stage, file_format="json")
    url = f"/api/download/data/{task_id}/1_database_export.json"
    async with killed_at_page(monkeypatch, 2) as written:
        await stage.work()
    assert written == [0, 1]
    assert await stage.rows("SELECT number FROM download_chunks ORDER BY 1") == [(0,), (1,)]
    assert (await status(stage, task_id))["status"] == "processing"
    assert (await fetch(stage, url)).status_code == 404
    stage.clock.advance(seconds=61)
    async with killed_at_page(monkeypatch, 3) as written:
        await stage.work()
    assert written == [2]
    stage.clock.advance(seconds=61)
    await stage.work()
    assert sorted(one["id"] for one in (await fetch(stage, url)).json()) == sorted(ids)
    assert (await status(stage, task_id))["result"]["total"] == 10


@pytest.mark.usefixtures("small_pages")
async def test_an_export_that_is_killed_before_its_end_is_ended_by_another_worker(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    await add_many(stage, 4)
    task_id = await enqueue(stage, fields=["email"])

    async def insert(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(downloads, "insert", insert)
        with pytest.raises(Killed):
            await stage.work()
    assert (await status(stage, task_id))["progress"] == 99
    stage.clock.advance(seconds=61)
    await stage.work()
    done = await status(stage, task_id)
    assert (done["progress"], done["result"]["total"]) == (100, 4)
    assert len((await fetch(stage, done["result"]["urls"][0])).text.split()) == 5


@pytest.mark.usefixtures("small_pages")
async def test_every_profile_that_stays_is_exported_once_while_others_come_and_go(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    ids = sorted(await add_many(stage, 12), key=lambda one: (one[-2:], one))
    task_id = await enqueue(stage, file_format="json")
    for page in (1, 2, 3):
        async with killed_at_page(monkeypatch, page):
            await run_task(stage)
        gone = bytes.fromhex(ids[page - 1]), bytes.fromhex(ids[-page])
        await stage.connection.execute("DELETE FROM profiles WHERE id = ANY(%s)", [list(gone)])
        await add_many(stage, 5, first=100 * page)
        stage.clock.advance(seconds=61)
    await stage.work()
    response = await fetch(stage, (await status(stage, task_id))["result"]["urls"][0])
    found = [one["id"] for one in response.json()]
    assert len(found) == len(set(found))
    assert set(found) >= set(ids[:-3])
    assert not set(found) & set(ids[-3:])


@pytest.mark.usefixtures("small_pages")
async def test_the_progress_of_an_export_only_grows(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    await add_many(stage, 30)
    task_id = await enqueue(stage)
    seen = []
    for page in (1, 3, 5, 7, 9):
        async with killed_at_page(monkeypatch, page):
            await run_task(stage)
        seen.append((await status(stage, task_id))["progress"])
        stage.clock.advance(seconds=61)
    await run_task(stage)
    seen.append((await status(stage, task_id))["progress"])
    assert seen == sorted(seen)
    assert len(set(seen)) > 3
    assert seen[-1] == 100


@pytest.mark.usefixtures("small_pages")
async def test_progress_grows_within_a_bucket_too(stage: Stage):
    await stage.connection.execute(
        "INSERT INTO profiles (bucket, id, database_id, fields, subscriptions)"
        " SELECT 5, int8send(n) || '\\x00000005', 1, '{}', '[]' FROM generate_series(1::bigint, 8) AS n"
    )
    assert len(await exported_ids(stage)) == 8


@pytest.mark.usefixtures("small_pages")
async def test_a_long_export_lets_other_tasks_have_their_turn(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    await add_many(stage, 9)
    await enqueue(stage)
    stage.clock.advance(seconds=1)
    await stage.post("campaigns/triggers/start_batch_task", id=8, data=[{"email": "p1@example.com"}])
    list_page = stored_profiles.list_page

    async def slowly(*arguments: Any) -> Any:
        stage.clock.advance(seconds=tasks.TURN.seconds + 1)
        return await list_page(*arguments)

    monkeypatch.setattr(stored_profiles, "list_page", slowly)
    await run_task(stage)
    await run_task(stage)
    statuses = dict(await stage.rows("SELECT kind, status::text FROM tasks"))
    assert statuses == {exports.KIND: "processing", tasks.KIND: "completed"}
    await stage.work()
    assert await stage.rows("SELECT DISTINCT status::text FROM tasks") == [("completed",)]


@pytest.mark.usefixtures("small_pages")
async def test_an_export_that_fails_leaves_no_file_and_says_why(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    await add_many(stage, 7)
    task_id = await enqueue(stage)
    async with killed_at_page(monkeypatch, 2):
        await stage.work()
    stage.clock.advance(seconds=61)

    async def too_slow(*_: Any) -> None:
        raise Invalid("finding the profiles took longer than 30 s", path="custom_request")

    monkeypatch.setattr(stored_profiles, "list_page", too_slow)
    await stage.work()
    failed = await status(stage, task_id)
    assert (failed["status"], failed["result"]) == (
        "failed",
        {
            "error": 400,
            "error_text": "Invalid request",
            "error_debug": "custom_request: finding the profiles took longer than 30 s",
        },
    )
    assert await stage.rows("SELECT count(*) FROM download_chunks") == [(0,)]


@pytest.fixture
async def url(stage: Stage) -> str:
    await add_many(stage, 2)
    task_id = await enqueue(stage, fields=["email"])
    await stage.work()
    return f"/api/download/data/{task_id}/1_database_export.csv"


async def test_a_file_comes_with_its_type_name_and_length(stage: Stage, url: str):
    response = await fetch(stage, url)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"] == 'attachment; filename="1_database_export.csv"'
    assert response.headers["content-length"] == str(len(response.content))
    assert response.headers["cache-control"] == "private, no-store"
    assert sorted(response.text.split()) == ["email", "p0@example.com", "p1@example.com"]


async def test_head_answers_the_same_without_the_file(stage: Stage, url: str):
    response = await stage.client.head(url, headers=BEARER)
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-length"] == (await fetch(stage, url)).headers["content-length"]


async def test_whoever_may_read_profiles_may_fetch_the_file(stage: Stage, url: str):
    by_query = await stage.client.get(url, params={"token": READER})
    by_header = await stage.client.get(f"{url}/", headers={"authorization": f"Bearer {READER}"})
    assert by_query.status_code == by_header.status_code == 200
    assert by_query.content == by_header.content


async def test_who_is_unknown_or_may_not_gets_the_real_status(stage: Stage, url: str):
    other = await configuration.create_token(stage.context, "launcher", ("launch",))
    for headers, code in (
        ({}, 401),
        ({"authorization": "Bearer nobody"}, 401),
        ({"authorization": f"Bearer {other}"}, 403),
    ):
        response = await stage.client.get(url, headers=headers)
        assert (response.status_code, response.json()["error"]) == (code, code)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda url: url.replace("1_database", "2_database"),
        lambda url: url.rpartition("/")[0],
        lambda url: f"{url}/more",
        lambda _: "/api/download/data/00000000-0000-0000-0000-000000000000/1_database_export.csv",
        lambda _: "/api/download/data/x/1_database_export.csv",
        lambda _: "/api/download/data/",
    ],
)
async def test_a_file_that_is_not_there_is_not_found(stage: Stage, url: str, spoil: Callable[[str], str]):
    response = await fetch(stage, spoil(url))
    assert response.status_code == 404
    assert response.json()["error"] == 404


async def test_a_file_is_got_not_posted(stage: Stage, url: str):
    response = await stage.client.post(url, headers=BEARER)
    assert (response.status_code, response.json()["error"]) == (404, 404)


async def test_a_file_is_forgotten_with_its_task(stage: Stage, url: str):
    stage.clock.advance(days=6)
    await housekeeping.tidy(stage.context, timedelta(days=400))
    assert (await fetch(stage, url)).status_code == 200
    stage.clock.advance(days=2)
    await housekeeping.tidy(stage.context, timedelta(days=400))
    assert (await fetch(stage, url)).status_code == 404
    assert await stage.rows("SELECT count(*) FROM download_chunks") == [(0,)]
