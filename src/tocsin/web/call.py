"""What a handler is given beside its request."""

from dataclasses import dataclass
from typing import Any

from tocsin.actions import audits
from tocsin.actions.context import Context
from tocsin.core.audits import Author, Deed
from tocsin.core.configuration import Configuration, Token
from tocsin.store.database import Transaction


@dataclass(frozen=True)
class Call:
    """One call by a known token, in one transaction that commits with its answer."""

    context: Context
    transaction: Transaction
    configuration: Configuration
    token: Token

    @property
    def author(self) -> Author:
        """Who changes what the call changes."""
        return Author("token", self.token.name)

    async def note(self, action: str, section: str, key: str, name: str = "", **details: Any) -> None:
        """Put what the call changes into the audit log, in its transaction."""
        await audits.record(self.context, self.transaction, self.author, [Deed(action, section, key, name, details)])
