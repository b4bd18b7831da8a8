"""How a process that answers people reaches the outside, when they ask it to try something out."""

from collections.abc import Callable
from dataclasses import dataclass

from tocsin.actions.hook_posts import OpenDoor
from tocsin.channels.contract import Channel
from tocsin.core.configuration_senders import Sender


@dataclass(frozen=True)
class Outside:
    """`open_channel`: the way out of a sender; `open_door`: the way to hooks. Whoever opens one closes it."""

    open_channel: Callable[[Sender], Channel]
    open_door: OpenDoor
