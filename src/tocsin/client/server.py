"""Calls to a server: repeated until they are answered, each done once."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from itertools import chain
from typing import Any

import httpcore2
import msgspec
from msgspec import Struct, field

from tocsin.client.options import Target
from tocsin.client.rows import Row
from tocsin.core.errors import Invalid, NotReady

Say = Callable[[str], None]

# A call waits for locks of others on the server, and a busy one takes its time.
_TIMEOUTS = {"connect": 10.0, "write": 60.0, "read": 300.0}
_TROUBLES = (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException)
_FIRST_DELAY_SECONDS = 0.5
_LONGEST_DELAY_SECONDS = 30.0
_TEMPORARY = frozenset({429, 502, 503, 504})
_FAULT = 500
_ENTITY_TOO_LARGE = 413
_MOST_FAULTS = 3
_SHOWN = 300
_TOO_LARGE = "request body too large"


class ItemProblem(Struct):
    """An item that failed, in an answer."""

    index: int
    error: int
    error_text: str = ""
    error_debug: str = ""


class SkippedItem(Struct):
    """An item that was imported, but not launched for."""

    index: int
    reason: str = ""


class Answer(Struct):
    """What of an answer matters here."""

    error: int
    error_text: str = ""
    error_debug: str = ""
    result: list[Any] = field(default_factory=list)
    errors: list[ItemProblem] = field(default_factory=list)
    skipped: list[SkippedItem] = field(default_factory=list)
    ignored_fields: list[str] = field(default_factory=list)

    def describe(self) -> str:
        return f"{self.error} {self.error_text}{f': {self.error_debug}' if self.error_debug else ''}"


class Rejection(Struct, frozen=True):
    """A row that was not imported. `error` is its code, 400 for what could not even be sent."""

    row: Row
    error: int
    text: str
    reason: str


class Outcome(Struct):
    """What became of rows."""

    imported: int = 0
    rejections: list[Rejection] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    ignored_fields: list[str] = field(default_factory=list)

    def add(self, other: "Outcome") -> None:
        self.imported += other.imported
        self.rejections += other.rejections
        self.skipped += other.skipped
        self.ignored_fields += other.ignored_fields


class Refused(Invalid):
    """The server did nothing, since the call as such is wrong: its token, its options."""


class _Away(Exception):
    """No answer, or one that asks to come again. `is_fault`: the server broke, which it may do each time."""

    def __init__(self, reason: str, *, is_fault: bool = False) -> None:
        super().__init__(reason)
        self.is_fault = is_fault


class Server:
    """One import's way to the server. `run` names the import, so that each of its calls has a key of its own.

    Used by several threads. `stop`, once set, ends the waiting.
    """

    def __init__(
        self,
        url: str,
        token: str,
        target: Target,
        run: str,
        *,
        patience_seconds: float,
        stop: threading.Event,
        say: Say,
    ) -> None:
        self._url = f"{url.rstrip('/')}/api/v1.1/{target.operation}"
        self._target = target
        self._beginning = target.members() + b',"data":['
        self._run = run
        self._patience_seconds = patience_seconds
        self._stop = stop
        self._say = say
        self._headers = [("Authorization", f"Bearer {token}"), ("Content-Type", "application/json")]
        self._pool = httpcore2.ConnectionPool(ssl_context=httpcore2.default_ssl_context())

    def close(self) -> None:
        self._pool.close()

    def send(self, rows: Sequence[Row]) -> Outcome:
        """Import the rows. Those that are broken or refused are in the outcome; the rest is done, once.

        Raises Refused, NotReady when the server was away for too long, Invalid when it is no Tocsin.
        """
        outcome = Outcome(rejections=[Rejection(row, 400, "Invalid row", row.mistake) for row in rows if row.mistake])
        good = [row for row in rows if not row.mistake]
        if good:
            outcome.add(self._send_good(good))
        outcome.rejections.sort(key=lambda rejection: rejection.row.number)
        return outcome

    def _send_good(self, rows: Sequence[Row]) -> Outcome:
        answer = self._ask(rows)
        if not answer.error:
            return _read(answer, rows)
        if answer.error != Invalid.code or not _is_of_data(answer.error_debug):
            raise Refused(
                f"the server refused rows {rows[0].number} to {rows[-1].number}: {answer.describe()[:_SHOWN]}"
            )
        if len(rows) == 1:
            return Outcome(
                rejections=[Rejection(rows[0], answer.error, answer.error_text, _of_row(0, answer.error_debug))]
            )
        # One row spoils the call: the half without it goes through.
        outcome = self._send_good(rows[: len(rows) // 2])
        outcome.add(self._send_good(rows[len(rows) // 2 :]))
        return outcome

    def _ask(self, rows: Sequence[Row]) -> Answer:
        """The answer to one call, which is repeated under the same key as long as there is none."""
        body = self._body(rows)
        key = sha256(f"{self._run} {rows[0].number} {rows[-1].number} {len(rows)}".encode()).hexdigest()
        started = time.monotonic()
        faults = 0
        for delay in _delays():
            try:
                return self._post(body, key)
            except _Away as away:
                faults += away.is_fault
                waited = time.monotonic() - started
                if waited + delay > self._patience_seconds or faults == _MOST_FAULTS:
                    raise NotReady(f"{away}; gave up after {waited:.0f} s") from None
                self._say(f"{away}; trying again in {delay:g} s")
            if self._stop.wait(delay):
                raise NotReady("interrupted")
        raise AssertionError("the delays do not end")

    def _body(self, rows: Sequence[Row]) -> bytes:
        if self._target.launches:
            items = b",".join(b'{"data":%b}' % row.profile for row in rows)
        else:
            items = b",".join(row.profile for row in rows)
        return b"".join((self._beginning, items, b"]}"))

    def _post(self, body: bytes, key: str) -> Answer:
        headers = [*self._headers, ("Idempotency-Key", key)]
        try:
            response = self._pool.request(
                "POST", self._url, headers=headers, content=body, extensions={"timeout": _TIMEOUTS}
            )
        except _TROUBLES as trouble:
            raise _Away(f"the server cannot be reached: {str(trouble) or type(trouble).__name__}") from None
        answer = _decode(response)
        if answer is None:
            raise Invalid(f"{self._url} answered {response.status}, but not as Tocsin does; is --url right?")
        return answer


def _delays() -> Iterator[float]:
    growing = (_FIRST_DELAY_SECONDS * 2**attempt for attempt in range(6))
    return chain(growing, iter(lambda: _LONGEST_DELAY_SECONDS, None))


def _decode(response: httpcore2.Response) -> Answer | None:
    """The answer, None if it is not one of Tocsin. Raises _Away when the call may be repeated."""
    try:
        answer = msgspec.json.decode(response.content, type=Answer)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        answer = None
    code = answer.error if answer else response.status
    said = answer.describe() if answer else str(code)
    if code in _TEMPORARY or response.status in _TEMPORARY:
        raise _Away(f"the server is not ready: {said}")
    if code >= _FAULT:
        raise _Away(f"the server failed: {said}", is_fault=True)
    if answer is None and code == _ENTITY_TOO_LARGE:
        return Answer(Invalid.code, Invalid.text, _TOO_LARGE)
    return answer


def _is_of_data(debug: str) -> bool:
    """Whether a call was refused for one of its items, or for being too large."""
    return debug.startswith("data[") or _TOO_LARGE in debug


def _read(answer: Answer, rows: Sequence[Row]) -> Outcome:
    problems = {problem.index: problem for problem in answer.errors}
    if len(answer.result) + len(problems) != len(rows) or not all(0 <= index < len(rows) for index in problems):
        raise Invalid(f"the answer tells of {len(answer.result) + len(problems)} rows, {len(rows)} were sent")
    return Outcome(
        len(answer.result),
        [
            Rejection(
                rows[index],
                problem.error,
                problem.error_text,
                _of_row(index, problem.error_debug) or problem.error_text,
            )
            for index, problem in problems.items()
        ],
        Counter(item.reason for item in answer.skipped),
        answer.ignored_fields,
    )


def _of_row(index: int, debug: str) -> str:
    """The reason without the place that the row had in its call."""
    return debug.removeprefix(f"data[{index}]").removeprefix(".").removeprefix(": ")
