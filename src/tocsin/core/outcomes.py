"""What may become of one attempt to send a message, as it is counted."""

from typing import Literal

# sent: to a server. refused: for good, by a server or unsent. deferred: tried again later. gave_up: too old for that.
OutcomeKind = Literal["sent", "refused", "deferred", "gave_up"]
