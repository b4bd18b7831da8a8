"""Stable short names of addresses and of subscriptions, as the API shows them (facts, 5.5)."""

from hashlib import md5, sha256

import msgspec

from tocsin.core import subscriptions
from tocsin.core.subscriptions import Subscription

_FIRST = 10**18
_COUNT = 8 * 10**18


def of_address(text: str) -> str:
    """MD5 in hex of an address as it is compared: emails.key, or a phone number in E.164."""
    return md5(text.encode(), usedforsecurity=False).hexdigest()


def of_subscription(profile_id: bytes, subscription: Subscription) -> str:
    """19 digits that fit a signed 64-bit integer: the same as long as profile, resource, channel and address are."""
    named = msgspec.json.encode((profile_id.hex(), *subscriptions.identity(subscription)))
    return str(_FIRST + int.from_bytes(sha256(named).digest()[:8]) % _COUNT)
