"""What the templates of a message see, whatever its channel (facts, section 7)."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from hashlib import md5
from typing import Any

from msgspec import Struct

from tocsin.core import addresses
from tocsin.core.configuration import Trigger
from tocsin.core.copies import Copy
from tocsin.core.launches import Launch
from tocsin.core.messages import ClaimedMessage
from tocsin.core.profiles import Profile
from tocsin.core.subscriptions import Subscription
from tocsin.core.templates.template import Template


class Content(Struct, frozen=True):
    """What a message carries: for mail RFC 5322 bytes, for SMS its text, for push JSON.

    `sender` is empty where the way out has one. `missing`: how many values the template asked for that were not there.
    `segments`: how many SMS it takes, 0 on other channels. `copy`: the same, as it is kept.
    """

    sender: str
    body: bytes
    missing: int
    copy: Copy
    segments: int = 0


def message_context(
    message: ClaimedMessage, trigger: Trigger, launch: Launch, profile: Profile, uses: AbstractSet[str]
) -> dict[str, Any]:
    """`lead` and `apicontent`; `subscription` and `subscriptions` only where they are in `uses`."""
    context: dict[str, Any] = {
        "lead": {"_id": profile.id.hex(), "_md5": _md5(profile.fields.get("email", "")), **profile.fields},
        "apicontent": {**launch.content, **message.content} if message.content else launch.content,
    }
    if "subscription" in uses:
        context["subscription"] = _subscription_context(message, trigger, profile.subscriptions)
    if "subscriptions" in uses:
        context["subscriptions"] = profile.subscriptions
    return context


class Rendering:
    """Renders the parts of one message, and counts what was missing."""

    def __init__(self, context: dict[str, Any]) -> None:
        self.context = context
        self.missing = 0

    def text(self, template: Template) -> str:
        rendered = template.render(self.context)
        self.missing += rendered.missing
        return rendered.text


def _subscription_context(
    message: ClaimedMessage, trigger: Trigger, subscriptions: Sequence[Subscription]
) -> Mapping[str, Any]:
    """The documented variables of the subscription that is sent to."""
    chosen = next(
        (
            one
            for one in subscriptions
            if one["channel"] == trigger.channel
            and trigger.resource in (None, one["resource_id"])
            and addresses.of(one) == message.address
        ),
        {},
    )
    phones = [one["phone"] for one in subscriptions if one["channel"] == "sms"]
    phone = message.address if trigger.channel == "sms" else next(iter(phones), "")
    return {
        **chosen.get("custom_fields", {}),
        **chosen,
        **(_email(message.address) if trigger.channel == "email" else {}),
        "emails": [one["email"] for one in subscriptions if one["channel"] == "email"],
        "phones": phones,
        "pushes": [one["subscription_id"] for one in subscriptions if one["channel"] == "push"],
        **({"phone": phone, "phone_md5": _md5(phone)} if phone else {}),
    }


def _email(address: str) -> dict[str, str]:
    return {"email": address, "email_domain": address.rpartition("@")[2], "email_md5": _md5(address)}


def _md5(text: str) -> str:
    return md5(text.lower().encode(errors="replace"), usedforsecurity=False).hexdigest() if text else ""
