"""People who use the console: their roles, what each may do, and what an account must be like."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, get_args
from uuid import UUID
from zoneinfo import available_timezones

from msgspec import Struct

from tocsin.core import emails
from tocsin.core.errors import Invalid

Role = Literal["owner", "editor", "support", "viewer"]
# look: see everything but users, tokens and the audit log. profiles: change profiles and end subscriptions. erase:
# delete, merge and export profiles. launch: hold, cancel and retry what is being sent. write: templates, triggers and
# workflows. suppress: put addresses on lists. settings: databases, resources, senders, hooks. users: users and tokens.
Right = Literal["look", "profiles", "erase", "launch", "write", "suppress", "settings", "users"]

ROLES: tuple[Role, ...] = get_args(Role)
RIGHTS: tuple[Right, ...] = get_args(Right)
RIGHTS_OF: Mapping[Role, frozenset[Right]] = {
    "owner": frozenset(RIGHTS),
    "editor": frozenset(RIGHTS) - {"users"},
    "support": frozenset({"look", "profiles", "suppress"}),
    "viewer": frozenset({"look"}),
}

LEAST_PASSWORD, LONGEST_PASSWORD = 10, 200
_LONGEST_NAME = 200


class User(Struct, frozen=True):
    """An account; `has_password` once its first link was used. `language`, `timezone`: None asks the browser."""

    id: UUID
    email: str
    name: str
    role: Role
    has_password: bool
    has_codes: bool
    language: str | None
    timezone: str | None
    is_disabled: bool
    created_at: datetime
    seen_at: datetime | None

    def may(self, right: Right) -> bool:
        """Whether the role has a right."""
        return right in RIGHTS_OF[self.role]


def parse_email(text: str) -> str:
    """The address of an account in lower case, or Invalid."""
    try:
        return emails.parse(text.strip()).lower()
    except ValueError:
        raise Invalid("expected an email address", path="email") from None


def parse_name(text: str) -> str:
    """What a user is called, or Invalid."""
    name = " ".join(text.split())
    if not 0 < len(name) <= _LONGEST_NAME:
        raise Invalid(f"expected 1 to {_LONGEST_NAME} characters", path="name")
    return name


def parse_role(text: str) -> Role:
    """One of the roles, or Invalid."""
    for role in ROLES:
        if role == text:
            return role
    raise Invalid(f"expected one of {', '.join(ROLES)}", path="role")


def parse_timezone(text: str) -> str | None:
    """The name of a time zone, None for that of the browser, or Invalid."""
    if text and text not in available_timezones():
        raise Invalid("expected a time zone, as Europe/Berlin", path="timezone")
    return text or None


def check_password(password: str, email: str) -> None:
    """Invalid unless it is long enough, and not the address."""
    if not LEAST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise Invalid(f"expected {LEAST_PASSWORD} to {LONGEST_PASSWORD} characters", path="password")
    if password.lower() in (email, email.partition("@")[0]) or len(set(password)) < 4:  # noqa: PLR2004 - as aaaaaaaaaa
        raise Invalid("this one is too easy to guess", path="password")
