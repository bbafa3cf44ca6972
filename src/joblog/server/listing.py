"""Lists in pages: ``limit`` and ``after`` in, ``items`` and ``next`` out."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from litestar import Request
from msgspec import Struct

from joblog.model import MAX_ID, integer

T = TypeVar("T")

MAX_LIMIT = 1000
DEFAULT_LIMIT = 100


class Listing(Struct, Generic[T]):
    """A page of a list; ``next`` is the ``after`` of the page behind it, or null at the end."""

    items: list[T]
    next: int | str | None


def limit_of(request: Request[Any, Any, Any]) -> int:
    """Returns the page's size; raises Invalid, OutOfRange."""
    text = request.query_params.get("limit") or str(DEFAULT_LIMIT)
    return integer("limit", text, 1, MAX_LIMIT, f"an integer from 1 to {MAX_LIMIT}")


def page_of(request: Request[Any, Any, Any], first: int = 0) -> tuple[int, int]:
    """Returns ``after`` and ``limit`` of a list ordered by number; raises Invalid, OutOfRange."""
    after = request.query_params.get("after")
    allowed = "the next of an earlier page"
    return (integer("after", after, first, MAX_ID, allowed) if after else first), limit_of(request)
