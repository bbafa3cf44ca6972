"""Computing apart: what a view makes of bytes may take seconds, and is made wherever whoever asks for it has that done.

By itself it is made right here, in the thread that calls. The server has it made by processes (``server/http/renderers.py``):
its interpreter runs one thread at a time, and appends and pages would wait for somebody's views.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any, Concatenate, ParamSpec, TypeVar

Item = TypeVar("Item")
P = ParamSpec("P")
T = TypeVar("T")

Compute = Callable[..., Any]
"""Makes ``make(items, *args, **kwargs)`` somewhere. Raises Busy where that takes too long, or too much memory."""


def here(make: Callable[Concatenate[Iterable[Item], P], T], items: Iterable[Item], *args: P.args, **kwargs: P.kwargs) -> T:
    """Makes it in the thread that calls."""
    return make(items, *args, **kwargs)


COMPUTE: ContextVar[Compute] = ContextVar("joblog_compute", default=here)
"""Who makes it."""


def compute(make: Callable[Concatenate[Iterable[Item], P], T], items: Iterable[Item], *args: P.args, **kwargs: P.kwargs) -> T:
    """Returns ``make(items, *args, **kwargs)``; ``make`` is a function of ``views``, which takes one item after the other.

    What goes there and what comes back can be pickled.
    """
    made: T = COMPUTE.get()(make, items, *args, **kwargs)
    return made
