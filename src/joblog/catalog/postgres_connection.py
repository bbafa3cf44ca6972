"""A connection to PostgreSQL that waits for no answer for ever.

The network's own deadlines do not help where a server's processes hang and its kernel goes on acknowledging what is sent to it;
nor where a commit waits for a standby that has gone. So each statement has a deadline on this side, after which the connection
is closed: what was in it may have been committed, and only who asked for it can tell.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

import psycopg
from psycopg import Connection

STATEMENT_S = 10.0
"""Longest that a statement may take. The server gives up on its own a little earlier (see ``_SESSION``), and says why."""


class BoundConnection(Connection[Any]):
    """A connection each of whose statements is answered within ``statement_s`` seconds, or closes it."""

    statement_s = STATEMENT_S

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.made_s = time.monotonic()
        self.overdue = False

    def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
        """Waits for an answer; raises OperationalError when there is none in time."""
        return super().wait(self._bounded(gen, time.monotonic() + self.statement_s), *args, **kwargs)

    def _bounded(self, gen: Generator[Any, Any, Any], until_s: float) -> Generator[Any, Any, Any]:
        """Goes through psycopg's steps, which it is asked for each tenth of a second when nothing has come."""
        try:
            state = next(gen)
            while True:
                ready = yield state
                if not ready and time.monotonic() > until_s:
                    self.overdue = True
                    self.close()
                    raise psycopg.OperationalError(f"no answer within {self.statement_s:g} s")
                state = gen.send(ready)
        except StopIteration as last:
            return last.value
