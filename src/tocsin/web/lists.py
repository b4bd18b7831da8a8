"""What calls that list something share: the size of a page, and pages of configured objects by number (facts, 3.7)."""

from collections.abc import Mapping
from typing import Annotated, Generic, NamedTuple, TypeVar

from msgspec import UNSET, Meta, UnsetType

from tocsin.web.envelope import Envelope, Success

_T = TypeVar("_T")

Limit = Annotated[int, Meta(ge=1, le=10_000)]


class PageRequest(Envelope, kw_only=True, omit_defaults=True):
    """A page of something."""

    limit: Limit = 1000


class ListRequest(PageRequest, kw_only=True, omit_defaults=True):
    """A page of configured objects, in the order of their numbers."""

    from_id: int = 1


class ListAnswer(Success, kw_only=True):
    """A page, and where the next one begins. Only an empty page has none after it, so that any way to stop works."""

    next_from_id: int | UnsetType = UNSET
    total_count: int


class Page(NamedTuple, Generic[_T]):
    """Some of the objects."""

    objects: list[_T]
    next_from_id: int | UnsetType


def page_of(objects: Mapping[int, _T], request: ListRequest) -> Page[_T]:
    """The first `limit` objects numbered `from_id` or higher."""
    numbers = sorted(number for number in objects if number >= request.from_id)[: request.limit]
    return Page([objects[number] for number in numbers], numbers[-1] + 1 if numbers else UNSET)
