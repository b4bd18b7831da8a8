"""The whole HTTP API on one page. Routes, the OpenAPI document and docs/api are made from this table."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, NamedTuple

from msgspec import Struct

from tocsin.core.configuration import Permission
from tocsin.web.api import files, profiles, tasks, triggers
from tocsin.web.envelope import BatchAnswer, DataAnswer, Envelope

PREFIX = "api/v1.1/"

Handler = Callable[..., Awaitable[Struct]]


class Operation(NamedTuple):
    """One method of the API. `limit`: which of the two body limits holds."""

    path: str
    request: type[Envelope]
    answer: type[Struct]
    handler: Handler
    permission: Permission
    writes: bool = True
    limit: Literal["body", "file"] = "body"

    @property
    def summary(self) -> str:
        """One sentence, from the handler."""
        return (self.handler.__doc__ or "").strip().split("\n")[0]


_TRIGGERS = "campaigns/triggers/"

TABLE = (
    Operation(_TRIGGERS + "start", triggers.StartRequest, triggers.ProfileAnswer, triggers.start, "launch"),
    Operation(_TRIGGERS + "start_batch", triggers.StartBatchRequest, BatchAnswer, triggers.start_batch, "launch"),
    Operation(
        _TRIGGERS + "start_batch_task",
        triggers.StartBatchRequest,
        triggers.TaskAnswer,
        triggers.start_batch_task,
        "launch",
    ),
    Operation(
        _TRIGGERS + "import_and_start",
        triggers.ImportAndStartRequest,
        triggers.ProfileAnswer,
        triggers.import_and_start,
        "launch",
    ),
    Operation(
        _TRIGGERS + "import_and_start_batch",
        triggers.ImportAndStartBatchRequest,
        BatchAnswer,
        triggers.import_and_start_batch,
        "launch",
    ),
    Operation(
        _TRIGGERS + "import_and_start_batch_task",
        triggers.ImportAndStartBatchRequest,
        triggers.TaskAnswer,
        triggers.import_and_start_batch_task,
        "launch",
    ),
    Operation("profiles/import", profiles.ImportRequest, profiles.ImportAnswer, profiles.import_one, "profiles.write"),
    Operation("profiles/update", profiles.ImportRequest, profiles.ImportAnswer, profiles.update_one, "profiles.write"),
    Operation(
        "profiles/import_batch", profiles.ImportBatchRequest, BatchAnswer, profiles.import_batch, "profiles.write"
    ),
    Operation(
        "profiles/update_batch", profiles.ImportBatchRequest, BatchAnswer, profiles.update_batch, "profiles.write"
    ),
    Operation("profiles/get", profiles.GetRequest, DataAnswer, profiles.get, "profiles.read", writes=False),
    Operation("tasks/status", tasks.StatusRequest, DataAnswer, tasks.status, "tasks.read", writes=False),
    Operation("file_upload", files.UploadRequest, DataAnswer, files.upload, "files.write", limit="file"),
)

OPERATIONS: Mapping[str, Operation] = {operation.path: operation for operation in TABLE}


def find(path: str) -> Operation | None:
    """The operation at a path, which may have doubled and trailing slashes."""
    plain = "/".join(part for part in path.split("/") if part)
    return OPERATIONS.get(plain.removeprefix(PREFIX)) if plain.startswith(PREFIX) else None


def permissions() -> list[Any]:
    """Every permission that some operation needs, in the order of the table."""
    return list(dict.fromkeys(operation.permission for operation in TABLE))
