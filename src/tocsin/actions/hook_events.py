"""Events that are recorded only since a hook wants them: otherwise an import would cost a row for each profile."""

from collections.abc import Iterable

from tocsin.actions.context import Context
from tocsin.core import hooks
from tocsin.core.configuration import Configuration, Database
from tocsin.core.messages import Event, Subject
from tocsin.store import events
from tocsin.store.database import Transaction


async def record_imports(
    context: Context,
    transaction: Transaction,
    configuration: Configuration,
    database: Database,
    profile_ids: Iterable[bytes],
) -> None:
    """That these profiles were imported by a call, each once, if any hook is to be told."""
    if not hooks.wanting(configuration, "import_api", database.id):
        return
    imported = list(dict.fromkeys(profile_ids))
    now = context.clock()
    await events.insert(
        transaction,
        [
            Event(event_id, now, "import_api", database.id, Subject(profile_id), {})
            for event_id, profile_id in zip(context.new_ids_beside(imported), imported, strict=True)
        ],
    )
