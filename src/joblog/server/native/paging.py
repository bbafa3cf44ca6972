"""Lists in pages: ``limit`` and ``after`` in (``parameters.py``), ``items`` and ``next`` out."""

from __future__ import annotations

from typing import Generic, TypeVar

from msgspec import Struct

T = TypeVar("T")


class Listing(Struct, Generic[T]):
    """A page of a list; ``next`` is the ``after`` of the page behind it, or null at the end."""

    items: list[T]
    next: int | str | None
