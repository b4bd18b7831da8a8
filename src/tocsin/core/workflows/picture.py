"""A workflow as an SVG picture, for a browser: light or dark as its reader has it, with no font or file of its own."""

from collections.abc import Sequence
from html import escape

from tocsin.core.configuration_workflows import Workflow
from tocsin.core.workflows.drawing import Numbers, cut, describe_node, describe_workflow
from tocsin.core.workflows.layout import Way
from tocsin.core.workflows.placing import NODE_HEIGHT, PlacedNode, PlacedWay, place

_STYLE = """
.workflow{--ink:#1d2935;--quiet:#566676;--ground:#ffffff;--box:#f3f5f7;--line:#8a99a8;--busy:#0a6e5a;
color:var(--ink);background:var(--ground);font:13px system-ui,sans-serif}
@media (prefers-color-scheme:dark){.workflow{--ink:#e4e9ee;--quiet:#9aa8b6;--ground:#14191f;--box:#202832;
--line:#66778a;--busy:#4fd1b5}}
.workflow rect{fill:var(--box);stroke:var(--line)}
.workflow .busy rect{stroke:var(--busy);stroke-width:2}
.workflow path{fill:none;stroke:var(--line);stroke-width:1.4}
.workflow .back{stroke-dasharray:5 4}
.workflow polygon{fill:var(--line)}
.workflow text{fill:currentColor;text-anchor:middle}
.workflow .name{font-weight:600}
.workflow .quiet{fill:var(--quiet);font-size:11px}
.workflow .label{fill:var(--quiet);font-size:11px;stroke:var(--ground);stroke-width:3px;paint-order:stroke}
"""


def draw_svg(workflow: Workflow, numbers: Numbers) -> str:
    """The graph from top to bottom, nodes with how many are inside and have gone through, ways with how many took them.

    Ways back are dashed and go round at the right.
    """
    placing = place(workflow.nodes)
    ways = placing.layout.ways_from()
    parts = [
        *(_draw_way(one, numbers) for one in placing.ways),
        *(_draw_node(one, numbers, ways[one.node.id]) for one in placing.nodes),
    ]
    width, height = f"{placing.width:g}", f"{placing.height:g}"
    title = _text(describe_workflow(workflow, numbers))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="workflow" role="img" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}">\n<title>{title}</title>\n<style>{_STYLE}</style>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _text(text: str, room: int = 1000) -> str:
    return escape(cut(text, room))


def _draw_node(placed: PlacedNode, numbers: Numbers, ways: Sequence[Way]) -> str:
    node, box = placed
    inside = numbers.inside.get(node.id, 0)
    busy = ' class="busy"' if inside else ""
    return (
        f"<g{busy}><title>{_text(f'{node.id}: {describe_node(node)}')}</title>"
        f'<rect x="{box.left:g}" y="{box.y:g}" width="{box.width:g}" height="{NODE_HEIGHT}" rx="8"/>'
        f'<text class="name" x="{box.x:g}" y="{box.y + 20:g}">{_text(node.name or node.id, 26)}</text>'
        f'<text class="quiet" x="{box.x:g}" y="{box.y + 36:g}">{_text(describe_node(node), 34)}</text>'
        f'<text class="quiet" x="{box.x:g}" y="{box.y + 52:g}">{inside} inside · '
        f"{numbers.through(node.id, ways)} through</text></g>"
    )


def _draw_way(placed: PlacedWay, numbers: Numbers) -> str:
    way = placed.way
    back = ' class="back"' if way.is_back else ""
    label = f"{cut(way.label, 18)} · {numbers.along(way)}"
    return (
        f'<path{back} d="{placed.path}"/><polygon points="{placed.arrow}"/>'
        f'<text class="label" x="{placed.label_x:g}" y="{placed.label_y:g}">{_text(label)}</text>'
    )
