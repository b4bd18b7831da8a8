"""What an SMS provider reports later: what became of messages, and what their recipients answer."""

from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

from tocsin.core import phones
from tocsin.core.configuration_senders import HttpSender, SmsReceipts
from tocsin.core.errors import Invalid
from tocsin.core.templates import allowance, jsonpath

MOST_REPORTS = 1000
_LONGEST_TEXT = 500
_LONGEST_ID = 200
_MESSAGE_ID_DIGITS = 24

Path = tuple[str | int, ...]


class Report(NamedTuple):
    """What became of one message, known by our id or the provider's."""

    message_id: bytes | None
    provider_id: str
    word: Literal["deliv", "undeliv"]
    status: str
    reason: str


class Said(NamedTuple):
    """All that one call says. `stopped`: phones that want nothing more."""

    reports: list[Report]
    stopped: list[str]


class ReceiptReader:
    """Reads what the provider of one sender calls with."""

    def __init__(self, receipts: SmsReceipts) -> None:
        """Raises ValueError for a JSONPath that is none."""
        self._find_reports = pointer(receipts.reports, is_array=True) if receipts.reports else None
        self._members = {name: pointer(getattr(receipts, name)) for name in POINTERS if getattr(receipts, name)}
        self._words: dict[str, Literal["deliv", "undeliv"]] = {
            **dict.fromkeys(map(_plain, receipts.failed), "undeliv"),
            **dict.fromkeys(map(_plain, receipts.delivered), "deliv"),
        }
        self._stop_words = frozenset(map(_plain, receipts.stop_words))

    def read(self, said: Any) -> Said:
        """What is understood of it; the rest says nothing, as a status that is on its way to another."""
        allowance.start()
        try:
            listed = self._find_reports(said) if self._find_reports else [said]
            found = listed[0] if len(listed) == 1 and isinstance(listed[0], list) else listed
            values = [self._values(one) for one in found[:MOST_REPORTS]]
        except Invalid:
            return Said([], [])
        return Said(
            [report for one in values if (report := self._report(one))],
            [phone for one in values if (phone := self._stop(one))],
        )

    def _values(self, one: Any) -> dict[str, str]:
        return {name: _text(find(one)) for name, find in self._members.items()}

    def _report(self, values: dict[str, str]) -> Report | None:
        status = values.get("status", "")
        word = self._words.get(_plain(status))
        message_id, provider_id = _message_id(values.get("message_id", "")), values.get("provider_id", "")
        if word is None or (message_id is None and not provider_id):
            return None
        return Report(message_id, provider_id[:_LONGEST_ID], word, status[:_LONGEST_TEXT], values.get("reason", ""))

    def _stop(self, values: dict[str, str]) -> str:
        if _plain(values.get("text", "")) not in self._stop_words:
            return ""
        try:
            return phones.parse("+" + values.get("phone", "").strip().lstrip("+"))
        except ValueError:
            return ""


POINTERS = ("status", "message_id", "provider_id", "reason", "phone", "text")


def pointer(expression: str, *, is_array: bool = False) -> Callable[[Any], Any]:
    """Finds the value that a JSONPath leads to, or a member of this name. ValueError for a JSONPath that is none."""
    if expression.startswith("$"):
        steps = jsonpath.parse(expression)
        return lambda said: jsonpath.select(steps, is_array, said)

    def find(said: Any) -> Any:
        found = said.get(expression) if isinstance(said, dict) else None
        return ([] if found is None else [found]) if is_array else found

    return find


def _plain(word: str) -> str:
    return word.strip().casefold()


def _text(value: Any) -> str:
    """A plain value as text, one line; nothing of any other."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    line = str(value)[:_LONGEST_TEXT]
    return "".join(mark if mark.isprintable() else " " for mark in line).strip()


def _message_id(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text) if len(text) == _MESSAGE_ID_DIGITS else None
    except ValueError:
        return None


def check_receipts(sender: HttpSender) -> Iterator[tuple[Path, str]]:
    """What is wrong with how a sender's provider is to report, each with the path of the member."""
    receipts = sender.receipts
    if receipts is None:
        if sender.callback_secret:
            yield ("receipts",), "a callback_secret needs receipts, which say how to read what comes"
        return
    if not sender.callback_secret:
        yield ("callback_secret",), "receipts need a secret of 16 to 200 letters, digits, - and _, as part of the URL"
    for member in (*POINTERS, "reports"):
        try:
            pointer(getattr(receipts, member))
        except ValueError as mistake:
            yield ("receipts", member), str(mistake)
    yield from _check_meaning(sender, receipts)


def _check_meaning(sender: HttpSender, receipts: SmsReceipts) -> Iterator[tuple[Path, str]]:
    if receipts.status and not (receipts.message_id or receipts.provider_id):
        yield ("receipts",), "message_id or provider_id must say whose status it is"
    if receipts.status and not (receipts.delivered or receipts.failed):
        yield ("receipts",), "delivered and failed must say what the words of status mean"
    if not receipts.status and not receipts.text:
        yield ("receipts",), "status is missing, or phone and text for what recipients answer"
    if bool(receipts.phone) != bool(receipts.text):
        yield ("receipts",), "phone and text belong together: who answers, and what"
    if receipts.provider_id and not (sender.answer and sender.answer.message_id):
        yield ("receipts", "provider_id"), "answer.message_id must say how the provider calls a message"
