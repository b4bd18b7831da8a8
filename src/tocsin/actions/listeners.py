"""Starting what listens to events of profiles, once a batch of profiles has been written."""

from collections.abc import Mapping, Sequence

from tocsin.actions import triggers, workflows
from tocsin.actions.context import Context
from tocsin.actions.triggers import Sending
from tocsin.core import listening, mongo
from tocsin.core.configuration import Configuration, Database, Trigger
from tocsin.core.configuration_words import ImportSource
from tocsin.core.configuration_workflows import Entry, Workflow
from tocsin.core.launches import Launch
from tocsin.core.profiles import Profile, Revision
from tocsin.core.rules import CONTROL_GROUP
from tocsin.core.workflows.passages import Memory
from tocsin.store import launches
from tocsin.store import profiles as stored_profiles
from tocsin.store.database import Transaction
from tocsin.store.filter_sql import condition


async def fire(
    context: Context,
    transaction: Transaction,
    configuration: Configuration,
    database: Database,
    revisions: Sequence[Revision],
    *,
    source: ImportSource | None,
    depth: int = 0,
) -> None:
    """Start each trigger and workflow that listens, for those of the revisions, written already, that it hears.

    One launch for each. `source`: who has imported them, None where nobody has. `depth`: how many workflows led here; a
    chain of them ends (core/workflows/passages.py).
    """
    for trigger in configuration.listening_triggers(database.id):
        if trigger.event != "api_call":
            entries = (Entry(trigger.event, trigger.when),)
            heard = await _heard(transaction, database, entries, revisions, source=source)
            await _send(context, transaction, configuration, trigger, heard)
    for workflow in configuration.listening_workflows(database.id):
        heard = await _heard(transaction, database, workflow.entries(), revisions, source=source)
        await _enter(context, transaction, workflow, heard, depth)


async def _send(
    context: Context,
    transaction: Transaction,
    configuration: Configuration,
    trigger: Trigger,
    heard: Mapping[bytes, Profile],
) -> None:
    launched = Launch(next(context.new_ids()), trigger.id, {}, {}, source=trigger.event)
    now = context.clock()
    sending = Sending(configuration, trigger, launched, now)
    started = await triggers.start(context, transaction, sending, heard, {})
    if started.size:
        await launches.insert(transaction, launched, now, size=started.size, skipped=len(started.skipped))


async def _enter(
    context: Context, transaction: Transaction, workflow: Workflow, heard: Mapping[bytes, Profile], depth: int
) -> None:
    launched = Launch(next(context.new_ids()), None, {}, {}, workflow_id=workflow.id, source="event")
    now = context.clock()
    entering = {profile_id: Memory(depth=depth) for profile_id in heard}
    skipped = await workflows.enter(context, transaction, workflow, launched.id, now, entering, is_locked=True)
    size = len(entering) - len(skipped)
    if size or any(skip.reason == CONTROL_GROUP for skip in skipped.values()):
        # Also when nobody enters: the events that say so name the launch.
        await launches.insert(transaction, launched, now, size=size, skipped=len(skipped))


async def _heard(
    transaction: Transaction,
    database: Database,
    entries: Sequence[Entry],
    revisions: Sequence[Revision],
    *,
    source: ImportSource | None,
) -> dict[bytes, Profile]:
    """The profiles to which one of the events has happened; one statement for each query that must fit too."""
    heard: dict[bytes, Profile] = {}
    for event, when in ((entry.event, entry.when or listening.ANY) for entry in entries):
        meant = {
            one.profile_id: one.after
            for one in revisions
            if one.after and one.profile_id not in heard and listening.hears(event, when, one, source)
        }
        if when.query is not None and meant:
            wanted = condition(mongo.parse(when.query, database), database.id)
            fitting = await stored_profiles.list_fitting(transaction, database.id, wanted, list(meant))
            meant = {profile_id: profile for profile_id, profile in meant.items() if profile_id in fitting}
        heard |= meant
    return heard
