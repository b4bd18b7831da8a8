"""What every request and every answer of the API has around it (facts, 1.2 and 1.3)."""

from typing import Any

from msgspec import Struct

SUCCESS = "Successful operation"


class Envelope(Struct, kw_only=True, omit_defaults=True):
    """Members of every request. The token may also come as a bearer token or in the query, `format` in the query."""

    token: str = ""
    format: str = ""


class Success(Struct, kw_only=True):
    """Members of every answer to a call that did something."""

    error: int = 0
    error_text: str = SUCCESS


class Problem(Struct, omit_defaults=True):
    """The answer to a call that did nothing. `error_debug` says exactly what is wrong, and where."""

    error: int
    error_text: str
    error_debug: str = ""


class DataAnswer(Success, kw_only=True):
    """An answer with a payload."""

    data: Any
