"""What an import is told by whoever starts it."""

from typing import Any, Literal

import msgspec
from msgspec import Struct

Format = Literal["csv", "json", "ndjson"]


class Target(Struct, frozen=True):
    """Which call takes the rows, and what it is told beside them. `content`: what a launch gives to its templates."""

    database_id: int
    matching: str
    field_name: str = ""
    resource_id: int | None = None
    trigger_id: int | None = None
    workflow_id: int | None = None
    skip_triggers: bool = False
    skip_invalid_subscriptions: bool = False
    detect_geo: bool = False
    content: dict[str, Any] = {}

    @property
    def operation(self) -> str:
        if self.trigger_id is not None:
            return "campaigns/triggers/import_and_start_batch"
        return "profiles/import_batch" if self.workflow_id is None else "workflows/import_and_start_batch"

    @property
    def launches(self) -> bool:
        return self.trigger_id is not None or self.workflow_id is not None

    def members(self) -> bytes:
        """The members of the call but for `data`, as JSON without its last brace."""
        said = {
            "db_id": self.database_id,
            "matching": self.matching,
            "field_name": self.field_name,
            "resource_id": self.resource_id,
            "trigger_id": self.trigger_id,
            "workflow_id": self.workflow_id,
            "skip_triggers": self.skip_triggers,
            "skip_invalid_subscriptions": self.skip_invalid_subscriptions,
            "detect_geo": self.detect_geo,
            "import_source": "file",
            "content": self.content,
        }
        given = {name: value for name, value in said.items() if value is not False and value not in (None, "", {})}
        return msgspec.json.encode(given)[:-1]


class Options(Struct, frozen=True):
    """One import. `progress` and `rejected` are paths, empty for those beside the file."""

    file: str
    target: Target
    url: str
    format: Format
    delimiter: str = ","
    encoding: str = "utf-8"
    clear_empty: bool = False
    batch: int = 1000
    at_once: int = 1
    patience_seconds: int = 600
    rejected: str = ""
    progress: str = ""
    restart: bool = False

    def identity(self) -> dict[str, Any]:
        """What must be the same for an import to be gone on with."""
        named = ("url", "format", "delimiter", "encoding", "clear_empty", "batch", "rejected")
        said = {name: getattr(self, name) for name in named}
        return {**msgspec.to_builtins(self.target), **said}
