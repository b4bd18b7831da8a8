"""Addresses as messages have them: an email address, a phone number, or provider and subscription of a device."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from tocsin.core import emails, phones


class Device(NamedTuple):
    """Where a push message goes: to which provider, and for whom there."""

    provider: str
    subscription_id: str


def of(subscription: Mapping[str, Any]) -> str:
    """The address of a subscription to email, SMS or push; empty for another channel."""
    channel = subscription["channel"]
    if channel == "push":
        return push_address(subscription["provider"], subscription["subscription_id"])
    return str(subscription.get({"email": "email", "sms": "phone"}.get(channel, ""), ""))


def push_address(provider: str, subscription_id: str) -> str:
    """`provider.subscription_id`; no documented provider has a dot in its name."""
    return f"{provider}.{subscription_id}"


def parse_push_address(address: str) -> Device:
    """The reverse: the provider ends at the first dot."""
    provider, _, subscription_id = address.partition(".")
    return Device(provider, subscription_id)


def key(channel: str, address: str) -> str:
    """What two spellings of the same address share. ValueError for what is no address of the channel."""
    if channel == "email":
        return emails.key(address)
    return phones.parse(address) if channel == "sms" else address
