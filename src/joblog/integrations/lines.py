"""What a training framework logs, as lines of JSON in a log: what the callbacks have in common.

Under ``joblog run`` a line goes to standard output, which is the run's log already, and how the run ends is seen by joblog run.
Elsewhere it goes to a log of its own, by way of another process (``agent/run/attach.py``): the training neither waits for a
server nor fails with one.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping

from joblog.agent.run.attach import Handler
from joblog.api.refs import RUN_LOG


class RunLines:
    """Writes the lines of one run; nothing here raises."""

    def __init__(self, job: str | None, run_id: str | None, task: str | None) -> None:
        """Names that are not given come from the environment, or the program."""
        self._handler = None if RUN_LOG in os.environ else Handler(job, run_id=run_id, task=task, is_run=True)

    def write(self, fields: Mapping[str, object]) -> None:
        """Writes an object on a line of its own."""
        line = json.dumps(fields, default=_plain)
        if self._handler is not None:
            self._handler.handle(logging.LogRecord("joblog", logging.INFO, "", 0, line, None, None))
            return
        try:
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
        except (OSError, ValueError):
            pass  # nobody reads it any more; whoever trains goes on

    def end(self, exit_code: int) -> None:
        """Says how the run has ended, once: 0 is COMPLETED, 1 to 255 FAILED."""
        if self._handler is not None:
            self._handler.end(exit_code)


def _plain(value: object) -> object:
    """Returns a framework's number as one of Python's, and whatever else as text."""
    item = getattr(value, "item", None)
    try:
        return item() if callable(item) else str(value)
    except (ValueError, RuntimeError):  # a tensor of several numbers
        return str(value)
