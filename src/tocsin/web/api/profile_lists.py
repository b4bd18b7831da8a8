"""`profiles/list`: the profiles of a database, or those that a query selects, page by page (facts, 5.5)."""

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET, UnsetType
from msgspec import field as member

from tocsin.core import fields, ids, mongo
from tocsin.core.configuration import Database
from tocsin.core.errors import Invalid
from tocsin.core.profiles import Profile
from tocsin.store import profiles
from tocsin.web.api.profiles import describe
from tocsin.web.call import Call
from tocsin.web.envelope import Success
from tocsin.web.lists import PageRequest

_ID = "_id"
_BESIDE_FIELDS = frozenset({_ID, "id", "db_id", "subscriptions"})


class ProfileListRequest(PageRequest, kw_only=True, omit_defaults=True):
    """Profiles of one database, in an order that writes do not change."""

    db_id: int
    from_id: str = ""
    query: dict[str, Any] = member(default_factory=dict)
    fields: list[str] = member(default_factory=list)


class ProfileListAnswer(Success, kw_only=True):
    """A page. There is no `total_count`: to know it, each page would have to read all profiles."""

    data: list[dict[str, Any]]
    next_from_id: str | UnsetType = UNSET
    ignored_fields: list[str] | UnsetType = UNSET


async def list_profiles(call: Call, request: ProfileListRequest) -> ProfileListAnswer:
    """A page of a database's profiles, all or those that a query selects."""
    database = call.configuration.get_database(request.db_id)
    page = await _read_page(call, database, request)
    return ProfileListAnswer(
        data=[_select(describe(profile, database.id), request.fields) for profile in page],
        next_from_id=page[-1].id.hex() if page else UNSET,
        ignored_fields=_unknown(database, request.fields) or UNSET,
    )


async def _read_page(call: Call, database: Database, request: ProfileListRequest) -> list[Profile]:
    wanted = mongo.parse(request.query, database, "query")
    after = _read_pointer(request.from_id)
    try:
        return await profiles.list_page(call.transaction, database.id, wanted, after, request.limit)
    except Invalid as mistake:
        raise Invalid(mistake.debug, path="query") from None


def _read_pointer(said: str) -> bytes:
    after = ids.parse(said) if said else b""
    if after is None:
        raise Invalid("expected the next_from_id of the page before", path="from_id")
    return after


def _select(shown: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The members asked for, or all; what is asked for as `_id` is `id`."""
    if not names:
        return shown
    asked = dict.fromkeys("id" if name == _ID else name for name in names)
    return {name: shown[name] for name in asked if name in shown}


def _unknown(database: Database, names: Sequence[str]) -> list[str]:
    if database.unknown_fields == "keep":
        return []
    known = _BESIDE_FIELDS | fields.STANDARD.keys() | database.fields.keys()
    return sorted(set(names) - known)
