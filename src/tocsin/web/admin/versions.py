"""What a configured object was at other times: every section's pages show its versions by this.

A section has a row in the table of pages, whose handler is `of("triggers")`; its form asks `find_restored` for the
members of the version that is to be restored.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote

from starlette.responses import Response

from tocsin.core import versions
from tocsin.core.errors import NotFound
from tocsin.core.users import Right
from tocsin.core.versions import Comparison
from tocsin.store import configuration as stored_configuration
from tocsin.store.configuration import LATEST, PastSpec
from tocsin.store.database import Transaction
from tocsin.web.admin.visit import Visit

_PAGE = 30
# Versions are counted by a bigint.
_LONGEST_NUMBER = 18


class ListedVersion(NamedTuple):
    """A version as it is listed; `members` are those that it changed."""

    version: int
    at: datetime
    author: str
    is_removed: bool
    is_first: bool
    members: list[str]


def of(
    section: str, place: str = "", *, edit: str = "edit", drawn: str = "", right: Right = "write"
) -> Callable[[Visit], Awaitable[Response]]:
    """The page of the versions of a section's objects, whose key is the `{id}` of its address.

    `place`: what the addresses of these objects' pages begin with, the section if nothing is said; `edit`: where below
    that the form is, perhaps the page itself; `drawn`: where two versions are to be seen in a picture, if anywhere;
    `right`: what one needs to restore a version.
    """

    async def show_versions(visit: Visit) -> Response:
        key = visit.path["id"]
        page = f"{place or section}/{quote(key, safe='')}"
        picture = f"{page}/{drawn}" if drawn else ""
        edited = f"{page}/{edit}".rstrip("/")
        return await show(visit, section, key, place=page, edit=edited, drawn=picture, right=right)

    return show_versions


async def show(
    visit: Visit, section: str, key: str, *, place: str, edit: str, right: Right, drawn: str = ""
) -> Response:
    """The versions of an object, and what lies between two of them: `old` and `new` of the address say which.

    `place`: the address of the object's page; `edit`: that of its form, which gets `?version=` to restore one; `drawn`:
    that of a picture of both.
    """
    before = _number(visit.query("before"))
    async with visit.context.database.transaction() as transaction:
        found = await stored_configuration.list_history(transaction, section, key, _PAGE + 1, before or LATEST)
        if not found:
            raise NotFound(f"there are no versions of {section} {key}")
        latest = found[0] if not before else await _get(transaction, section, key, LATEST)
        new = await _chosen(transaction, section, key, "new", visit) or found[0]
        old = await _chosen(transaction, section, key, "old", visit)
        if old is None:
            older = await stored_configuration.list_history(transaction, section, key, 1, new.version)
            old = older[0] if older else None
    return visit.render(
        "versions/versions.html",
        section=section,
        name=next((str(one.spec["name"]) for one in (latest, *found) if one.spec), key),
        place=place,
        list_place=place.rpartition("/")[0],
        edit=edit,
        drawn=drawn if new.spec and (old is None or old.spec) else "",
        may_restore=visit.may(right),
        versions=describe(found)[:_PAGE],
        more=found[_PAGE - 1].version if len(found) > _PAGE else 0,
        is_first_page=not before,
        current=latest.version,
        old=old and old.version,
        new=new.version,
        comparison=await asyncio.to_thread(_compare, section, old, new),
    )


async def find_restored(visit: Visit, section: str, key: str) -> dict[str, Any] | None:
    """The members of the version that `?version=` asks to be restored, secrets included; None when it asks for none.

    NotFound when there is no such version, or nothing is left of the object in it.
    """
    if not visit.query("version"):
        return None
    async with visit.context.database.transaction() as transaction:
        found = await _chosen(transaction, section, key, "version", visit)
    if found is None or found.spec is None:
        raise NotFound(f"there is no version {visit.query('version')} of {section} {key} to restore")
    return found.spec


def _number(text: str) -> int:
    """The number of a version; 0 for what is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER else 0


async def _chosen(transaction: Transaction, section: str, key: str, name: str, visit: Visit) -> PastSpec | None:
    """The version that a parameter of the address names; None without one."""
    text = visit.query(name)
    if not text:
        return None
    found = await _get(transaction, section, key, _number(text) + 1)
    if found.version != _number(text):
        raise NotFound(f"there is no version {text[:20]} of {section} {key}")
    return found


async def _get(transaction: Transaction, section: str, key: str, before: int) -> PastSpec:
    found = await stored_configuration.list_history(transaction, section, key, 1, before)
    if not found:
        raise NotFound(f"there is no such version of {section} {key}")
    return found[0]


def describe(found: Sequence[PastSpec]) -> list[ListedVersion]:
    """Versions, the latest first, as they are listed; of the last one only the next older tells what it changed."""
    older = [*found[1:], None]
    return [
        ListedVersion(
            one.version,
            one.at,
            one.author,
            one.spec is None,
            before is None or before.spec is None,
            versions.changed_members(before.spec if before else None, one.spec),
        )
        for one, before in zip(found, older, strict=True)
    ]


def _compare(section: str, old: PastSpec | None, new: PastSpec) -> Comparison:
    def describe(one: PastSpec | None) -> str:
        return versions.describe(section, one.spec) if one and one.spec else ""

    return versions.compare(describe(old), describe(new))
