"""What happened to a profile, each entry as a sentence with links to what it is about."""

from collections.abc import Mapping
from datetime import UTC, datetime
from html import escape
from typing import Final, NamedTuple
from urllib.parse import quote

from minijinja import safe

from tocsin.actions.profile_views import Kind, kind_of, plain_type
from tocsin.core.configuration import Configuration
from tocsin.core.message_log import channel_of
from tocsin.store.timeline import TimelineEntry, TimelinePlace
from tocsin.web.admin.texts import texts
from tocsin.web.admin.visit import Visit

_MOST_TEXT = 300
_LONGEST_KEY = 32
# Digits of the microseconds up to the year 9999.
_LONGEST_INSTANT = 18
_TONES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("send", "deliv", "confirm", "confirmsub"), "good"),
    **dict.fromkeys(("undeliv", "sbounce", "hbounce", "complain", "unsub"), "bad"),
    **dict.fromkeys(("open", "uopen", "click", "uclick", "read", "reply"), "info"),
    **dict.fromkeys(("skip", "suppress", "cancel"), "warn"),
}


class Told(NamedTuple):
    """An entry as the page shows it. `html` is escaped; `detail`: words of a server, a rule or a link, as they came."""

    at: datetime
    kind: Kind
    tone: str
    html: str
    detail: str


def tell(visit: Visit, configuration: Configuration, entry: TimelineEntry) -> Told:
    """The sentence of an entry, in the language of the visit."""
    if entry.is_step:
        return Told(entry.at, "steps", "quiet", _tell_step(visit, configuration, entry), entry.type[:_MOST_TEXT])
    plain = plain_type(entry.type)
    sentence = f"timeline_{plain}" if f"timeline_{plain}" in texts() else "timeline_other"
    told = _fill(visit.t(sentence), _parts(visit, configuration, entry))
    return Told(entry.at, kind_of(entry.type), _TONES.get(plain, "quiet"), safe(told), _detail(visit, entry))


def read_place(text: str) -> TimelinePlace:
    """The place that `write_place` wrote; the beginning for anything else."""
    microseconds, _, key = text.partition("-")
    if not (microseconds.isascii() and microseconds.isdecimal() and len(microseconds) <= _LONGEST_INSTANT):
        return TimelinePlace()
    try:
        at = datetime.fromtimestamp(int(microseconds) // 1_000_000, UTC)
        found = bytes.fromhex(key)
    except (ValueError, OverflowError, OSError):
        return TimelinePlace()
    if len(found) > _LONGEST_KEY:
        return TimelinePlace()
    return TimelinePlace(at.replace(microsecond=int(microseconds) % 1_000_000), found)


def write_place(place: TimelinePlace | None) -> str:
    """A place as an address has it; empty where there is none."""
    if place is None:
        return ""
    whole = int(place.at.replace(microsecond=0).timestamp())
    return f"{whole * 1_000_000 + place.at.microsecond}-{place.key.hex()}"


def _tell_step(visit: Visit, configuration: Configuration, entry: TimelineEntry) -> str:
    workflow = configuration.workflows.get(entry.workflow_id)
    name = workflow.name if workflow else str(entry.workflow_id)
    nodes = {node.id: node.name or node.id for node in workflow.nodes} if workflow else {}
    parts = {
        "workflow": _link(visit, f"workflows/{entry.workflow_id}", name),
        "node": escape(nodes.get(entry.node, entry.node)),
        "target": escape(nodes.get(entry.target or "", entry.target or "")),
    }
    return safe(_fill(visit.t("timeline_step" if entry.target else "timeline_step_last"), parts))


def _parts(visit: Visit, configuration: Configuration, entry: TimelineEntry) -> dict[str, str]:
    trigger = configuration.triggers.get(entry.trigger_id)
    name = trigger.name if trigger else str(entry.trigger_id)
    channel = channel_of(entry.type, trigger.channel if trigger else "email")
    message = visit.t.word("timeline_message", channel)
    by = _fill(visit.t("timeline_by"), {"trigger": _link(visit, f"triggers/{entry.trigger_id}", name)})
    address = str(entry.data.get("address", ""))
    resource = configuration.resources.get(entry.data.get("resource_id") or 0)
    return {
        "message": _link(visit, f"messages/{entry.message_id.hex()}", message) if entry.message_id else escape(message),
        "by": by if entry.trigger_id else "",
        "to": _fill(visit.t("timeline_to"), {"address": f"<b>{escape(address)}</b>"}) if address else "",
        "at": _fill(visit.t("timeline_at"), {"resource": escape(resource.name)}) if resource else "",
        "type": escape(entry.type),
    }


def _link(visit: Visit, place: str, text: str) -> str:
    return f'<a href="{escape(visit.root)}/{quote(place)}">{escape(text)}</a>'


def _fill(text: str, parts: Mapping[str, str]) -> str:
    """The text, ours, with parts that are escaped already; what a part holds is never taken for a place."""
    pieces = text.split("{")
    filled = [pieces[0]]
    for piece in pieces[1:]:
        name, _, rest = piece.partition("}")
        filled.append(parts[name] + rest)
    return " ".join("".join(filled).replace(" .", ".").replace(" :", ":").split())


def _detail(visit: Visit, entry: TimelineEntry) -> str:
    data = entry.data
    said = [str(data[name]) for name in ("code", "status") if data.get(name)]
    text = str(data.get("text") or "")
    if data.get("reason"):
        text = visit.t.word("timeline_reason", str(data["reason"]))
        if data.get("rule"):
            text = f"{text}: {data['rule']}"
    words = [*(one for one in said if one not in text), text, str(data.get("link_url") or "")]
    if data.get("is_bot"):
        words.append(visit.t("timeline_bot"))
    return " ".join(filter(None, words))[:_MOST_TEXT]
