"""Calls that nobody wrote, from the OpenAPI document and nearly right ones: no fault of ours, always the envelope.

Each call is made inside a savepoint that is rolled back, so that examples know nothing of one another.
"""

import json
from base64 import b64encode
from hashlib import shake_256
from typing import Any

import msgspec
import schemathesis
from httpx import Response
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from cast import READER, TOKEN, Stage, parse_xml
from tocsin.web import codec, openapi
from tocsin.web.envelope import Problem
from tocsin.web.operations import OPERATIONS, PREFIX, TABLE, Operation

DOCUMENT = schemathesis.openapi.from_dict(openapi.document())
PATHS = [f"/{PREFIX}{operation.path}" for operation in TABLE]
CODES = {0, 400, 401, 403, 404, 409, 429}

quickly = settings(
    deadline=None,
    database=None,
    # The stage is shared by the examples on purpose; making a body from a whole document is slow by nature.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


def from_document(mode: GenerationMode) -> st.SearchStrategy[Any]:
    """Cases of every operation with bodies that fit their schemas, or do not."""
    return st.sampled_from(PATHS).flatmap(lambda path: DOCUMENT[path]["POST"].as_strategy(generation_mode=mode))


# Right calls, in which a few places get another value.

PROFILE = {
    "email": "ann@example.com",
    "phones": ["+79000000001", "+79000000003"],
    "_fname": "Ann",
    "_bdate": "2001-12-31",
    "_sex": "female",
    "_ip": "192.0.2.1",
    "_status": 0,
    "CRM_ID": "0001",
    "bonus": 7,
    "score": 1.5,
    "vip": True,
    "last_order_at": "2026-11-21T10:00:00Z",
    "plan": "free",
    "host": "10.0.0.1",
    "interests": ["a", "b"],
    "address": {"city": "Riga"},
    "orders": [{"id": 1}],
    "Zip": 1,
    "subscriptions": [
        {"channel": "email", "email": "ann@example.com", "resource_id": 21, "status": "subscribed", "cats": ["news"]},
        {"channel": "phone", "phone": "+79000000002", "resource_id": 20, "priority": 1, "custom_fields": {"a": 1}},
        {"channel": "push", "provider": "p", "subscription_id": "x", "resource_id": 22, "status": -1},
        {"channel": "viber", "cc_data": {"phone": "+79000000002"}, "resource_id": 23},
        {"email_data": {"email": "ann@sister.example.com"}, "resource_id": "22"},
    ],
}
SEARCHES: list[dict[str, Any]] = [
    {"matching": "email", "email": "ann@example.com", "resource_id": 21},
    {"matching": "phone", "phone": "+79000000001", "resource_id": None},
    {"matching": "custom", "field_name": "interests", "field_value": "a, b"},
    {"matching": "custom", "field_name": "CRM_ID", "field_value": "0001"},
]
LAUNCH = {
    "content": {"page": "cart", "H1": "x"},
    "custom_data": {"a": [1]},
    "timeout": {"days": 0, "hours": 1, "minutes": 5},
    "attach": [{"name": "a.txt", "data": "data:text/plain;base64,eA==", "mimetype": "text/plain"}],
    "subscription_filter": {"email": "ann@example.com", "not_strict": True},
    "skip_invalid_subscriptions": False,
}
OTHERS: dict[str, dict[str, Any]] = {
    "tasks/status": {"task_id": "00000000-0000-4000-8000-000000000000"},
    "file_upload": {"header": "a.txt", "data": "data:text/plain;base64,eA=="},
}
ADDRESSES = [
    "ann@example.com",
    "bob@example.com",
    "жук@почта.рф",
    "@",
    "a;b",
    "ж@@ж",
    "x" * 300 + "@a.bc",
    "+79000000002",
]
NUMBERS = [0, 1, -1, 8, 20, 21, 22, 97, 98, 2**31, 2**40, 2**63 - 1, -(2**63), 2**64, 0.5, -0.0, 1e308, 5e-324]
WORDS = [
    "",
    " ",
    "\0",
    "\\.",
    "\u202e",
    "a, b",
    "0002",
    "pro",
    "2026-11-21",
    "true",
    "-1",
    "٣" * 11,
    "x" * 5000,
    "a\r\nb",
]
NAMES = [
    "custom",
    "email_sub",
    "bonus",
    "score",
    "sms",
    "push",
    "telegram_bot",
    "unsubscribed",
    "cc_data",
    "data",
    "xml",
]
LONG = b64encode(shake_256(b"long").digest(3000)).decode()
ODD_VALUES = [None, True, False, [], {}, [[]], {"a": {"b": None}}, *ADDRESSES, *NUMBERS, *WORDS, *NAMES, LONG]
VALUES = st.sampled_from(ODD_VALUES) | st.recursive(
    st.sampled_from(ODD_VALUES) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*WORDS, *NAMES]), inner, max_size=3),
    max_leaves=4,
)
Path = tuple[str | int, ...]


def right(operation: Operation, search: dict[str, Any], database: int) -> dict[str, Any]:
    """A call that could be made."""
    trigger_id = {1: 97, 2: 99, 3: 100}[database]
    body = {"db_id": database, "trigger_id": trigger_id} | search | LAUNCH | {"data": PROFILE}
    if "import_and_start_batch" in operation.path:
        body["data"] = [{"data": PROFILE, "custom_data": {"k": 1}}, {"data": {**PROFILE, "_fname": "Anna"}}]
    elif "start_batch" in operation.path:
        body["data"] = [search, {"email": "bob@example.com", "custom_data": {"k": 1}}]
    return OTHERS.get(operation.path, body)


def places(value: Any, path: Path = ()) -> list[Path]:
    """Where the parts of a value are."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [deeper for name, part in parts for deeper in [(*path, name), *places(part, (*path, name))]]


def replaced(value: Any, path: Path, part: Any) -> Any:
    """The value with another part at this place."""
    if not path:
        return part
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], part)
    return copy


@st.composite
def nearly_right(draw: st.DrawFn) -> tuple[Operation, dict[str, Any], bool]:
    """An operation, a right body but for some places, and whether it is sent as XML."""
    operation = draw(st.sampled_from(TABLE))
    body = right(operation, draw(st.sampled_from(SEARCHES)), draw(st.sampled_from([1, 1, 1, 2, 3])))
    for _ in range(draw(st.integers(0, 3))):
        body = replaced(body, draw(st.sampled_from(places(body))), draw(VALUES))
    return operation, body | {"token": TOKEN}, draw(st.booleans())


def check_answer(response: Response, operation: Operation) -> None:
    """HTTP 200 with the operation's own answer, or a documented error."""
    assert response.status_code == 200, response.text
    if response.headers["content-type"].startswith("application/xml"):
        root = parse_xml(response.content)
        assert root.tag == "xml"
        assert root.findtext("error_text")
        assert int(root.findtext("error", "")) in CODES
        return
    answer = response.json()
    assert answer["error"] in CODES
    expected = operation.answer if answer["error"] == 0 else Problem
    decoded = msgspec.json.decode(response.content, type=expected)
    assert set(answer) <= set(decoded.__struct_fields__)


async def call_and_forget(
    stage: Stage, operation: Operation, body: Any, *, is_xml: bool, headers: dict[str, str]
) -> None:
    """The call, then all the work that it makes; then as if nothing had been."""
    encoding: codec.Encoding = "xml" if is_xml else "json"
    sent = codec.encode(body, "xml") if is_xml else json.dumps(body).encode()
    async with stage.connection.transaction(force_rollback=True):
        check_answer(await stage.call(operation.path, sent, encoding, **headers), operation)
        stage.clock.advance(days=1)
        await stage.work()
        stage.clock.advance(days=-1)


async def populate(stage: Stage) -> None:
    """Some profiles to be found, once for all examples."""
    if (await stage.count_rows())["profiles"] == 0:
        subscriptions = [{"email": "ann@example.com", "resource_id": 21}, {"phone": "+79000000002", "resource_id": 20}]
        await stage.add(email="ann@example.com", phones="+79000000001", CRM_ID="0001", subscriptions=subscriptions)
        await stage.add(email="bob@example.com", phones="+79000000001", interests="a, b", _status=1)


@settings(quickly, max_examples=60)
@given(
    st.sampled_from(list(GenerationMode)).flatmap(from_document),
    st.sampled_from([TOKEN, TOKEN, TOKEN, READER, "x", None]),
)
async def test_calls_made_from_the_document_are_answered_or_refused(stage: Stage, case: Any, token: str | None):
    operation = OPERATIONS[case.path.removeprefix(f"/{PREFIX}")]
    body = case.body if isinstance(case.body, dict | list | str | int | float | bool | None) else {}
    if isinstance(body, dict) and token is not None:
        body = body | {"token": token}
    headers = {name.replace("-", "_"): value for name, value in (case.headers or {}).items() if value.isascii()}
    await call_and_forget(stage, operation, body, is_xml=case.media_type == "application/xml", headers=headers)


@settings(quickly, max_examples=250)
@given(nearly_right())
async def test_nearly_right_calls_are_answered_or_refused(stage: Stage, call: tuple[Operation, dict[str, Any], bool]):
    operation, body, is_xml = call
    await populate(stage)
    await call_and_forget(stage, operation, body, is_xml=is_xml, headers={})


def odd_profiles() -> list[dict[str, Any]]:
    """A right profile, each time with one odd value in one place; every value in every place that can hold it."""
    storable = [value for value in ODD_VALUES if value not in ("\0", 2**64)]
    parts = [(path, value) for path in places(PROFILE) for value in storable]
    return [
        replaced(PROFILE | {"CRM_ID": str(number), "email": f"{number}@example.com"}, path, value)
        for number, (path, value) in enumerate(parts)
    ]


async def test_a_profile_with_any_odd_value_in_any_place_is_an_error_of_its_own_at_most(stage: Stage):
    """Each matched by its own CRM_ID, so that it is a profile of its own. Twice: created, then updated."""
    profiles = odd_profiles()
    members = {"token": TOKEN, "trigger_id": 8, "matching": "custom", "field_name": "CRM_ID"}
    for skip in (False, True):
        for first in range(0, len(profiles), 500):
            items = [{"data": profile} for profile in profiles[first : first + 500]]
            body = json.dumps(members | {"data": items, "skip_invalid_subscriptions": skip})
            answer = (await stage.call("campaigns/triggers/import_and_start_batch", body)).json()
            assert answer["error"] == 0, (first, answer)
            assert len(answer["result"]) + len(answer.get("errors", [])) == len(items)
            assert {one["error"] for one in answer.get("errors", [])} <= {400, 409}
    await stage.work()
    assert await stage.rows("SELECT type, data FROM events WHERE type NOT IN ('send', 'skip')") == []
