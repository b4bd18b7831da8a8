"""The OpenAPI 3.1 document, made from the operations table and the request structs."""

from functools import cache
from typing import Any

import msgspec

from tocsin import __version__
from tocsin.web.envelope import Problem
from tocsin.web.operations import INTEGRATIONS, INTEGRATIONS_PREFIX, PREFIX, TABLE, Operation

_REFERENCE = "#/components/schemas/{name}"
_REFUSALS = (400, 403, 404, 409)


@cache
def document(public_url: str = "/") -> dict[str, Any]:
    """The whole document; `public_url` is where the server is reached."""
    operations = TABLE + INTEGRATIONS
    types = list(dict.fromkeys([kind for operation in operations for kind in (operation.request, operation.answer)]))
    schemas, components = msgspec.json.schema_components([*types, Problem], ref_template=_REFERENCE)
    references: dict[type[Any], Any] = dict(zip([*types, Problem], schemas, strict=True))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tocsin",
            "version": __version__,
            "description": "Triggered customer messaging. A call that was refused answers HTTP 200 with `error` ≠ 0.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": public_url}],
        "security": [{"bearer": []}, {"query": []}, {}],
        "paths": {
            **{f"/{PREFIX}{operation.path}": {"post": _describe(operation, references)} for operation in TABLE},
            **{f"/{INTEGRATIONS_PREFIX}{one.path}": _describe_integration(one, references) for one in INTEGRATIONS},
        },
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "query": {"type": "apiKey", "in": "query", "name": "token"},
            },
        },
    }


def _describe(operation: Operation, references: dict[type[Any], Any]) -> dict[str, Any]:
    answer = {"anyOf": [references[operation.answer], references[Problem]]}
    return {
        "operationId": operation.path.replace("/", "_"),
        "summary": operation.summary,
        "tags": [operation.path.rpartition("/")[0] or "files"],
        "parameters": _parameters(operation),
        "requestBody": {"required": True, "content": _contents(references[operation.request])},
        "responses": {
            "200": {"description": "Done, or the error in `error`.", "content": _contents(answer)},
            "500": {"description": "A fault of ours.", "content": _contents(references[Problem])},
            "503": {"description": "Try again later.", "content": _contents(references[Problem])},
        },
    }


def _describe_integration(operation: Operation, references: dict[type[Any], Any]) -> dict[str, Any]:
    """By POST with the parameters in the body; by GET with the same in the query."""
    described = _describe(operation, references)
    body = described.pop("requestBody")
    content = {**body["content"], "application/x-www-form-urlencoded": {"schema": references[operation.request]}}
    refusals = {
        str(code): {"description": "The error.", "content": _contents(references[Problem])} for code in _REFUSALS
    }
    described["responses"] = {**described["responses"], **refusals}
    query = {"name": "parameters", "in": "query", "explode": True, "schema": references[operation.request]}
    asked = {**described, "operationId": f"{described['operationId']}_by_get"}
    return {
        "get": {**asked, "parameters": [*described["parameters"], query]},
        "post": {**described, "requestBody": {"required": False, "content": content}},
    }


def _contents(schema: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema}, "application/xml": {"schema": schema}}


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    if not operation.writes:
        return []
    description = "The same key within 24 hours gets the first answer again; nothing is done twice."
    return [
        {"name": name, "in": "header", "required": False, "description": description, "schema": {"type": "string"}}
        for name in ("Request-ID", "Idempotency-Key")
    ]
