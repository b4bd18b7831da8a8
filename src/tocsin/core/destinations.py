"""Where mail goes to: the domain of an address, the rule that a sender has for it, and what its answers mean."""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Literal

import idna

from tocsin.core.configuration_senders import DomainLimit

Path = tuple[str | int, ...]

# What an answer for now says: something of one recipient, perhaps something of the destination, or that it has enough.
Verdict = Literal["recipient", "doubt", "enough"]

_find_status = re.compile(r"4\.(\d{1,3})\.\d{1,3}(?!\d)").match
_is_name = re.compile(r"[^\s@*.]+(?:\.[^\s@*.]+)*").fullmatch
_is_greylisting = re.compile("gr[ae]y[ -]?list", re.IGNORECASE).search
_RECIPIENT_SUBJECTS = frozenset({"1", "2"})
_POLICY = "7"
_ENOUGH_CODES = frozenset({421, 450, 451, 452})


def domain_of(address: str) -> str:
    """The domain of an address as it is compared: without case, as it goes over the wire (punycode)."""
    return normalize(address.rpartition("@")[2])


@lru_cache(maxsize=4096)
def normalize(domain: str) -> str:
    """A domain as it is compared. One that IDNA does not know stays as it is: it is refused where it is sent."""
    if domain.isascii():
        return domain.lower()
    try:
        return idna.encode(domain, uts46=True).decode()
    except UnicodeError:
        return domain.lower()


def fits(domain: str, patterns: Iterable[str]) -> bool:
    """Whether a normalized domain is one of `example.com`, `*.example.com` (all below it) or `*`."""
    return any(_fits(domain, pattern) for pattern in patterns)


def _fits(domain: str, pattern: str) -> bool:
    if pattern.startswith("*"):
        ending = pattern[1:]
        return not ending or domain.endswith(f".{normalize(ending[1:])}")
    return domain == normalize(pattern)


def find_limit(domain: str, limits: Sequence[DomainLimit]) -> tuple[int, bool] | None:
    """The index of the first limit that a normalized domain fits, and whether the domain shares it by its name with
    the others named there; None when there is no limit.
    """
    for index, limit in enumerate(limits):
        for pattern in limit.match:
            if _fits(domain, pattern):
                return index, not pattern.startswith("*")
    return None


def check_patterns(patterns: Sequence[str], path: Path) -> Iterator[tuple[Path, str]]:
    """Mistakes in the domains that a rule names, each with its place."""
    for index, pattern in enumerate(patterns):
        name = pattern.removeprefix("*.")
        if pattern != "*" and not (_is_name(name) and normalize(name).isascii()):
            yield (*path, index), f"expected a domain as example.com, *.example.com or *, got {pattern!r}"


def check_limits(limits: Sequence[DomainLimit]) -> Iterator[tuple[Path, str]]:
    """Mistakes in the limits of a sender, each with its place."""
    for index, limit in enumerate(limits):
        yield from check_patterns(limit.match, ("domains", index, "match"))
        if not limit.connections and not limit.messages_per_second:
            yield ("domains", index), "connections or messages_per_second is missing"


def judge(code: int, text: str) -> Verdict:
    """What a 4xx reply to RCPT or DATA says, by its enhanced status (RFC 3463).

    4.1.x and 4.2.x are of one address or mailbox, 4.7.x says that we send too much. Greylisting, and all else, is of
    one message; told to several recipients in a row it is of the destination.
    """
    found = _find_status(text)
    subject = found[1] if found else ""
    if subject in _RECIPIENT_SUBJECTS:
        return "recipient"
    if code in _ENOUGH_CODES and subject == _POLICY and not _is_greylisting(text):
        return "enough"
    return "doubt"
