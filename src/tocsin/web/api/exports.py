"""`profiles/get_all`: profiles to a file (facts, 5.5)."""

from typing import Any, get_args

from msgspec import Struct, field

from tocsin.actions import exports
from tocsin.core.errors import Invalid
from tocsin.core.exports import ExportCall, Format, check_columns
from tocsin.web.call import Call
from tocsin.web.envelope import DataAnswer, Envelope


class ExportRequest(Envelope, kw_only=True, omit_defaults=True):
    """Which profiles, and as what."""

    source_type: str
    source_id: int
    file_format: str = "csv"
    custom_request: dict[str, Any] = field(default_factory=dict)
    fields: list[str] = field(default_factory=list)


class ExportTask(Struct):
    """The task that makes the file."""

    task_id: str


async def get_all(call: Call, request: ExportRequest) -> DataAnswer:
    """Write the profiles of a database to a file, going on after the answer."""
    if request.source_type == "segment":
        raise Invalid("there are no segments yet; give a database, and a query if need be", path="source_type")
    if request.source_type != "database":
        raise Invalid("expected database", path="source_type")
    file_format = _check_format(request.file_format.lower())
    database = call.configuration.get_database(request.source_id)
    columns = check_columns(database, request.fields, file_format)
    asked = ExportCall(database.id, file_format, columns, request.custom_request)
    task_id = await exports.enqueue(call.context, call.transaction, call.configuration, asked)
    return DataAnswer(data=ExportTask(str(task_id)))


def _check_format(said: str) -> Format:
    for known in get_args(Format):
        if said == known:
            return known  # type: ignore[no-any-return]  # One of the words of Format.
    raise Invalid(f"expected {' or '.join(get_args(Format))}", path="file_format")
