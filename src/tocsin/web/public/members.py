"""What programs that are no clients of the API say: in the query, in a form, or in JSON."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request

from tocsin.core.errors import Invalid
from tocsin.web.body import read

_MOST_MEMBERS = 1000


async def read_members(request: Request, most_bytes: int) -> Any:
    """Members of query and form as an object of texts, or the JSON of the body as it is. Raises Invalid."""
    query = _object(request.url.query)
    body = await read(request, most_bytes)
    if request.method == "GET" or not body.strip():
        return query
    if "x-www-form-urlencoded" in request.headers.get("content-type", ""):
        return {**query, **_object(body.decode("utf-8", "replace"))}
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        raise Invalid("the body is neither JSON nor a form") from None
    return {**query, **said} if isinstance(said, dict) else said


def _object(text: str) -> Mapping[str, str]:
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_MEMBERS))
    except ValueError:
        raise Invalid(f"there are more than {_MOST_MEMBERS} members") from None
