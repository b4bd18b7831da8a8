"""All settings at once: what there is, the configuration file of it, and a file to be applied."""

from starlette.responses import Response

from tocsin.actions import configuration
from tocsin.core.errors import ConfigurationMistakes, TocsinError
from tocsin.store import configuration as stored_configuration
from tocsin.web.admin.settings.sections import SECTIONS
from tocsin.web.admin.visit import Visit

_FILE = "tocsin.yaml"


async def show(visit: Visit) -> Response:
    """How many objects each section has, and which files stand behind them."""
    async with visit.context.database.transaction() as transaction:
        known = await visit.context.configuration(transaction)
        marks = await stored_configuration.list_marks(transaction)
    sections = [*SECTIONS, *(["tokens"] if visit.may("users") else [])]
    counted = [{"name": name, "total": len(getattr(known, name))} for name in sections]
    files = sorted(set(marks.values()))
    return visit.render("settings/index.html", sections=counted, files=files)


async def export(visit: Visit) -> Response:
    """The present configuration as a file, without secrets."""
    text = await configuration.export(visit.context)
    headers = {
        "content-disposition": f'attachment; filename="{_FILE}"',
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
    }
    return Response(text, 200, headers, media_type="application/yaml; charset=utf-8")


async def show_apply(visit: Visit) -> Response:
    """The form for a file."""
    return visit.render("settings/apply.html", text="", changes=[], warnings=[], problems=[], is_tried=False)


async def apply(visit: Visit) -> Response:
    """Say what a file would change, and at the second press change it."""
    text, is_meant = visit.form.raw("text"), visit.form.text("do") == "apply"
    problems: list[str] = []
    try:
        applied = await configuration.apply(visit.context, text, _FILE, {}, dry_run=not is_meant, author=visit.author)
    except ConfigurationMistakes as mistakes:
        applied, problems = configuration.Applied((), {}), list(mistakes.mistakes)
    except TocsinError as error:
        applied, problems = configuration.Applied((), {}), [error.describe()]
    if is_meant and not problems:
        return visit.go("settings", "settings_applied")
    return visit.render(
        "settings/apply.html",
        422 if problems else 200,
        text=text,
        changes=[change.describe() for change in applied.changes if change.action != "unchanged"],
        warnings=list(applied.warnings),
        problems=problems[:100],
        is_tried=not problems,
    )
