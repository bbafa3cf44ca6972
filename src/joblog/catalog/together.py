"""Calls about one thing that come at the same time, done in one transaction: thousands of ranks begin, report and end a run.

Each would lock the run's row until its commit, so that they would go one after the other, at a commit's pace. What comes
while one is at work is done together by the next.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

from joblog.errors import JoblogError, Unavailable

K = TypeVar("K", bound=Hashable)
C = TypeVar("C")
R = TypeVar("R")

MAX_CALLS = 200
"""Calls in one transaction, so that the first of them does not wait for ever."""


class Together(Generic[K, C, R]):
    """Gives calls to ``work``, those of one key one after the other, and those that wait together. For any thread.

    ``work`` takes the key and the calls in the order in which they came, and returns for each what the call returns, or an
    exception, which it raises. What ``work`` itself raises each raises for which it does so alone, Unavailable all of them.
    """

    def __init__(self, work: Callable[[K, Sequence[C]], Sequence[R | Exception]]) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._waiting: dict[K, list[tuple[C, Future[bool], Future[R]]]] = {}

    def call(self, key: K, call: C) -> R:
        """Returns what ``work`` returns for the call; blocks."""
        turn, result = Future[bool](), Future[R]()
        with self._lock:
            others = self._waiting.setdefault(key, [])
            others.append((call, turn, result))
            leads = len(others) == 1
        if leads or turn.result():
            self._lead(key)
        return result.result()

    def waiting(self) -> list[list[C]]:
        """Returns the calls that are not done yet, by their keys."""
        with self._lock:
            return [[call for call, _, _ in calls] for calls in self._waiting.values()]

    def _lead(self, key: K) -> None:
        """Does the calls that wait, of which the first is this thread's; then it is the next one's turn."""
        with self._lock:
            calls = self._waiting[key][:MAX_CALLS]
        try:
            for (_, _, result), done in zip(calls, self._done(key, [call for call, _, _ in calls]), strict=True):
                if isinstance(done, Exception):
                    result.set_exception(done)
                else:
                    result.set_result(done)
        except BaseException as error:  # noqa: BLE001  # each of them raises it
            for _, _, result in calls:
                if not result.done():
                    result.set_exception(error)
        with self._lock:
            left = self._waiting[key][len(calls) :]
            if left:
                self._waiting[key] = left
            else:
                del self._waiting[key]
        for _, turn, _ in calls[1:]:
            turn.set_result(False)
        if left:
            left[0][1].set_result(True)

    def _done(self, key: K, calls: Sequence[C]) -> Sequence[R | Exception]:
        """Has them done; each by itself where one cannot be done, so that it is not in the way of the others."""
        try:
            return self._work(key, calls)
        except Unavailable:
            raise
        except JoblogError:
            if len(calls) == 1:
                raise
            return [self._alone(key, call) for call in calls]

    def _alone(self, key: K, call: C) -> R | Exception:
        try:
            return self._work(key, [call])[0]
        except JoblogError as error:
            return error
