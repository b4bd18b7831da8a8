"""`file_upload`: keeping a file for later launches (facts, 3.8)."""

from msgspec import Struct

from tocsin.actions import files
from tocsin.web.call import Call
from tocsin.web.envelope import DataAnswer, Envelope


class UploadRequest(Envelope, kw_only=True, omit_defaults=True):
    """`header` is the file's name, `data` a data URI."""

    header: str
    data: str


class UploadedFile(Struct):
    """`file` is the key to give as `file_key` in `attach`."""

    file: str


async def upload(call: Call, request: UploadRequest) -> DataAnswer:
    """Keep a file; its key can be used in `attach` of any later call."""
    identifier = await files.upload(call.context, call.transaction, request.header, request.data)
    return DataAnswer(data=UploadedFile(str(identifier)))
