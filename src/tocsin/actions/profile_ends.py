"""What is final or far-reaching of what people do with profiles by hand: merging, deleting, exporting, launching."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

from tocsin.actions import audits, exports, launches, profile_changes, profile_search, profiles, rehearsals
from tocsin.actions.context import Context
from tocsin.actions.profile_edits import Opened, open_profile
from tocsin.actions.profile_views import name_of
from tocsin.core import fields, merging
from tocsin.core.audits import Author, Deed
from tocsin.core.configuration import Configuration
from tocsin.core.errors import Ambiguous, Invalid, NotFound
from tocsin.core.exports import ExportCall
from tocsin.core.launches import BatchOutcome, StartCall, StartItem
from tocsin.core.matching import Search
from tocsin.core.profiles import Profile
from tocsin.store.profiles import Place

_MOST_EXPORTED_BY_VALUE = 10_000


class Merging(NamedTuple):
    """What merging would make: the profile that stays, the one that goes, and what becomes of them."""

    stays: Profile
    goes: Profile
    merged: Profile


async def preview_merge(context: Context, profile_id: bytes, text: str) -> Merging:
    """What merging with the profile of the same database that a text names would make. NotFound, Ambiguous or Invalid
    with the path `with`; Conflict when the result could not be stored.
    """
    async with open_profile(context, profile_id) as opened:
        goes = await _find_other(opened, text)
    return Merging(opened.profile, goes, merging.merge(opened.database, opened.profile, [goes]))


async def _find_other(opened: Opened, text: str) -> Profile:
    found = await profile_search.find_by_text(opened.transaction, opened.configuration, text, Place())
    others = [
        profile
        for database_id, profile in found.profiles
        if database_id == opened.database.id and profile.id != opened.profile.id
    ]
    if not others:
        raise NotFound("no other profile of this database has this id, address or phone number", path="with")
    if len(others) > 1:
        raise Ambiguous("several profiles have this; give the id of one", path="with")
    return others[0]


async def merge(context: Context, author: Author, profile_id: bytes, other_id: bytes) -> None:
    """Make one profile of two, the first of which stays; or NotFound, Conflict."""
    async with open_profile(context, profile_id) as opened:
        named = {profile_id: "", other_id: "with"}
        if len(named) == 1:
            raise Invalid("this is the profile itself", path="with")
        await profile_changes.merge(
            context, opened.transaction, opened.configuration, opened.database, named, profile_id
        )
        await audits.record(context, opened.transaction, author, [opened.deed("merged", gone=other_id.hex())])


async def delete(context: Context, author: Author, profile_id: bytes, typed: str) -> None:
    """Delete a profile with its history, once its address or id was typed; else Invalid."""
    async with open_profile(context, profile_id) as opened:
        known = {name_of(opened.profile).lower(), profile_id.hex()} - {""}
        if typed.lower() not in known:
            raise Invalid("this is not what the profile is called", path="typed")
        matching = profiles.check_matching(
            opened.configuration, opened.database, "profile_id", field_name="", resource_id=None
        )
        search = Search(profile_id=profile_id.hex())
        await profile_changes.delete(
            context, opened.transaction, opened.configuration, opened.database, matching, search
        )
        await audits.record(context, opened.transaction, author, [opened.deed("removed")])


async def export_query(context: Context, author: Author, call: ExportCall) -> UUID:
    """Begin to write the profiles that fit a query to a file; the id of the task. NotFound or Invalid."""
    async with context.database.transaction() as transaction:
        configuration = await context.configuration(transaction)
        task_id = await exports.enqueue(context, transaction, configuration, call)
        name = configuration.get_database(call.database_id).name
        details = {"database": call.database_id, "format": call.file_format, "task": str(task_id)}
        await audits.record(context, transaction, author, [Deed("exported", "profiles", "", name, details)])
    return task_id


async def query_of_matching(
    context: Context, database_id: int, mode: str, search: Search, *, field_name: str, resource_id: int | None
) -> dict[str, Any]:
    """The query that selects whom a matching mode finds now, 10,000 at most; or Invalid."""
    async with context.database.transaction() as transaction:
        configuration = await context.configuration(transaction)
        database = configuration.get_database(database_id)
        matching = profiles.check_matching(
            configuration, database, mode, field_name=field_name, resource_id=resource_id
        )
        found = await profile_search.list_ids(transaction, database, matching, search, _MOST_EXPORTED_BY_VALUE)
    return {"_id": {"$in": [one.hex() for one in found]}}


async def rehearse_launch(
    context: Context, profile_id: bytes, target: Mapping[str, int], content: Mapping[str, Any]
) -> BatchOutcome:
    """What launching for one profile would do; or NotFound, Invalid."""
    async with open_profile(context, profile_id) as opened:
        checked = await _check(opened, target, content)
        return _single(await rehearsals.run(context, opened.transaction, checked))


async def launch(
    context: Context, author: Author, profile_id: bytes, target: Mapping[str, int], content: Mapping[str, Any]
) -> BatchOutcome:
    """Send a trigger to one profile, or start a workflow for it; or NotFound, Invalid."""
    async with open_profile(context, profile_id) as opened:
        checked = await _check(opened, target, content)
        outcome = _single(await launches.run(context, opened.transaction, checked))
        await audits.record(context, opened.transaction, author, [opened.deed("launched", **target)])
        return outcome


async def _check(opened: Opened, target: Mapping[str, int], content: Mapping[str, Any]) -> launches.CheckedCall:
    _check_database(opened.configuration, target, opened.database.id)
    try:
        fields.check_tree(dict(content))
    except ValueError as mistake:
        raise Invalid(str(mistake), path="content") from None
    call = StartCall(
        items=[StartItem()],
        trigger_id=target.get("trigger_id"),
        workflow_id=target.get("workflow_id"),
        matching="profile_id",
        search=Search(profile_id=opened.profile.id.hex()),
        content=dict(content),
        is_single=True,
        source="by_hand",
    )
    return await launches.check(opened.transaction, opened.configuration, call)


def _check_database(configuration: Configuration, target: Mapping[str, int], database_id: int) -> None:
    workflow_id = target.get("workflow_id")
    found = configuration.get_workflow(workflow_id) if workflow_id else configuration.get_trigger(target["trigger_id"])
    if found.database != database_id:
        raise Invalid(f"{found.name} is for profiles of database {found.database}", path="target")


def _single(outcome: BatchOutcome) -> BatchOutcome:
    if outcome.errors:
        raise Invalid(outcome.errors[0].error_debug, path="target")
    return outcome
