"""Templates: which there are, the editor of one with its preview, and test sends."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from starlette.responses import Response

from tocsin.actions import configuration_changes, previews, test_sends
from tocsin.actions.previews import Audience, Draft
from tocsin.actions.sessions import TooMany
from tocsin.actions.test_sends import Wish
from tocsin.core import configuration_file
from tocsin.core.configuration import Configuration
from tocsin.core.configuration_templates import Template
from tocsin.core.errors import Invalid, MemberMistakes, NotFound
from tocsin.core.previews import CHANNELS, SAMPLE, Preview, channels_of
from tocsin.store import configuration as stored_configuration
from tocsin.web.admin import entries, frame, versions
from tocsin.web.admin.entries import Member
from tocsin.web.admin.visit import Visit

SECTION: Final = "templates"
_PAGE, _VERSIONS = 50, 5
_NEW = 2**31 - 1
_MOST_CONTENT = 1_000_000
# What stands beside the template in its form: whom to show it to and with what, and where to send a test.
PROFILE, CONTENT, PICTURES = "preview.profile", "preview.content", "preview.pictures"
ADDRESS, SENDER = "test.address", "test.sender"
_BESIDE = ("id", entries.MADE_OF, PROFILE, CONTENT, PICTURES, ADDRESS, SENDER)
_MISTAKES_BESIDE = {"profile": PROFILE, "content": CONTENT, "address": ADDRESS, "sender": SENDER}

FIELDS: Final = (
    Member("name"),
    Member("transactional", "switch"),
    *(Member(f"email.{name}") for name in ("from_name", "from_email", "reply_to_name", "reply_to_email", "subject")),
    Member("email.html", "raw"),
    Member("email.text", "raw"),
    Member("sms.text", "raw"),
    Member("sms.from_name"),
    Member("sms.max_segments", "number", 10),
    Member("push.title"),
    Member("push.text", "raw"),
    Member("push.url"),
    Member("push.icon"),
    Member("push.image"),
    Member("push.buttons", "data"),
    Member("push.data", "data"),
    Member("push.sound", default="default"),
    Member("push.collapse_key"),
    Member("push.ttl_seconds", "number"),
    Member("push.priority", default="high"),
)


# What a channel cannot do without: said to be empty, it has a mistake at its own field.
_NEEDED: Final = {"email": ("from_email", "subject"), "sms": ("text",), "push": ("title",)}


async def list_templates(visit: Visit) -> Response:
    """Those that fit, by number, with how many triggers send them."""
    asked = {name: visit.query(name) for name in ("q", "channel")}
    after = entries.parse_key(visit.query("after")) or 0
    async with visit.context.database.transaction() as transaction:
        configuration = await visit.context.configuration(transaction)
    fitting = [one for one in configuration.templates.values() if _fits(one, asked)]
    rest = sorted((one for one in fitting if one.id > after), key=lambda one: one.id)
    page = rest[:_PAGE]
    uses = [one.template for one in configuration.triggers.values()]
    return visit.render(
        "templates/list.html",
        found=[{"of": one, "channels": channels_of(one), "uses": uses.count(one.id)} for one in page],
        asked=asked,
        is_filtered=any(asked.values()),
        count=len(fitting),
        after=after,
        more=page[-1].id if len(rest) > _PAGE else 0,
        channels=CHANNELS,
    )


def _fits(template: Template, asked: Mapping[str, str]) -> bool:
    said = f"{template.name} {template.email.subject if template.email else ''}".casefold()
    return (asked["q"] == str(template.id) or all(word in said for word in asked["q"].casefold().split())) and (
        not asked["channel"] or asked["channel"] in channels_of(template)
    )


async def show(visit: Visit) -> Response:
    """What a template says, what sends it, and who changed it."""
    return await _page(visit, "")


async def change(visit: Visit) -> Response:
    """Remove it."""
    if visit.form.text("do") != "remove":
        raise Invalid("there is nothing to do")
    refusal = await entries.remove(visit, SECTION, entries.key_of(visit))
    return await _page(visit, refusal) if refusal else visit.go(SECTION, "removed")


async def _page(visit: Visit, refusal: str) -> Response:
    key = entries.key_of(visit)
    async with visit.context.database.transaction() as transaction:
        configuration = await visit.context.configuration(transaction)
        template = _get(configuration, key)
        history = await stored_configuration.list_history(transaction, SECTION, str(key), _VERSIONS + 1)
        marks = await stored_configuration.list_marks(transaction)
    return visit.render(
        "templates/template.html",
        409 if refusal else 200,
        of=template,
        refusal=refusal,
        channels=channels_of(template),
        triggers=[one for one in configuration.triggers.values() if one.template == key],
        versions=versions.describe(history)[:_VERSIONS],
        file=marks.get((SECTION, str(key)), ""),
        profile=visit.query("profile"),
        content=visit.query("content"),
    )


def _get(configuration: Configuration, key: int) -> Template:
    found = configuration.templates.get(key)
    if found is None:
        raise NotFound(f"there is no template {key}")
    return found


async def show_new(visit: Visit) -> Response:
    """The editor for one more, perhaps with what another says."""
    async with visit.context.database.transaction() as transaction:
        configuration = await visit.context.configuration(transaction)
    entry: dict[str, Any] = {}
    cloned = entries.parse_key(visit.query("clone"))
    if cloned is not None:
        entry = configuration_changes.members_of(configuration, SECTION, cloned)
        entry["name"] = visit.t("entries_copy_of", of=entry["name"])
    entry.pop("id", None)
    number = str(configuration_changes.next_id(configuration, SECTION))
    return _editor(visit, configuration, None, {"id": number} | entries.fill(FIELDS, entry), {})


async def create(visit: Visit) -> Response:
    """Make one."""
    return await _save(visit, _read(visit), None)


async def show_edit(visit: Visit) -> Response:
    """The editor of one, perhaps as it was in a version."""
    key = entries.key_of(visit)
    async with visit.context.database.transaction() as transaction:
        configuration = await visit.context.configuration(transaction)
    restored = await versions.find_restored(visit, SECTION, str(key))
    is_there = key in configuration.templates or not restored
    present = configuration_changes.members_of(configuration, SECTION, key) if is_there else {}
    entry = dict(restored or present)
    entry.pop("id", None)
    made_of = configuration_changes.state_of(present) if is_there else ""
    return _editor(visit, configuration, key, entries.fill(FIELDS, entry) | {entries.MADE_OF: made_of}, {})


async def save(visit: Visit) -> Response:
    """Change one."""
    key = entries.key_of(visit)
    found = _read(visit)
    found.entry["id"] = key
    return await _save(visit, found, key)


def _read(visit: Visit) -> entries.Read:
    found = entries.read((Member("id", "number"), *FIELDS), visit.form)
    for channel, names in _NEEDED.items():
        said = found.entry.get(channel)
        if isinstance(said, dict):
            found.entry[channel] = dict.fromkeys(names, "") | said
    return found


async def _save(visit: Visit, found: entries.Read, key: int | None) -> Response:
    mistakes = found.mistakes or await entries.save(visit, SECTION, (Member("id"), *FIELDS), found.entry, CHANNELS)
    if not mistakes:
        return visit.go(f"{SECTION}/{found.entry['id']}", "saved")
    return await _edit_again(visit, key, mistakes)


async def _edit_again(
    visit: Visit, key: int | None, mistakes: dict[str, str], status: int = 422, tested: object = None
) -> Response:
    async with visit.context.database.transaction() as transaction:
        configuration = await visit.context.configuration(transaction)
    values = entries.refill(FIELDS, visit.form) | {name: visit.form.raw(name).strip() for name in _BESIDE}
    return _editor(visit, configuration, key, values, mistakes, status, tested)


def _editor(
    visit: Visit,
    configuration: Configuration,
    key: int | None,
    values: Mapping[str, Any],
    mistakes: dict[str, str],
    status: int = 200,
    tested: object = None,
) -> Response:
    return visit.render(
        "templates/editor.html",
        status,
        key=key,
        values=values,
        mistakes=mistakes,
        tested=tested,
        version=visit.query("version"),
        switch_options=[(word, visit.t(f"templates_transactional_{word or 'unsaid'}")) for word in ("", "no", "yes")],
        senders=[
            (str(one.id), f"{visit.t.word('channel', one.channel)} · {one.name}")
            for one in configuration.senders.values()
            if one.channel in CHANNELS
        ],
    )


async def show_preview(visit: Visit) -> Response:
    """A stored template as it looks to somebody, for a frame."""
    async with visit.context.database.transaction() as transaction:
        template = _get(await visit.context.configuration(transaction), entries.key_of(visit))
    audience = await _audience(visit, visit.query("profile"), visit.query("content"))
    if isinstance(audience, Invalid | NotFound):
        return _previewed(visit, None, {_MISTAKES_BESIDE[audience.path]: audience.debug}, SAMPLE.fields)
    shown = await previews.show(visit.context, template, audience)
    return _previewed(visit, shown, {}, audience.profile.fields)


async def show_blank(visit: Visit) -> Response:
    """What the frame says before there is anything to look at."""
    return _previewed(visit, [], {}, {})


async def preview(visit: Visit) -> Response:
    """What the editor's form says as it looks to somebody, for a frame. Nothing is kept."""
    draft, mistakes = await _draft(visit)
    audience = await _audience(visit, visit.form.text(PROFILE), visit.form.raw(CONTENT))
    if isinstance(audience, Invalid | NotFound):
        return _previewed(visit, None, mistakes | {_MISTAKES_BESIDE[audience.path]: audience.debug}, {})
    shown = await previews.show(visit.context, draft.template, audience) if draft.template else None
    return _previewed(visit, shown, mistakes, audience.profile.fields)


def _previewed(
    visit: Visit, shown: list[Preview] | None, mistakes: Mapping[str, str], fields: Mapping[str, Any]
) -> Response:
    html = visit.render_part(
        "templates/preview.html",
        previews=shown,
        mistakes=mistakes,
        who=" ".join(str(fields[name]) for name in ("_fname", "_lname", "email") if fields.get(name)),
    )
    return frame.previewed(html, with_images=visit.form.is_on(PICTURES) or bool(visit.query("pictures")))


async def _draft(visit: Visit) -> tuple[Draft, dict[str, str]]:
    """The template that the form makes, under a number and a name in any case, and its mistakes by field."""
    found = _read(visit)
    key = entries.parse_key(visit.form.text("key"))
    number = found.entry.get("id") if key is None else key
    entry = {"name": "…"} | found.entry | {"id": number if isinstance(number, int) else _NEW}
    async with visit.context.database.transaction() as transaction:
        stored = configuration_file.list_objects(await visit.context.configuration(transaction))
    draft = previews.read_draft(stored, entry)
    return draft, found.mistakes | entries.place(FIELDS, MemberMistakes(draft.mistakes), CHANNELS)


async def _audience(visit: Visit, profile: str, content: str) -> Audience | Invalid | NotFound:
    """Whom to show it to and with what; or what is wrong with that."""
    if len(content) > _MOST_CONTENT:
        return Invalid(f"expected at most {_MOST_CONTENT:,} characters", path="content")
    try:
        decoded = msgspec.json.decode(content) if content.strip() else {}
    except (msgspec.DecodeError, RecursionError) as mistake:
        return Invalid(f"this is not JSON: {mistake}", path="content")
    if not isinstance(decoded, dict):
        return Invalid('expected an object, as {"page": "…"}', path="content")
    try:
        async with visit.context.database.transaction() as transaction:
            return Audience(await previews.find_profile(transaction, profile), decoded)
    except NotFound as mistake:
        return mistake


async def send_test(visit: Visit) -> Response:
    """Send what the editor's form says to an address, and say what the server answered."""
    key = entries.parse_key(visit.form.text("key"))
    draft, mistakes = await _draft(visit)
    audience = await _audience(visit, visit.form.text(PROFILE), visit.form.raw(CONTENT))
    if isinstance(audience, Invalid | NotFound):
        mistakes[_MISTAKES_BESIDE[audience.path]] = audience.debug
    if draft.template is None or isinstance(audience, Invalid | NotFound) or mistakes.keys() - {""}:
        return await _edit_again(visit, key, mistakes)
    return await _send(visit, key, draft.template, audience)


async def _send(visit: Visit, key: int | None, template: Template, audience: Audience) -> Response:
    try:
        wish = await _wish(visit, template, audience)
        outcome = await test_sends.send(visit.context, visit.reach_outside(), visit.author, wish)
    except TooMany as refusal:
        return await _edit_again(visit, key, {ADDRESS: refusal.debug}, refusal.code)
    except Invalid as mistake:
        return await _edit_again(visit, key, {_MISTAKES_BESIDE.get(mistake.path, ADDRESS): mistake.debug})
    return await _edit_again(visit, key, {}, 200, outcome)


async def _wish(visit: Visit, template: Template, audience: Audience) -> Wish:
    """The sender says the channel. Invalid without one, or when the template says nothing there."""
    number = entries.parse_key(visit.form.text(SENDER))
    async with visit.context.database.transaction() as transaction:
        configuration = await visit.context.configuration(transaction)
    sender = configuration.senders.get(number or 0)
    channel = next((one for one in channels_of(template) if sender and sender.channel == one), None)
    if sender is None or channel is None:
        raise Invalid(visit.t("templates_test_no_channel"), path="sender")
    return Wish(template, channel, sender.id, visit.form.text(ADDRESS), audience)
