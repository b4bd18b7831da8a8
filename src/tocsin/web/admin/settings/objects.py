"""Databases, resources, senders, policies, suppression lists and hooks: their lists, and the form of each."""

from typing import Any

from starlette.responses import Response

from tocsin.actions import configuration_changes
from tocsin.core.configuration import Configuration
from tocsin.core.errors import Conflict, MemberMistakes, NotFound
from tocsin.store import audits, configuration
from tocsin.web.admin import versions
from tocsin.web.admin.forms import Mistakes
from tocsin.web.admin.settings import fields, parts
from tocsin.web.admin.settings.columns import TYPES
from tocsin.web.admin.settings.sections import Section, get_section, references, type_of
from tocsin.web.admin.visit import Visit

NEW = "new"
_MOST_AUDITS = 10


async def list_objects(visit: Visit) -> Response:
    """The objects of a section, with what is worth knowing of each."""
    section = get_section(visit.path["section"])
    async with visit.context.database.transaction() as transaction:
        known = await visit.context.configuration(transaction)
        marks = await configuration.list_marks(transaction)
        said = await parts.describe_all(transaction, known, section.name)
    listed = [
        {
            "object": one,
            "type": str(one.__struct_config__.tag or ""),
            "file": marks.get((section.name, str(one.id)), ""),
            "said": said.get(one.id, {}),
        }
        for one in getattr(known, section.name).values()
    ]
    return visit.render("settings/list.html", section=section.name, listed=listed, types=section.types)


async def show(visit: Visit) -> Response:
    """The form of one object, or of a new one."""
    section = get_section(visit.path["section"])
    async with visit.context.database.transaction() as transaction:
        known = await visit.context.configuration(transaction)
    if visit.path["id"] == NEW:
        visit.require(section.right)
        return await _form_page(visit, section, known, {"type": visit.query("type")} if section.types else {}, {})
    members = configuration_changes.members_of(known, section.name, _number(visit))
    restored = await versions.find_restored(visit, section.name, visit.path["id"])
    return await _form_page(visit, section, known, members, {}, restored)


async def show_versions(visit: Visit) -> Response:
    """Every state that an object has had, and what lies between two of them."""
    section, number = get_section(visit.path["section"]), _number(visit)
    place = f"settings/{section.name}/{number}"
    return await versions.show(visit, section.name, str(number), place=place, edit=place, right=section.right)


async def change(visit: Visit) -> Response:
    """Save the form, remove the object, or do what one of its buttons says."""
    section = get_section(visit.path["section"])
    action = visit.form.text("do")
    if action == "remove":
        return await _remove(visit, section)
    if action:
        return await parts.do(visit, section.name, _number(visit), action)
    visit.require(section.right)
    async with visit.context.database.transaction() as transaction:
        known = await visit.context.configuration(transaction)
    before = _before(visit, section, known)
    mistakes = Mistakes()
    struct = section.struct(type_of(before))
    members = fields.read_members(fields.fields_of(struct), visit.form, before, mistakes)
    if not mistakes:
        try:
            return await _save(visit, section, members)
        except (MemberMistakes, Conflict) as mistake:
            mistakes.add(mistake)
    return await _form_page(visit, section, known, before, mistakes.of)


def _before(visit: Visit, section: Section, known: Configuration) -> dict[str, Any]:
    """The members that the form changes; of a new object those that it cannot say."""
    if visit.path["id"] != NEW:
        return configuration_changes.members_of(known, section.name, _number(visit))
    kind = visit.form.text("_type")
    members: dict[str, Any] = {"id": configuration_changes.next_id(known, section.name)}
    if section.types:
        members["type"] = kind
        channels = fields.channels_of(section.struct(kind))
        if len(channels) == 1:
            members["channel"] = channels[0]
    return members


async def _save(visit: Visit, section: Section, members: dict[str, Any]) -> Response:
    made_of = visit.form.text("_made_of") or None
    async with visit.context.database.transaction() as transaction:
        await configuration_changes.save(
            visit.context, transaction, visit.author, section.name, members, made_of=made_of
        )
    return visit.go(f"settings/{section.name}/{members['id']}", "saved")


async def _remove(visit: Visit, section: Section) -> Response:
    visit.require(section.right)
    number = _number(visit)
    try:
        async with visit.context.database.transaction() as transaction:
            await configuration_changes.remove(visit.context, transaction, visit.author, section.name, number)
    except MemberMistakes as mistake:
        async with visit.context.database.transaction() as transaction:
            known = await visit.context.configuration(transaction)
        members = configuration_changes.members_of(known, section.name, number)
        return await _form_page(visit, section, known, members, {"": visit.t("settings_needed") + " " + mistake.debug})
    return visit.go(f"settings/{section.name}", "removed")


async def _form_page(
    visit: Visit,
    section: Section,
    known: Configuration,
    members: dict[str, Any],
    mistakes: dict[str, str],
    restored: dict[str, Any] | None = None,
) -> Response:
    """The form of an object as it is, as it was typed, or as it once was."""
    shown = fields.fields_of(section.struct(type_of(members)))
    number = members.get("id") if visit.path["id"] != NEW else None
    values = (
        fields.typed_values(shown, visit.form)
        if mistakes and "_sent" in visit.form
        else (fields.show_values(shown, fields.with_defaults(section.struct(type_of(members)), restored or members)))
    )
    async with visit.context.database.transaction() as transaction:
        marks = await configuration.list_marks(transaction) if number else {}
        past = await audits.list_of_object(transaction, section.name, str(number), _MOST_AUDITS) if number else []
        more = await parts.describe_one(visit, transaction, known, section.name, number) if number else {}
    return visit.render(
        "settings/object.html",
        422 if mistakes else 200,
        section=section.name,
        number=number,
        name=members.get("name", ""),
        type=type_of(members),
        made_of=configuration_changes.state_of(members) if number else "",
        fields=shown,
        values=values,
        kept={name for name in members if members[name]},
        mistakes=_by_field(shown, mistakes),
        references=references(known),
        column_types=TYPES,
        file=marks.get((section.name, str(number)), ""),
        audits=past if visit.may("users") else [],
        can_change=visit.may(section.right),
        more=more,
        version=visit.query("version") if restored else "",
    )


def _by_field(shown: tuple[fields.Field, ...], mistakes: dict[str, str]) -> dict[str, str]:
    """Mistakes by the field that can put them right; those of none are said above the form."""
    names = {field.name for field in shown}
    found: dict[str, str] = {}
    for path, sentence in mistakes.items():
        top = path.partition(".")[0].partition("[")[0]
        name = top if top in names else ""
        said = sentence if path in (name, "") else f"{path}: {sentence}"
        found[name] = f"{found[name]}; {said}" if name in found else said
    return found


def _number(visit: Visit) -> int:
    text = visit.path["id"]
    if not (text.isascii() and text.isdecimal() and len(text) <= 10):  # noqa: PLR2004 - 2**31
        raise NotFound("there is no such object")
    return int(text)
