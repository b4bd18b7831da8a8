"""What can go wrong with an SMTP server, as opposed to with a message."""

from tocsin.channels.contract import Envelope, Outcome, one_line
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

    def defer(self, envelope: Envelope, when: str = "") -> Outcome:
        return Outcome(envelope.message_id, "deferred", self.code, one_line(self.text + when))


class Unreachable(Trouble):
    """No session could be had; `advice` says what to look at."""

    def __init__(self, text: str, advice: str, code: int = 0) -> None:
        super().__init__(text, code)
        self.advice = advice


class Lost(Trouble):
    """A session ended, or fell out of step; `when` says how far the message was."""

    def __init__(self, text: str, code: int, when: str) -> None:
        super().__init__(text, code)
        self.when = when


def name(sender: SmtpSender) -> str:
    """What a server is called in our texts."""
    return f"{sender.host}:{sender.port}"
