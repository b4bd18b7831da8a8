"""Profile fields: what of a call becomes a stored JSON value, and the texts that a value is found by.

None clears a field: callers keep it from the parsers, and a parser answers with it for "" (an empty XML element) unless
the field is a string.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from hashlib import sha256
from ipaddress import IPv6Address, ip_address
from math import isfinite
from types import MappingProxyType
from typing import Any, TypeVar

from tocsin.core import emails, phones
from tocsin.core.configuration import MATCHABLE, Database, Field
from tocsin.core.configuration_words import FieldType

# Of subscriptions. The place in this list is the number that calls may use instead of the word.
STATUSES = ("subscribed", "unsubscribed", "complained", "hardbounced", "unconfirmed", "suspended", "invalid")

Parser = Callable[[Any], Any]
_Number = TypeVar("_Number", int, float)

TEXT_LENGTH = 100_000
TAGS = 1000
PHONES = 100
OBJECTS = 10_000
DEPTH = 16
NAME_LENGTH = 100
MATCH_LENGTH = 200
RESERVED = frozenset({"subscriptions", "id", "_id", "db_id", "profile_id"})

_STRINGS = ("_fname", "_lname", "_city", "_country", "_region", "_postal_code", "_tz", "_vendor")
_REGISTRATION_STRINGS = ("_regcity", "_regcountry", "_regurl")

# The standard fields as they are stored (facts, 5.7).
STANDARD: Mapping[str, Field] = {
    "email": Field("string", unique=True),
    "phones": Field("tags"),
    "_bdate": Field("date"),
    "_regdate": Field("datetime"),
    "_sex": Field("enum", values=("male", "female")),
    "_status": Field("int"),
    "_ip": Field("ip"),
    "_regip": Field("ip"),
    "_lat": Field("float"),
    "_lon": Field("float"),
    **dict.fromkeys(_STRINGS + _REGISTRATION_STRINGS, Field("string")),
}

_SHOWN_LENGTH = 60
_INT64 = range(-(2**63), 2**63)
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_MALE = dict.fromkeys(("male", "m", "1"), "male")
_FEMALE = dict.fromkeys(("female", "f", "2"), "female")
_NO_SEX = dict.fromkeys(("0", "9"))
_STATUS_NUMBERS = {text: number for number, word in enumerate(STATUSES) for text in (word, str(number))}

_is_whole = re.compile(r"[+-]?[0-9]{1,19}(?:\.0*)?").fullmatch
_is_number = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?").fullmatch
_is_day = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch
_is_dotted_day = re.compile(r"([0-9]{2})\.([0-9]{2})\.([0-9]{4})").fullmatch
_is_stored_instant = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z").fullmatch
_is_instant = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?) ?([Zz]|[+-][0-9]{2}:?[0-9]{2})?"
).fullmatch
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_is_ipv4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}").fullmatch


def parser(field: Field) -> Parser:
    """What turns one decoded JSON or XML value into the stored JSON value of the field.

    XML has only text, so every type takes its text form. Stored: date as `YYYY-MM-DD`; datetime in UTC as
    `2026-11-21T10:00:00Z`, with a fraction if there is one (no zone means UTC, no time midnight); enum as its text,
    which may also be asked for by its place, counted from 0; ip in canonical form; tags as a list without repeats.
    The parser raises ValueError with a sentence of what was expected and what came.
    """
    return _enum(field.values) if field.type == "enum" else _PARSERS[field.type]


def standard_parsers() -> Mapping[str, Parser]:
    """The parsers of the standard fields, by name.

    `_sex` is male or female, also by the numbers of ISO/IEC 5218 (1, 2; 0 and 9 clear it). `_status` is a word or its
    number and stored as the number. `email` is stored as `emails.parse` has it, `phones` as a list of E.164 texts.
    """
    return _STANDARD_PARSERS


def database_parsers(database: Database) -> dict[str, Parser]:
    """The parsers of all fields of the database, by name."""
    custom = {name: parser(field) for name, field in database.custom_fields().items()}
    return {**custom, **_STANDARD_PARSERS}


def check_field_names(database: Database) -> list[str]:
    """A sentence for each custom field whose name cannot be used."""
    mistakes = ((name, _mistake_in_name(name)) for name in database.fields)
    return [f"field {name[:_SHOWN_LENGTH]!r}: {mistake}" for name, mistake in mistakes if mistake]


def check_tree(value: Any, depth: int = DEPTH) -> None:
    """ValueError unless the value can be stored as it is, and has at most `depth` levels of objects and lists."""
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, dict | list):
        if not depth:
            raise ValueError(f"objects may be {DEPTH} levels deep")
        for part in (*value.keys(), *value.values()) if isinstance(value, dict) else value:
            check_tree(part, depth - 1)
    elif value is not None:
        _check_finite(value)


def kept(value: Any) -> Any:
    """A value of a field that the database does not know but keeps; ValueError when it cannot be stored."""
    check_tree(value)
    return value


def match_texts(field: Field, value: Any) -> list[str]:
    """The texts that a stored value is found by; none if it is empty or fields of its type are not searched."""
    if field.type not in MATCHABLE or value is None:
        return []
    texts = value if isinstance(value, list) else [str(value)]
    return [match_text(text) for text in texts if text]


def match_query(field: Field, value: Any) -> list[str]:
    """The texts that the value of a searched profile must all have, in the form of `match_texts`.

    `tag_1, tag_2` asks for both tags. ValueError if no value of the field could be so.
    """
    return match_texts(field, parser(field)(value))


def match_text(text: str) -> str:
    """A long text is cut and told apart by its SHA-256, to keep index rows small."""
    if len(text) <= MATCH_LENGTH:
        return text
    return f"{text[:100]}…{sha256(text.encode()).hexdigest()}"


def _mistake_in_name(name: str) -> str:
    if not name or len(name) > NAME_LENGTH:
        return f"a name has 1 to {NAME_LENGTH} characters"
    if "\0" in name or "." in name or name.startswith("$"):
        return "a name has no dot and no NUL character and does not begin with $"
    if name in STANDARD:
        return "this is the name of a standard field"
    return "this name is reserved" if name in RESERVED else ""


def _scalar(expected: str, read: Callable[[Any], Any], also: tuple[type, ...] = ()) -> Parser:
    """A parser of texts and the types in `also`. `read` gets no empty text and no white space around it."""

    def parse(value: Any) -> Any:
        if type(value) is str:
            text = value.strip()
            if not text:
                return None
        elif type(value) in also:
            text = value
        else:
            raise _refusal(expected, value)
        try:
            return read(text)
        except (ValueError, LookupError, OverflowError):
            raise _refusal(expected, value) from None

    return parse


def _string(value: Any) -> str:
    if isinstance(value, str):
        return _check_text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(_check_finite(value))
    raise _refusal("text", value)


def _check_text(text: str) -> str:
    if "\0" in text:
        raise ValueError(f"text may not hold a NUL character, as does {_shown(text)}")
    if len(text) > TEXT_LENGTH:
        raise ValueError(f"text may have {TEXT_LENGTH} characters, not {len(text)}")
    return text


def _check_finite(number: _Number) -> _Number:
    if isinstance(number, float) and not isfinite(number):
        raise _refusal("a finite number", number)
    return number


def _int(value: str | float) -> int:
    if isinstance(value, str):
        if not _is_whole(value):
            raise ValueError
        value = value.partition(".")[0]
    elif value % 1:
        raise ValueError
    number = int(value)
    if number not in _INT64:
        raise ValueError
    return number


def _float(value: str | float) -> float:
    if isinstance(value, str) and not _is_number(value):
        raise ValueError
    return _check_finite(float(value))


def _bool(value: str | int) -> bool:
    return _BOOLEANS[str(value).lower()]


def _date(text: str) -> str:
    if not _is_day(text):
        text = _find_day(text)
    date.fromisoformat(text)
    return text


def _find_day(text: str) -> str:
    """The day of an instant as it is written, whatever its zone; of a date with dots, which puts the day first."""
    if instant := _is_instant(text):
        _moment(*instant.groups())
        return instant[1]
    if dotted := _is_dotted_day(text):
        return "-".join(reversed(dotted.groups()))
    raise ValueError


def _datetime(text: str) -> str:
    if _is_stored_instant(text):
        datetime.fromisoformat(text)
        return text
    instant = _is_instant(text)
    moment = _moment(*instant.groups()) if instant else _moment(_date(text), "00:00", None)
    text = moment.isoformat().removesuffix("+00:00")
    return f"{text.rstrip('0') if '.' in text else text}Z"


def _moment(day: str, time: str, zone: str | None) -> datetime:
    return datetime.fromisoformat(f"{day}T{time}{(zone or 'Z').upper()}").astimezone(UTC)


def _ip(text: str) -> str:
    if _is_ipv4(text):
        return text
    if "%" in text:
        raise ValueError
    address = ip_address(text)
    return str((address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address)


@lru_cache(maxsize=256)
def _enum(values: tuple[str, ...]) -> Parser:
    places = {str(place): text for place, text in enumerate(values)}
    return _choice(f"one of {', '.join(values)}"[:_SHOWN_LENGTH], {**places, **dict(zip(values, values, strict=True))})


def _choice(expected: str, known: Mapping[str, Any]) -> Parser:
    return _scalar(expected, lambda value: known[str(value)], (int,))


def _tags(value: Any) -> list[str] | None:
    if isinstance(value, str):
        if not value.strip():
            return None
        value = value.split(",")
    items = value if isinstance(value, list) else [value]
    tags = list(dict.fromkeys(tag for item in items if (tag := _string(item).strip())))
    if len(tags) > TAGS:
        raise ValueError(f"there may be {TAGS} tags, not {len(tags)}")
    return tags


def _object(value: Any) -> dict[str, Any] | None:
    if _is_empty(value):
        return None
    if not isinstance(value, dict):
        raise _refusal("an object", value)
    check_tree(value)
    return value


def _objects(value: Any) -> list[dict[str, Any]] | None:
    if _is_empty(value):
        return None
    items = value if isinstance(value, list) else [value]
    if len(items) > OBJECTS:
        raise ValueError(f"there may be {OBJECTS} objects, not {len(items)}")
    for item in items:
        if not isinstance(item, dict):
            raise _refusal("a list of objects", item)
        check_tree(item)
    return items


def _email(value: Any) -> str | None:
    if not isinstance(value, str):
        raise _refusal("an email address", value)
    if not value or value.isspace():
        return None
    return emails.parse(value)


def _phones(value: Any) -> list[str] | None:
    if isinstance(value, str) and value and not value.isspace():
        return [phones.parse(value)]
    if _is_empty(value):
        return None
    items = value if isinstance(value, list) else [value]
    numbers = list(dict.fromkeys(_phone(item) for item in items if not _is_empty(item)))
    if len(numbers) > PHONES:
        raise ValueError(f"there may be {PHONES} phone numbers, not {len(numbers)}")
    return numbers


def _phone(value: Any) -> str:
    if not isinstance(value, str):
        raise _refusal("a phone number as text", value)
    return phones.parse(value)


def _is_empty(value: Any) -> bool:
    return isinstance(value, str) and not value.strip()


def _any_case(parse: Parser) -> Parser:
    return lambda value: parse(value.lower() if isinstance(value, str) else value)


def _refusal(expected: str, value: Any) -> ValueError:
    return ValueError(f"expected {expected}, got {_shown(value)}")


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return repr(value[:_SHOWN_LENGTH] if isinstance(value, str) else value)[:_SHOWN_LENGTH]


_PARSERS: Mapping[FieldType, Parser] = {
    "string": _string,
    "int": _scalar("a whole number of 64 bits", _int, (int, float)),
    "float": _scalar("a finite number", _float, (int, float)),
    "bool": _scalar("true or false", _bool, (bool, int)),
    "date": _scalar("a date as 2026-11-21", _date),
    "datetime": _scalar("a time as 2026-11-21T10:00:00Z", _datetime),
    "ip": _scalar("an IP address", _ip),
    "tags": _tags,
    "object": _object,
    "arr_object": _objects,
}

_STANDARD_PARSERS: Mapping[str, Parser] = MappingProxyType(
    {name: parser(field) for name, field in STANDARD.items()}
    | {
        "email": _email,
        "phones": _phones,
        "_sex": _any_case(_choice("male or female", {**_MALE, **_FEMALE, **_NO_SEX})),
        "_status": _any_case(_choice("a subscription status", _STATUS_NUMBERS)),
    }
)
