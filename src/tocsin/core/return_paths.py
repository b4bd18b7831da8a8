"""Return paths that name their message (VERP), `b-<message id>-<mark>@domain`; made by who has the secret alone."""

import re
from base64 import b32encode
from hashlib import sha256
from hmac import compare_digest, new

from msgspec import Struct

_MARK_BYTES = 10
_is_own = re.compile(r"b-([0-9a-f]{24})-([a-z2-7]{16})").fullmatch


class ReturnPaths(Struct, frozen=True):
    """Makes and reads the return paths of one installation: those of its domain (small letters), under its secret."""

    domain: str
    secret: str

    def make(self, message_id: bytes) -> str:
        """Where answers about a message go; its local part has 43 characters, all of them in small letters."""
        return f"b-{message_id.hex()}-{self._mark(message_id)}@{self.domain}"

    def find_message(self, address: str) -> bytes | None:
        """The id of the message that an address was made for, whatever its case; None when it was not made here."""
        local, _, domain = address.strip().lower().rpartition("@")
        found = _is_own(local)
        if found is None or domain != self.domain:
            return None
        message_id = bytes.fromhex(found[1])
        return message_id if compare_digest(self._mark(message_id), found[2]) else None

    def _mark(self, message_id: bytes) -> str:
        digest = new(self.secret.encode(), b"return path of " + message_id, sha256).digest()
        return b32encode(digest[:_MARK_BYTES]).decode().lower()
