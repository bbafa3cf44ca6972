"""The threads that search: few, and their own, so that neither the event loop nor appends wait for a search.

Each step of a search waits for its turn: of the threads one caller's searches have one at a time, however many they are.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from joblog.engine.engine import Engine
from joblog.errors import JoblogError
from joblog.server.http.answers import error_answer
from joblog.server.http.share import Share, Turns

MAX_SEARCHES = 16
"""Searches at a time, of which ``search_threads`` run: each holds some megabytes. More are told to come again."""


P = ParamSpec("P")
T = TypeVar("T")


class Searches:
    """The threads that search."""

    def __init__(self, engine: Engine) -> None:
        threads = max(engine.settings.search_threads, 1)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="joblog-search")
        self._turns = Turns(threads)
        self._places = Share(MAX_SEARCHES, "too many searches are running already")
        self.stopping = threading.Event()
        """Ends all searches, wherever they are."""

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Makes a call in one of the threads, as compiling a pattern is; raises what it raises."""
        return await self._turns.run(self._pool, partial(call, *args, **kwargs))

    def admit(self) -> None:
        """Takes a place until the request is answered; raises Busy when there is none."""
        self._places.hold()

    async def answer(self, steps: Iterator[bytes]) -> AsyncGenerator[bytes, None]:
        """Yields what the steps of a search tell; an error ends it, as a line."""
        try:
            following = partial(next, steps, None)
            while (told := await self._turns.run(self._pool, following)) is not None:
                if told:
                    yield told
        except JoblogError as error:
            yield b'{"type":"error",' + error_answer(error, "").body[1:] + b"\n"
