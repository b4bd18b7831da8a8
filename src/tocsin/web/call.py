"""What a handler is given beside its request."""

from dataclasses import dataclass

from tocsin.actions.context import Context
from tocsin.core.audits import Author
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
