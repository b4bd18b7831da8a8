"""One push message made of a template, a profile and the content of a call."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from tocsin.core import push
from tocsin.core.configuration import Trigger
from tocsin.core.configuration_templates import PushTemplate
from tocsin.core.copies import PushCopy
from tocsin.core.errors import Invalid
from tocsin.core.launches import Launch
from tocsin.core.message_context import Content, Rendering, message_context
from tocsin.core.messages import ClaimedMessage
from tocsin.core.mime import Attachment
from tocsin.core.profiles import Profile
from tocsin.core.templates.template import Template, compile_template

_TEXTS = ("title", "text", "url", "icon", "image", "collapse_key")
# What a provider takes at most of a name that messages share (Apple: apns-collapse-id).
_MOST_COLLAPSE_BYTES = 64


class PushComposer:
    """Composes the push messages of one template."""

    def __init__(self, template: PushTemplate) -> None:
        """Raises TemplateMistake."""
        self._template = template
        self._texts = {name: _compile(getattr(template, name)) for name in _TEXTS}
        self._buttons = [(_compile(one.label), _compile(one.url)) for one in template.buttons]
        self._data = {name: _compile(text) for name, text in template.data.items()}
        everything = [*self._texts.values(), *(part for one in self._buttons for part in one), *self._data.values()]
        self._uses = frozenset[str]().union(*(part.uses for part in everything))

    def compose(
        self,
        message: ClaimedMessage,
        trigger: Trigger,
        launch: Launch,
        profile: Profile,
        attachments: Sequence[Attachment],  # noqa: ARG002 - facts, 3.8: only an email has them
        now: datetime,  # noqa: ARG002 - a push message does not say when it was written
    ) -> Content:
        """The push message as core.push has it. Raises Invalid when it has no title, or is too large."""
        rendering = Rendering(message_context(message, trigger, launch, profile, self._uses))
        texts = {name: rendering.text(part).strip() for name, part in self._texts.items()}
        _check(texts)
        notification = push.Notification(
            **texts,
            sound=self._template.sound,
            buttons=tuple(push.Button(rendering.text(label), rendering.text(url)) for label, url in self._buttons),
            data={name: rendering.text(part) for name, part in self._data.items()},
            ttl_seconds=self._template.ttl_seconds,
            priority=self._template.priority,
        )
        body = _encode(notification)
        if len(body) > push.MOST_BYTES:
            raise Invalid(f"the push message has {len(body)} bytes; {push.MOST_BYTES} are the most")
        return Content("", body, rendering.missing, PushCopy(body))


def _compile(source: str) -> Template:
    return compile_template(source, escape=False)


def _check(texts: Mapping[str, str]) -> None:
    if not texts["title"]:
        raise Invalid("the title of the push message is empty")
    collapse_key = texts["collapse_key"]
    if not collapse_key.isprintable() or not collapse_key.isascii() or len(collapse_key) > _MOST_COLLAPSE_BYTES:
        raise Invalid(f"the collapse_key must be ASCII letters, digits and signs, {_MOST_COLLAPSE_BYTES} at most")


def _encode(notification: push.Notification) -> bytes:
    try:
        return push.encode(notification)
    except UnicodeEncodeError:
        raise Invalid("the push message has half a character in it") from None
