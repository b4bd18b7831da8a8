"""What a launching call says: items, options, attachments. The same structs travel from the call to a task."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from tocsin.core import addresses, emails, phones
from tocsin.core.configuration_words import ImportSource
from tocsin.core.errors import Invalid, TocsinError
from tocsin.core.matching import Search

MAX_DAYS = 3650

# What is wanted of a launch.
LaunchState = Literal["running", "paused", "cancelled"]

# Marks the object member of a struct whose own members stand, in XML, among those of the struct (facts, 1.7).
FLAT_IN_XML = Meta(extra={"flat_in_xml": True})

Count = Annotated[int, Meta(ge=0, le=10**9)]


class ImportItem(Struct, omit_defaults=True):
    """One profile of a batch import; with a query, all that fit it. In XML its fields stand directly in the item."""

    data: Annotated[dict[str, Any], FLAT_IN_XML]
    custom_data: dict[str, Any] = field(default_factory=dict)
    custom_request: dict[str, Any] | None = None


class StartItem(Search, omit_defaults=True):
    """One profile to find, or all that fit a query (facts, 2.1)."""

    custom_data: dict[str, Any] = field(default_factory=dict)
    custom_request: dict[str, Any] | None = None


class Timeout(Struct, omit_defaults=True):
    """The wait before a launch."""

    days: Count = 0
    hours: Count = 0
    minutes: Count = 0
    seconds: Count = 0

    def length(self) -> timedelta:
        """At most ten years, else Invalid."""
        seconds = ((self.days * 24 + self.hours) * 60 + self.minutes) * 60 + self.seconds
        if seconds > MAX_DAYS * 86400:
            raise Invalid(f"expected at most {MAX_DAYS} days in all", path="timeout")
        return timedelta(seconds=seconds)


class Attach(Struct, omit_defaults=True):
    """A file for the email: its data as a data URI, or the key of an uploaded file.

    `flie_key` is how the documentation spells it; both work.
    """

    name: str = ""
    data: str = ""
    file_key: str = ""
    flie_key: str = ""
    mimetype: str = ""

    @property
    def key(self) -> str:
        """The key of the uploaded file, empty when the data is here."""
        return self.file_key or self.flie_key


class Attachment(Struct, frozen=True):
    """A file kept with a launch; `file` is the id of the stored file."""

    name: str
    content_type: str
    file: str


class Launch(Struct, frozen=True):
    """One call that started a trigger or a workflow, and what is common to its messages.

    `source`: the call, as `start_batch_task`, or the event of profiles that it was. `is_addressed`: the call says to
    which address.
    """

    id: bytes
    trigger_id: int | None
    content: dict[str, Any]
    custom_data: dict[str, Any]
    attachments: tuple[Attachment, ...] = ()
    workflow_id: int | None = None
    source: str = ""
    state: LaunchState = "running"
    is_addressed: bool = False


class SubscriptionFilter(Struct, omit_defaults=True):
    """The address to send to, chosen by the call (facts, 3.1): that of the trigger's channel. Not strict: another
    one when it is not there.
    """

    email: str = ""
    phone: str = ""
    provider: str = ""
    subscription_id: str = ""
    not_strict: bool = False

    def address(self, channel: str) -> str:
        """That for a channel, in the spelling of core.addresses.key; empty when none is given. Raises Invalid."""
        if channel == "push":
            return addresses.push_address(self.provider, self.subscription_id) if self.subscription_id else ""
        member = {"email": "email", "sms": "phone"}.get(channel, "")
        given = getattr(self, member, "")
        try:
            return addresses.key(channel, given) if given else ""
        except ValueError as mistake:
            raise Invalid(str(mistake), path=member) from None

    def check(self) -> None:
        """Invalid, with the member in `path`, for what is no address."""
        for member, parse in (("email", emails.parse), ("phone", phones.parse)):
            given = getattr(self, member)
            try:
                _ = given and parse(given)
            except ValueError as mistake:
                raise Invalid(str(mistake), path=member) from None
        if bool(self.provider) != bool(self.subscription_id):
            missing = "subscription_id" if self.provider else "provider"
            raise Invalid(f"{missing} is missing: a push subscription is known by both", path=missing)


class LaunchCall(Struct, kw_only=True, omit_defaults=True):
    """What is common to a call's items: the trigger or the workflow to start, and with what. `search`: the values given
    at the root.

    `audience`: a query in place of `matching`, which is empty then. Where queries were resolved to profiles, `indexes`
    has the place in the call of each item that this made, and `failed` those that no profile fits.
    """

    trigger_id: int | None = None
    workflow_id: int | None = None
    matching: str = "email"
    field_name: str = ""
    resource_id: int | None = None
    search: Search = field(default_factory=Search)
    skip_invalid_subscriptions: bool = False
    subscription_filter: SubscriptionFilter | None = None
    timeout: Timeout = field(default_factory=Timeout)
    content: dict[str, Any] = field(default_factory=dict)
    custom_data: dict[str, Any] = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()
    is_single: bool = False
    skip_triggers: bool = False
    source: str = ""
    audience: dict[str, Any] | None = None
    indexes: list[int] = field(default_factory=list)
    failed: list["ItemError"] = field(default_factory=list)
    dry_run: bool = False

    def index(self, place: int) -> int:
        """The place in the call of the item at a place in `items`."""
        return self.indexes[place] if self.indexes else place

    def path(self, place: int) -> str:
        """The member path of an item; a single one that is to be found has its members at the root."""
        return "" if self.is_single else f"data[{self.index(place)}]"


class ImportCall(LaunchCall, kw_only=True, tag="import", omit_defaults=True):
    """Import profiles, then launch."""

    items: list[ImportItem]
    detect_geo: bool = False
    import_source: ImportSource = "api"


class StartCall(LaunchCall, kw_only=True, tag="start", omit_defaults=True):
    """Find profiles, then launch."""

    items: list[StartItem]


class ProfileReference(Struct, frozen=True):
    """One item of a documented `result`."""

    profile_id: str


class ItemError(Struct, frozen=True, omit_defaults=True):
    """An item that failed (design.md, section 5, decision 3)."""

    index: int
    error: int
    error_text: str
    error_debug: str = ""


class SkippedItem(Struct, frozen=True, omit_defaults=True):
    """A profile that is known but gets no message, and why; `rule` says which one of several, in words."""

    index: int
    profile_id: str
    reason: str
    rule: str = ""


class RehearsedMessage(Struct, omit_defaults=True):
    """A message as it would be sent: of an email its headers and parts, of an SMS its text, of a push its payload."""

    channel: str
    address: str
    subject: str = ""
    html: str = ""
    text: str = ""
    headers: list[str] = field(default_factory=list)
    payload: str = ""
    error: str = ""


class RehearsedItem(Struct, omit_defaults=True):
    """What a call would do about an item. `found`: whether its profile is there or would be made; `by`: the values
    that it was searched by. `due_at`: when its message would leave.
    """

    index: int
    found: Literal["matched", "created"]
    by: str
    outcome: Literal["sent", "entered", "skipped"]
    profile_id: str = ""
    addresses: list[str] = field(default_factory=list)
    due_at: str = ""
    reason: str = ""
    rule: str = ""


class Rehearsal(Struct, omit_defaults=True):
    """What a call would do, item by item, and the first message that it would send."""

    items: list[RehearsedItem] = field(default_factory=list)
    message: RehearsedMessage | None = None


class BatchOutcome(Struct, omit_defaults=True):
    """What became of the items of a call, in their order. `launch_id`: empty when nothing was launched."""

    result: list[ProfileReference]
    errors: list[ItemError] = field(default_factory=list)
    skipped: list[SkippedItem] = field(default_factory=list)
    ignored_fields: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    launch_id: str = ""
    dry_run: Rehearsal | None = None


class AudienceOutcome(Struct, frozen=True):
    """How many profiles fit, and how many of them get no message. `launch_id`: empty when nothing was launched."""

    found: int
    skipped: int
    launch_id: str = ""
    dry_run: Rehearsal | None = None


class ItemFailed(TocsinError):
    """The only item of a call failed, so the call did."""

    def __init__(self, item: ItemError) -> None:
        super().__init__(item.error_debug)
        self.code = item.error
        self.text = item.error_text


def item_error(index: int, mistake: TocsinError) -> ItemError:
    """The entry of an item that failed."""
    return ItemError(index, mistake.code, mistake.text, mistake.describe())
