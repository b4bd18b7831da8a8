"""What single sections have beside their form: numbers, entries, and buttons that try something out."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.responses import Response

from tocsin.actions import hooks, suppressed, trials
from tocsin.core.configuration import Configuration
from tocsin.core.errors import Conflict, Invalid, NotFound, NotReady, TocsinError
from tocsin.store import outcomes, suppressions
from tocsin.store.database import Transaction
from tocsin.web.admin.visit import Visit

_PAGE = 50


async def describe_all(transaction: Transaction, known: Configuration, section: str) -> dict[int, dict[str, Any]]:
    """What the list of a section says of each object, by number."""
    if section == "hooks":
        views = await hooks.list_views(transaction, list(known.hooks.values()))
        return {view.hook.id: {"view": view} for view in views}
    if section == "senders":
        return await _count_outcomes(transaction)
    if section == "suppression_lists":
        counted = await suppressions.count(transaction, list(known.suppression_lists))
        return {number: {"entries": counted.get(number, 0)} for number in known.suppression_lists}
    return {}


async def describe_one(
    visit: Visit, transaction: Transaction, known: Configuration, section: str, number: int
) -> dict[str, Any]:
    """What the page of one object says beside its form."""
    if section == "hooks":
        (view,) = await hooks.list_views(transaction, [known.get_hook(number)])
        return {"view": view}
    if section == "senders":
        return (await _count_outcomes(transaction)).get(number, {})
    if section == "suppression_lists":
        after = visit.query("after")
        listed = await suppressions.list_of_list(transaction, number, after, _PAGE + 1)
        more = listed[_PAGE - 1].value if len(listed) > _PAGE else ""
        return {"entries": listed[:_PAGE], "more": more}
    return {}


async def _count_outcomes(transaction: Transaction) -> dict[int, dict[str, Any]]:
    counted: dict[int, dict[str, Any]] = {}
    for sender_id, outcome, total in await outcomes.list_totals(transaction):
        counted.setdefault(sender_id, {"outcomes": {}})["outcomes"][outcome] = total
    return counted


async def do(visit: Visit, section: str, number: int, action: str) -> Response:
    """What a button says."""
    if (section, action) not in _ACTIONS:
        raise Invalid("there is no such button")
    return await _ACTIONS[section, action](visit, number)


async def _configuration(visit: Visit) -> Configuration:
    async with visit.context.database.transaction() as transaction:
        return await visit.context.configuration(transaction)


async def _send_trial(visit: Visit, number: int) -> Response:
    visit.require("settings")
    sender = (await _configuration(visit)).senders.get(number)
    if sender is None:
        raise NotFound(f"there is no sender {number}")
    form = visit.form
    try:
        if form.text("to"):
            outcome = await trials.send_trial(
                visit.context, visit.reach_outside(), visit.author, sender, form.text("to"), form.text("from")
            )
            is_good, text = outcome.state == "sent", f"{outcome.code or ''} {outcome.text}".strip()
        else:
            is_good, text = True, await trials.check_sender(visit.reach_outside(), sender)
    except (NotReady, Invalid, Conflict) as trouble:
        is_good, text = False, trouble.describe()
    return _tell(visit, f"senders/{number}", sender.name, is_good=is_good, text=text)


async def _try_hook(visit: Visit, number: int) -> Response:
    visit.require("settings")
    hook = (await _configuration(visit)).get_hook(number)
    text = await trials.try_hook(visit.context, visit.reach_outside(), visit.author, hook)
    return _tell(visit, f"hooks/{number}", hook.name, is_good=not text, text=text)


async def _resume(visit: Visit, number: int) -> Response:
    return await _go_on(visit, number, skip_failing=False)


async def _skip(visit: Visit, number: int) -> Response:
    return await _go_on(visit, number, skip_failing=True)


async def _go_on(visit: Visit, number: int, *, skip_failing: bool) -> Response:
    visit.require("settings")
    await hooks.resume_by_hand(visit.context, visit.author, number, skip_failing=skip_failing)
    return visit.go(f"settings/hooks/{number}", "settings_resumed")


async def _replay(visit: Visit, number: int) -> Response:
    visit.require("settings")
    since = visit.form.text("since")
    try:
        await hooks.replay_by_hand(visit.context, visit.author, number, since)
    except TocsinError as mistake:
        hook = (await _configuration(visit)).get_hook(number)
        return _tell(visit, f"hooks/{number}", hook.name, is_good=False, text=mistake.describe())
    return visit.go(f"settings/hooks/{number}", "settings_replayed")


async def _add_entries(visit: Visit, number: int) -> Response:
    visit.require("suppress")
    added = await suppressed.add_by_hand(
        visit.context, visit.author, number, visit.form.lines("addresses"), visit.form.text("reason")
    )
    if not added.errors:
        return visit.go(f"settings/suppression_lists/{number}", "settings_entries_added")
    text = "; ".join(error.error_debug or error.error_text for error in added.errors[:20])
    return _tell(visit, f"suppression_lists/{number}", str(number), is_good=False, text=text)


async def _remove_entry(visit: Visit, number: int) -> Response:
    visit.require("suppress")
    await suppressed.remove_by_hand(visit.context, visit.author, number, visit.form.all("address"))
    return visit.go(f"settings/suppression_lists/{number}", "settings_entries_removed")


def _tell(visit: Visit, place: str, name: str, *, is_good: bool, text: str) -> Response:
    return visit.render(
        "settings/told.html", 200 if is_good else 422, place=f"settings/{place}", name=name, is_good=is_good, text=text
    )


_ACTIONS: Mapping[tuple[str, str], Callable[[Visit, int], Awaitable[Response]]] = {
    ("senders", "try"): _send_trial,
    ("hooks", "try"): _try_hook,
    ("hooks", "resume"): _resume,
    ("hooks", "skip"): _skip,
    ("hooks", "replay"): _replay,
    ("suppression_lists", "add"): _add_entries,
    ("suppression_lists", "take"): _remove_entry,
}
