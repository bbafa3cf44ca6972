"""What a run is called and began with, on its way to the server: noted beside the spool's bytes, and said once.

The log waits for no success of it: there are servers older than their agents, and proxies that let no PATCH through.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from joblog.agent.spool import files
from joblog.agent.spool.spool import Spool
from joblog.errors import Busy, JoblogError, Unavailable, Unreachable

if TYPE_CHECKING:
    from joblog.api.values import Run
    from joblog.api.writer import Writer


class Description:
    """What the run of one spool is; ``look`` finds that out, where the spool does not know it, and may take its time."""

    def __init__(self, spool: Spool, look: Callable[[], dict[str, str]] | None) -> None:
        self._spool, self._look = spool, look
        self._is_there = False
        self._facts: dict[str, str] | None = None  # where the spool has no place for notes

    def note(self) -> None:
        """Notes it in the spool, so that ``joblog sync`` can say it too; it is worth no failure."""
        try:
            if self._look is None or self._load() is not None:
                return
            self._facts = self._look()
            if self._spool.place:
                files.save_origin(self._spool.place, self._facts)
        except Exception:  # noqa: BLE001 - the log goes on without it
            self._look = None

    def send(self, client: Writer, run: Run) -> None:
        """Says it, unless that was done; of several ranks one does, or all whose number nobody knows."""
        if self._is_there:
            return
        meta = self._spool.meta
        speaks = meta.task == "worker-0" or (meta.tasks is None and run.version.command is None)
        facts = self._load() if speaks else None
        try:
            if facts:
                client.describe_version(run.job.project_id, run.job.id, run.version.id, facts)
            self._is_there = True
        except JoblogError as error:
            self._is_there = not isinstance(error, Unreachable | Unavailable | Busy)

    def _load(self) -> dict[str, str] | None:
        return self._facts or (files.load_origin(self._spool.place) if self._spool.place else None)

    def forget(self) -> None:
        """Has it said again, to a server that has lost what it knew."""
        self._is_there = False
