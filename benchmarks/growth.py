"""Tables (printed) and a plot (docs/growth.svg) of what matching.py and filters.py printed, the median of several runs:
`python benchmarks/growth.py RUN...`, each a file with the output of both.
"""

import math
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from statistics import median

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "growth.svg"
LINE = re.compile(
    r"^(matching|filter) by (.+?), ([\d,]+) profiles(?:, [\d,]+ found)?: ([\d.]+) ms, ([\d.]+) x", re.MULTILINE
)
TITLES = {"matching": "10,000 items matched, by mode", "filter": "one filter over all profiles"}
COLOURS = ("#2f7ed8", "#d9822b", "#2e9e6b", "#c0504d", "#8a6fd1", "#a8862a", "#1f9aa8", "#c45c9b")
HEIGHT, TOP, BOTTOM, LEFT, PLOT_WIDTH, PANEL_WIDTH, LABEL_GAP = 420, 56, 372, 66, 250, 570, 15
MILLISECONDS = (1, 10, 100, 1000, 10_000)

# By kind and name, by how many profiles: milliseconds and ratio.
Measured = Mapping[str, Mapping[str, Mapping[int, tuple[float, float]]]]


def read(runs: Sequence[str]) -> Measured:
    """The medians of what the runs printed."""
    found: dict[tuple[str, str, int], list[tuple[float, float]]] = defaultdict(list)
    for run in runs:
        for kind, name, size, milliseconds, ratio in LINE.findall(run):
            found[kind, name, int(size.replace(",", ""))].append((float(milliseconds), float(ratio)))
    medians: dict[str, dict[str, dict[int, tuple[float, float]]]] = defaultdict(lambda: defaultdict(dict))
    for (kind, name, size), pairs in found.items():
        medians[kind][name][size] = (median(first for first, _ in pairs), median(second for _, second in pairs))
    return medians


def table(kind: str, measured: Measured) -> Iterator[str]:
    """In Markdown: milliseconds at each size, and the ratio at the last."""
    sizes = sorted({size for by_size in measured[kind].values() for size in by_size})
    yield f"| {kind} by | {' | '.join(f'{size:,}' for size in sizes)} | ÷ floor |"
    yield f"|---|{'---:|' * (len(sizes) + 1)}"
    for name, by_size in measured[kind].items():
        cells = " | ".join(f"{by_size[size][0]:,.0f} ms" for size in sizes)
        yield f"| {name} | {cells} | {by_size[sizes[-1]][1]:.2f} |"


def across(size: float) -> float:
    """Where a number of profiles stands: 10 thousand to the left, a million to the right."""
    return LEFT + PLOT_WIDTH * (math.log10(size) - 4) / 2


def up(milliseconds: float) -> float:
    """Where a time stands."""
    return BOTTOM - (BOTTOM - TOP) * math.log10(max(milliseconds, 1)) / 4


def spread(places: Sequence[float]) -> list[float]:
    """Places of labels, from the top, moved apart where they would overlap."""
    found: list[float] = []
    for place in places:
        found.append(max(place, found[-1] + LABEL_GAP) if found else place)
    beyond = max(found[-1] - BOTTOM, 0.0) if found else 0.0
    return [place - beyond for place in found]


def panel(kind: str, measured: Measured) -> Iterator[str]:
    """One plot with a line for each name, labelled at its end."""
    yield f'<text class="title" x="{LEFT}" y="30">{TITLES[kind]}</text>'
    for milliseconds in MILLISECONDS:
        word = f"{milliseconds} ms" if milliseconds < 1000 else f"{milliseconds // 1000} s"
        yield f'<path class="grid" d="M{LEFT} {up(milliseconds):.1f}h{PLOT_WIDTH}"/>'
        yield f'<text class="axis" x="{LEFT - 8}" y="{up(milliseconds) + 4:.1f}" text-anchor="end">{word}</text>'
    for size in (10_000, 100_000, 1_000_000):
        yield f'<path class="grid" d="M{across(size):.1f} {TOP}V{BOTTOM}"/>'
        yield f'<text class="axis" x="{across(size):.1f}" y="{BOTTOM + 20}" text-anchor="middle">{size:,}</text>'
    lines = sorted(measured[kind].items(), key=lambda item: -item[1][max(item[1])][0])
    labels = spread([up(by_size[max(by_size)][0]) for _, by_size in lines])
    for number, ((name, by_size), label) in enumerate(zip(lines, labels, strict=True)):
        colour = COLOURS[number % len(COLOURS)]
        points = " ".join(f"{across(size):.1f},{up(by_size[size][0]):.1f}" for size in sorted(by_size))
        yield f'<polyline class="line" stroke="{colour}" points="{points}"/>'
        end, last = LEFT + PLOT_WIDTH, up(by_size[max(by_size)][0])
        yield f'<path class="lead" stroke="{colour}" d="M{end} {last:.1f}L{end + 14} {label:.1f}"/>'
        yield f'<text class="label" x="{end + 18}" y="{label + 4:.1f}">{escape(name)}</text>'


def draw(measured: Measured) -> str:
    """The picture, for light and dark pages."""
    width = PANEL_WIDTH * len(TITLES)
    panels = "\n".join(
        f'<g transform="translate({PANEL_WIDTH * place})">\n' + "\n".join(panel(kind, measured)) + "\n</g>"
        for place, kind in enumerate(TITLES)
    )
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" role="img" \
aria-labelledby="title" font-family="system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif">
<title id="title">Milliseconds of matching by each mode and of ten filters, by the number of profiles</title>
<style>
.title {{ fill: #16202c; font-size: 16px; font-weight: 600; }}
.axis, .label {{ fill: #44505e; font-size: 12px; }}
.grid {{ stroke: #c9ced6; stroke-width: 1; }}
.line {{ fill: none; stroke-width: 2; }}
.lead {{ fill: none; stroke-width: 1; }}
@media (prefers-color-scheme: dark) {{
.title {{ fill: #f0f3f7; }}
.axis, .label {{ fill: #b9c2cd; }}
.grid {{ stroke: #3a424d; }}
}}
</style>
{panels}
</svg>
"""


def main() -> None:
    measured = read([Path(name).read_text("utf-8") for name in sys.argv[1:]])
    PICTURE.write_text(draw(measured), "utf-8")
    for kind in TITLES:
        print("\n".join(table(kind, measured)), end="\n\n")


if __name__ == "__main__":
    main()
