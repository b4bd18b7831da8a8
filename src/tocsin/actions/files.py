"""Files of calls: uploaded beforehand, or attached to a launch."""

import mimetypes
from collections.abc import Sequence
from uuid import UUID

from tocsin.actions.context import Context
from tocsin.core import data_uris
from tocsin.core.data_uris import DataUri
from tocsin.core.errors import Invalid, NotFound
from tocsin.core.launches import Attach, Attachment
from tocsin.store import files
from tocsin.store.database import Transaction
from tocsin.store.files import File

LONGEST_NAME = 255
MOST_ATTACHMENTS = 50


async def upload(context: Context, transaction: Transaction, name: str, data: str) -> UUID:
    """Keep a file given as a data URI; the id is its key. Raises Invalid."""
    file = _file(context, name, "", data, "data")
    await files.insert(transaction, [file], context.clock())
    return file.id


async def attach(context: Context, transaction: Transaction, attached: Sequence[Attach]) -> tuple[Attachment, ...]:
    """The attachments of a launch: data URIs are kept as files, keys must be those of uploaded files."""
    if len(attached) > MOST_ATTACHMENTS:
        raise Invalid(f"expected at most {MOST_ATTACHMENTS} files", path="attach")
    given = {place: _given(context, one, place) for place, one in enumerate(attached) if not one.key}
    uploaded = await _uploaded(transaction, {place: one.key for place, one in enumerate(attached) if one.key})
    await files.insert(transaction, list(given.values()), context.clock())
    described = given | uploaded
    return tuple(
        Attachment(
            one.name or described[place].name, one.mimetype or described[place].content_type, str(described[place].id)
        )
        for place, one in enumerate(attached)
    )


async def _uploaded(transaction: Transaction, keys: dict[int, str]) -> dict[int, File | files.FileNote]:
    if not keys:
        return {}
    ids = {place: _parse_key(key, place) for place, key in keys.items()}
    await files.lock(transaction, list(ids.values()))
    notes = await files.describe(transaction, list(ids.values()))
    for place, identifier in ids.items():
        if identifier not in notes:
            raise NotFound("there is no uploaded file with this key", path=f"attach[{place}].file_key")
    return {place: notes[identifier] for place, identifier in ids.items()}


def _parse_key(key: str, place: int) -> UUID:
    try:
        return UUID(key)
    except ValueError:
        raise Invalid("expected the id that file_upload answered", path=f"attach[{place}].file_key") from None


def _given(context: Context, one: Attach, place: int) -> File:
    if not one.data:
        raise Invalid("expected data or file_key", path=f"attach[{place}]")
    return _file(context, one.name or f"attachment-{place + 1}", one.mimetype, one.data, f"attach[{place}].data")


def _file(context: Context, name: str, mimetype: str, data: str, path: str) -> File:
    if not name or len(name) > LONGEST_NAME:
        raise Invalid(
            f"a file needs a name of 1 to {LONGEST_NAME} characters", path=path.rpartition(".")[0] or "header"
        )
    try:
        parsed = data_uris.parse(data)
    except ValueError as mistake:
        raise Invalid(str(mistake), path=path) from None
    content_type = mimetype or _content_type(name, parsed)
    return File(UUID(bytes=context.random(16), version=4), name, content_type, parsed.data)


def _content_type(name: str, parsed: DataUri) -> str:
    if parsed.content_type != data_uris.DEFAULT_TYPE:
        return parsed.content_type
    return mimetypes.guess_type(name)[0] or data_uris.DEFAULT_TYPE
