"""One profile's way through a scenario, in the graph and step by step."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from starlette.responses import Response

from tocsin.actions import workflow_views
from tocsin.core.configuration_workflows import Workflow
from tocsin.core.errors import NotFound, TocsinError
from tocsin.core.workflows.passages import Passage
from tocsin.core.workflows.trace import Trace, TracedStep
from tocsin.web.admin.visit import Visit
from tocsin.web.admin.workflows.board import Marked, read_id, show_board

_MOST_STEPS = 200
_LONGEST_SEARCH = 300


class TracedPassage(NamedTuple):
    """One way through: its latest steps, and where the profile is now, None when it has ended."""

    steps: Sequence[TracedStep]
    is_cut: bool
    now: Passage | None
    is_over: bool
    last: str


async def show(visit: Visit) -> Response:
    """What happened to the profile that `?profile=` names by its address, number or id."""
    workflow_id, said = read_id(visit), visit.query("profile")[:_LONGEST_SEARCH]
    board = await workflow_views.get_board(visit.context, workflow_id)
    if not said:
        return show_board(visit, board, "workflows/trace.html", sought="", mistake="", trace=None)
    try:
        workflow, trace = await workflow_views.get_trace(visit.context, workflow_id, said)
    except TocsinError as mistake:
        if mistake.is_ours:
            raise
        told = visit.t("workflows_trace_unknown") if isinstance(mistake, NotFound) else mistake.debug
        return show_board(visit, board, "workflows/trace.html", status=422, sought=said, mistake=told, trace=None)
    return show_board(
        visit,
        board,
        "workflows/trace.html",
        Marked(taken=_list_taken(workflow, trace), selected=trace.inside[-1].node if trace.inside else ""),
        sought=said,
        mistake="",
        trace={"profile": trace.profile_id.hex(), "has_entered": trace.has_entered},
        passages=_list_passages(trace),
    )


def _list_taken(workflow: Workflow, trace: Trace) -> list[tuple[str, str]]:
    known = {node.id for node in workflow.nodes}
    return [(one.node, one.target) for one in trace.steps if one.target and {one.node, one.target} <= known]


def _list_passages(trace: Trace) -> list[TracedPassage]:
    """The latest first."""
    steps: dict[bytes, list[TracedStep]] = {}
    for step in trace.steps:
        steps.setdefault(step.passage_id, []).append(step)
    inside = {one.id: one for one in trace.inside}
    listed = [_list_passage(steps.get(one, []), inside.get(one)) for one in {**steps, **inside}]
    return sorted(listed, key=_began_at, reverse=True)


def _list_passage(steps: Sequence[TracedStep], now: Passage | None) -> TracedPassage:
    last = steps[-1] if steps else None
    is_over = last is not None and last.target is None
    return TracedPassage(steps[-_MOST_STEPS:], len(steps) > _MOST_STEPS, now, is_over, (last and last.target) or "")


def _began_at(passage: TracedPassage) -> datetime:
    arrived = [passage.now.arrived_at] if passage.now else []
    return [*(step.at for step in passage.steps[:1]), *arrived][0]
