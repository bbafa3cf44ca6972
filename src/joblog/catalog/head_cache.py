"""The heads of logs that were lately asked for by name, where this process is the only one that changes them.

A read asks for the head first, and for little else when its pieces are in memory. With the embedded catalog every change goes
through this process, which says which log it was; so a head in memory is the head in the catalog. A process that only reads is
told that there was a commit, and forgets all.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

from joblog.catalog.runs import Runs
from joblog.core.logs import Head
from joblog.core.timeline import Timeline

# Some 600 bytes each.
_LIMIT = 10_000

_Key = tuple[str, int, int, int]


class HeadCache:
    """Looks up logs by name, remembering them until they change. For any thread."""

    def __init__(self, names: Runs, timeline: Timeline) -> None:
        self._names = names
        self._lock = threading.Lock()
        self._cached: dict[_Key, Head] = {}
        self._keys: dict[int, _Key] = {}
        self._changes = 0
        timeline.forgets(self.clear)

    def log(self, project_id: str, job_id: int, version_id: int, worker: int) -> Head:
        """Returns a worker's log; raises what ``Runs.log`` raises."""
        key = (project_id, job_id, version_id, worker)
        head = self._cached.get(key)
        if head is not None:
            return head
        before = self._changes
        log = self._names.log(*key)
        with self._lock:
            if self._changes == before:  # else it may be the log that changed while it was read
                if len(self._cached) >= _LIMIT:
                    self._cached.clear()
                    self._keys.clear()
                self._cached[key] = log
                self._keys[log.id] = key
        return log

    def grew(self, heads: Iterable[Head]) -> None:
        """Remembers anew what was remembered of logs that have just grown, to these heads: called as ``changed`` is."""
        with self._lock:
            self._changes += 1
            for head in heads:
                key = self._keys.get(head.id)
                if key is not None:
                    self._cached[key] = head

    def changed(self, log_ids: set[int]) -> None:
        """Forgets logs whose heads have just changed: after the commit, before anybody is told of it."""
        with self._lock:
            self._changes += 1
            for log_id in log_ids:
                key = self._keys.pop(log_id, None)
                if key is not None:
                    del self._cached[key]

    def clear(self) -> None:
        """Forgets everything."""
        with self._lock:
            self._changes += 1
            self._cached.clear()
            self._keys.clear()
