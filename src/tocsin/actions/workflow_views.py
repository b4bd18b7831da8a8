"""Looking at workflows: how many profiles are where, and what happened to one."""

from typing import NamedTuple

from tocsin.actions import profiles
from tocsin.actions.context import Context
from tocsin.core import ids
from tocsin.core.configuration import Configuration, Database
from tocsin.core.configuration_workflows import Workflow
from tocsin.core.errors import NotFound
from tocsin.core.matching import Search
from tocsin.core.workflows.drawing import Numbers
from tocsin.core.workflows.trace import Trace, TracedStep
from tocsin.store import passages
from tocsin.store import profiles as stored_profiles
from tocsin.store.database import Transaction


class View(NamedTuple):
    """A workflow and what goes on in it."""

    workflow: Workflow
    numbers: Numbers


class Traced(NamedTuple):
    """A workflow and what happened to a profile in it."""

    workflow: Workflow
    trace: Trace


async def get_view(context: Context, workflow_id: int) -> View:
    """The workflow with its numbers of now; or NotFound."""
    async with context.database.transaction() as transaction:
        workflow = (await context.configuration(transaction)).get_workflow(workflow_id)
        return View(workflow, await get_numbers(transaction, workflow_id))


async def get_numbers(transaction: Transaction, workflow_id: int) -> Numbers:
    """How many are at each node of a workflow, and how many took each way."""
    return Numbers(
        await passages.count_by_node(transaction, workflow_id), await passages.list_totals(transaction, workflow_id)
    )


async def get_trace(context: Context, workflow_id: int, said: str) -> Traced:
    """What happened to a profile, named by its id, an email address or a phone number; or NotFound, Ambiguous, Invalid.

    By its id one that was deleted is told of too, as long as its history is kept.
    """
    async with context.database.transaction() as transaction:
        configuration = await context.configuration(transaction)
        workflow = configuration.get_workflow(workflow_id)
        database = configuration.get_database(workflow.database)
        profile_id = ids.parse(said) or await _find(transaction, configuration, database, said)
        trace = await _trace(transaction, workflow_id, profile_id)
        if not trace.has_entered and not await stored_profiles.find(transaction, database.id, [profile_id]):
            raise NotFound(f"there is no profile {said} in database {database.id}")
        return Traced(workflow, trace)


async def _find(transaction: Transaction, configuration: Configuration, database: Database, said: str) -> bytes:
    mode = "email" if "@" in said else "phone"
    matching = profiles.check_matching(configuration, database, mode, field_name="", resource_id=None)
    found = await profiles.get_one(transaction, database, matching, Search(**{mode: said}))
    return found.id


async def _trace(transaction: Transaction, workflow_id: int, profile_id: bytes) -> Trace:
    steps = await passages.list_steps(transaction, workflow_id, profile_id)
    return Trace(
        profile_id,
        [TracedStep(one.passage_id, one.at, one.node, one.target, one.reason) for one in steps],
        await passages.list_of_profile(transaction, workflow_id, profile_id),
        bool(await passages.list_entered(transaction, workflow_id, [profile_id])),
    )
