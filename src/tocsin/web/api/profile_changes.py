"""`profiles/{add,add_batch,delete,merge,message_unsub}`: changes of profiles that are no import (facts, 5.3)."""

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET, Struct, UnsetType, field

from tocsin.actions import profile_changes, profiles
from tocsin.core import ids
from tocsin.core.errors import Invalid, NotAllowed
from tocsin.core.launches import ImportItem, ItemError, ItemFailed, ProfileReference
from tocsin.web.api.profiles import ImportAnswer, MatchRequest, read_matching
from tocsin.web.call import Call
from tocsin.web.envelope import SUCCESS, DataAnswer, Envelope, Success

FEWEST_MERGED, MOST_MERGED = 2, 100

_MATCHING = "email_profile"


class AddOptions(Envelope, kw_only=True, omit_defaults=True):
    """What the calls that add share."""

    db_id: int
    skip_triggers: bool = False
    skip_invalid_subscriptions: bool = False
    detect_geo: bool = False


class AddRequest(AddOptions, kw_only=True, omit_defaults=True):
    """Add one profile."""

    data: dict[str, Any] = field(default_factory=dict)


class AddBatchRequest(AddOptions, kw_only=True, omit_defaults=True):
    """Add profiles, each item a profile's fields."""

    data: list[dict[str, Any]]


class AddedItem(Struct, frozen=True, omit_defaults=True):
    """What became of one item: the profile, or what is wrong."""

    error: int
    error_text: str
    error_debug: str = ""
    profile_id: str = ""


class AddBatchAnswer(Success, kw_only=True):
    """One entry in `result` per item, in order."""

    result: list[AddedItem]
    ignored_fields: list[str] | UnsetType = UNSET
    warnings: list[str] | UnsetType = UNSET


class MergeRequest(Envelope, kw_only=True, omit_defaults=True):
    """Make one profile of several."""

    db_id: int
    profile_ids: list[str]
    to: str | None = None
    create: bool = False


class MessageUnsubRequest(Envelope, kw_only=True, omit_defaults=True):
    """End the subscription that a message went to."""

    rtoken: str
    smid: str
    categories: list[str] = field(default_factory=list)


class ProfileIdAnswer(Success, kw_only=True):
    """The profile that the call has changed."""

    profile_id: str


async def add(call: Call, request: AddRequest) -> ImportAnswer:
    """Add one profile without searching for it; without `data` it is empty."""
    found = await _add(call, request, [request.data], is_single=True)
    outcome = found.outcomes[0]
    if isinstance(outcome, ItemError):
        raise ItemFailed(outcome)
    return ImportAnswer(
        profile_id=outcome.hex(),
        ignored_fields=list(found.ignored_fields) or UNSET,
        warnings=list(found.warnings) or UNSET,
    )


async def add_batch(call: Call, request: AddBatchRequest) -> AddBatchAnswer:
    """Add profiles without searching for them."""
    profiles.check_count(request.data)
    found = await _add(call, request, request.data, is_single=False)
    return AddBatchAnswer(
        result=[_describe(outcome) for outcome in found.outcomes],
        ignored_fields=list(found.ignored_fields) or UNSET,
        warnings=list(found.warnings) or UNSET,
    )


async def delete(call: Call, request: MatchRequest) -> DataAnswer:
    """Delete the one profile that matches, with its history and its waiting messages."""
    database = call.configuration.get_database(request.db_id)
    matching = read_matching(call, database, request)
    profile_id = await profile_changes.delete(
        call.context, call.transaction, call.configuration, database, matching, request.search()
    )
    await call.note("removed", "profiles", profile_id.hex())
    return DataAnswer(data=ProfileReference(profile_id.hex()))


async def merge(call: Call, request: MergeRequest) -> ProfileIdAnswer:
    """Make one profile of several, with their subscriptions, history and waiting messages; the others are deleted."""
    database = call.configuration.get_database(request.db_id)
    named = _read_merged(request)
    to = None if request.create else next(iter(named))
    profile_id = await profile_changes.merge(call.context, call.transaction, call.configuration, database, named, to)
    await call.note("merged", "profiles", profile_id.hex(), profiles=len(named))
    return ProfileIdAnswer(profile_id=profile_id.hex())


async def message_unsub(call: Call, request: MessageUnsubRequest) -> ProfileIdAnswer:
    """End the subscription that a message went to, or leave only some categories of it."""
    resource = call.configuration.find_resource(request.rtoken)
    if resource is None:
        raise NotAllowed("there is no resource with this token", path="rtoken")
    profile_id = await profile_changes.unsubscribe(
        call.context,
        call.transaction,
        call.configuration,
        resource,
        _read_id(request.smid, "smid"),
        request.categories,
    )
    return ProfileIdAnswer(profile_id=profile_id.hex())


async def _add(call: Call, request: AddOptions, data: list[dict[str, Any]], *, is_single: bool) -> profiles.Found:
    database = call.configuration.get_database(request.db_id)
    job = profiles.Import(
        call.configuration,
        database,
        profiles.check_matching(call.configuration, database, _MATCHING, field_name="", resource_id=None),
        request.skip_invalid_subscriptions,
        is_single=is_single,
        may_update=False,
        skip_triggers=request.skip_triggers,
        detect_geo=request.detect_geo,
    )
    return await profiles.import_items(call.context, call.transaction, job, [ImportItem(one) for one in data])


def _describe(outcome: bytes | ItemError) -> AddedItem:
    if isinstance(outcome, ItemError):
        return AddedItem(outcome.error, outcome.error_text, outcome.error_debug)
    return AddedItem(0, SUCCESS, profile_id=outcome.hex())


def _read_merged(request: MergeRequest) -> Mapping[bytes, str]:
    """The profiles, the one that stays first, each with the member that names it first; or Invalid."""
    if request.create and request.to is not None:
        raise Invalid("a new profile cannot be made where `to` names one", path="create")
    named: dict[bytes, str] = {}
    if request.to is not None:
        named[_read_id(request.to, "to")] = "to"
    for place, said in enumerate(request.profile_ids):
        path = f"profile_ids[{place}]"
        named.setdefault(_read_id(said, path), path)
    if not FEWEST_MERGED <= len(named) <= MOST_MERGED:
        raise Invalid(f"expected {FEWEST_MERGED} to {MOST_MERGED} different profiles", path="profile_ids")
    return named


def _read_id(said: str, path: str) -> bytes:
    profile_id = ids.parse(said)
    if profile_id is None:
        raise Invalid(f"expected {ids.HEX_SIZE} hex digits", path=path)
    return profile_id
