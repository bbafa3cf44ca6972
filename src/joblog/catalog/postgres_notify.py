"""Which logs have changed, told from node to node through PostgreSQL: LISTEN and NOTIFY. And what time it is there.

It is a hint: what is not told, because a connection was lost, is found by whoever looks. So nothing waits for it: NOTIFY inside
the transaction that it is about would make the commits of all nodes wait for each other; it is sent behind it, for all commits
since the last one together, and itself waits for no disk.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterable

import psycopg

from joblog.catalog.postgres_connection import BoundConnection

_CHANNEL = "joblog"

_PAUSE_S = 0.005
"""Between two messages: what is committed meanwhile becomes one, and a busy node sends some hundred a second at most."""

_RECONNECT_S = 1.0
_LOOK_S = 0.5  # at whether to end
_CLOCK_S = 5.0
"""Between two looks at the server's clock: another server, after a failover, may have another one; one that hangs has none."""

_IDS = 300
"""In one message, which PostgreSQL limits to 8000 bytes."""


class ServerClock:
    """The server's time of day in milliseconds, without asking for it each time: this machine counts on from the last look."""

    def __init__(self) -> None:
        self._ahead_ms = 0.0

    def __call__(self) -> int:
        return int(_since_boot_ms() + self._ahead_ms)

    def set_by(self, connection: psycopg.Connection) -> None:
        """Looks at the server's clock, to half of what the question takes."""
        before = _since_boot_ms()
        ((there_ms,),) = connection.execute("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8").fetchall()
        self._ahead_ms = there_ms - (before + _since_boot_ms()) / 2


def _since_boot_ms() -> float:
    """Goes on while the machine sleeps, and never jumps."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) / 1e6


class Changes:
    """Two threads with a connection each: one tells, one listens. ``changed`` is called by both sides' news."""

    def __init__(self, conninfo: str, changed: Callable[[set[int]], None], clock: ServerClock) -> None:
        self._conninfo = conninfo
        self._changed = changed
        self._clock = clock
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
                with BoundConnection.connect(self._conninfo, autocommit=True) as connection:
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
        next_look = 0.0
        while not self._stop.is_set():
            if time.monotonic() >= next_look:
                next_look = time.monotonic() + _CLOCK_S
                self._clock.set_by(connection)
            for heard in connection.notifies(timeout=_LOOK_S):
                node, _, log_ids = heard.payload.partition(":")
                if node != self._node:
                    self._changed({int(each) for each in log_ids.split(",")})


def _joined(log_ids: Iterable[int]) -> str:
    return ",".join(map(str, log_ids))
