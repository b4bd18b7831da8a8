"""Where a message that did not arrive goes when it is sent again."""

from collections.abc import Mapping, Sequence
from typing import Any

from tocsin.core import addresses
from tocsin.core.configuration import Trigger
from tocsin.core.subscriptions import Subscription
from tocsin.core.triggers import NOT_SUBSCRIBED, Skip, choose_addresses, list_open


def choose_again(
    trigger: Trigger, values: Mapping[str, Any], subscriptions: Sequence[Subscription], address: str
) -> str | Skip:
    """The same address if it may still be sent to, else the one that the trigger chooses by now; or why none.

    A push goes to no other device: each has had a message of its own.
    """
    if trigger.resource is not None:
        open_ones = list_open(trigger, subscriptions)
        if not isinstance(open_ones, Skip) and address in map(addresses.of, open_ones):
            return address
    chosen = choose_addresses(trigger, values, subscriptions)
    if isinstance(chosen, Skip) or address in chosen:
        return chosen if isinstance(chosen, Skip) else address
    return Skip(NOT_SUBSCRIBED) if trigger.channel == "push" else chosen[0]
