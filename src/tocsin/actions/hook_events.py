"""Events that are recorded only since a hook wants them: otherwise an import would cost a row for each profile."""

from collections.abc import Iterable, Mapping

from tocsin.actions.context import Context
from tocsin.core import hooks
from tocsin.core.configuration import Configuration, Database
from tocsin.core.configuration_words import ImportSource
from tocsin.core.messages import Event, EventType, Subject
from tocsin.store import events
from tocsin.store.database import Transaction

_TYPES: Mapping[ImportSource, EventType] = {"api": "import_api", "file": "import_file", "manual": "import_manual"}


async def record_imports(
    context: Context,
    transaction: Transaction,
    configuration: Configuration,
    database: Database,
    profile_ids: Iterable[bytes],
    source: ImportSource,
) -> None:
    """That these profiles were imported, and from where, each once, if any hook is to be told."""
    type_ = _TYPES[source]
    if not hooks.wanting(configuration, type_, database.id):
        return
    imported = list(dict.fromkeys(profile_ids))
    now = context.clock()
    await events.insert(
        transaction,
        [
            Event(event_id, now, type_, database.id, Subject(profile_id), {})
            for event_id, profile_id in zip(context.new_ids_beside(imported), imported, strict=True)
        ],
    )
