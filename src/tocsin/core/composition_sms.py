"""One SMS made of a template, a profile and the content of a call."""

from collections.abc import Sequence
from datetime import datetime

from tocsin.core import sms
from tocsin.core.configuration import Trigger
from tocsin.core.configuration_templates import SmsTemplate
from tocsin.core.copies import SmsCopy
from tocsin.core.errors import Invalid
from tocsin.core.launches import Launch
from tocsin.core.message_context import Content, Rendering, message_context
from tocsin.core.messages import ClaimedMessage
from tocsin.core.mime import Attachment
from tocsin.core.profiles import Profile
from tocsin.core.templates.template import compile_template

# Control characters that neither alphabet shows, and that some providers refuse or cut a text at.
_CONTROLS = dict.fromkeys([*range(0x0A), 0x0B, *range(0x0E, 0x20), *range(0x7F, 0xA0)])


class SmsComposer:
    """Composes the SMS of one template."""

    def __init__(self, template: SmsTemplate) -> None:
        """Raises TemplateMistake."""
        self._text = compile_template(template.text, escape=False)
        self._from_name = compile_template(template.from_name, escape=False)
        self._max_segments = template.max_segments

    def compose(
        self,
        message: ClaimedMessage,
        trigger: Trigger,
        launch: Launch,
        profile: Profile,
        attachments: Sequence[Attachment],  # noqa: ARG002 - facts, 3.8: only an email has them
        now: datetime,  # noqa: ARG002 - an SMS does not say when it was written
    ) -> Content:
        """The SMS of one message, UTF-8. Raises Invalid when it says nothing or takes too many segments."""
        uses = self._text.uses | self._from_name.uses
        rendering = Rendering(message_context(message, trigger, launch, profile, uses))
        text = rendering.text(self._text).translate(_CONTROLS).strip()
        length = sms.measure(text)
        if not length.segments:
            raise Invalid("the text of the SMS is empty")
        if length.segments > self._max_segments:
            raise Invalid(f"the SMS takes {length.segments} segments; its template allows {self._max_segments}")
        sender = rendering.text(self._from_name).translate(_CONTROLS).strip()
        copy = SmsCopy(sender, message.address, text, length.segments)
        return Content(sender, text.encode(errors="replace"), rendering.missing, copy, length.segments)
