"""What may become of one attempt to send a message, as it is counted."""

from typing import Literal, NamedTuple

# sent: to a server. refused: for good, by a server or unsent. deferred: tried again later. gave_up: too old for that.
OutcomeKind = Literal["sent", "refused", "deferred", "gave_up"]


class Attempt(NamedTuple):
    """An attempt to send a message; sender 0 is none. `text`: the words of the server, or ours."""

    sender_id: int
    channel: str
    kind: OutcomeKind
    text: str
