"""What can go wrong with an SMTP server, as opposed to with a message."""

from tocsin.channels.contract import Envelope, Outcome, one_line
from tocsin.channels.smtp_wire import Reply
from tocsin.core.configuration_senders import SmtpSender

BEFORE = ", before the message was handed over"
AFTER = ", after the message was handed over"
IN_DOUBT = f"{AFTER}: the server may have accepted it"


class Trouble(Exception):
    """The server or the way to it is at fault, not the message."""

    def __init__(self, text: str, code: int = 0) -> None:
        super().__init__(text)
        self.text = text
        self.code = code

    def defer(self, envelope: Envelope, *, is_tried: bool, retry_after_seconds: float = 0.0) -> Outcome:
        """The outcome of a message that nothing was handed over of: another way out may take it."""
        return Outcome(
            envelope.message_id,
            "deferred",
            self.code,
            one_line(self.text),
            is_tried=is_tried,
            retry_after_seconds=retry_after_seconds,
            may_go_elsewhere=True,
        )


class Unreachable(Trouble):
    """No session could be had; `advice` says what to look at."""

    def __init__(self, text: str, advice: str, code: int = 0) -> None:
        super().__init__(text, code)
        self.advice = advice


class Lost(Trouble):
    """A session ended, or fell out of step; `when` says how far the message was, `reply` what ended it, if one did."""

    def __init__(self, text: str, code: int, when: str, reply: Reply | None = None) -> None:
        super().__init__(text, code)
        self.when = when
        self.reply = reply

    def defer_its_own(self, envelope: Envelope) -> Outcome:
        """The outcome of the message that was under way."""
        text = one_line(self.text + self.when)
        return Outcome(envelope.message_id, "deferred", self.code, text, may_go_elsewhere=self.when == BEFORE)


def name(sender: SmtpSender) -> str:
    """What a server is called in our texts."""
    return f"{sender.host}:{sender.port}"
