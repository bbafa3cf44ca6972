"""The keeper: the process that moves what the job writes into the spool, passes it on, and ships it.

It is forked by the foreground process (``foreground.py``), in a session of its own, so that neither the terminal's nor a
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
from collections.abc import Callable

from joblog.agent.run.kept_log import KeptLog
from joblog.agent.run.pass_on import PassOn, close_output
from joblog.agent.run.pipes import PIPE_BYTES, Streams, widen
from joblog.agent.run.stop import Stopper
from joblog.agent.spool.files import Outcome

ENDING_S = 0.25
"""Wait for the end of output after the child's exit: its last bytes are in the pipe already, so this is for processes
that end with it, a ``tee`` say. For those that it left behind nobody is kept waiting."""

DENSE_S = 0.005
"""Reads of one pipe that are this close to each other are those of a job that writes line after line."""

MIN_PAUSE_S, MAX_PAUSE_S, HOLD_S = 0.0005, 0.01, 0.1
"""Bounds of a pause between two reads of it: what nobody sees. And for how long there is none after it was too long."""

STARTED, EXITED, HURRY = b"p", b"x", b"h"
"""What the foreground process tells, a line each: the child's process id, its exit and how that was (an ``Outcome``), that
somebody is tired of waiting."""


class Pace:
    """How long to leave a pipe alone when it was read.

    Each write to a pipe on which somebody waits wakes that one up, and costs the writer several times as much as one to a pipe
    on which nobody does: 300,000 lines of a Python that does not buffer took twice the processor. So a job that writes line
    after line is read every few milliseconds. Not one that may fill the pipe meanwhile; nor one that writes to two pipes in
    turn, whose order would be lost.
    """

    def __init__(self) -> None:
        self._source, self._pause_s = -1, 0.0
        self._ready_s = self._hold_s = 0.0

    def pause_s(self, source: int, size_bytes: int, now_s: float) -> float:
        """Returns how long, when so many bytes were read from ``source``; 0 where it is to be read as soon as it can be."""
        if source != self._source or size_bytes > PIPE_BYTES // 2:
            self._hold_s = now_s + HOLD_S
        if now_s < self._hold_s or now_s - self._ready_s > DENSE_S:
            self._pause_s = 0.0
        elif size_bytes > PIPE_BYTES // 4:
            self._pause_s /= 2
        elif size_bytes < PIPE_BYTES // 16:
            self._pause_s = min(max(self._pause_s * 2, MIN_PAUSE_S), MAX_PAUSE_S)
        self._source, self._ready_s = source, now_s + self._pause_s
        return self._pause_s


class Keeper:
    """Reads the job's output to its end; ``control`` is where the foreground process tells it what happens.

    ``let_leave`` lets the foreground process leave when the command's end is all that it waits for: processes that the
    command left behind go on writing, for hours maybe, and whoever reads no more would end them.
    """

    def __init__(
        self, streams: Streams, log: KeptLog, control: int, stopper: Stopper, *, linger_s: float, let_leave: Callable[[], None]
    ) -> None:
        self._log, self._linger_s = log, linger_s
        self._stopper = stopper
        self._let_leave, self._left = let_leave, False
        self._pass_on, self._pace = PassOn(), Pace()
        self._open = set(streams.reading)
        self._wide = set[int]()
        self._ready = selectors.DefaultSelector()
        for source, descriptor in streams.reading.items():
            self._ready.register(source, selectors.EVENT_READ, descriptor)
        self._control, self._unread = control, b""
        self._tells = True
        self._outcome_known = False
        self._ready.register(control, selectors.EVENT_READ)
        self._exited: int | None = None
        self._running = False  # as far as it can be watched
        self._leaves_s: float | None = None
        self._lingers_s: float | None = None
        self._give_up = threading.Event()

    def run(self) -> None:
        """Keeps the output to its end, and waits for the job's; then the log."""
        for data, descriptor in self._log.not_passed_on():
            self._pass_on.write(data, descriptor)
        while self._open or self._is_awaited():
            self._take_round(self._next_s())
            self._see_to_what_is_due(time.monotonic())
        threading.Thread(target=self._listen, daemon=True).start()
        if self._left:
            close_output()  # whoever reads it is not to wait for the log
        self._log.finish(self._give_up, self._let_leave)

    def _take_round(self, timeout_s: float | None) -> None:
        """Takes, once, what each pipe holds that can be read, and what there is to hear."""
        for key in [key for key, _ in self._ready.select(timeout_s)]:
            self._ready.unregister(key.fd)
            if key.fd == self._control:
                if self._hear():
                    self._ready.register(key.fd, selectors.EVENT_READ)
            elif key.fd == self._exited:
                self._child_exited()
            elif self._keep(key.fd, key.data):
                # Anew, not still: so it queues behind what became readable meanwhile.
                self._ready.register(key.fd, selectors.EVENT_READ, key.data)

    def _next_s(self) -> float | None:
        """Returns in how many seconds something is due; None: nothing is."""
        leaves_s = None if self._is_awaited() else self._leaves_s
        next_s = min((at_s for at_s in (leaves_s, self._lingers_s, self._log.due_s) if at_s is not None), default=None)
        return None if next_s is None else next_s - time.monotonic()

    def _see_to_what_is_due(self, now_s: float) -> None:
        if self._log.due_s is not None and self._log.due_s <= now_s:
            self._log.wake()
        if self._leaves_s is not None and self._leaves_s <= now_s and not self._is_awaited():
            self._leaves_s = None
            self._take_round(0)  # what the command wrote last is in the pipes: they are read once more, however late it is
            if self._open:
                self._lingers_s = now_s + self._linger_s
                threading.Thread(target=self._leave, name="joblog-leave", daemon=True).start()
        if self._lingers_s is not None and self._lingers_s <= now_s:
            self._lingers_s = None
            self._log.keep_no_more()

    def _leave(self) -> None:
        """Lets the foreground process leave when how the run ended is on the server, or was waited for for long enough."""
        self._log.report_end(self._give_up)
        self._left = True
        self._give_up.clear()  # that was said of the wait for which the caller stays
        self._let_leave()

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
        if pause_s := self._pace.pause_s(source, len(data), time.monotonic()):
            time.sleep(pause_s)
        return True

    def _is_awaited(self) -> bool:
        """Whether how the job ends is still to come: from the foreground process, or, without it, that it has ended."""
        return not self._outcome_known and (self._tells or self._running)

    def _hear(self) -> bool:
        """Takes what the foreground process tells; returns whether it is still there."""
        data = os.read(self._control, 4096)
        *words, self._unread = (self._unread + data).split(b"\n")
        for word in words:
            if word.startswith(STARTED):
                self._watch(int(word[1:]))
            elif word.startswith(EXITED):
                self._child_exited()
                self._log.note_outcome(Outcome(**json.loads(word[1:])))
                self._outcome_known = True
            elif word == HURRY:
                self._give_up.set()
        self._tells = bool(data)
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
        if self._lingers_s is None:
            self._leaves_s = time.monotonic() + ENDING_S

    def _listen(self) -> None:
        """Hears, during the final wait, that somebody is tired of it."""
        while data := os.read(self._control, 4096):
            if HURRY in data.split(b"\n"):
                self._give_up.set()
