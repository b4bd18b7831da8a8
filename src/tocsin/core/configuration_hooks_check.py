"""Whether hooks can be used: what they refer to is there, their secrets are keys, their expression is one."""

import re
from collections.abc import Iterable, Iterator

from tocsin.core import configuration_references as references
from tocsin.core import signing
from tocsin.core.configuration_check import Finding, Known, check_exists
from tocsin.core.configuration_hooks import Hook

_is_header_name = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
_is_header_value = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*").fullmatch
_is_ours = re.compile(
    "webhook-.*|content-.*|accept-encoding|connection|expect|host|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade"
).fullmatch


def check_hook(hook: Hook) -> Iterator[Finding]:
    """Secrets, headers and the expression for success."""
    for member in ("secret", "previous_secret"):
        yield from _check_secret(getattr(hook, member), member)
    if hook.previous_secret and not hook.secret:
        yield Finding(("previous_secret",), "there is no secret that this could be before")
    for name, value in hook.headers.items():
        if not _is_header_name(name) or not _is_header_value(value):
            yield Finding(("headers", name), "expected a name of letters, digits and hyphens, and a value in one line")
        elif _is_ours(name.lower()):
            yield Finding(("headers", name), "this header is ours to write")
        elif hook.oauth2 and name.lower() == "authorization":
            yield Finding(("headers", name), "this header is written by oauth2")
    if hook.oauth2 and not references.has_reference(hook.oauth2.client_secret):
        yield Finding(
            ("oauth2", "client_secret"), "expected ${NAME}, an environment variable: no file holds this secret"
        )
    try:
        re.compile(hook.success)
    except re.error as mistake:
        yield Finding(("success",), f"this is no regular expression: {mistake}")


def _check_secret(secret: str, member: str) -> Iterator[Finding]:
    try:
        _ = secret in ("", signing.PLACEHOLDER) or signing.parse_secret(secret)
    except ValueError:
        yield Finding((member,), "expected whsec_ and 24 to 64 bytes in base64")


def list_hook_warnings(hooks: Iterable[Hook]) -> list[str]:
    """A sentence for each hook whose secret was never filled in."""
    return [
        f"hook {hook.id} has a placeholder for its secret: what it is told is not signed until there is a real one"
        for hook in hooks
        if hook.secret == signing.PLACEHOLDER
    ]


def check_references_of_hook(hook: Hook, known: Known) -> Iterator[Finding]:
    """What its filters name is there."""
    for section in ("databases", "resources", "triggers", "workflows"):
        for index, identifier in enumerate(getattr(hook, section)):
            yield from check_exists(known, section, identifier, (section, index))
