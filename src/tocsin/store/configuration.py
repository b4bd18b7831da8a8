"""The configuration as stored: a document per object, and the version that it has reached."""

from collections.abc import Mapping, Sequence
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


async def write(transaction: Transaction, changes: Sequence[ObjectChange]) -> int:
    """Make changes; returns the version that holds them."""
    rows = await fetch(transaction, _SQL["next_version"])
    version = int(rows[0][0])
    await transaction.execute(
        _SQL["upsert"],
        {
            "version": version,
            "kinds": [change.kind for change in changes],
            "keys": [change.key for change in changes],
            "specs": [None if change.spec is None else msgspec.json.encode(change.spec).decode() for change in changes],
        },
    )
    return version


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
