"""Lists in pages: ``limit`` and ``after`` in, ``items`` and ``next`` out."""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

from litestar.params import Parameter, QueryParameter
from msgspec import Struct

from joblog.core.labels import MAX_WANTED
from joblog.core.names import MAX_ID, integer

T = TypeVar("T")

After = Annotated[str | None, Parameter(description="the next of an earlier page")]
Limit = Annotated[str | None, Parameter(description="items of a page, 1 to 1000, 100 by default")]
Labels = Annotated[
    list[str] | None,
    QueryParameter(
        name="label", description=f"keeps jobs that have it: team=vision, or team; repeatable, at most {MAX_WANTED}"
    ),
]
"""What lists take; ``page_of`` reads and checks it."""

MAX_LIMIT = 1000
DEFAULT_LIMIT = 100


class Listing(Struct, Generic[T]):
    """A page of a list; ``next`` is the ``after`` of the page behind it, or null at the end."""

    items: list[T]
    next: int | str | None


def limit_of(limit: str | None) -> int:
    """Returns the page's size; raises Invalid, OutOfRange."""
    return integer("limit", limit or str(DEFAULT_LIMIT), 1, MAX_LIMIT, f"an integer from 1 to {MAX_LIMIT}")


def page_of(after: str | None, limit: str | None, first: int = 0) -> tuple[int, int]:
    """Returns ``after`` and ``limit`` of a list ordered by number; raises Invalid, OutOfRange."""
    allowed = "the next of an earlier page"
    return (integer("after", after, first, MAX_ID, allowed) if after else first), limit_of(limit)
