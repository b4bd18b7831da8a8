"""Bars of a chart, placed: templates only draw them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import cycle
from typing import Final, NamedTuple

WIDTH: Final = 720
HEIGHT: Final = 180
_BOTTOM: Final = 20
_LEFT: Final = 44
_TICKS: Final = 3


class Layer(NamedTuple):
    """One kind of what is counted: `tone` is its class, `totals` one for each step."""

    name: str
    tone: str
    totals: Sequence[int]


class Bar(NamedTuple):
    """A piece of a stack."""

    x: float
    y: float
    width: float
    height: float
    tone: str


class Stack(NamedTuple):
    """What is at one step, with the words that tell it."""

    x: float
    width: float
    words: str
    bars: list[Bar]


class Tick(NamedTuple):
    """A line of the scale, or a mark of time."""

    at: float
    words: str


class Chart(NamedTuple):
    """Everything to draw. `names` are the layers that have anything, with their tones."""

    width: int
    height: int
    left: int
    bottom: int
    stacks: list[Stack]
    lines: list[Tick]
    times: list[Tick]
    names: list[tuple[str, str]]


def stack(layers: Sequence[Layer], from_at: datetime, step: timedelta, *, every: int) -> Chart:
    """Layers over each other, one stack for each step from `from_at`; `every` so many steps have their time below."""
    steps = max((len(layer.totals) for layer in layers), default=0)
    sums = [sum(layer.totals[place] for layer in layers) for place in range(steps)]
    top = _round_up(max(sums, default=0))
    wide = (WIDTH - _LEFT) / max(steps, 1)
    scale = (HEIGHT - _BOTTOM - 8) / top
    return Chart(
        WIDTH,
        HEIGHT,
        _LEFT,
        HEIGHT - _BOTTOM,
        [_stack(layers, place, from_at + place * step, wide, scale) for place in range(steps) if sums[place]],
        [Tick(_y(top * line / _TICKS, scale), _short(top * line / _TICKS)) for line in range(1, _TICKS + 1)],
        [Tick(_LEFT + (place + 0.5) * wide, f"{from_at + place * step:%H:%M}") for place in range(0, steps, every)],
        [(layer.name, layer.tone) for layer in layers if any(layer.totals)],
    )


def _stack(layers: Sequence[Layer], place: int, at: datetime, wide: float, scale: float) -> Stack:
    bars, height, words = [], 0, []
    for layer in layers:
        total = layer.totals[place]
        if total:
            height += total
            bars.append(
                Bar(
                    round(_LEFT + place * wide + 1, 2), _y(height, scale), round(wide - 2, 2), total * scale, layer.tone
                )
            )
            words.append(f"{layer.name} {total:,}")
    return Stack(round(_LEFT + place * wide, 2), round(wide, 2), f"{at:%H:%M}  " + ", ".join(words), bars)


def _y(value: float, scale: float) -> float:
    return round(HEIGHT - _BOTTOM - value * scale, 2)


def _round_up(value: int) -> int:
    """A scale that three lines part evenly: 3, 6, 15, 30, 60, 150 and so on."""
    size, factors = 3, cycle((2, 2.5, 2))
    while size < value:
        size = int(size * next(factors))
    return size


def _short(value: float) -> str:
    for size, mark in ((1_000_000, "M"), (1000, "k")):
        if value >= size:
            return f"{value / size:.3g}{mark}"
    return f"{value:.3g}"
