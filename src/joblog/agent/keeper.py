"""The keeper: the process that moves what the job writes into the spool, passes it on, and ships it.

It is forked by the foreground process (``run.py``), in a session of its own, so that neither the terminal's nor a
scheduler's signals to the job's group end it. Both processes hold the pipes' ends. If the foreground process is killed,
the keeper goes on to the end of output; if the keeper is killed, the foreground process forks another one, which opens
the spool again and goes on where the pipes are.
"""

from __future__ import annotations

import json
import os
import selectors
import threading
import time

from joblog.agent.log import Log
from joblog.agent.output import PassOn
from joblog.agent.source import PIPE_BYTES, Streams, widen
from joblog.agent.spoolfiles import Outcome
from joblog.agent.stop import Stopper

ORPHANS_S = 5.0
"""Wait for the end of output after the child's exit: its last bytes are in the pipe already, so this is for processes
that it left behind, for which a shell would wait for ever; a scheduler would not."""

STARTED, EXITED, HURRY = b"p", b"x", b"h"
"""What the foreground process tells, a line each: the child's process id, its exit and how that was (an ``Outcome``), that
somebody is tired of waiting."""


class Keeper:
    """Reads the job's output to its end; ``control`` is where the foreground process tells it what happens."""

    def __init__(self, streams: Streams, log: Log, control: int, stopper: Stopper) -> None:
        self._log = log
        self._stopper = stopper
        self._pass_on = PassOn()
        self._open = set(streams.reading)
        self._wide = set[int]()
        self._ready = selectors.DefaultSelector()
        for source, descriptor in streams.reading.items():
            self._ready.register(source, selectors.EVENT_READ, descriptor)
        self._control, self._told = control, b""
        self._tells = True
        self._outcome_known = False
        self._ready.register(control, selectors.EVENT_READ)
        self._exited: int | None = None
        self._running = False  # as far as it can be watched
        self._ends_s: float | None = None
        self._give_up = threading.Event()

    def run(self) -> None:
        """Keeps the output to its end (see ``ORPHANS_S``), and waits for the job's; then the log."""
        for data, descriptor in self._log.not_passed_on():
            self._pass_on.write(data, descriptor)
        while self._open or self._is_awaited():
            now_s, due_s = time.monotonic(), self._log.due_s
            if self._ends_s is not None and self._ends_s <= now_s:
                break
            if due_s is not None and due_s <= now_s:
                self._log.wake()
                continue
            next_s = min((at_s for at_s in (self._ends_s, due_s) if at_s is not None), default=None)
            left_s = None if next_s is None else next_s - now_s
            for key in [key for key, _ in self._ready.select(left_s)]:
                self._ready.unregister(key.fd)
                if key.fd == self._control:
                    if self._hear():
                        self._ready.register(key.fd, selectors.EVENT_READ)
                elif key.fd == self._exited:
                    self._child_exited()
                elif self._keep(key.fd, key.data):
                    # Anew, not still: so it queues behind what became readable meanwhile.
                    self._ready.register(key.fd, selectors.EVENT_READ, key.data)
        threading.Thread(target=self._listen, daemon=True).start()
        self._log.finish(self._give_up)

    def _keep(self, source: int, descriptor: int) -> bool:
        """Keeps what the pipe holds and passes it on; returns whether more may come."""
        data = self._log.take(source, descriptor)
        if not data:
            self._open.discard(source)
            return False
        self._pass_on.write(data, descriptor)
        self._log.passed_on()
        if len(data) == PIPE_BYTES and source not in self._wide:
            self._wide.add(source)
            widen(source)
        return True

    def _is_awaited(self) -> bool:
        """Whether how the job ends is still to come: from the foreground process, or, without it, that it has ended."""
        return not self._outcome_known and (self._tells or self._running)

    def _hear(self) -> bool:
        """Takes what the foreground process tells; returns whether it is still there."""
        told = os.read(self._control, 4096)
        *words, self._told = (self._told + told).split(b"\n")
        for word in words:
            if word.startswith(STARTED):
                self._watch(int(word[1:]))
            elif word.startswith(EXITED):
                self._child_exited()
                self._log.note_outcome(Outcome(**json.loads(word[1:])))
                self._outcome_known = True
            elif word == HURRY:
                self._give_up.set()
        self._tells = bool(told)
        return self._tells

    def _watch(self, pid: int) -> None:
        """Watches the child itself: the foreground process, which would tell, may be killed."""
        self._stopper.watch(pid)
        try:
            self._exited = os.pidfd_open(pid)
        except OSError:
            return  # an old kernel, or the child has ended: the foreground process tells, or the pipe's end does
        self._running = True
        self._ready.register(self._exited, selectors.EVENT_READ)

    def _child_exited(self) -> None:
        self._running = False
        self._stopper.job_ended()
        if self._ends_s is None:
            self._ends_s = time.monotonic() + ORPHANS_S

    def _listen(self) -> None:
        """Hears, during the final wait, that somebody is tired of it."""
        while told := os.read(self._control, 4096):
            if HURRY in told.split(b"\n"):
                self._give_up.set()
