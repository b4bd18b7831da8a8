"""The log of who changed what."""

from starlette.responses import Response

from tocsin.core import ids
from tocsin.store import audits
from tocsin.web.admin.visit import Visit

_PAGE = 50
SECTIONS = (
    "databases", "resources", "senders", "templates", "triggers", "workflows", "suppression_lists", "policies", "hooks",
    "tokens", "users", "profiles", "launches", "suppressions", "inbox",
)  # fmt: skip


async def list_audits(visit: Visit) -> Response:
    """A page of it, the latest first."""
    before = ids.parse(visit.query("before")) or audits.LATEST
    author, section = visit.query("author"), visit.query("section")
    async with visit.context.database.transaction() as transaction:
        listed = await audits.list_latest(transaction, before=before, author=author, section=section, limit=_PAGE + 1)
    more = listed[_PAGE - 1].id.hex() if len(listed) > _PAGE else ""
    return visit.render(
        "audits/list.html", audits=listed[:_PAGE], more=more, author=author, section=section, sections=SECTIONS
    )
