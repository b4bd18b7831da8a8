"""Structured logs on stderr: one line an event, named `noun.verb`, with its members. Secrets are blotted out."""

import json
import logging
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["json", "text"]

REDACTED = "[redacted]"

_SECRET_WORDS = frozenset({"token", "password", "secret", "authorization"})
_list_words = re.compile(r"[a-z0-9]+").findall
_url_password = re.compile(r"(://[^\s:/@]*:)[^\s@/]+(?=@)")
_named_secret = re.compile(
    r"""((?:token|password|secret)(?:=|["']\s*:)\s*|\bbearer\s+)(?:"[^"]*"|'[^']*'|[^\s&"',;)}\]]+)""", re.IGNORECASE
)
_is_word = re.compile(r"[^\s\"=\[\]{}]+").fullmatch


class Logger:
    """Writes events of one part of the program. Members are JSON values; other things are written as their text."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def debug(self, event: str, /, **members: Any) -> None:
        self._write(logging.DEBUG, event, members)

    def info(self, event: str, /, **members: Any) -> None:
        self._write(logging.INFO, event, members)

    def warning(self, event: str, /, **members: Any) -> None:
        self._write(logging.WARNING, event, members)

    def error(self, event: str, /, **members: Any) -> None:
        self._write(logging.ERROR, event, members)

    def failure(self, event: str, error: BaseException, /, **members: Any) -> None:
        """An error with its traceback in the member `exception`."""
        self._write(logging.ERROR, event, members, error)

    def _write(self, level: int, event: str, members: Mapping[str, Any], error: BaseException | None = None) -> None:
        self._logger.log(level, "%s", event, exc_info=error, extra={"event": event, "members": members})


def get(name: str) -> Logger:
    """The logger of a part, as `tocsin.web`."""
    return Logger(name)


def configure(level: Level, format: Format) -> None:  # noqa: A002 - the word of the setting
    """Write events of `level` and above to stderr, those of libraries and of uvicorn among them."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if format == "json" else TextFormatter())
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
    # At debug it tells the headers of answers, cookies among them.
    logging.getLogger("httpcore2").setLevel(logging.INFO)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.NOTSET)


def describe(record: logging.LogRecord) -> dict[str, Any]:
    """The record as the members of its line, without secrets. Records of libraries are the event `library.said`."""
    event = getattr(record, "event", None)
    members = record.__dict__["members"] if event else _describe_foreign(record)
    line = {
        "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "event": event or ("request.answered" if "status" in members else "library.said"),
        "logger": record.name,
    }
    if record.exc_info:
        members = {**members, "exception": logging.Formatter().formatException(record.exc_info)}
    return line | {name: value for name, value in _redact(members).items() if name not in line}


def _describe_foreign(record: logging.LogRecord) -> dict[str, Any]:
    if record.name == "uvicorn.access" and isinstance(record.args, tuple) and len(record.args) == len(_ACCESS):
        members = dict(zip(_ACCESS, record.args, strict=True))
        # A token may stand in the query.
        return members | {"path": urlsplit(str(members["path"])).path}
    return {"message": record.getMessage()}


_ACCESS = ("client", "method", "path", "http_version", "status")


def _redact(value: Any) -> Any:
    """The value as JSON has it, without what members named token, password, secret or authorization hold."""
    if isinstance(value, msgspec.Struct):
        value = msgspec.structs.asdict(value)
    if isinstance(value, Mapping):
        return {str(name): REDACTED if _is_secret(str(name)) else _redact(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redact(item) for item in value]
    if value is None or isinstance(value, int) or (isinstance(value, float) and isfinite(value)):
        return value
    text = str(value).encode(errors="backslashreplace").decode()
    return _url_password.sub(rf"\1{REDACTED}", _named_secret.sub(rf"\1{REDACTED}", text))


def _is_secret(name: str) -> bool:
    """Whether the last word of a name is one of the secret ones: `smtp_password`, `X-Api-Token`, not `token_name`."""
    words = _list_words(name.lower())
    return bool(words) and words[-1] in _SECRET_WORDS


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(describe(record), ensure_ascii=False, separators=(",", ":"))


class TextFormatter(logging.Formatter):
    """`12:30:00.123 info request.answered operation=tasks.status seconds=0.01`, and tracebacks below."""

    def format(self, record: logging.LogRecord) -> str:
        line = describe(record)
        exception = line.pop("exception", None)
        time = line.pop("at").partition("T")[2]
        shown = [f"{name}={_show(value)}" for name, value in line.items() if name not in ("level", "event", "logger")]
        text = " ".join([time, f"{line['level']:7}", line["event"], *shown])
        return f"{text}\n{exception}" if exception else text


def _show(value: Any) -> str:
    return value if isinstance(value, str) and _is_word(value) else json.dumps(value, ensure_ascii=False)
