"""`subscriptions/…`: the subscriptions of a profile or of a resource (facts, 5.5 and 6.1)."""

import re
from typing import Any

from msgspec import UNSET, UnsetType

from tocsin.core import emails, hashes, ids
from tocsin.core import subscriptions as core
from tocsin.core.errors import Invalid, NotFound
from tocsin.core.profiles import Profile
from tocsin.core.subscriptions import STATUSES, Subscription
from tocsin.store import profiles, subscriptions
from tocsin.store.subscriptions import Place, Selection
from tocsin.web.api.resources import read_channel
from tocsin.web.call import Call
from tocsin.web.envelope import DataAnswer, Envelope, Success
from tocsin.web.lists import PageRequest

_is_pointer = re.compile(r"([0-9a-f]{24})\.([0-9a-f]{32})").fullmatch


class ProfileRequest(Envelope, kw_only=True, omit_defaults=True):
    """A profile by its id."""

    db_id: int
    profile_id: str


class SubscriptionRequest(ProfileRequest, kw_only=True, omit_defaults=True):
    """One subscription of a profile: its resource, channel and address."""

    resource_id: int
    channel: str | None = None
    email: str | None = None
    email_data: dict[str, Any] | None = None
    phone: str | None = None
    phone_data: dict[str, Any] | None = None
    provider: str | None = None
    subscription_id: str | None = None
    push_data: dict[str, Any] | None = None
    cc_data: dict[str, Any] | None = None

    def named(self) -> dict[str, Any]:
        """What core.subscriptions.Reader reads of it."""
        given = {name: getattr(self, name) for name in SubscriptionRequest.__annotations__}
        return {name: value for name, value in given.items() if value is not None}


class ProfileSubscriptionsRequest(ProfileRequest, kw_only=True, omit_defaults=True):
    """The subscriptions of a profile."""

    with_deleted: bool = False


class ListAllRequest(PageRequest, kw_only=True, omit_defaults=True):
    """The subscriptions of a resource."""

    resource_id: int
    db_id: int | None = None
    channel: str = ""
    status: str | int = ""
    from_id: str = ""


class SubscriptionListAnswer(Success, kw_only=True):
    """Subscriptions of one profile."""

    data: list[dict[str, Any]]


class SubscriptionListAllAnswer(SubscriptionListAnswer, kw_only=True):
    """A page of subscriptions of many profiles."""

    next_from_id: str | UnsetType = UNSET
    total_count: int | UnsetType = UNSET


async def get(call: Call, request: SubscriptionRequest) -> DataAnswer:
    """One subscription of a profile, unless it is deleted."""
    profile = await _get_profile(call, request)
    call.configuration.get_resource(request.resource_id)
    reader = core.Reader(call.configuration, call.configuration.get_database(request.db_id))
    wanted = core.identity(reader.read(request.named()))
    for subscription in profile.subscriptions:
        if core.identity(subscription) == wanted:
            return DataAnswer(data=describe(profile.id, subscription))
    raise NotFound("the profile has no such subscription")


async def list_of_profile(call: Call, request: ProfileSubscriptionsRequest) -> SubscriptionListAnswer:
    """The subscriptions of a profile."""
    profile = await _get_profile(call, request)
    data = [describe(profile.id, subscription) for subscription in profile.subscriptions]
    if request.with_deleted:
        deleted = (await subscriptions.get_deleted(call.transaction, [profile.id]))[profile.id]
        data += [describe(profile.id, subscription, is_deleted=True) for subscription in deleted]
    return SubscriptionListAnswer(data=data)


async def list_all(call: Call, request: ListAllRequest) -> SubscriptionListAllAnswer:
    """A page of a resource's subscriptions, all or those of a channel or status."""
    selection, after = _read_selection(call, request), _read_pointer(request.from_id)
    is_first = after == Place()
    total = await subscriptions.count(call.transaction, selection) if is_first else None
    page = await subscriptions.list_after(call.transaction, selection, after, request.limit)
    return SubscriptionListAllAnswer(
        data=[{"profile_id": place.profile_id.hex()} | describe(place.profile_id, one) for place, one in page],
        next_from_id=_describe_pointer(page[-1][0]) if page else UNSET,
        total_count=UNSET if total is None else total,
    )


async def _get_profile(call: Call, request: ProfileRequest) -> Profile:
    database = call.configuration.get_database(request.db_id)
    profile_id = read_profile_id(request.profile_id)
    found = await profiles.get(call.transaction, database.id, [profile_id])
    if not found:
        raise NotFound("there is no such profile", path="profile_id")
    return found[profile_id]


def read_profile_id(said: str) -> bytes:
    """The id of a call, or Invalid."""
    profile_id = ids.parse(said)
    if profile_id is None:
        raise Invalid(f"expected {ids.HEX_SIZE} hex digits", path="profile_id")
    return profile_id


def _read_selection(call: Call, request: ListAllRequest) -> Selection:
    members: Subscription = {"resource_id": call.configuration.get_resource(request.resource_id).id}
    if request.channel:
        members["channel"] = read_channel(request.channel)
    if request.status != "":
        members["status"] = _read_status(str(request.status))
    databases = call.configuration.databases
    database_ids = [*databases] if request.db_id is None else [call.configuration.get_database(request.db_id).id]
    return Selection(database_ids, members)


def _read_status(said: str) -> str:
    """The word for a word or its number; or Invalid."""
    words = {str(number): word for number, word in enumerate(STATUSES)}
    word = words.get(said, said)
    if word not in STATUSES:
        raise Invalid(f"expected one of {', '.join(STATUSES)}, or its number", path="status")
    return word


def _read_pointer(said: str) -> Place:
    if not said:
        return Place()
    found = _is_pointer(said)
    if found is None:
        raise Invalid("expected the next_from_id of the page before", path="from_id")
    return Place(bytes.fromhex(found[1]), found[2])


def _describe_pointer(place: Place) -> str:
    return f"{place.profile_id.hex()}.{place.mark}"


def describe(profile_id: bytes, subscription: Subscription, *, is_deleted: bool = False) -> dict[str, Any]:
    """A subscription as the API shows it: its address both directly and in its documented holder."""
    shown = dict(subscription)
    match subscription:
        case {"channel": "email", "email": address}:
            key = emails.key(address)
            domain = key.rpartition("@")[2]
            shown["email_data"] = {
                "email": address,
                "domain": domain,
                "domain_group": domain,
                "md5": hashes.of_address(key),
            }
        case {"channel": "push"}:
            shown["push_data"] = {name: subscription[name] for name in ("provider", "subscription_id")}
        case {"channel": "sms", "phone": phone} | {"cc_data": {"phone": phone}}:
            shown["phone_data"] = {"phone": phone, "md5": hashes.of_address(phone)}
    shown["hash_id"] = hashes.of_subscription(profile_id, subscription)
    shown["is_delete"] = is_deleted
    return shown
