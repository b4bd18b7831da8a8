"""Finding profiles: by whatever is typed, by a matching mode, by a filter; and what is found as a file."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, get_args
from urllib.parse import urlencode
from uuid import UUID

from starlette.responses import Response

from tocsin.actions import profile_ends, profile_search, profiles
from tocsin.actions.profile_search import Found
from tocsin.core import ids, mongo_text
from tocsin.core.configuration import Configuration, Database
from tocsin.core.errors import Invalid, NotFound, TocsinError, TooSlow
from tocsin.core.exports import ExportCall, Format, check_columns
from tocsin.core.matching import MODES, Search
from tocsin.core.profiles import Profile
from tocsin.core.subscriptions import SUBSCRIBED
from tocsin.store import downloads, tasks
from tocsin.store.database import SEARCH_SECONDS, Transaction
from tocsin.store.profiles import Place
from tocsin.store.timeline import TimelinePlace
from tocsin.web import downloads as files
from tocsin.web.admin.forms import Form, Mistakes, is_number
from tocsin.web.admin.profiles import timeline, values
from tocsin.web.admin.visit import Visit

WAYS = ("text", "value", "filter")

_MEMBERS = ("email", "phone", "profile_id", "provider", "subscription_id", "field_value")
_MOST_ECHO = 2000
_LONGEST_TEXT = 300


class Asked(NamedTuple):
    """What is looked for, as the address or a form says it."""

    by: str
    text: str
    database: Database | None
    mode: str
    filter: str
    members: Mapping[str, str]

    def search(self) -> Search:
        """The values of a matching mode."""
        return Search(**{name: self.members[name] for name in _MEMBERS if self.members.get(name)})


class Row(NamedTuple):
    """A profile of a list."""

    id: str
    database: str
    name: str
    email: str
    phone: str
    subscribed: int
    subscriptions: int
    created_at: datetime


async def list_profiles(visit: Visit) -> Response:
    """A page of what is looked for; without anything, of the newest profiles of a database."""
    async with visit.context.database.transaction() as transaction:
        configuration = await visit.context.configuration(transaction)
        asked = read_asked(configuration, visit.query)
        before = _read_place(visit.query("before"))
        mistakes = Mistakes()
        found, echo = Found([]), ""
        try:
            query = values.read_object(asked.filter, "filter", visit.t) if asked.by == "filter" else {}
            echo = _echo(visit, asked, query)
            found = await _find(transaction, configuration, asked, query, before)
        except TocsinError as mistake:
            if mistake.is_ours:
                raise
            echo = echo if isinstance(mistake, TooSlow) else ""
            mistakes.add(_say(visit, mistake))
    if asked.by == "text" and asked.text and len(found.profiles) == 1 and before == Place():
        return visit.go(f"profiles/{found.profiles[0][1].id.hex()}")
    return visit.render(
        "profiles/list.html",
        422 if mistakes else 200,
        asked=asked,
        databases=[(str(one.id), one.name) for one in configuration.databases.values()],
        modes=[(name, visit.t.word("profiles_mode", name), " ".join(_members_of(name))) for name in MODES],
        resources=[("", visit.t("any")), *((str(one.id), one.name) for one in configuration.resources.values())],
        rows=[_row(configuration, database_id, profile) for database_id, profile in found.profiles],
        next=_address(asked, found.next) if found.next else "",
        first=_address(asked, None) if before != Place() else "",
        echo=echo,
        mistakes=mistakes.of,
        formats=get_args(Format),
    )


def read_asked(configuration: Configuration, value: Callable[[str], str]) -> Asked:
    """What is looked for; `value` gives a member by its name."""
    by = value("by") if value("by") in WAYS else "text"
    databases = configuration.databases
    number = value("database")
    chosen = databases.get(int(number)) if is_number(number) else None
    return Asked(
        by,
        value("q")[:_LONGEST_TEXT],
        chosen or next(iter(databases.values()), None),
        value("mode") or "email",
        value("filter"),
        {name: value(name) for name in (*_MEMBERS, "field_name", "resource_id")},
    )


async def _find(
    transaction: Transaction, configuration: Configuration, asked: Asked, query: Mapping[str, Any], before: Place
) -> Found:
    if asked.database is None:
        return Found([])
    if asked.by == "text" and asked.text:
        return await profile_search.find_by_text(transaction, configuration, asked.text, before)
    if asked.by == "value":
        if not any(asked.members[name] for name in _MEMBERS):
            return Found([])
        matching = profiles.check_matching(
            configuration,
            asked.database,
            asked.mode,
            field_name=asked.members["field_name"],
            resource_id=Form([("resource_id", asked.members["resource_id"])]).number("resource_id"),
        )
        return await profile_search.find_by_matching(transaction, asked.database, matching, asked.search(), before)
    return await profile_search.find_by_filter(transaction, asked.database, query, before)


def _echo(visit: Visit, asked: Asked, query: Mapping[str, Any]) -> str:
    """The filter in plain words, once it is known to be right."""
    if asked.database is None or not asked.filter:
        return ""
    profile_search.check_filter(asked.database, query)
    told = mongo_text.describe(query, visit.t.language)
    return told if len(told) <= _MOST_ECHO else f"{told[:_MOST_ECHO]}…"


def _say(visit: Visit, mistake: TocsinError) -> TocsinError:
    """A mistake at the field of the form that it is of."""
    if isinstance(mistake, TooSlow):
        return Invalid(visit.t("profiles_too_slow", seconds=SEARCH_SECONDS), path="")
    top, _, rest = mistake.path.partition(".")
    if top == "filter" and rest:
        return Invalid(f"{rest}: {mistake.debug}", path="filter")
    return Invalid(mistake.debug, path={"matching": "mode"}.get(top, top))


def _members_of(mode: str) -> tuple[str, ...]:
    more = ("field_name",) if mode in ("custom", "custom_sub") else ()
    return (
        *MODES[mode].members,
        *more,
        *(("resource_id",) if mode.endswith("sub") or mode in ("email", "phone") else ()),
    )


def _row(configuration: Configuration, database_id: int, profile: Profile) -> Row:
    values, subscriptions = profile.fields, profile.subscriptions
    database = configuration.databases.get(database_id)
    return Row(
        profile.id.hex(),
        database.name if database else str(database_id),
        call_person(profile),
        _cut(str(values.get("email") or _first(subscriptions, "email"))),
        str(next(iter(values.get("phones") or ()), "") or _first(subscriptions, "phone")),
        sum(one["status"] == SUBSCRIBED for one in subscriptions),
        len(subscriptions),
        datetime.fromtimestamp(ids.seconds(profile.id), UTC),
    )


def _first(subscriptions: list[dict[str, Any]], member: str) -> str:
    return next((str(one[member]) for one in subscriptions if one.get(member)), "")


def call_person(profile: Profile) -> str:
    """First and last name, as far as they are known."""
    return _cut(" ".join(str(profile.fields[name]) for name in ("_fname", "_lname") if profile.fields.get(name)))


def _cut(text: str) -> str:
    longest = 100
    return text if len(text) <= longest else f"{text[:longest]}…"


def _address(asked: Asked, before: Place | None) -> str:
    said = {
        "by": asked.by,
        "q": asked.text,
        "database": asked.database.id if asked.database else "",
        "filter": asked.filter,
    }
    said |= {"mode": asked.mode} if asked.by == "value" else {}
    said |= asked.members
    said |= {"before": timeline.write_place(TimelinePlace(*before)) if before else ""}
    return "profiles?" + urlencode({name: value for name, value in said.items() if value})


def _read_place(text: str) -> Place:
    read = timeline.read_place(text)
    return Place(*read) if read.key else Place()


async def begin_export(visit: Visit) -> Response:
    """Begin to write what a search finds to a file."""
    async with visit.context.database.transaction() as transaction:
        configuration = await visit.context.configuration(transaction)
    asked = read_asked(configuration, visit.form.text)
    if asked.database is None:
        raise NotFound("there is no database")
    file_format: Format = "json" if visit.form.text("format") == "json" else "csv"
    query = values.read_object(asked.filter, "filter", visit.t)
    if asked.by == "value":
        members = asked.members
        query = await profile_ends.query_of_matching(
            visit.context,
            asked.database.id,
            asked.mode,
            asked.search(),
            field_name=members["field_name"],
            resource_id=Form([("resource_id", members["resource_id"])]).number("resource_id"),
        )
    call = ExportCall(asked.database.id, file_format, check_columns(asked.database, [], file_format), query)
    task_id = await profile_ends.export_query(visit.context, visit.author, call)
    return visit.go(f"profiles/exports/{task_id}")


async def show_export(visit: Visit) -> Response:
    """How far the file is, and where to get it."""
    task_id = _task_id(visit)
    async with visit.context.database.transaction() as transaction:
        task = await tasks.find(transaction, task_id)
        file = await downloads.find(transaction, task_id)
    if task is None:
        raise NotFound("there is no such task")
    percent = 100 if file else min(99, 100 * task.done // max(task.total, 1))
    return visit.render("profiles/export.html", task_id=str(task_id), state=task.status, percent=percent, file=file)


async def download(visit: Visit) -> Response:
    """The file."""
    async with visit.context.database.transaction() as transaction:
        found = await downloads.find(transaction, _task_id(visit))
    if found is None:
        raise NotFound("there is no such file; it is kept as long as its task")
    return files.stream(visit.context, visit.request, found)


def _task_id(visit: Visit) -> UUID:
    try:
        return UUID(visit.path["task"])
    except ValueError:
        raise NotFound("there is no such task") from None
