"""Addresses that get nothing: how calls and files write them, and which of them stand for an address."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from hashlib import md5, sha256
from typing import Literal

from msgspec import Struct

from tocsin.core import emails, fields, phones
from tocsin.core.addresses import parse_push_address

# Addresses that bounced for good, or whose owner complained; no file and no call can add to it.
AUTOMATIC_LIST = 0
AUTOMATIC_NAME = "Bounces and complaints"

Source = Literal["file", "api", "bounce", "complaint"]

_MD5, _SHA256 = "md5:", "sha256:"
_MD5_DIGITS = 32
_is_hash = re.compile(r"(?:md5:)?[0-9a-f]{32}|(?:sha256:)?[0-9a-f]{64}").fullmatch
# A URL is no provider's name with a subscription, nor is a hash of another kind.
_is_device = re.compile(
    r"(?!mailto:|tel:|sms:|https?:|(?:md|sha)-?[0-9]+:)([a-z][a-z0-9_-]{0,99}):([^\x00-\x1f\ud800-\udfff]{1,4096})",
    re.IGNORECASE,
).fullmatch


class Suppression(Struct, frozen=True):
    """An address on a list, from when and why. `message_id`: the message that bounced or was complained of.

    `resource_id`: the only resource for which it holds, 0 for all. Who complains means the one that wrote.
    """

    value: str
    list_id: int
    source: Source
    at: datetime
    reason: str = ""
    message_id: bytes | None = None
    resource_id: int = 0


def parse_value(text: str) -> str:
    """What is on a list in the spelling that is compared: an email address, a number, `@domain`, a device, a hash.

    A device is `provider:subscription_id`. A hash is that of an address or number as this function answers it, 32 or 64
    hex digits; it becomes `md5:…` or `sha256:…`, whether or not it begins so. ValueError for anything else.
    """
    said = text.strip()
    if hashed := _parse_hash(said):
        return hashed
    if said.startswith("@"):
        return _parse_domain(said)
    if device := _is_device(said):
        return _device_value(*device.groups())
    return emails.key(emails.parse(said)) if "@" in said else phones.parse(said)


def _parse_hash(text: str) -> str:
    """As it is stored; nothing for a text that means something else. No phone number has so many digits."""
    said = text.lower()
    if _is_hash(said):
        return said if ":" in said else f"{_MD5 if len(said) == _MD5_DIGITS else _SHA256}{said}"
    if said.startswith((_MD5, _SHA256)):
        raise ValueError(f"{text[:60]!r} is no hash; expected md5: and 32 hex digits, or sha256: and 64")
    return ""


def hashes_of(value: str) -> tuple[str, ...]:
    """What stands on lists for a parsed address or number without saying it; nothing for domains and hashes."""
    if value.startswith(("@", _MD5, _SHA256)):
        return ()
    said = value.encode()
    return _MD5 + md5(said, usedforsecurity=False).hexdigest(), _SHA256 + sha256(said).hexdigest()


def _parse_domain(text: str) -> str:
    try:
        domain = emails.key(emails.parse(f"x{text.rstrip('.')}")).partition("@")[2]
    except ValueError:
        raise ValueError(f"{text[:60]!r} is no domain; expected one as @example.com") from None
    return f"@{domain}"


def _device_value(provider: str, subscription_id: str) -> str:
    """No email address and no phone number begins like this. A long one is cut, as what profiles are found by."""
    return fields.match_text(f"{provider.lower()}:{subscription_id}")


def values_of(channel: str, address: str) -> tuple[str, ...]:
    """What on a list stands for an address: itself, and of an email its domain."""
    if channel == "email":
        key = emails.key(address)
        return key, f"@{key.rpartition('@')[2]}"
    return (_device_value(*parse_push_address(address)),) if channel == "push" else (address,)


def describe_list(list_id: int) -> str:
    """How rules name a list."""
    return AUTOMATIC_NAME.lower() if list_id == AUTOMATIC_LIST else f"suppression list {list_id}"


def describe_match(list_id: int, written: str) -> str:
    """How rules name what keeps an address: the list, and what is on it where that is not the address itself."""
    named = describe_list(list_id)
    return f"{named}, {written}" if written.startswith(("@", _MD5, _SHA256)) else named


def parse_values(texts: Iterable[str]) -> Iterator[str | ValueError]:
    """Each text parsed, or what is wrong with it."""
    for text in texts:
        try:
            yield parse_value(text)
        except ValueError as mistake:
            yield mistake


def covering(value: str) -> tuple[str, ...]:
    """The values on lists that keep a parsed one from getting anything: itself, its hashes, of an email its domain."""
    known = values_of("email", value) if "@" in value[1:] and not _is_device(value) else (value,)
    return known + hashes_of(value)


def describe_entry(one: Suppression) -> str:
    """`a@example.com  suppression list 1  api  2026-11-21  asked us`."""
    words = [one.value, describe_list(one.list_id), one.source, f"{one.at.astimezone(UTC):%Y-%m-%d}", one.reason]
    words += [f"resource {one.resource_id}"] if one.resource_id else []
    return "  ".join(filter(None, words))
