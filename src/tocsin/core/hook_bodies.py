"""What an event looks like to a hook (facts, section 8); the members are those of docs/hooks.md."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType, field

from tocsin.core import addresses, hashes, hooks
from tocsin.core.configuration import Configuration
from tocsin.core.configuration_hooks import Hook
from tocsin.core.hooks import KeptEvent, QueuedEvent
from tocsin.core.subscriptions import Subscription

# An installation has one account; the platform whose API this is numbers many.
ACCOUNT_ID = 1
# A body beyond this goes in pieces: what a call says at its root is in each of its events.
PIECE_BYTES = 4_000_000

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SUBSCRIPTION_MEMBERS: Final = (
    "resource_id", "channel", "email", "phone", "subscription_id", "provider", "priority", "status",
)  # fmt: skip

_encode = msgspec.json.Encoder(enc_hook=str).encode
_decode_members = msgspec.json.Decoder(dict[str, Raw]).decode


class CommonData(NamedTuple):
    """What the events of a launch share: the workflow that it started, and the `custom_data` of the call's root."""

    workflow_id: int | None = None
    custom_data: Mapping[str, Any] = {}


_NOTHING_COMMON = CommonData()
_NO_ITEM: tuple[dict[str, Any], str] = ({}, "")


class Surroundings(Struct, frozen=True):
    """What a batch of events is told with: as it is now, not as it was.

    `events`: those that are still there, by id. `subscriptions`: of the profiles that are, by their ids, and `fields`
    where the hook asks for some. `items`: by message id, the `custom_data` of its item, and its address.
    """

    configuration: Configuration
    events: Mapping[bytes, KeptEvent]
    subscriptions: Mapping[bytes, list[Subscription]]
    fields: Mapping[bytes, Mapping[str, Any]]
    launches: Mapping[bytes, CommonData]
    items: Mapping[bytes, tuple[dict[str, Any], str]]


class _Told(Struct, omit_defaults=True):
    event_id: str
    event_type: str
    event_date: str
    account_id: int
    is_test: bool
    profile_id: str | None
    event_data: Mapping[str, Any] | None
    list_id: int | UnsetType = UNSET
    custom_data: Mapping[str, Any] | UnsetType = UNSET
    subscription: list[dict[str, Any]] | UnsetType | None = UNSET
    md5: str | UnsetType = field(default=UNSET, name="_md5")
    subscription_hash_id: str | UnsetType = UNSET
    is_replay: bool | UnsetType = UNSET
    sends_trying_num: int | UnsetType = UNSET


def parse_members(document: str) -> dict[str, Raw]:
    """The members of a JSON object, which are passed on as they are."""
    return _decode_members(document)


def make_pieces(hook: Hook, batch: Sequence[QueuedEvent], attempts: int, around: Surroundings) -> Iterator[bytes]:
    """A batch as JSON arrays, none much larger than is good; what is gone with its profile is null."""
    piece: list[bytes] = []
    size = 0
    for queued in batch:
        encoded = _encode(_describe(hook, queued, attempts, around))
        if piece and size + len(encoded) > PIECE_BYTES:
            yield b"[" + b",".join(piece) + b"]"
            piece, size = [], 0
        piece.append(encoded)
        size += len(encoded)
    yield b"[" + b",".join(piece) + b"]"


def make_test(hook: Hook, event_id: bytes, at: datetime) -> bytes:
    """A batch of one event that never happened, to try a hook."""
    return _encode([_describe_test(hook, event_id, hooks.microseconds(at))])


def _describe(hook: Hook, queued: QueuedEvent, attempts: int, around: Surroundings) -> _Told:
    event = around.events.get(queued.id)
    if queued.type == hooks.TEST:
        return _describe_test(hook, queued.id, queued.at_microseconds)
    if event is None:
        told = _Told(queued.id.hex(), queued.type, _date(queued.at_microseconds), ACCOUNT_ID, False, None, None)
    else:
        told = _describe_event(hook, queued, event, around)
    if queued.is_replay:
        told.is_replay = True
    if attempts:
        told.sends_trying_num = attempts
    return told


def _describe_test(hook: Hook, event_id: bytes, at_microseconds: int) -> _Told:
    return _Told(event_id.hex(), hook.events[0], _date(at_microseconds), ACCOUNT_ID, True, None, {}, custom_data={})


def _describe_event(hook: Hook, queued: QueuedEvent, event: KeptEvent, around: Surroundings) -> _Told:
    trigger = around.configuration.triggers.get(event.trigger_id)
    data = event.data
    resource_id = trigger.resource if trigger else data.get("resource_id")
    common = around.launches.get(event.launch_id, _NOTHING_COMMON)
    item, address = around.items.get(event.message_id, _NO_ITEM)
    there = around.subscriptions.get(event.profile_id)
    told = _Told(
        queued.id.hex(),
        queued.type,
        _date(queued.at_microseconds),
        ACCOUNT_ID,
        False,
        None if there is None else event.profile_id.hex(),
        _event_data(event, resource_id, data.get("workflow_id", common.workflow_id)),
        event.database_id,
        _custom_data(hook, data.get("custom_data"), item, common.custom_data, around.fields.get(event.profile_id)),
        None,
    )
    if there is None:
        return told
    if there and resource_id is not None:
        there = [one for one in there if one["resource_id"] == resource_id]
    told.subscription = [_describe_subscription(one) for one in there] if there else []
    address = data.get("address") or address
    if trigger and address:
        _name_address(told, event.profile_id, there, trigger.channel, address)
    return told


def _event_data(event: KeptEvent, resource_id: int | None, workflow_id: int | None) -> dict[str, Any]:
    said = event.data.copy()
    said.pop("custom_data", None)
    if event.message_id:
        said["message_id"] = event.message_id.hex()
    if event.trigger_id:
        said["campaign_id"] = event.trigger_id
    if resource_id:
        said["resource_id"] = resource_id
    if event.launch_id:
        said["launch_id"] = event.launch_id.hex()
    if workflow_id:
        said["workflow_id"] = workflow_id
    return said


def _custom_data(
    hook: Hook,
    of_event: Mapping[str, Any] | None,
    item: Mapping[str, Any],
    of_call: Mapping[str, Any],
    fields: Mapping[str, Any] | None,
) -> Mapping[str, Any]:
    """Fields of the profile, over them what the call said at its root, over that what it said of the item."""
    of_item = {**item, **of_event} if item and of_event else of_event or item
    said = {**of_call, **of_item} if of_call and of_item else of_item or of_call
    return said if fields is None else {name: fields.get(name) for name in hook.fields} | dict(said)


def _name_address(told: _Told, profile_id: bytes, there: Sequence[Subscription], channel: str, address: str) -> None:
    told.md5 = hashes.of_address(_key(channel, address))
    for one in there:
        if one["channel"] == channel and addresses.of(one) == address:
            told.subscription_hash_id = hashes.of_subscription(profile_id, one)
            break


def _describe_subscription(one: Subscription) -> dict[str, Any]:
    return {name: one[name] for name in _SUBSCRIPTION_MEMBERS if name in one}


def _key(channel: str, address: str) -> str:
    try:
        return addresses.key(channel, address)
    except ValueError:
        return address


def _date(at_microseconds: int) -> str:
    """RFC 3339 with nine digits, of which an event has six."""
    seconds, rest = divmod(at_microseconds, 1_000_000)
    return f"{_second(seconds)}.{rest:06}000Z"


@lru_cache(maxsize=1000)
def _second(seconds: int) -> str:
    return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}"
