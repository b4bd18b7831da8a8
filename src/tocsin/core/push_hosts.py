"""What a Web Push sender says of itself and of the push services that it may ask, checked."""

import re
from collections.abc import Iterator

from tocsin.core.configuration_senders import WebpushSender

_is_subject = re.compile(r"mailto:[^\s@]+@[^\s@]+|https://\S+").fullmatch
_is_host = re.compile(r"(http://)?(\*|(\*\.)?[A-Za-z0-9_.:\[\]-]+)").fullmatch


def check_webpush(sender: WebpushSender) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Mistakes, each with its place (RFC 8292, section 2.1, of the subject)."""
    if not _is_subject(sender.subject):
        yield ("subject",), "expected mailto: with an address, or an https URL"
    for index, host in enumerate(sender.hosts):
        if not _is_host(host):
            yield ("hosts", index), "expected a name, *.name or *, and nothing but http:// before it"
