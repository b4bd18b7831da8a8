"""What nodes and ways are called on pages, and what may be chosen in their forms."""

from collections.abc import Sequence
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from tocsin.core import fields, mongo, mongo_text
from tocsin.core.configuration import Configuration
from tocsin.core.configuration_words import Channel, MessageEvent, Occasion, ProfileEvent, Status, Weekday
from tocsin.core.configuration_workflows import (
    ApiRequestNode,
    CampaignNode,
    ConditionNode,
    ContentFilterNode,
    DelayNode,
    Duration,
    FeedbackNode,
    Node,
    SplitNode,
    StartNode,
    UpdateNode,
    Workflow,
    WorkflowJumpNode,
)
from tocsin.core.errors import Invalid
from tocsin.core.workflows.content import Condition, parse_when
from tocsin.core.workflows.editing import NEW_END
from tocsin.core.workflows.graph import kind
from tocsin.web.admin.texts import Translator

KINDS = (
    "campaign", "delay", "feedback", "condition", "content_filter", "split", "update", "api_request", "workflow_jump",
    "end",
)  # fmt: skip
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_LENGTHS: tuple[Literal["days", "hours", "minutes", "seconds"], ...] = ("days", "hours", "minutes", "seconds")
_MOST_WORDS = 3

Options = Sequence[tuple[str, str]]


class Words:
    """The words of one workflow in the language of the page."""

    def __init__(self, configuration: Configuration, workflow: Workflow, t: Translator) -> None:
        self._configuration = configuration
        self._workflow = workflow
        self._t = t

    def check_query(self, value: Any, *, of_content: bool) -> str:
        """What a query asks, or Invalid."""
        if of_content:
            if not isinstance(value, dict):
                raise Invalid("expected an object")
            value = _as_query(parse_when(value))
        else:
            mongo.parse(value, self._configuration.databases[self._workflow.database], "")
        return mongo_text.describe(value, self._t.language)

    def name(self, node: Node) -> str:
        """What a node is called: its name, or what kind it is."""
        return node.name or self._t.word("workflows_kind", kind(node))

    def label(self, way: str, node_kind: str) -> str:
        """What the ways out of a kind of node are called; most that lead on have no name of their own."""
        parts = [self._label(one, node_kind) for one in way.split(", ")]
        return ", ".join(part for part in parts if part)

    def _label(self, way: str, node_kind: str) -> str:
        own = f"{node_kind}_{way}"
        if (said := self._t.word("workflows_way", own)) != own:
            return said
        if way in ("next", ""):
            return ""
        branch = way.removeprefix("branch ")
        if branch != way:
            return self._t("workflows_way_branch", n=branch)
        return way if way.endswith("%") else self._t.word("workflows_way", way)

    def summary(self, node: Node) -> str:
        """What a node does, in a few words."""
        if isinstance(node, CampaignNode):
            trigger = self._configuration.triggers.get(node.trigger)
            return trigger.name if trigger else str(node.trigger)
        if isinstance(node, WorkflowJumpNode):
            target = self._configuration.workflows.get(node.workflow)
            return target.name if target else str(node.workflow)
        if isinstance(node, DelayNode):
            return self._delay(node)
        if isinstance(node, FeedbackNode):
            events = self._some([self._t.word("workflows_event", event) for event in node.events])
            return f"{events} · {self._length(node.within)}"
        return self._decision(node)

    def _decision(self, node: Node) -> str:
        if isinstance(node, StartNode):
            events = [self._t.word("workflows_profile_event", one.event) for one in node.events]
            return self._some(events) or self._t("workflows_by_call")
        if isinstance(node, ContentFilterNode):
            return self._some(list(dict.fromkeys(path for one in node.branches for path in one.when)))
        if isinstance(node, SplitNode):
            return " / ".join(f"{one.percent:g}" for one in node.branches)
        if isinstance(node, UpdateNode):
            return self._some(list(node.set))
        if isinstance(node, ApiRequestNode):
            return f"{node.method} {urlsplit(node.url).netloc}"
        return mongo_text.describe(node.query, self._t.language) if isinstance(node, ConditionNode) else ""

    def _delay(self, node: DelayNode) -> str:
        until = node.until
        if until is None:
            return self._length(node.duration or Duration())
        if until.field is not None:
            return self._t("workflows_until", what=until.field)
        days = [self._t.word("workflows_weekday", day) for day in until.weekdays]
        return self._t("workflows_until", what=" ".join([until.time or "", self._some(days)]).strip())

    def _length(self, length: Duration) -> str:
        parts = [
            self._t(f"workflows_length_{unit}", n=getattr(length, unit)) for unit in _LENGTHS if getattr(length, unit)
        ]
        return " ".join(parts) or "0"

    def _some(self, words: Sequence[str]) -> str:
        more = f" +{len(words) - _MOST_WORDS}" if len(words) > _MOST_WORDS else ""
        return ", ".join(words[:_MOST_WORDS]) + more

    def options(self, source: str) -> Options:
        """What may be chosen, pairs of a value and its text, for an input of a form."""
        if source in _WORDS:
            listed, words = _WORDS[source]
            return [(one, self._t.word(words, one) if words else one) for one in listed]
        if source == "campaigns":
            campaigns = [one for one in self._workflow.nodes if isinstance(one, CampaignNode)]
            return [("", self._t("workflows_last_message")), *((one.id, self.name(one)) for one in campaigns)]
        if source == "dates":
            return [("", "–"), *((name, name) for name in self._dates())]
        return self._objects(source)

    def _objects(self, source: str) -> Options:
        database = self._workflow.database
        if source == "resources":
            named = {key: one.name for key, one in self._configuration.resources.items()}
        elif source == "workflows":
            known = self._configuration.workflows
            named = {key: one.name for key, one in known.items() if one.database == database}
        else:
            triggers = self._configuration.triggers
            named = {key: one.name for key, one in triggers.items() if one.database == database}
        return [("", "–"), *((str(key), f"{key} {name}") for key, name in sorted(named.items()))]

    def _dates(self) -> list[str]:
        database = self._configuration.databases.get(self._workflow.database)
        known = {**(database.custom_fields() if database else {}), **fields.STANDARD}
        return sorted(name for name, field in known.items() if field.type in ("date", "datetime"))

    def targets(self, *, is_optional: bool, without: str = "") -> Options:
        """Where a way may lead: the nodes, and an end that is made for it."""
        nodes = [(one.id, f"{self.name(one)} ({one.id})") for one in self._workflow.nodes if one.id != without]
        nothing = [("", self._t("workflows_as_next"))] if is_optional else []
        return [*nothing, *nodes, (NEW_END, self._t("workflows_new_end"))]


def _as_query(conditions: Sequence[Condition]) -> dict[str, Any]:
    """What a content filter asks, as a filter of profiles would."""
    query: dict[str, Any] = {}
    for path, operator, operand in conditions:
        query.setdefault(".".join(path), {})[f"${operator}"] = operand
    return query


_WORDS: dict[str, tuple[Sequence[str], str]] = {
    "methods": (_METHODS, ""),
    "profile_events": (("", *get_args(ProfileEvent)), "workflows_profile_event"),
    "occasions": (get_args(Occasion), "workflows_occasion"),
    "channels": (("", *get_args(Channel)), "channel"),
    "statuses": (("", *get_args(Status)), "workflows_status"),
    "weekdays": (get_args(Weekday), "workflows_weekday"),
    "message_events": (get_args(MessageEvent), "workflows_event"),
    "modes": (("for", "time", "field"), "workflows_mode"),
}
