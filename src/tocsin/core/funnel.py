"""How many messages got how far: sent, delivered, opened, clicked."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tocsin.core.statistics import Statistics

_STEPS: Mapping[str, tuple[str, ...]] = {"sms": ("sent", "delivered", "clicked")}
_ALL = ("sent", "delivered", "opened", "clicked")
_WIDTH, _BAR, _HEIGHT = 100, 64, 100
_LEAST = 1.5


class Step(NamedTuple):
    """One of them; `share` of those sent, 0 to 1."""

    name: str
    number: int
    share: float


def steps(channel: str, of: Statistics) -> list[Step]:
    """The steps that a channel has. Where no server tells of delivery, what has not come back stands in its place."""
    numbers = of._asdict() | {"stayed": of.sent - of.bounced}
    names = ["stayed" if name == "delivered" and not of.delivered else name for name in _STEPS.get(channel, _ALL)]
    return [Step(name, numbers[name], min(numbers[name] / of.sent, 1) if of.sent else 0) for name in names]


class Shape(NamedTuple):
    """A bar, as a path, and the slope from it to the next one."""

    bar: str
    slope: str


def draw(drawn: Sequence[Step]) -> list[Shape]:
    """Shapes in a box 100 wide for each step and 100 high; what is not nothing can be seen."""
    tops = [_HEIGHT - (max(step.share * _HEIGHT, _LEAST) if step.number else 0) for step in drawn]
    shapes = []
    for place, top in enumerate(tops):
        left, right = place * _WIDTH, place * _WIDTH + _BAR
        bar = f"M{left} {_HEIGHT}V{top:.1f}H{right}V{_HEIGHT}Z"
        is_last = place + 1 == len(tops)
        slope = "" if is_last else f"M{right} {_HEIGHT}V{top:.1f}L{left + _WIDTH} {tops[place + 1]:.1f}V{_HEIGHT}Z"
        shapes.append(Shape(bar, slope))
    return shapes
