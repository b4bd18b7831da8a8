"""What happened to one profile in one workflow, told line by line."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from msgspec import Struct

from tocsin.core.configuration_workflows import Workflow
from tocsin.core.workflows.drawing import cut
from tocsin.core.workflows.graph import kind
from tocsin.core.workflows.passages import Passage


class TracedStep(NamedTuple):
    """A step of a passage: `target` is where it led, None where the passage ended."""

    passage_id: bytes
    at: datetime
    node: str
    target: str | None
    reason: str


class Trace(Struct, frozen=True):
    """Steps in order, the passages that go on, and whether the profile has ever entered."""

    profile_id: bytes
    steps: Sequence[TracedStep]
    inside: Sequence[Passage]
    has_entered: bool


def describe_trace(workflow: Workflow, trace: Trace) -> str:
    """Each passage with its steps, and where it is now or how it ended."""
    of = f'workflow {workflow.id} "{cut(workflow.name, 200)}"'
    name = f"profile {trace.profile_id.hex()}"
    passages = _by_passage(trace)
    if not passages:
        kept = "entered, but nothing of that is kept any more" if trace.has_entered else "never entered"
        return f"{name} has {kept}: {of}\n"
    kinds = {node.id: kind(node) for node in workflow.nodes}
    inside = {one.id: one for one in trace.inside}
    lines = [f"{name} in {of}; times are UTC"]
    for number, (passage_id, steps) in enumerate(passages.items(), 1):
        lines += ["", f"passage {number} of {len(passages)}", *_lines(steps, kinds)]
        lines.append(_end(steps, inside.get(passage_id), kinds, is_active=workflow.active))
    return "\n".join(lines) + "\n"


def _by_passage(trace: Trace) -> dict[bytes, list[TracedStep]]:
    found: dict[bytes, list[TracedStep]] = {}
    for step in trace.steps:
        found.setdefault(step.passage_id, []).append(step)
    for passage in trace.inside:
        found.setdefault(passage.id, [])
    return found


def _lines(steps: Sequence[TracedStep], kinds: Mapping[str, str]) -> Iterator[str]:
    if not steps:
        return
    told = [(_time(one.at), one.node, _kind(one.node, kinds), f"→ {one.target or 'out'}", one.reason) for one in steps]
    widths = [max(map(len, column)) for column in list(zip(*told, strict=True))[:-1]]
    for *columns, reason in told:
        padded = "  ".join(f"{text:{width}}" for text, width in zip(columns, widths, strict=True))
        yield f"{padded}  {cut(reason, 200)}"


def _end(steps: Sequence[TracedStep], passage: Passage | None, kinds: Mapping[str, str], *, is_active: bool) -> str:
    if passage is not None:
        since, due = _time(passage.arrived_at), _time(passage.due_at)
        waits = "" if is_active else "; the workflow is not active, so it stays there"
        return f"now at {passage.node} ({_kind(passage.node, kinds)}) since {since}, due at {due}{waits}"
    if steps[-1].target is None:
        return f"ended at {_time(steps[-1].at)}"
    return f"ended at {steps[-1].target}: it began anew, or the workflow was changed or emptied"


def _kind(node_id: str, kinds: Mapping[str, str]) -> str:
    return kinds.get(node_id, "gone")


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"
