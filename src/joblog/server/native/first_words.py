"""The first words of why a run failed, for those who are told of it: computed apart, as every view is."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import TimeoutError as TooLate

from joblog.catalog.watching import AlertRow
from joblog.core.jobs import TaskRow
from joblog.core.logs import Head
from joblog.errors import Busy, NotFound
from joblog.server.http.share import ServerCaller
from joblog.server.native.ranks import MAX_RANKS
from joblog.server.state import State
from joblog.views.values import Digest
from joblog.views.why.digest import DEFAULT_BYTES

_SILENT_MS = 300_000

_WAIT_S = 40.0
"""Longer than a view takes at most."""


class FirstWords:
    """Asks for them from another thread than the event loop's, ``loop``."""

    def __init__(self, joblog: State, loop: asyncio.AbstractEventLoop) -> None:
        self._joblog, self._loop = joblog, loop

    def of(self, alert: AlertRow) -> str | None:
        """Returns the verdict on the alert's run, None where nothing has failed; raises what a view raises."""
        engine = self._joblog.engine
        try:
            logs = engine.runs.logs(alert.project_id, alert.job_id, alert.version_id, -1, MAX_RANKS)
        except NotFound:
            return None
        if not logs:
            return None
        tasks = {task.worker: task for task in engine.states.tasks(alert.version_id)}
        try:
            digest = asyncio.run_coroutine_threadsafe(self._view(logs, tasks), self._loop).result(_WAIT_S)
        except TooLate as error:
            raise Busy("it takes too long to say why") from error
        return None if digest.first is None else digest.verdict

    async def _view(self, logs: Sequence[Head], tasks: Mapping[int, TaskRow]) -> Digest:
        joblog, now_ms = self._joblog, self._joblog.engine.clock_ms()
        with ServerCaller():
            return await joblog.viewing.run(
                joblog.causes.why, logs, tasks, now_ms, silent_ms=_SILENT_MS, max_bytes=DEFAULT_BYTES
            )
