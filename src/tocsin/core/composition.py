"""One message made of a template, a profile and the content of a call."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import md5
from typing import Any
from urllib.parse import quote

from msgspec import Struct
from msgspec.structs import astuple

from tocsin.core import emails
from tocsin.core.configuration import Trigger
from tocsin.core.configuration_templates import EmailTemplate
from tocsin.core.errors import Invalid, TemplateMistake
from tocsin.core.html_text import text_from_html
from tocsin.core.launches import Launch
from tocsin.core.messages import ClaimedMessage
from tocsin.core.mime import Address, Attachment, Skeleton, prepare
from tocsin.core.profiles import Profile
from tocsin.core.subscriptions import Subscription
from tocsin.core.templates.template import Template, compile_template


class Mail(Struct, frozen=True):
    """A composed email. `missing`: how many values the template asked for that were not there."""

    sender: str
    body: bytes
    missing: int


class _Parts(Struct):
    """An email template, translated."""

    from_email: Template
    from_name: Template
    reply_to_email: Template
    reply_to_name: Template
    subject: Template
    html: Template | None
    text: Template | None


class EmailComposer:
    """Composes the emails of one template. Keeps the skeleton of the latest launch."""

    def __init__(self, template: EmailTemplate) -> None:
        """Raises TemplateMistake."""
        self._parts = _Parts(
            from_email=compile_template(template.from_email, escape=False),
            from_name=compile_template(template.from_name, escape=False),
            reply_to_email=compile_template(template.reply_to_email, escape=False),
            reply_to_name=compile_template(template.reply_to_name, escape=False),
            subject=compile_template(template.subject, escape=False),
            html=compile_template(template.html, escape=True) if template.html else None,
            text=compile_template(template.text, escape=False) if template.text else _derived_text(template.html),
        )
        self._uses = frozenset[str]().union(*(part.uses for part in astuple(self._parts) if part))
        self._skeletons: dict[tuple[Any, ...], Skeleton] = {}

    def compose(
        self,
        message: ClaimedMessage,
        trigger: Trigger,
        launch: Launch,
        profile: Profile,
        attachments: Sequence[Attachment],
        now: datetime,
    ) -> Mail:
        """The email of one message. Raises Invalid when it cannot be composed from this data."""
        rendering = _Rendering(self._context(message, trigger, launch, profile))
        sender = Address(_address(rendering.text(self._parts.from_email)), rendering.text(self._parts.from_name))
        reply_to = self._reply_to(rendering)
        unsubscribe = _unsubscribe(reply_to or sender, message)
        rendering.context |= {"unsubscribe": unsubscribe, "globalunsubscribe": unsubscribe}
        html = rendering.text(self._parts.html) if self._parts.html else None
        text = rendering.text(self._parts.text) if self._parts.text else text_from_html(html or "")
        body = self._skeleton(launch, sender, reply_to, attachments).compose(
            to=message.address,
            subject=rendering.text(self._parts.subject),
            html=html,
            text=text,
            message_id=f"{message.id.hex()}@{sender.email.rpartition('@')[2]}",
            date=now,
            headers={"List-Unsubscribe": f"<{unsubscribe}>"},
        )
        return Mail(sender.email, body, rendering.missing)

    def _context(self, message: ClaimedMessage, trigger: Trigger, launch: Launch, profile: Profile) -> dict[str, Any]:
        context: dict[str, Any] = {
            "lead": {"_id": profile.id.hex(), "_md5": _md5(profile.fields.get("email", "")), **profile.fields},
            "apicontent": {**launch.content, **message.content} if message.content else launch.content,
        }
        if "subscription" in self._uses:
            context["subscription"] = _subscription_context(message, trigger, profile.subscriptions)
        if "subscriptions" in self._uses:
            context["subscriptions"] = profile.subscriptions
        return context

    def _reply_to(self, rendering: "_Rendering") -> Address | None:
        email = rendering.text(self._parts.reply_to_email)
        return Address(_address(email), rendering.text(self._parts.reply_to_name)) if email else None

    def _skeleton(
        self, launch: Launch, sender: Address, reply_to: Address | None, attachments: Sequence[Attachment]
    ) -> Skeleton:
        key = (launch.id, sender, reply_to)
        found = self._skeletons.get(key)
        if found is None:
            if any(known[0] != launch.id for known in self._skeletons):
                self._skeletons.clear()
            found = self._skeletons[key] = prepare(
                sender=sender,
                reply_to=reply_to,
                attachments=attachments,
                has_html=self._parts.html is not None,
                has_text=True,
            )
        return found


def _derived_text(html: str) -> Template | None:
    """The text part of a template that has none, derived once; None when a form spans tags, then once per message."""
    try:
        return compile_template(text_from_html(html), escape=False)
    except TemplateMistake:
        return None


class _Rendering:
    """Renders the parts of one message, and counts what was missing."""

    def __init__(self, context: dict[str, Any]) -> None:
        self.context = context
        self.missing = 0

    def text(self, template: Template) -> str:
        rendered = template.render(self.context)
        self.missing += rendered.missing
        return rendered.text


def _address(text: str) -> str:
    try:
        return emails.parse(text)
    except ValueError as mistake:
        raise Invalid(f"the template's address: {mistake}") from None


def _unsubscribe(contact: Address, message: ClaimedMessage) -> str:
    """A letter to whoever the answer goes to; it names the message."""
    subject = quote(f"unsubscribe {message.id.hex()}")
    return f"mailto:{contact.email}?subject={subject}"


def _subscription_context(
    message: ClaimedMessage, trigger: Trigger, subscriptions: Sequence[Subscription]
) -> Mapping[str, Any]:
    """The documented variables of the subscription that is sent to (facts, section 7)."""
    chosen = next(
        (
            one
            for one in subscriptions
            if one["channel"] == trigger.channel
            and trigger.resource in (None, one["resource_id"])
            and one.get("email") == message.address
        ),
        {},
    )
    phones = [one["phone"] for one in subscriptions if one["channel"] == "sms"]
    return {
        **chosen.get("custom_fields", {}),
        **chosen,
        "email": message.address,
        "email_domain": message.address.rpartition("@")[2],
        "email_md5": _md5(message.address),
        "emails": [one["email"] for one in subscriptions if one["channel"] == "email"],
        "phones": phones,
        **({"phone": phones[0], "phone_md5": _md5(phones[0])} if phones else {}),
    }


def _md5(text: str) -> str:
    return md5(text.lower().encode(errors="replace"), usedforsecurity=False).hexdigest() if text else ""
