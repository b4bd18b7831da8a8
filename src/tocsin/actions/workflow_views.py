"""Looking at workflows: how many profiles are where, and what happened to one."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from msgspec import structs

from tocsin.actions import profiles, workflow_changes
from tocsin.actions.configuration_changes import members_of, state_of
from tocsin.actions.context import Context
from tocsin.core import ids
from tocsin.core.configuration import Configuration, Database
from tocsin.core.configuration_check import Finding, Known
from tocsin.core.configuration_file import list_objects
from tocsin.core.configuration_workflows import StartNode, Workflow
from tocsin.core.errors import NotFound
from tocsin.core.matching import Search
from tocsin.core.profiles import Profile
from tocsin.core.workflows.check import check_workflow
from tocsin.core.workflows.drawing import Numbers
from tocsin.core.workflows.passages import Passage
from tocsin.core.workflows.trace import Trace, TracedStep
from tocsin.store import configuration as stored_configuration
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


class Summary(NamedTuple):
    """A workflow in a list: how many are inside, and how often somebody entered it and came to an end."""

    workflow: Workflow
    database: str
    inside: int
    entered: int
    finished: int
    file: str


class Board(NamedTuple):
    """A workflow as it is edited. `members` as in the configuration file; `state` is another one after any change."""

    configuration: Configuration
    workflow: Workflow
    members: dict[str, Any]
    state: str
    numbers: Numbers
    file: str
    findings: Sequence[Finding]


class Waiting(NamedTuple):
    """Somebody at a node."""

    passage: Passage
    profile: Profile | None


async def list_summaries(context: Context) -> list[Summary]:
    """All workflows in the order of their numbers."""
    async with context.database.transaction() as transaction:
        configuration = await context.configuration(transaction)
        inside = await passages.count_by_workflow(transaction)
        sums = await passages.sum_totals(transaction)
        marks = await stored_configuration.list_marks(transaction)
    return [
        Summary(
            one,
            configuration.get_database(one.database).name,
            inside.get(one.id, 0),
            sum(sums.get((one.id, node.id), (0, 0))[0] for node in one.nodes if isinstance(node, StartNode)),
            sum(ended for (of, _), (_, ended) in sums.items() if of == one.id),
            marks.get(("workflows", str(one.id)), ""),
        )
        for _, one in sorted(configuration.workflows.items())
    ]


async def get_board(context: Context, workflow_id: int) -> Board:
    """A workflow with its numbers of now and what is wrong with it; or NotFound."""
    async with context.database.transaction() as transaction:
        configuration = await context.configuration(transaction)
        workflow = configuration.get_workflow(workflow_id)
        numbers = await get_numbers(transaction, workflow_id)
        marks = await stored_configuration.list_marks(transaction)
    state = state_of(members_of(configuration, "workflows", workflow_id))
    known = Known(**structs.asdict(list_objects(configuration)), broken=frozenset())
    file = marks.get(("workflows", str(workflow_id)), "")
    findings = list(check_workflow(workflow, known))
    return Board(configuration, workflow, workflow_changes.describe(workflow), state, numbers, file, findings)


async def list_waiting(context: Context, workflow: Workflow, node: str, after: bytes, limit: int) -> list[Waiting]:
    """Those at a node, in the order in which they entered, from behind a given passage."""
    async with context.database.transaction() as transaction:
        listed = await passages.list_at_node(transaction, workflow.id, node, after, limit)
        known = await stored_profiles.get(transaction, workflow.database, [one.profile_id for one in listed])
    return [Waiting(one, known.get(one.profile_id)) for one in listed]


async def get_reasons(context: Context, workflow_id: int, node: str) -> passages.Reasons:
    """Why passages left a node, as far as history is kept."""
    async with context.database.transaction() as transaction:
        return await passages.list_reasons(transaction, workflow_id, node)


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
