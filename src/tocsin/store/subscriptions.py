"""Subscriptions as stored, inside their profiles: those of a resource, across profiles."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from tocsin.core.errors import Invalid
from tocsin.core.subscriptions import Subscription
from tocsin.store import queries
from tocsin.store.database import Transaction, fetch, id_columns, integer_column, text_column, time_limit

PAGE_SECONDS = 30
COUNT_SECONDS = 5

_SQL = queries.load("subscriptions")

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict).decode
_decode_list = msgspec.json.Decoder(list[dict]).decode  # type: ignore[type-arg]  # Values of any type.


class Selection(NamedTuple):
    """Which subscriptions: of profiles of these databases, with these members."""

    database_ids: Sequence[int]
    members: Subscription

    def parameters(self) -> dict[str, object]:
        """As the queries name them."""
        return {
            "database_ids": integer_column(self.database_ids),
            "members": _encode(self.members).decode(),
        }


class Place(NamedTuple):
    """Where a subscription stands: its profile, and 32 hex digits that order it among those of the profile."""

    profile_id: bytes = b""
    mark: str = ""


async def list_after(
    transaction: Transaction, selection: Selection, after: Place, limit: int
) -> list[tuple[Place, Subscription]]:
    """Up to `limit` subscriptions in the order of their places, from after that one; Place() begins.

    Invalid when that takes longer than PAGE_SECONDS.
    """
    try:
        async with time_limit(transaction, PAGE_SECONDS):
            await transaction.execute(_SQL["read_in_order"])
            rows = await fetch(
                transaction,
                _SQL["list_after"],
                after_bucket=after.profile_id[-1] if after.profile_id else -1,
                after_id=after.profile_id,
                after_mark=after.mark,
                limit=limit,
                **selection.parameters(),
            )
    except TimeoutError:
        raise Invalid(f"finding the subscriptions took longer than {PAGE_SECONDS} s") from None
    return [(Place(profile_id, mark), _decode(document)) for profile_id, mark, document in rows]


async def count(transaction: Transaction, selection: Selection) -> int | None:
    """How many there are; None when counting takes longer than COUNT_SECONDS."""
    try:
        async with time_limit(transaction, COUNT_SECONDS):
            ((counted,),) = await fetch(transaction, _SQL["count"], **selection.parameters())
    except TimeoutError:
        return None
    return int(counted)


async def get_deleted(transaction: Transaction, profile_ids: Sequence[bytes]) -> dict[bytes, list[Subscription]]:
    """The deleted subscriptions of profiles that are there; the caller holds their locks."""
    rows = await fetch(transaction, _SQL["get_deleted"], **id_columns(profile_ids))
    return {profile_id: _decode_list(deleted) for profile_id, deleted in rows}


async def update_deleted(transaction: Transaction, deleted: Mapping[bytes, Sequence[Subscription]]) -> None:
    """The deleted subscriptions of profiles from now on."""
    lists = text_column([_encode(one) for one in deleted.values()])
    await transaction.execute(_SQL["update_deleted"], {**id_columns(list(deleted)), "deleted": lists})


async def update_status(transaction: Transaction, selection: Selection, status: str, buckets: range) -> int:
    """Give the selected subscriptions of profiles in some buckets a status; how many profiles that changes."""
    status_member = _encode({"status": status}).decode()
    range_ = {"first_bucket": buckets[0], "last_bucket": buckets[-1]}
    parameters = {**selection.parameters(), "status": status_member, **range_}
    return (await transaction.execute(_SQL["update_status"], parameters)).rowcount
