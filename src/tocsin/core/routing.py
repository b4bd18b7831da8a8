"""Which sender of a route takes a message."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from tocsin.core.configuration_senders import RouteRule, RouteSender, Sender
from tocsin.core.destinations import Path, check_patterns, domain_of, fits


def list_candidates(route: RouteSender, from_address: str, to_address: str) -> tuple[int, ...]:
    """The senders of the first rule that fits, tried top to bottom, or of the route itself (facts, section 9)."""
    for rule in route.rules:
        if _fits(rule, from_address, to_address):
            return rule.senders
    return route.senders


def choose(candidates: Sequence[int], doubtful: Collection[int]) -> int:
    """The first sender that nothing speaks against; the first of all when something speaks against each."""
    return next((one for one in candidates if one not in doubtful), candidates[0])


def check_route(route: RouteSender, senders: Mapping[int, Sender]) -> Iterator[tuple[Path, str]]:
    """Mistakes in a route, each with its place: its senders, where they exist, send by its channel themselves."""
    for index, rule in enumerate(route.rules):
        yield from check_patterns(rule.to_domains, ("rules", index, "to_domains"))
        yield from check_patterns(rule.from_domains, ("rules", index, "from_domains"))
    for path, identifier in list_places(route):
        sender = senders.get(identifier)
        if isinstance(sender, RouteSender):
            yield path, f"sender {identifier} is a route itself"
        elif sender is not None and sender.channel != route.channel:
            yield path, f"sender {identifier} sends {sender.channel}, not {route.channel}"


def list_places(route: RouteSender) -> Iterator[tuple[Path, int]]:
    """Every place where a route names a sender, and the sender."""
    for number, rule in enumerate(route.rules):
        yield from ((("rules", number, "senders", index), one) for index, one in enumerate(rule.senders))
    yield from ((("senders", index), one) for index, one in enumerate(route.senders))


def _fits(rule: RouteRule, from_address: str, to_address: str) -> bool:
    return (not rule.to_domains or fits(domain_of(to_address), rule.to_domains)) and (
        not rule.from_domains or fits(domain_of(from_address), rule.from_domains)
    )
