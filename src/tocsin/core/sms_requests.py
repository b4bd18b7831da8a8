"""The request that hands one SMS to a provider, and what its answer means."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from html import escape
from typing import Any, Literal, NamedTuple
from urllib.parse import quote, urlencode

from tocsin.core import configuration_references as references
from tocsin.core.configuration_senders import HttpSender, SmsAlphabets, SmsAnswer
from tocsin.core.errors import Invalid
from tocsin.core.sms import is_gsm
from tocsin.core.sms_receipts import Path, check_receipts, pointer
from tocsin.core.templates import allowance
from tocsin.core.workflows.requests import check_headers, check_url
from tocsin.core.workflows.texts import list_texts

WORDS = ("phone", "digits", "text", "alphabet", "from", "message_id")

_SEARCHED = 10_000
_LONGEST_ID = 200
_word = re.compile(r"(?<!\$)\{([a-z_]+)\}")
_is_header_value = re.compile(r"[\x20-\x7e\t]*").fullmatch
_is_secret = re.compile(r"[A-Za-z0-9_-]{16,200}").fullmatch
_unfit_for_id = re.compile(r"[^\x21-\x7e]+")
_Encode = Callable[[str], str]
_Values = Mapping[str, str]


class SmsRequest(NamedTuple):
    """A request to be made."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Verdict(NamedTuple):
    """What an answer means. `text` is what it says, without secrets; `provider_id`, how the message is called there."""

    state: Literal["sent", "refused", "deferred"]
    text: str
    provider_id: str = ""


class SmsProvider:
    """What is said to one provider, and how its answers are read."""

    def __init__(self, sender: HttpSender) -> None:
        """Raises ValueError for expressions that are none, which `check_http_sender` finds."""
        self._sender = sender
        self._secrets = sender.secrets
        self._url = self._compile(sender.url, _percent_encoded)
        headers = {**_content_type(sender), **sender.headers}
        self._headers = {name: self._compile(text, _as_it_is) for name, text in headers.items()}
        self._encode_body = _encoding_of(next((v for k, v in headers.items() if k.lower() == "content-type"), ""))
        self._body = None if sender.body is None else self._compile(sender.body, self._encode_body)
        self._texts = {path: self._compile(text, _as_it_is) for path, text in list_texts(sender.json or sender.form)}
        self._alphabets = sender.alphabets or SmsAlphabets()
        self._read = AnswerReader(sender.answer or SmsAnswer())

    def render(self, *, phone: str, text: str, from_name: str, message_id: str) -> SmsRequest:
        """The request for one message. Raises Invalid when no request can be made of it."""
        values = {
            "phone": phone,
            "digits": phone.removeprefix("+"),
            "text": text,
            "alphabet": self._alphabets.gsm7 if is_gsm(text) else self._alphabets.ucs2,
            "from": from_name or self._sender.from_name,
            "message_id": message_id,
        }
        headers = tuple((name, _header(name, fill(values))) for name, fill in self._headers.items())
        return SmsRequest(self._sender.method, self._url(values), headers, self._render_body(values))

    def read(self, status: int, body: bytes) -> Verdict:
        """What the provider's answer means."""
        verdict = self._read.read(status, body)
        return verdict._replace(text=self._without_secrets(verdict.text))

    def _without_secrets(self, text: str) -> str:
        for secret in self._secrets.values():
            text = text.replace(secret, "…") if secret else text
        return text

    def _render_body(self, values: _Values) -> bytes:
        sender = self._sender
        if self._body is not None:
            return self._body(values).encode(errors="replace")
        if sender.json is not None:
            return json.dumps(self._filled(sender.json, (), values), ensure_ascii=False).encode(errors="replace")
        if sender.form is not None:
            return urlencode(self._filled(sender.form, (), values), errors="replace").encode()
        return b""

    def _filled(self, value: Any, path: Path, values: _Values) -> Any:
        if isinstance(value, dict):
            return {name: self._filled(member, (*path, name), values) for name, member in value.items()}
        if isinstance(value, list | tuple):
            return [self._filled(item, (*path, place), values) for place, item in enumerate(value)]
        return self._texts[path](values) if path in self._texts else value

    def _compile(self, text: str, encode: _Encode) -> Callable[[_Values], str]:
        """What fills in words and secrets; neither is looked at again, whatever it holds."""
        parts = _word.split(text)
        plain = [_fill_secrets(part, self._secrets, encode) for part in parts[::2]]

        def fill(values: _Values) -> str:
            words = [encode(values[word]) for word in parts[1::2]]
            return "".join(part for pair in zip(plain, [*words, ""], strict=True) for part in pair)

        return fill


class AnswerReader:
    """Reads the answers of one provider."""

    def __init__(self, answer: SmsAnswer) -> None:
        """Raises ValueError for expressions that are none."""
        self._accepted_status = frozenset(answer.accepted_status)
        self._refused_status = frozenset(answer.refused_status)
        self._is_accepted = compile_expression(answer.accepted)
        self._is_refused = compile_expression(answer.refused) if answer.refused else None
        self._find_id = _id_finder(answer.message_id) if answer.message_id else None

    def read(self, status: int, body: bytes) -> Verdict:
        """Refused goes before accepted: some say it under status 200."""
        said = body[:_SEARCHED].decode(errors="replace")
        text = f"{status} {' '.join(said.split())}".strip()
        if status in self._refused_status or (self._is_refused and self._is_refused(said)):
            return Verdict("refused", text)
        if status in self._accepted_status and self._is_accepted(said):
            found = self._find_id(said, body) if self._find_id else ""
            return Verdict("sent", text, _unfit_for_id.sub("", found)[:_LONGEST_ID])
        return Verdict("deferred", text)


def compile_expression(expression: str) -> Callable[[str], re.Match[str] | None]:
    """What searches for a regular expression; ValueError for what is none."""
    try:
        return re.compile(expression).search
    except (re.error, OverflowError, RecursionError) as mistake:
        raise ValueError(f"this is no regular expression: {mistake}") from None


def _id_finder(expression: str) -> Callable[[str, bytes], str]:
    if expression.startswith("$"):
        find = pointer(expression)
        return lambda said, body: _value_of(find, body)  # noqa: ARG005 - one of the two ways to look at an answer
    search = compile_expression(expression)
    if re.compile(expression).groups != 1:
        raise ValueError("expected a JSONPath that begins with $, or a regular expression with one group")
    return lambda said, body: (found[1] or "") if (found := search(said)) else ""  # noqa: ARG005 - as above


def _value_of(find: Callable[[Any], Any], body: bytes) -> str:
    allowance.start()
    try:
        value = find(json.loads(body))
    except (ValueError, RecursionError, Invalid):
        return ""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _fill_secrets(text: str, secrets: Mapping[str, str], encode: _Encode) -> str:
    return references.fill(text, {name: encode(secret) for name, secret in secrets.items()})


def _percent_encoded(value: str) -> str:
    return quote(value, safe="", errors="replace")


def _inside_json(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)[1:-1]


def _as_it_is(value: str) -> str:
    return value


def _encoding_of(content_type: str) -> _Encode:
    """How a value is written within a body of this type."""
    kinds: Mapping[str, _Encode] = {"json": _inside_json, "xml": escape, "x-www-form-urlencoded": _percent_encoded}
    return next((encode for kind, encode in kinds.items() if kind in content_type.lower()), _as_it_is)


def _content_type(sender: HttpSender) -> dict[str, str]:
    if any(name.lower() == "content-type" for name in sender.headers):
        return {}
    if sender.json is not None:
        return {"Content-Type": "application/json"}
    if sender.form is not None:
        return {"Content-Type": "application/x-www-form-urlencoded"}
    return {"Content-Type": "text/plain; charset=utf-8"} if sender.body is not None else {}


def _header(name: str, value: str) -> str:
    if not _is_header_value(value):
        raise Invalid(f"the header {name} would hold more than ASCII text on one line")
    return value


def check_http_sender(sender: HttpSender) -> Iterator[tuple[Path, str]]:
    """What is wrong with a sender, each with the path of the member."""
    yield from (found for found in check_url(sender.url))
    yield from check_headers(sender.headers)
    yield from _check_body(sender)
    yield from _check_words(sender)
    yield from _check_answer(sender.answer or SmsAnswer())
    if sender.callback_secret and not _is_secret(sender.callback_secret):
        yield ("callback_secret",), "expected 16 to 200 letters, digits, - and _"
    yield from check_receipts(sender)


def _check_body(sender: HttpSender) -> Iterator[tuple[Path, str]]:
    given = [name for name in ("json", "form", "body") if getattr(sender, name) is not None]
    if len(given) > 1:
        yield (given[1],), f"{' and '.join(given)} cannot all be given"
    if given and sender.method == "GET":
        yield ("method",), f"a GET carries no {given[0]}"


def _check_words(sender: HttpSender) -> Iterator[tuple[Path, str]]:
    used = set[str]()
    for member in references.MEMBERS:
        for path, text in list_texts(getattr(sender, member), (member,)):
            for word in _word.findall(text):
                used.add(word)
                if word not in WORDS:
                    yield path, f"there is no {{{word}}}; expected one of {', '.join(f'{{{one}}}' for one in WORDS)}"
    if "text" not in used:
        yield (), "{text} stands nowhere in what is sent"
    if not used & {"phone", "digits"}:
        yield (), "neither {phone} nor {digits} stands in what is sent"
    if sender.alphabets and "alphabet" not in used:
        yield ("alphabets",), "{alphabet} stands nowhere in what is sent"


def _check_answer(answer: SmsAnswer) -> Iterator[tuple[Path, str]]:
    for member in ("accepted", "refused"):
        try:
            compile_expression(getattr(answer, member))
        except ValueError as mistake:
            yield ("answer", member), str(mistake)
    try:
        _ = answer.message_id and _id_finder(answer.message_id)
    except ValueError as mistake:
        yield ("answer", "message_id"), str(mistake)
    if not answer.accepted_status:
        yield ("answer", "accepted_status"), "expected at least one status"
    for status in sorted(set(answer.accepted_status) & set(answer.refused_status)):
        yield ("answer", "refused_status"), f"{status} cannot be both accepted and refused"
