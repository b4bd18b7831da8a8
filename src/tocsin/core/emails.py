"""Email addresses: the text that is stored, and the key that two spellings of one address share."""

import re
from unicodedata import normalize

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, ValidatedEmail, validate_email
from email_validator.rfc_constants import CASE_INSENSITIVE_MAILBOX_NAMES, EMAIL_MAX_LENGTH

_ATOM = r"[A-Za-z0-9_!#$%&'*+\-/=?^`{|}~]++"
_is_plain = re.compile(rf"{_ATOM}(?:\.{_ATOM})*+@(?:[A-Za-z0-9]++(?:-[A-Za-z0-9]++)*+\.)++[A-Za-z]++").fullmatch
# In so short an address no label of the domain can be over its 63 characters.
_PLAIN_LENGTH = 64
_ROLES = frozenset(CASE_INSENSITIVE_MAILBOX_NAMES)
_special_use = re.compile(
    rf"(?:(?<=[.。．｡])(?:{'|'.join(map(re.escape, SPECIAL_USE_DOMAIN_NAMES))})|(?<=@)localhost)\Z",
    re.IGNORECASE | re.ASCII,
).search
_SHOWN_LENGTH = 60
_REASON_LENGTH = 160


def parse(value: str) -> str:
    """The address as it is stored, as email-validator normalises it without asking the DNS.

    White space around it goes; the domain is in lower case and in Unicode; the local part stays as given, but for
    Unicode form NFC and the role names of RFC 2142 (Info@ is info@). Domains of special use (shop.test, mail.local,
    localhost.localdomain) are taken, and of those without a dot `localhost` alone. ValueError for anything else: a
    quoted local part, an IP address for a domain, a display name, several addresses in one text.
    """
    if len(value) <= _PLAIN_LENGTH and _is_plain(value):
        if value.islower():
            return value
        local, _, domain = value.partition("@")
        return f"{local.lower() if local.lower() in _ROLES else local}@{domain.lower()}"
    found, special_use = _check(value.strip())
    return _restore(found.normalized, special_use)


def key(address: str) -> str:
    """What a parsed address is compared by: without case, the domain as it goes over the wire (punycode)."""
    if address.isascii():
        return address.lower()
    local, _, domain = address.rpartition("@")
    if not domain.isascii():
        found, special_use = _check(address)
        domain = _restore(found.ascii_domain, special_use)
    return f"{normalize('NFC', normalize('NFD', local).casefold())}@{domain.lower()}"


def _check(address: str) -> tuple[ValidatedEmail, str]:
    """What the library says, and the ending of special use that was kept from it."""
    if len(address) > EMAIL_MAX_LENGTH:
        raise _refusal(address, f"It is longer than {EMAIL_MAX_LENGTH} characters.")
    special_use = _special_use(address)
    # The library refuses such names unless its globals are changed: it is shown an ordinary name of the same length.
    shown = address if special_use is None else address[: special_use.start()] + _stand_in(special_use[0])
    try:
        found = validate_email(shown, check_deliverability=False)
    except EmailNotValidError as mistake:
        raise _refusal(address, str(mistake)) from None
    return found, special_use[0].lower() if special_use else ""


def _stand_in(name: str) -> str:
    return "x.".ljust(len(name), "x")


def _restore(text: str, special_use: str) -> str:
    return text[: -len(special_use)] + special_use if special_use else text


def _refusal(address: str, reason: str) -> ValueError:
    return ValueError(f"{address[:_SHOWN_LENGTH]!r} is not an email address: {reason[:_REASON_LENGTH]}")
