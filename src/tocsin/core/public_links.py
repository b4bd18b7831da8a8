"""Where the links in mails lead, and who signs them."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from msgspec import Struct

from tocsin.core.configuration import Trigger
from tocsin.core.messages import ClaimedMessage
from tocsin.core.return_paths import ReturnPaths
from tocsin.core.tokens import Signer
from tocsin.core.tracking import Rewriter
from tocsin.core.visits import Purpose, make_url


class PublicLinks(Struct, frozen=True):
    """`base_url` has no slash at its end. `is_public`: whether the operator has said how this server is reached; only
    then mails are tracked without being told to. `domains`: of resources that have one of their own. `return_paths` are
    there where what comes back is taken.
    """

    base_url: str
    signer: Signer
    is_public: bool = False
    domains: Mapping[int, str] = {}
    return_paths: ReturnPaths | None = None

    def base(self, trigger: Trigger) -> str:
        """What the links in the mails of a trigger begin with."""
        domain = self.domains.get(trigger.resource or 0)
        return f"{urlsplit(self.base_url).scheme}://{domain}" if domain else self.base_url

    def make_url(self, purpose: Purpose, message: ClaimedMessage, trigger: Trigger) -> str:
        """The link to a page for the recipient of a message."""
        return make_url(self.base(trigger), self.signer, purpose, message, trigger)

    def reply_address(self, trigger: Trigger, message_id: bytes) -> str:
        """Where replies to a message are to go as well, so that they are known here; empty when they need not be."""
        is_wanted = trigger.tracking is not None and trigger.tracking.replies
        return self.return_paths.make(message_id) if is_wanted and self.return_paths else ""

    def rewriter(self, trigger: Trigger) -> Rewriter:
        """What makes the messages of a trigger tell of opens and clicks."""
        return Rewriter(trigger, self.base(trigger), self.signer, by_default=self.is_public)

    def list_unsubscribe(self, url: str, contact: str) -> dict[str, str]:
        """The headers by which mail programs show a button of their own (RFC 2369, and RFC 8058 where there is TLS)."""
        headers = {"List-Unsubscribe": f"<{url}>, <{contact}>" if contact else f"<{url}>"}
        if url.startswith("https:"):
            headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        return headers


class Rewriters:
    """The rewriter of each trigger, made once for as long as the trigger is configured the same."""

    def __init__(self, links: PublicLinks) -> None:
        self._links = links
        self._known: dict[int, tuple[Trigger, Rewriter]] = {}

    def of(self, trigger: Trigger) -> Rewriter:
        """That of one trigger."""
        known = self._known.get(trigger.id)
        if known is None or known[0] is not trigger:
            known = self._known[trigger.id] = (trigger, self._links.rewriter(trigger))
        return known[1]
