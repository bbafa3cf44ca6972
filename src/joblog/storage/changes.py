"""Which logs have changed, told from node to node through PostgreSQL: LISTEN and NOTIFY.

It is a hint: what is not told, because a connection was lost, is found by whoever looks. So nothing waits for it: NOTIFY inside
the transaction that it is about would make the commits of all nodes wait for each other; it is sent behind it, for all commits
since the last one together, and itself waits for no disk.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterable

import psycopg

_CHANNEL = "joblog"

_PAUSE_S = 0.005
"""Between two messages: what is committed meanwhile becomes one, and a busy node sends some hundred a second at most."""

_RECONNECT_S = 1.0
_LOOK_S = 0.5  # at whether to end

_IDS = 300
"""In one message, which PostgreSQL limits to 8000 bytes."""


class Changes:
    """Two threads with a connection each: one tells, one listens. ``changed`` is called by both sides' news."""

    def __init__(self, conninfo: str, changed: Callable[[set[int]], None]) -> None:
        self._conninfo = conninfo
        self._changed = changed
        self._node = secrets.token_hex(8)
        self._lock = threading.Lock()
        self._untold: set[int] = set()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._for_ever, args=(step,), name=f"joblog-{name}", daemon=True)
            for name, step in (("tell", self._tell), ("listen", self._listen))
        ]
        for thread in self._threads:
            thread.start()

    def committed(self, log_ids: set[int]) -> None:
        """Says that this node has changed logs; returns at once."""
        if not log_ids:
            return
        self._changed(log_ids)
        with self._lock:
            self._untold |= log_ids
        self._wake.set()

    def close(self) -> None:
        """Ends the threads."""
        self._stop.set()
        self._wake.set()
        for thread in self._threads:
            thread.join()

    def _for_ever(self, step: Callable[[psycopg.Connection], None]) -> None:
        while not self._stop.is_set():
            try:
                with psycopg.connect(self._conninfo, autocommit=True) as connection:
                    step(connection)
            except psycopg.Error:
                self._stop.wait(_RECONNECT_S)

    def _tell(self, connection: psycopg.Connection) -> None:
        connection.execute("SET synchronous_commit = off")
        while not self._stop.is_set():
            self._wake.wait()
            self._wake.clear()
            with self._lock:
                log_ids, self._untold = sorted(self._untold), set()
            for start in range(0, len(log_ids), _IDS):
                message = f"{self._node}:{_joined(log_ids[start : start + _IDS])}"
                connection.execute("SELECT pg_notify(%s, %s)", (_CHANNEL, message))
            self._stop.wait(_PAUSE_S)

    def _listen(self, connection: psycopg.Connection) -> None:
        connection.execute(f"LISTEN {_CHANNEL}".encode())
        while not self._stop.is_set():
            for heard in connection.notifies(timeout=_LOOK_S):
                node, _, log_ids = heard.payload.partition(":")
                if node != self._node:
                    self._changed({int(each) for each in log_ids.split(",")})


def _joined(log_ids: Iterable[int]) -> str:
    return ",".join(map(str, log_ids))
