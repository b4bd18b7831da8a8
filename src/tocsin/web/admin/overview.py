"""The first page: whether all is well."""

from starlette.responses import Response

from tocsin.web.admin.visit import Visit


async def show(visit: Visit) -> Response:
    """The overview."""
    return visit.render("overview/overview.html")
