"""What every request and every answer of the API has around it (facts, 1.2 and 1.3)."""

from typing import Any, Self

from msgspec import UNSET, Struct, UnsetType

from tocsin.core.launches import BatchOutcome, ItemError, ProfileReference, Rehearsal, SkippedItem
from tocsin.core.matching import Search

SUCCESS = "Successful operation"


class Envelope(Struct, kw_only=True, omit_defaults=True):
    """Members of every request. The token may also come as a bearer token or in the query, `format` in the query."""

    token: str = ""
    format: str = ""


class SearchEnvelope(Envelope, kw_only=True, omit_defaults=True):
    """What finds profiles, in the calls that do: a matching mode and the values that it looks for."""

    matching: str = ""
    email: str | None = None
    phone: str | None = None
    profile_id: str | None = None
    provider: str | None = None
    subscription_id: str | None = None
    field_name: str = ""
    field_value: Any = None
    resource_id: int | None = None

    def search(self) -> Search:
        """The values to search by."""
        return Search(**{name: getattr(self, name) for name in Search.__struct_fields__})


class Success(Struct, kw_only=True):
    """Members of every answer to a call that did something."""

    error: int = 0
    error_text: str = SUCCESS


class Verbatim:
    """An object or list that elements cannot say, with names as `$gt` or lists of one: in XML a text in JSON."""

    def __init__(self, value: dict[str, Any] | list[Any]) -> None:
        self.value = value


class Problem(Struct, omit_defaults=True):
    """The answer to a call that did nothing. `error_debug` says exactly what is wrong, and where."""

    error: int
    error_text: str
    error_debug: str = ""


class DataAnswer(Success, kw_only=True):
    """An answer with a payload."""

    data: Any


class BatchAnswer(Success, kw_only=True):
    """One entry in `result` per item that succeeded, in order (design.md, section 5, decision 3)."""

    result: list[ProfileReference]
    errors: list[ItemError] | UnsetType = UNSET
    skipped: list[SkippedItem] | UnsetType = UNSET
    ignored_fields: list[str] | UnsetType = UNSET
    warnings: list[str] | UnsetType = UNSET
    launch_id: str | UnsetType = UNSET
    dry_run: Rehearsal | UnsetType = UNSET

    @classmethod
    def of(cls, outcome: BatchOutcome) -> Self:
        """The answer; lists that are empty are left out."""
        return cls(
            result=outcome.result,
            errors=outcome.errors or UNSET,
            skipped=outcome.skipped or UNSET,
            ignored_fields=outcome.ignored_fields or UNSET,
            warnings=outcome.warnings or UNSET,
            launch_id=outcome.launch_id or UNSET,
            dry_run=outcome.dry_run or UNSET,
        )
