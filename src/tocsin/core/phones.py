"""Phone numbers: the E.164 text that is stored and compared."""

import re
from collections.abc import Callable
from functools import lru_cache

from phonenumbers import (
    COUNTRY_CODE_TO_REGION_CODE,
    NumberParseException,
    PhoneMetadata,
    PhoneNumberFormat,
    format_number,
    region_code_for_country_code,
)
from phonenumbers import parse as parse_by_library

_is_written = re.compile(r"[^\w\0]*[+＋](?:\d|[^\w\0])+").fullmatch
_WITHOUT_PUNCTUATION = str.maketrans("", "", " -().\N{NO-BREAK SPACE}")
_LENGTH = 60
_LEAST_DIGITS = 7
_MOST_DIGITS = 15


def parse(value: str) -> str:
    """The number as +79000000000, at most 15 digits, as phonenumbers reads it.

    It must begin with + and a country code that exists; spaces, dashes, dots and parentheses are dropped, and so is a
    national prefix after the country code (+44 020 is +4420). Whether the number is in use, or as long as its country
    has them, is not asked: the documented examples are not. ValueError for letters, extensions and anything else.
    """
    if _echoes(value[1:4])(value):
        return value
    value = value.strip()
    if len(value) > _LENGTH:
        raise _refusal(value)
    plain = value.translate(_WITHOUT_PUNCTUATION)
    return plain if _echoes(plain[1:4])(plain) else _parse_unusual(value)


@lru_cache(maxsize=1000)
def _echoes(digits: str) -> Callable[[str], re.Match[str] | None]:
    """Finds the numbers, of those whose country code these digits begin with, that the library only gives back.

    Those are plain digits without the national prefix that it would take away. One that matches no digit at all, as
    that of Argentina may, takes nothing: the look-behind.
    """
    code = _country_code(digits)
    if not code:
        return re.compile("(?!)").fullmatch
    metadata = PhoneMetadata.metadata_for_region_or_calling_code(int(code), region_code_for_country_code(int(code)))
    prefix = metadata.national_prefix_for_parsing if metadata else ""
    unless_prefix = rf"(?!(?:{prefix})(?<!\+{code}))" if prefix else ""
    least, most = _LEAST_DIGITS - len(code), _MOST_DIGITS - len(code)
    return re.compile(rf"\+{code}{unless_prefix}[0-9]{{{least},{most}}}").fullmatch


def _country_code(digits: str) -> str:
    """Empty if there is none. No country code is the beginning of another."""
    if not (digits.isascii() and digits.isdigit()) or digits[0] == "0":
        return ""
    beginnings = (digits[:size] for size in (1, 2, 3))
    return next((code for code in beginnings if int(code) in COUNTRY_CODE_TO_REGION_CODE), "")


def _parse_unusual(value: str) -> str:
    if not _is_written(value):
        raise _refusal(value)
    try:
        number = parse_by_library(value, None)
    except NumberParseException as mistake:
        raise _refusal(value) from mistake
    text = format_number(number, PhoneNumberFormat.E164)
    if number.extension or len(text) > len("+") + _MOST_DIGITS:
        raise _refusal(value)
    return text


def _refusal(value: str) -> ValueError:
    return ValueError(f"{value[:_LENGTH]!r} is not a phone number written as +79000000000")
