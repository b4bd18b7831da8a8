"""Which devices a sender reaches."""

from collections.abc import Mapping
from typing import Final

from tocsin.core import push
from tocsin.core.addresses import parse_push_address
from tocsin.core.configuration import Configuration, Trigger
from tocsin.core.configuration_senders import ApnsSender, FcmSender, RouteSender, Sender, WebpushSender
from tocsin.core.routing import list_candidates
from tocsin.core.triggers import Skip

NO_SENDER_FOR_PROVIDER = "no_sender_for_provider"

_KINDS: Final[Mapping[type, push.Kind]] = {FcmSender: "fcm", ApnsSender: "apns", WebpushSender: "webpush"}


def can_reach(sender: Sender, address: str, senders: Mapping[int, Sender]) -> bool:
    """Whether the sender, or one that it chooses among, reaches an address. Of other channels each does."""
    if isinstance(sender, RouteSender):
        candidates = [senders[one] for one in list_candidates(sender, "", address) if one in senders]
        return any(can_reach(one, address, senders) for one in candidates)
    return sender.channel != "push" or _KINDS[type(sender)] == push.kind_of(parse_push_address(address).provider)


def keep_reachable(
    configuration: Configuration, trigger: Trigger, chosen: tuple[str, ...] | Skip
) -> tuple[str, ...] | Skip:
    """The devices that the trigger's sender reaches, or that it reaches none."""
    sender = configuration.senders.get(trigger.sender)
    if trigger.channel != "push" or sender is None or isinstance(chosen, Skip):
        return chosen
    left = tuple(address for address in chosen if can_reach(sender, address, configuration.senders))
    return left or Skip(NO_SENDER_FOR_PROVIDER)
