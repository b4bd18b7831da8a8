"""The log of messages, newest first: by address, profile, launch, trigger or all of a database, page by page."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from tocsin.core import ids
from tocsin.core.message_log import END, TELLING, Search, State, list_types, state_of
from tocsin.store import identities, queries
from tocsin.store.database import Row, Transaction, bytea_column, fetch, id_columns, integer_column, smallint_column

_SQL = queries.load("message_log")
# Hosts may disagree about the time: a message may seem older than what happened to it.
_MOST_SKEW = timedelta(hours=1)


class Place(NamedTuple):
    """Where a page of the log begins: at what comes before an event."""

    at: datetime = END
    id: bytes = b""


class LoggedMessage(NamedTuple):
    """An event of a message, and in which state the message is. `event_id` and `at` are its place in the log.

    `message_id` is empty where none was made, since its profile was skipped. `text`: the words of the server or our
    reason, with its `code`, 0 for none.
    """

    event_id: bytes
    at: datetime
    type: str
    database_id: int
    profile_id: bytes
    message_id: bytes
    launch_id: bytes
    trigger_id: int
    address: str
    code: int
    text: str
    state: State


class WaitingMessage(NamedTuple):
    """A message in the queue. One that a worker has is due when its lease ends, one of a paused launch in 9999."""

    id: bytes
    due_at: datetime
    first_due_at: datetime
    attempts: int
    profile_id: bytes
    launch_id: bytes
    trigger_id: int
    address: str


async def list_messages(
    transaction: Transaction, search: Search, triggers: Collection[int], before: Place, limit: int
) -> list[LoggedMessage]:
    """Up to `limit` messages that wait no longer, the newest event first, from before a place; Place() begins.

    `triggers`: those of the channel that is searched for, if any, since a skip does not say its channel.
    """
    rows = await _list_rows(transaction, search, _asked(search, triggers, before, limit))
    progress = await _list_progress(transaction, rows)
    return [LoggedMessage(*(*row, state_of([row[2], *progress.get(row[5], ())]))) for row in rows]


async def list_waiting(
    transaction: Transaction, search: Search, triggers: Collection[int] | None, before: bytes, limit: int
) -> list[WaitingMessage]:
    """Up to `limit` messages of the queue, the newest first, from before one; ids.LAST begins.

    `triggers`: those of the channel and the database that are searched for, None where neither is. `state` does not
    matter; times are those at which messages were made. By its address a message is found while its profile has it.
    """
    profile_ids = await _list_asked_profiles(transaction, search)
    wanted = _wanted_triggers(search, triggers)
    asked: dict[str, Any] = {
        "before": before,
        "from_id": max(_first_id(search.from_at), (search.launch_id or b"")[:4]),
        "until_id": _first_id(search.until),
        "triggers": wanted,
        "launch_id": search.launch_id,
        "limit": limit,
    }
    if profile_ids is None and (wanted is not None or search.launch_id):
        rows = await fetch(transaction, _SQL["list_waiting_of"], **asked)
    else:
        rows = await fetch(transaction, _SQL["list_waiting"], **asked, **_of_profiles(search, profile_ids))
    return [WaitingMessage(*row) for row in rows]


def _wanted_triggers(search: Search, triggers: Collection[int] | None) -> list[int] | None:
    if search.trigger_id is None:
        return None if triggers is None else list(triggers)
    return [search.trigger_id] if triggers is None or search.trigger_id in triggers else []


def _of_profiles(search: Search, profile_ids: Sequence[bytes] | None) -> dict[str, Any]:
    buckets = range(ids.BUCKETS) if profile_ids is None else sorted({ids.bucket(one) for one in profile_ids})
    return {
        "buckets": smallint_column(buckets),
        "profile_ids": None if profile_ids is None else bytea_column(profile_ids),
        "addresses": None if search.is_prefix or not search.address else list(search.spellings),
        "beginning": search.beginning if search.is_prefix else None,
    }


def _first_id(at: datetime) -> bytes:
    return ids.first_of(min(int(at.timestamp()), 2**32 - 1))


def _asked(search: Search, triggers: Collection[int], before: Place, limit: int) -> dict[str, Any]:
    sought = list_types(search)
    is_narrowed = search.channel is not None
    return {
        "types": [one.type for one in sought],
        "narrowed_types": [one.type for one in sought if is_narrowed and one.is_of_any_channel],
        "triggers": list(triggers),
        "only_ends": search.state is None,
        "before_at": before.at,
        "before_id": before.id,
        "from_at": search.from_at,
        "until": search.until,
        "database_id": search.database_id,
        "trigger_id": search.trigger_id,
        "launch_id": search.launch_id,
        "limit": limit,
    }


async def _list_rows(transaction: Transaction, search: Search, asked: dict[str, Any]) -> list[Row]:
    """By the narrowest way in: a profile, an address, a launch, a trigger, or a database."""
    if search.profile_id is not None:
        return await _list_of_profiles(transaction, [search.profile_id], search, asked)
    if search.address:
        return await _list_of_address(transaction, search, asked)
    if search.launch_id is not None:
        return await fetch(transaction, _SQL["list_of_launch"], **asked)
    if search.trigger_id is not None:
        return await _list_of_trigger(transaction, search.trigger_id, asked)
    return await _list_of_databases(transaction, search, asked)


async def _list_of_trigger(transaction: Transaction, trigger_id: int, asked: dict[str, Any]) -> list[Row]:
    if trigger_id not in asked["triggers"]:
        asked = asked | {"types": _own_types(asked)}
    return await fetch(transaction, _SQL["list_of_triggers"], wanted_triggers=[trigger_id], **asked)


async def _list_of_databases(transaction: Transaction, search: Search, asked: dict[str, Any]) -> list[Row]:
    """What is not of one channel is asked of the triggers of the channel: there may be much of it of other channels."""
    of_databases = asked | {"types": _own_types(asked)}
    known = [search.database_id] if search.database_id is not None else await _list_databases(transaction)
    found = await fetch(transaction, _SQL["list_of_databases"], databases=integer_column(known), **of_databases)
    if narrowed := asked["narrowed_types"]:
        of_triggers = asked | {"types": narrowed, "wanted_triggers": asked["triggers"]}
        found += await fetch(transaction, _SQL["list_of_triggers"], **of_triggers)
    return _newest(found, asked["limit"])


def _own_types(asked: dict[str, Any]) -> list[str]:
    """Those of the types that say their channel, or all where it does not matter."""
    return [one for one in asked["types"] if one not in asked["narrowed_types"]]


def _newest(rows: list[Row], limit: int) -> list[Row]:
    return sorted(rows, key=lambda row: (row[1], row[0]), reverse=True)[:limit]


async def _list_databases(transaction: Transaction) -> list[int]:
    return [database_id for (database_id,) in await fetch(transaction, _SQL["list_databases"])]


async def _list_of_address(transaction: Transaction, search: Search, asked: dict[str, Any]) -> list[Row]:
    """What went there, whosever it was then; and what was not made, since it was skipped, for those whose it is now."""
    owners = await _list_owners(transaction, search)
    found = await _list_of_profiles(transaction, owners, search, asked) if owners else []
    if not search.is_prefix:
        found += await fetch(transaction, _SQL["list_of_addresses"], addresses=list(search.spellings), **asked)
    return _newest(found, asked["limit"])


async def _list_of_profiles(
    transaction: Transaction, profile_ids: Sequence[bytes], search: Search, asked: dict[str, Any]
) -> list[Row]:
    is_given = search.profile_id is not None
    return await fetch(
        transaction,
        _SQL["list_of_profiles"],
        **id_columns(profile_ids),
        any_address=is_given and not search.address,
        with_skips=not is_given,
        spellings=list(search.spellings) if is_given else [],
        beginning=search.beginning if search.is_prefix else None,
        **asked,
    )


async def _list_asked_profiles(transaction: Transaction, search: Search) -> list[bytes] | None:
    if search.profile_id is not None:
        return [search.profile_id]
    return await _list_owners(transaction, search) if search.address else None


async def _list_owners(transaction: Transaction, search: Search) -> list[bytes]:
    if search.is_prefix:
        return await identities.list_addressees_by_prefix(transaction, search.beginning)
    return await identities.list_addressees(transaction, search.spellings)


async def _list_progress(transaction: Transaction, rows: Sequence[Row]) -> dict[bytes, list[str]]:
    """The types of what happened to the messages of a page, a statement for all."""
    since: dict[bytes, int] = {}
    for row in rows:
        if row[5]:
            made = ids.seconds(row[5])
            since[row[4]] = min(since.get(row[4], made), made)
    if not since:
        return {}
    found = await fetch(
        transaction,
        _SQL["list_progress"],
        **id_columns(list(since)),
        since=[datetime.fromtimestamp(made, UTC) - _MOST_SKEW for made in since.values()],
        message_ids=bytea_column([row[5] for row in rows if row[5]]),
        types=list(TELLING),
    )
    return dict(found)
