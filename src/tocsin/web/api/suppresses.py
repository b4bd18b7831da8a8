"""`suppresses/…`: addresses that get nothing (facts, 6.4)."""

from collections.abc import Mapping
from datetime import UTC, datetime

from msgspec import UNSET, Struct, UnsetType, field

from tocsin.actions import suppressed
from tocsin.core.configuration import Configuration
from tocsin.core.configuration_rules import GLOBAL_LIST, SuppressionList
from tocsin.core.configuration_words import Name
from tocsin.core.errors import Invalid
from tocsin.core.launches import ItemError
from tocsin.core.suppression import AUTOMATIC_LIST, AUTOMATIC_NAME, Suppression, covering, parse_value
from tocsin.store import suppressions
from tocsin.web.call import Call
from tocsin.web.envelope import DataAnswer, Envelope, Success
from tocsin.web.lists import ListAnswer, ListRequest, PageRequest, page_of


class AddRequest(Envelope, kw_only=True, omit_defaults=True):
    """Addresses to put on the list `id`; without an `id`, a list to be made, and what is to be on it."""

    id: int | None = None
    name: Name | None = None
    description: str = ""
    databases: list[int] = field(default_factory=list)
    emails: list[str] = field(default_factory=list)
    reason: str = ""


class RemoveRequest(Envelope, kw_only=True, omit_defaults=True):
    """Addresses to take from a list; 0 is that of bounces and complaints."""

    id: int
    emails: list[str]


class ListNumberRequest(Envelope, kw_only=True, omit_defaults=True):
    """Which list."""

    id: int


class EntriesRequest(PageRequest, kw_only=True, omit_defaults=True):
    """A page of a list from after an address; or all that is known of some addresses."""

    id: int | None = None
    emails: list[str] = field(default_factory=list)
    from_email: str = ""


class AddAnswer(Success, kw_only=True):
    """The number of the list, and what became of the addresses."""

    saved_id: int
    total_count: int
    total_duplicated: int
    total_imported: int
    total_updated: int
    errors: list[ItemError] | UnsetType = UNSET


class RemoveAnswer(Success, kw_only=True):
    """How many of the addresses were on the list."""

    total_count: int
    total_removed: int
    errors: list[ItemError] | UnsetType = UNSET


class ListDescription(Struct):
    """A suppression list; `total_count`: how many addresses are on it."""

    id: int
    name: str
    is_global: bool
    description: str
    dbs_ids: list[int]
    total_count: int


class SuppressionListAnswer(ListAnswer, kw_only=True):
    """A page of suppression lists."""

    data: list[ListDescription]


class Entry(Struct, kw_only=True):
    """An address on a list: since when, by whom, why; `smid`: the message that bounced or was complained of."""

    email: str
    id: int
    source: str
    at: str
    reason: str
    smid: str | UnsetType = UNSET
    resource_id: int | UnsetType = UNSET


class EntriesAnswer(Success, kw_only=True):
    """Entries in the order of their addresses."""

    data: list[Entry]
    next_from_email: str | UnsetType = UNSET


async def add(call: Call, request: AddRequest) -> AddAnswer:
    """Put addresses on a suppression list: emails, phone numbers, `@domain`, devices, hashes; or make a list."""
    list_id = await _get_list(call, request)
    added = suppressed.Added(0, 0, 0, 0, [])
    if request.emails:
        added = await suppressed.add(call.context, call.transaction, list_id, request.emails, request.reason)
        await call.note("suppressed", "suppressions", str(list_id), added=added.new)
    return AddAnswer(
        saved_id=list_id,
        total_count=added.given,
        total_duplicated=added.duplicated,
        total_imported=added.new,
        total_updated=added.known,
        errors=added.errors or UNSET,
    )


async def _get_list(call: Call, request: AddRequest) -> int:
    """The number of the list that is meant, made if it is new."""
    if request.id is None:
        if request.name is None:
            raise Invalid("expected the number of a list, or the name of a new one", path="id")
        databases = tuple(request.databases)
        return await suppressed.create_list(
            call.context, call.transaction, call.author, request.name, request.description, databases
        )
    if request.id == AUTOMATIC_LIST:
        raise Invalid("this list is kept by what comes back; use another one", path="id")
    if not request.emails:
        raise Invalid("expected addresses", path="emails")
    return call.configuration.get_suppression_list(request.id).id


async def remove(call: Call, request: RemoveRequest) -> RemoveAnswer:
    """Take addresses from a suppression list, but those that the configuration file keeps there."""
    if request.id != AUTOMATIC_LIST:
        call.configuration.get_suppression_list(request.id)
    removed, errors = await suppressed.remove(call.transaction, request.id, request.emails)
    await call.note("lifted", "suppressions", str(request.id), removed=removed)
    return RemoveAnswer(total_count=len(request.emails), total_removed=removed, errors=errors or UNSET)


async def get(call: Call, request: ListNumberRequest) -> DataAnswer:
    """One suppression list."""
    listed = _lists(call.configuration).get(request.id) or call.configuration.get_suppression_list(request.id)
    totals = await suppressions.count(call.transaction, [request.id])
    return DataAnswer(data=_describe(request.id, listed, totals))


async def list_lists(call: Call, request: ListRequest) -> SuppressionListAnswer:
    """The suppression lists, in the order of their numbers; that of bounces and complaints is 0."""
    lists = _lists(call.configuration)
    page = page_of({number: (number, listed) for number, listed in lists.items()}, request)
    totals = await suppressions.count(call.transaction, [number for number, _ in page.objects])
    return SuppressionListAnswer(
        data=[_describe(number, listed, totals) for number, listed in page.objects],
        next_from_id=page.next_from_id,
        total_count=len(lists),
    )


async def list_entries(call: Call, request: EntriesRequest) -> EntriesAnswer:
    """What is on a suppression list, or on which lists some addresses are, and why."""
    if request.id is None:
        return EntriesAnswer(data=[_describe_entry(one) for one in await _entries_of(call, request.emails)])
    if request.emails:
        raise Invalid("expected either a list or addresses", path="emails")
    if request.id != AUTOMATIC_LIST:
        call.configuration.get_suppression_list(request.id)
    page = await suppressions.list_of_list(call.transaction, request.id, request.from_email, request.limit)
    return EntriesAnswer(data=[_describe_entry(one) for one in page], next_from_email=page[-1].value if page else UNSET)


async def _entries_of(call: Call, texts: list[str]) -> list[Suppression]:
    """Those of the addresses themselves and of their domains."""
    if not texts or len(texts) > suppressed.MOST_VALUES:
        raise Invalid(f"expected the number of a list, or 1 to {suppressed.MOST_VALUES} addresses", path="emails")
    values: set[str] = set()
    for index, text in enumerate(texts):
        try:
            value = parse_value(text)
        except ValueError as mistake:
            raise Invalid(str(mistake), path=f"emails[{index}]") from None
        values.update(covering(value))
    return await suppressions.list_entries(call.transaction, values)


def _lists(configuration: Configuration) -> Mapping[int, SuppressionList]:
    """All that there are, the two that nobody needs to configure included."""
    automatic = SuppressionList(AUTOMATIC_LIST, AUTOMATIC_NAME)
    global_list = configuration.get_suppression_list(GLOBAL_LIST)
    return {AUTOMATIC_LIST: automatic, GLOBAL_LIST: global_list, **configuration.suppression_lists}


def _describe(number: int, listed: SuppressionList, totals: Mapping[int, int]) -> ListDescription:
    return ListDescription(
        number, listed.name, not listed.databases, listed.description, list(listed.databases), totals.get(number, 0)
    )


def _describe_entry(one: Suppression) -> Entry:
    return Entry(
        email=one.value,
        id=one.list_id,
        source=one.source,
        at=_instant(one.at),
        reason=one.reason,
        smid=one.message_id.hex() if one.message_id else UNSET,
        resource_id=one.resource_id or UNSET,
    )


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"
