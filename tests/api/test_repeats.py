"""Repeated requests: the same key gets the first answer again, and nothing is done twice."""

import json
from typing import Any

import pytest

from cast import READER, TOKEN, Stage
from tocsin.actions import requests

BATCH = "campaigns/triggers/import_and_start_batch"
TASK = "campaigns/triggers/import_and_start_batch_task"
OTHER_TOKEN = "the-token-of-another-client"


def launch(**members: Any) -> str:
    data = [{"data": {"email": "ann@example.com"}}]
    return json.dumps({"token": TOKEN, "trigger_id": 8, "data": data} | members)


# One call that writes, of each kind.
WRITES = {
    BATCH: launch(),
    TASK: launch(),
    "campaigns/triggers/start": json.dumps({"token": TOKEN, "id": 8, "email": "known@example.com"}),
    "campaigns/triggers/start_batch": launch(data=[{"email": "known@example.com"}]),
    "campaigns/triggers/start_batch_task": launch(data=[{"email": "known@example.com"}]),
    "campaigns/triggers/import_and_start": launch(data={"email": "ann@example.com"}),
    "profiles/import": json.dumps({"token": TOKEN, "db_id": 1, "data": {"email": "ann@example.com"}}),
    "file_upload": json.dumps({"token": TOKEN, "header": "a.txt", "data": "data:,x"}),
}


@pytest.mark.parametrize("method", WRITES)
@pytest.mark.parametrize("header", ["Request_ID", "Idempotency_Key", "X_Request_ID"])
async def test_a_repeat_gets_the_first_answer_and_does_nothing(stage: Stage, method: str, header: str):
    await stage.add(email="known@example.com")
    key = {header: "key-1"}
    first = await stage.call(method, WRITES[method], **key)
    assert (first.json()["error"], first.headers.get("duplicate-request")) == (0, None)
    after_first = await stage.count_rows()
    repeat = await stage.call(method, WRITES[method], **key)
    assert repeat.status_code == 200
    assert repeat.headers["duplicate-request"] == "true"
    assert (repeat.content, repeat.headers["content-type"]) == (first.content, first.headers["content-type"])
    assert await stage.count_rows() == after_first
    await stage.work()
    assert len(stage.mailbox.arrived) == (0 if method in ("profiles/import", "file_upload") else 1)


async def test_a_repeat_in_xml_gets_the_first_answer_too(stage: Stage):
    xml = f"<xml><token>{TOKEN}</token><trigger_id>8</trigger_id><data><email>ann@example.com</email></data></xml>"
    first = await stage.call(BATCH, xml, "xml", request_id="key-1")
    repeat = await stage.call(BATCH, xml, "xml", request_id="key-1")
    assert repeat.headers["duplicate-request"] == "true"
    assert (repeat.content, repeat.headers["content-type"]) == (first.content, first.headers["content-type"])
    assert (await stage.count_rows())["messages"] == 1


async def test_without_a_key_a_repeat_is_a_call_of_its_own(stage: Stage):
    for _ in range(2):
        response = await stage.call(BATCH, launch())
        assert "duplicate-request" not in response.headers
    assert (await stage.count_rows())["messages"] == 2


async def test_another_key_is_another_call(stage: Stage):
    for key in ("key-1", "key-2", "KEY-1"):
        assert "duplicate-request" not in (await stage.call(BATCH, launch(), request_id=key)).headers
    assert (await stage.count_rows())["messages"] == 3


@pytest.mark.parametrize(
    ("method", "body"), [(BATCH, launch(content={"a": 1})), (BATCH, launch() + " "), (TASK, launch())]
)
async def test_the_key_of_another_call_is_refused(stage: Stage, method: str, body: str):
    await stage.call(BATCH, launch(), request_id="key-1")
    before = await stage.count_rows()
    refused = await stage.call(method, body, request_id="key-1")
    assert refused.json() == {
        "error": 409,
        "error_text": "Conflict",
        "error_debug": "this key was used for a request with another path or body; use a new key",
    }
    assert await stage.count_rows() == before
    assert (await stage.call(BATCH, launch(), request_id="key-1")).headers["duplicate-request"] == "true"


async def test_the_keys_of_two_tokens_have_nothing_to_do_with_one_another(stage: Stage):
    await stage.rows(
        """INSERT INTO configuration SELECT kind, 'other',
        jsonb_build_object('name', 'other', 'sha256', encode(sha256(%s::bytea), 'hex')), version
        FROM configuration WHERE key = 'shop' RETURNING 1""",
        OTHER_TOKEN.encode(),
    )
    first = await stage.call(BATCH, launch(), request_id="key-1")
    other = await stage.call(BATCH, launch(token=OTHER_TOKEN), request_id="key-1")
    assert other.json()["error"] == 0
    assert "duplicate-request" not in other.headers
    assert (await stage.count_rows())["messages"] == 2
    assert (await stage.call(BATCH, launch(), request_id="key-1")).content == first.content


async def test_nobody_gets_an_answer_that_they_may_not_have(stage: Stage):
    """The key is bound to the token, and the token is looked at before the key."""
    await stage.call(BATCH, launch(token=""), request_id="key-1", authorization=f"Bearer {TOKEN}")
    for token, code in ((READER, 403), ("wrong", 401)):
        repeat = await stage.call(BATCH, launch(token=""), request_id="key-1", authorization=f"Bearer {token}")
        assert repeat.json()["error"] == code


async def test_the_first_of_several_keys_counts(stage: Stage):
    await stage.call(BATCH, launch(), request_id="key-1", idempotency_key="key-2")
    repeat = await stage.call(BATCH, launch(), request_id="key-1", idempotency_key="key-3", x_request_id="key-4")
    assert repeat.headers["duplicate-request"] == "true"
    assert "duplicate-request" not in (await stage.call(BATCH, launch(), idempotency_key="key-2")).headers


async def test_an_answer_is_forgotten_after_a_day(stage: Stage):
    await stage.call(BATCH, launch(), request_id="key-1")
    stage.clock.advance(hours=23, minutes=59)
    assert (await stage.call(BATCH, launch(), request_id="key-1")).headers["duplicate-request"] == "true"
    stage.clock.advance(minutes=2)
    again = await stage.call(BATCH, launch(), request_id="key-1")
    assert "duplicate-request" not in again.headers
    assert (await stage.count_rows())["messages"] == 2
    assert (await stage.call(BATCH, launch(), request_id="key-1")).content == again.content


async def test_answers_that_are_a_day_old_can_be_deleted(stage: Stage):
    await stage.call(BATCH, launch(), request_id="key-1")
    stage.clock.advance(hours=12)
    await stage.call(BATCH, launch(), request_id="key-2")
    stage.clock.advance(hours=13)
    await requests.forget_old(stage.context)
    assert (await stage.count_rows())["requests"] == 1


@pytest.mark.parametrize(
    "body",
    [
        launch(trigger_id=98),
        launch(data=[]),
        launch(token="wrong"),
        json.dumps({"token": TOKEN, "trigger_id": 8}),
        "{",
    ],
)
async def test_an_error_is_not_kept(stage: Stage, body: str):
    for _ in range(2):
        refused = await stage.call(BATCH, body, request_id="key-1")
        assert refused.json()["error"] in (400, 401)
        assert "duplicate-request" not in refused.headers
    assert (await stage.call(BATCH, launch(), request_id="key-1")).json()["error"] == 0


async def test_the_error_of_a_single_item_is_not_kept(stage: Stage):
    body = json.dumps({"token": TOKEN, "id": 8, "email": "ann@example.com"})
    assert (await stage.call("campaigns/triggers/start", body, request_id="key-1")).json()["error"] == 404
    await stage.add(email="ann@example.com")
    assert (await stage.call("campaigns/triggers/start", body, request_id="key-1")).json()["error"] == 0


async def test_calls_that_only_read_are_answered_anew(stage: Stage):
    await stage.add(email="ann@example.com")
    body = json.dumps({"token": TOKEN, "db_id": 1, "email": "ann@example.com"})
    await stage.call("profiles/get", body, request_id="key-1")
    await stage.add(email="ann@example.com", _fname="Ann")
    response = await stage.call("profiles/get", body, request_id="key-1")
    assert response.json()["data"]["_fname"] == "Ann"
    assert "duplicate-request" not in response.headers


@pytest.mark.parametrize("key", ["x" * 512, "ключ", 'a b;c="d"', "0"])
async def test_a_key_is_any_text_of_at_most_512_characters(stage: Stage, key: str):
    headers = {b"request-id": key.encode()}
    first = await stage.client.post(f"/api/v1.1/{BATCH}", content=launch(), headers=headers)
    repeat = await stage.client.post(f"/api/v1.1/{BATCH}", content=launch(), headers=headers)
    assert repeat.content == first.content
    assert repeat.headers["duplicate-request"] == "true"


async def test_a_longer_key_is_refused(stage: Stage):
    refused = await stage.call(BATCH, launch(), request_id="x" * 513)
    assert refused.json()["error_debug"] == "Request-ID: expected at most 512 characters"
    assert (await stage.count_rows())["profiles"] == 0


async def test_an_empty_key_is_none(stage: Stage):
    for _ in range(2):
        assert "duplicate-request" not in (await stage.call(BATCH, launch(), request_id="")).headers
