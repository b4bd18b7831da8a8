"""What all calls have in common: who calls, where, in which format; and the pages that are no calls."""

import json
from typing import Any

import msgspec
import pytest
from httpx import Response

from cast import READER, TOKEN, Stage, parse_xml
from tocsin.web.operations import INTEGRATIONS, TABLE, Operation

IMPORT = "profiles/import"
ANN: dict[str, Any] = {"db_id": 1, "data": {"email": "ann@example.com"}}
ANN_IN_XML = "<db_id>1</db_id><data><email>ann@example.com</email></data>"
SUCCESS = "Successful operation"
NO_TOKEN = "give it as member `token`, as `Authorization: Bearer`, or as `?token=`"


def without_token(**members: Any) -> str:
    return json.dumps(ANN | members)


# Who calls.


@pytest.mark.parametrize(
    ("body", "query", "headers"),
    [
        ({"token": TOKEN}, "", {}),
        ({}, "", {"authorization": f"Bearer {TOKEN}"}),
        ({}, "", {"authorization": f"bearer   {TOKEN} "}),
        ({}, f"?token={TOKEN}", {}),
        ({"token": ""}, f"?token={TOKEN}", {"authorization": "Basic dTpw"}),
        ({"token": None}, "", {"authorization": f"Bearer {TOKEN}"}),
        ({"token": TOKEN}, "?token=wrong", {"authorization": "Bearer wrong"}),
        ({}, "?token=wrong", {"authorization": f"Bearer {TOKEN}"}),
    ],
)
async def test_a_token_comes_in_the_body_the_header_or_the_query_in_this_order(
    stage: Stage, body: dict[str, Any], query: str, headers: dict[str, str]
):
    response = await stage.call(IMPORT + query, without_token(**body), **headers)
    assert response.json()["error"] == 0
    xml = f"<xml>{f'<token>{TOKEN}</token>' if body.get('token') else ''}{ANN_IN_XML}</xml>"
    response = await stage.call(IMPORT + query, xml, "xml", **headers)
    assert parse_xml(response.content).findtext("error") == "0"


def body_of(operation: Operation) -> dict[str, Any]:
    """A body of the shape that the call wants, about things that are not there."""
    samples = {"int": 404, "str": "x", "list": [], "dict": {}}
    return {
        field.name: "data:,x" if (operation.path, field.name) == ("file_upload", "data") else samples[_kind(field.type)]
        for field in msgspec.structs.fields(operation.request)
        if field.required
    }


def _kind(of: Any) -> str:
    """`int`, `str`, `list` or `dict`."""
    described = type(msgspec.inspect.type_info(of)).__name__.removesuffix("Type").lower()
    return described if described in {"int", "str", "list", "dict"} else "str"


@pytest.mark.parametrize("token", ["", "wrong", TOKEN.upper(), f"{TOKEN} ", "a' OR '1'='1", "ж", "x" * 5000])
async def test_no_call_is_answered_without_a_known_token(stage: Stage, token: str):
    before = await stage.count_rows()
    for operation in TABLE:
        answer = await stage.post(operation.path, body_of(operation), token=token)
        assert (answer["error"], answer["error_text"]) == (401, "API token required"), operation.path
        assert answer["error_debug"] == ("this token is not known" if token else NO_TOKEN)
    assert await stage.count_rows() == before


async def test_the_hash_of_a_token_is_no_token(stage: Stage):
    ((sha256,),) = await stage.rows("SELECT spec->>'sha256' FROM configuration WHERE key = 'shop'")
    assert (await stage.post(IMPORT, ANN, token=sha256))["error"] == 401


@pytest.mark.parametrize("operation", TABLE, ids=lambda operation: operation.path)
async def test_a_token_may_do_what_its_permissions_say(stage: Stage, operation: Operation):
    before = await stage.count_rows()
    answer = await stage.post(operation.path, body_of(operation), token=READER)
    if operation.permission == "profiles.read":
        assert answer["error"] in {0, 400, 404}
    else:
        assert answer == {
            "error": 403,
            "error_text": "No permission",
            "error_debug": f"token 'reader' lacks the permission {operation.permission}",
        }
    assert await stage.count_rows() == before


# Where.


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1.1/profiles/import",
        "/api/v1.1/profiles/import/",
        "/api/v1.1//profiles/import",
        "//api//v1.1//profiles///import//",
    ],
)
async def test_slashes_do_not_matter_and_nobody_is_redirected(stage: Stage, path: str):
    response = await stage.client.post(f"http://tocsin.test{path}", json=ANN | {"token": TOKEN})
    assert (response.status_code, response.json()["error"]) == (200, 0)


@pytest.mark.parametrize(
    "path",
    ["/api/v1.1/profiles/nonsense", "/api/v1.1/", "/api/v1.0/profiles/import", "/profiles/import", "/", "/%00%ff"],
)
async def test_an_unknown_method_is_404_with_the_envelope(stage: Stage, path: str):
    response = await stage.client.post(path, json={"token": TOKEN})
    assert response.status_code == 404
    assert (response.json()["error"], response.json()["error_text"]) == (404, "Object not found")
    assert response.json()["error_debug"].startswith("there is no method /")
    response = await stage.client.post(path, content="<xml/>", headers={"content-type": "application/xml"})
    assert (response.status_code, parse_xml(response.content).findtext("error")) == (404, "404")


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"])
async def test_calls_are_made_by_post_alone(stage: Stage, method: str):
    before = await stage.count_rows()
    response = await stage.client.request(method, f"/api/v1.1/{IMPORT}", params={"token": TOKEN})
    assert response.status_code == 405
    if method != "HEAD":
        assert response.json() == {
            "error": 400,
            "error_text": "Invalid request",
            "error_debug": "this method is called by POST",
        }
    assert await stage.count_rows() == before


# In which format.


def format_of(response: Response) -> str:
    """By the content type, which must be right."""
    if response.headers["content-type"].startswith("application/xml"):
        assert parse_xml(response.content).tag == "xml"
        return "xml"
    assert response.headers["content-type"] == "application/json"
    assert isinstance(response.json(), dict)
    return "json"


@pytest.mark.parametrize(
    ("said", "query", "expected"),
    [
        ("", "", ""),
        ("json", "", "json"),
        ("xml", "", "xml"),
        ("XML", "", "xml"),
        ("csv", "", ""),
        ("", "&format=xml", "xml"),
        ("", "&format=json", "json"),
        ("json", "&format=xml", "json"),
    ],
)
@pytest.mark.parametrize("encoding", ["json", "xml"])
@pytest.mark.parametrize("email", ["ann@example.com", "wrong"])
async def test_the_answer_is_in_the_format_of_the_call_unless_it_asks_for_another(
    stage: Stage, said: str, query: str, expected: str, encoding: Any, email: str
):
    """Also when it is an error; then, too, what the body says counts."""
    json_body = json.dumps({"format": said, "db_id": 1, "data": {"email": email}})
    xml_body = f"<xml><format>{said}</format><db_id>1</db_id><data><email>{email}</email></data></xml>"
    response = await stage.call(
        f"{IMPORT}?token={TOKEN}{query}", json_body if encoding == "json" else xml_body, encoding
    )
    assert response.status_code == 200
    assert format_of(response) == (expected or encoding)


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/JSON"])
async def test_a_body_is_json_unless_its_type_says_xml(stage: Stage, content_type: str):
    response = await stage.call(IMPORT, without_token(token=TOKEN), content_type=content_type)
    assert (format_of(response), response.json()["error"]) == ("json", 0)


@pytest.mark.parametrize("content_type", ["text/xml", "application/xml; charset=utf-8", "application/soap+xml"])
async def test_every_type_of_xml_is_xml(stage: Stage, content_type: str):
    response = await stage.call(IMPORT, f"<xml><token>{TOKEN}</token>{ANN_IN_XML}</xml>", content_type=content_type)
    assert format_of(response) == "xml"
    assert parse_xml(response.content).findtext("error") == "0"


async def test_an_answer_in_xml_says_the_same_as_one_in_json(stage: Stage):
    json_answer = await stage.post(IMPORT, ANN)
    root = await stage.post_xml(IMPORT, f"<xml><token>{TOKEN}</token>{ANN_IN_XML}</xml>")
    assert {element.tag: element.text for element in root} == {name: str(value) for name, value in json_answer.items()}


async def test_numbers_and_booleans_may_be_text(stage: Stage):
    answer = await stage.post(IMPORT, ANN, db_id="1", skip_triggers="true", detect_geo="0", resource_id="21")
    assert answer["error"] == 0


async def test_unknown_members_do_not_matter(stage: Stage):
    answer = await stage.post(IMPORT, ANN, _bdate="2001-12-31", add_to_segments=[1], nonsense={"a": [None]})
    assert list(answer) == ["error", "error_text", "profile_id"]


# What is no call.


async def test_the_openapi_document_describes_every_operation(stage: Stage):
    response = await stage.client.get("/api/openapi.json")
    document = response.json()
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    assert document["openapi"].startswith("3.1")
    assert document["info"]["title"] == "Tocsin"
    operations = [f"/api/v1.1/{operation.path}" for operation in TABLE]
    assert list(document["paths"]) == operations + [f"/api/{operation.path}" for operation in INTEGRATIONS]
    for path in document["paths"].values():
        call = path["post"]
        assert call["summary"]
        assert set(call["requestBody"]["content"]) >= {"application/json", "application/xml"}
        assert {"200", "500", "503"} <= set(call["responses"])
    identifiers = [path["post"]["operationId"] for path in document["paths"].values()]
    assert len(set(identifiers)) == len(identifiers)


async def test_every_reference_of_the_openapi_document_leads_somewhere(stage: Stage):
    document = (await stage.client.get("/api/openapi.json")).json()
    schemas = document["components"]["schemas"]

    def references(node: Any) -> list[str]:
        inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        own = [node["$ref"]] if isinstance(node, dict) and isinstance(node.get("$ref"), str) else []
        return own + [one for part in inner for one in references(part)]

    found = references(document)
    assert len(found) > len(TABLE)
    assert {one.removeprefix("#/components/schemas/") for one in found} == set(schemas)


async def test_the_openapi_document_lists_the_members_of_a_request(stage: Stage):
    document = (await stage.client.get("/api/openapi.json")).json()
    schema = document["components"]["schemas"]["ImportAndStartBatchRequest"]
    documented = {"token", "format", "data", "skip_triggers", "skip_invalid_subscriptions", "detect_geo", "matching"}
    documented |= {"email", "phone", "profile_id", "field_name", "field_value", "resource_id", "trigger_id"}
    documented |= {"timeout", "custom_data", "content", "attach"}
    assert documented <= set(schema["properties"])
    assert schema["required"] == ["data"]


@pytest.mark.parametrize("path", ["/healthz", "/healthz/", "//healthz"])
async def test_healthz_says_ok(stage: Stage, path: str):
    response = await stage.client.get(f"http://tocsin.test{path}")
    assert (response.status_code, response.text) == (200, "ok\n")


async def test_readyz_says_ready(stage: Stage):
    response = await stage.client.get("/readyz")
    assert (response.status_code, response.text) == (200, "ready\n")


async def metrics(stage: Stage) -> dict[str, float]:
    response = await stage.client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain")
    lines = (line.rpartition(" ") for line in response.text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


async def test_metrics_count_calls_waiting_messages_tasks_and_events(stage: Stage):
    before = await metrics(stage)
    launch = {"trigger_id": 8, "data": [{"data": {"email": "ann@example.com"}}]}
    await stage.post("campaigns/triggers/import_and_start_batch", launch)
    await stage.post("campaigns/triggers/import_and_start_batch", launch, trigger_id=9999)
    await stage.post("campaigns/triggers/import_and_start_batch_task", launch)
    stage.clock.advance(seconds=7)
    queued = await metrics(stage)
    calls = 'tocsin_calls_total{{error="{}",operation="campaigns/triggers/import_and_start_batch"}}'
    assert queued[calls.format(0)] - before.get(calls.format(0), 0) == 1
    assert queued[calls.format(404)] - before.get(calls.format(404), 0) == 1
    assert queued["tocsin_database_up"] == 1
    assert queued["tocsin_messages_waiting"] == 1
    assert (queued['tocsin_messages_due{sender="relay"}'], queued['tocsin_messages_due{sender="second"}']) == (1, 0)
    oldest = 'tocsin_oldest_due_message_seconds{{sender="{}"}}'
    assert (queued[oldest.format("relay")], queued[oldest.format("second")]) == (7, 0)
    assert queued['tocsin_tasks{status="queued"}'] == 1
    await stage.work()
    sent = await metrics(stage)
    assert sent["tocsin_messages_waiting"] == sent[oldest.format("relay")] == 0
    assert sent['tocsin_messages_total{outcome="sent",sender="relay"}'] == 2
    assert sent['tocsin_tasks{status="queued"}'] == 0
    assert sent['tocsin_events_total{trigger="8",type="send"}'] == 2
