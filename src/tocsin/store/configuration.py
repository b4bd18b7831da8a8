"""The configuration as stored: a document per object, and the version that it has reached."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from tocsin.core.configuration import Configuration, Database, Resource, Token, Trigger
from tocsin.core.configuration_hooks import Hook
from tocsin.core.configuration_rules import Policy, SuppressionList
from tocsin.core.configuration_senders import Sender
from tocsin.core.configuration_templates import Template
from tocsin.core.configuration_workflows import Workflow
from tocsin.store import queries
from tocsin.store.database import Transaction, fetch

_SQL = queries.load("configuration")

_TYPES: Mapping[str, Any] = {
    "databases": Database,
    "resources": Resource,
    "senders": Sender,
    "templates": Template,
    "triggers": Trigger,
    "workflows": Workflow,
    "suppression_lists": SuppressionList,
    "policies": Policy,
    "hooks": Hook,
    "tokens": Token,
}


class ObjectChange(NamedTuple):
    """An object as it is from now on; `spec` None removes it. `kind` as in the configuration file."""

    kind: str
    key: str
    spec: Database | Resource | Sender | Template | Trigger | Workflow | SuppressionList | Policy | Hook | Token | None


async def refresh(transaction: Transaction, known: Configuration) -> Configuration:
    """`known` itself when nothing has changed since, else the present configuration."""
    rows = await fetch(transaction, _SQL["get_version"])
    version = rows[0][0]
    if version == known.version:
        return known
    objects = {kind: dict(getattr(known, kind)) for kind in _TYPES}
    for kind, key, spec in await fetch(transaction, _SQL["list_changes"], version=known.version):
        _set(objects[kind], kind, key, spec)
    return Configuration(version=version, **objects)


async def lock(transaction: Transaction) -> None:
    """Be the only one to change the configuration until the transaction ends: what is read then is what is changed."""
    await transaction.execute(_SQL["lock"])


async def write(transaction: Transaction, changes: Sequence[ObjectChange], at: datetime, author: str) -> int:
    """Make changes, and keep what they make of the objects; returns the version that holds them."""
    rows = await fetch(transaction, _SQL["next_version"])
    version = int(rows[0][0])
    written = {
        "version": version,
        "kinds": [change.kind for change in changes],
        "keys": [change.key for change in changes],
        "specs": [None if change.spec is None else msgspec.json.encode(change.spec).decode() for change in changes],
    }
    await transaction.execute(_SQL["upsert"], written)
    await transaction.execute(_SQL["add_history"], written | {"at": at, "author": author})
    return version


class PastSpec(NamedTuple):
    """What an object was from a version on; `spec` None: it was removed."""

    version: int
    spec: dict[str, Any] | None
    at: datetime
    author: str


LATEST = 2**62


async def list_history(
    transaction: Transaction, kind: str, key: str, limit: int, before: int = LATEST
) -> list[PastSpec]:
    """What an object was before a version, the latest first."""
    rows = await fetch(transaction, _SQL["list_history"], kind=kind, key=key, before=before, limit=limit)
    return [
        PastSpec(version, msgspec.json.decode(spec) if spec else None, at, author) for version, spec, at, author in rows
    ]


async def mark(transaction: Transaction, objects: Sequence[tuple[str, str]], file: str) -> None:
    """Note that objects, by kind and key, and no others, stand in a file."""
    await transaction.execute(
        _SQL["mark"], {"kinds": [kind for kind, _ in objects], "keys": [key for _, key in objects], "file": file}
    )


async def list_marks(transaction: Transaction) -> dict[tuple[str, str], str]:
    """Which objects, by kind and key, stand in which file."""
    return {(kind, key): file for kind, key, file in await fetch(transaction, _SQL["list_marks"])}


def _set(objects: dict[Any, Any], kind: str, key: str, spec: str | None) -> None:
    """Tokens are known by the hash of their text, everything else by its number."""
    if kind == "tokens":
        for sha256 in [sha256 for sha256, token in objects.items() if token.name == key]:
            del objects[sha256]
    else:
        objects.pop(int(key), None)
    if spec is not None:
        value = msgspec.json.decode(spec, type=_TYPES[kind])
        objects[value.sha256 if kind == "tokens" else int(key)] = value
