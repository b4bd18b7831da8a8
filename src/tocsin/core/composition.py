"""One email made of a template, a profile and the content of a call."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import astuple

from tocsin.core import emails
from tocsin.core.configuration import Trigger
from tocsin.core.configuration_templates import EmailTemplate
from tocsin.core.copies import EmailCopy
from tocsin.core.errors import Invalid, TemplateMistake
from tocsin.core.html_text import text_from_html
from tocsin.core.launches import Launch
from tocsin.core.message_context import Content, Rendering, message_context
from tocsin.core.messages import ClaimedMessage
from tocsin.core.mime import Address, Attachment, Skeleton, prepare
from tocsin.core.profiles import Profile
from tocsin.core.public_links import PublicLinks, Rewriters
from tocsin.core.templates.template import Template, compile_template
from tocsin.core.visits import Purpose


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

    def __init__(self, template: EmailTemplate, links: PublicLinks) -> None:
        """Raises TemplateMistake."""
        self._links = links
        self._rewriters = Rewriters(links)
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
        self._sender: Address | None = None
        self._may_have_reply_to = bool(template.reply_to_email)

    def compose(
        self,
        message: ClaimedMessage,
        trigger: Trigger,
        launch: Launch,
        profile: Profile,
        attachments: Sequence[Attachment],
        now: datetime,
    ) -> Content:
        """The email of one message. Raises Invalid when it cannot be composed from this data."""
        rendering = Rendering(message_context(message, trigger, launch, profile, self._uses))
        sender = self._sender or self._make_sender(rendering)
        reply_to = self._reply_to(rendering) if self._may_have_reply_to else None
        unsubscribe = self._links.make_url("unsubscribe", message, trigger)
        rendering.context |= {"unsubscribe": unsubscribe, **self._other_links(message, trigger)}
        html = rendering.text(self._parts.html) if self._parts.html else None
        text = rendering.text(self._parts.text) if self._parts.text else text_from_html(html or "")
        rewriter = self._rewriters.of(trigger)
        contact = _unsubscribe(reply_to or sender, message) if reply_to or not self._links.is_public else ""
        reply_also_to = self._links.reply_address(trigger, message.id)
        answered = reply_to or (sender if reply_also_to else None)
        copy = EmailCopy(
            from_email=sender.email,
            from_name=sender.name,
            reply_to_email=answered.email if answered else "",
            reply_to_name=answered.name if answered else "",
            to=message.address,
            subject=rendering.text(self._parts.subject),
            html=rewriter.rewrite_html(html, message.id) if html else html,
            text=rewriter.rewrite_text(text, message.id),
            message_id=f"{message.id.hex()}@{sender.email.rpartition('@')[2]}",
            sent_at=int(now.timestamp()),
            launch_id=launch.id if attachments else b"",
            headers=self._links.list_unsubscribe(unsubscribe, contact),
            reply_also_to=reply_also_to,
        )
        body = copy.compose(self._skeleton(launch, sender, answered, attachments))
        return Content(sender.email, body, rendering.missing, copy)

    def _other_links(self, message: ClaimedMessage, trigger: Trigger) -> dict[str, str]:
        wanted: tuple[Purpose, ...] = ("globalunsubscribe", "confirm")
        return {name: self._links.make_url(name, message, trigger) for name in wanted if name in self._uses}

    def _make_sender(self, rendering: Rendering) -> Address:
        """Kept when it is the same for everybody."""
        email, name = self._parts.from_email, self._parts.from_name
        sender = Address(_address(rendering.text(email)), rendering.text(name))
        if email.is_static and name.is_static:
            self._sender = sender
        return sender

    def _reply_to(self, rendering: Rendering) -> Address | None:
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


def _address(text: str) -> str:
    try:
        return emails.parse(text)
    except ValueError as mistake:
        raise Invalid(f"the template's address: {mistake}") from None


def _unsubscribe(contact: Address, message: ClaimedMessage) -> str:
    """A letter to whoever the answer goes to; it names the message."""
    return f"mailto:{contact.email}?subject=unsubscribe%20{message.id.hex()}"
