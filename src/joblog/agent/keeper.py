"""The keeper: the process that moves what the job writes into the spool, passes it on, and ships it.

It is forked by the foreground process (``run.py``), in a session of its own, so that neither the terminal's nor a
scheduler's signals to the job's group end it. Both processes hold the pipes' ends. If the foreground process is killed,
the keeper goes on to the end of output; if the keeper is killed, the foreground process forks another one, which opens
the spool again and goes on where the pipes are.
"""

from __future__ import annotations

import os
import selectors
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from joblog.agent.aside import Aside
from joblog.agent.intake import READ_BYTES, Filtered, Held, Intake, Straight
from joblog.agent.output import Mark, PassOn, say
from joblog.agent.ship import Shipper
from joblog.agent.sieve import Filters
from joblog.agent.source import STDERR, Streams
from joblog.agent.spool import LIMIT_BYTES, Spool

if TYPE_CHECKING:
    from joblog.client import Client

ORPHANS_S = 5.0
"""Wait for the end of output after the child's exit: its last bytes are in the pipe already, so this is for processes
that it left behind, for which a shell would wait for ever; a scheduler would not."""

STARTED, EXITED, HURRY = b"p", b"x", b"h"
"""What the foreground process tells: the child's process id (a line), its exit, that somebody is tired of waiting."""


@dataclass(frozen=True)
class Options:
    """``wait_s`` bounds the wait for the last bytes' acknowledgement; ``verbose`` says where the log is."""

    spool_root: Path
    wait_s: float
    verbose: bool = False
    tty: bool = False
    spool_limit_bytes: int = LIMIT_BYTES
    filters: Filters = Filters()


@dataclass(frozen=True)
class Shared:
    """The memory that the foreground process and its keepers share; ``held`` is for output that is filtered."""

    mark: Mark
    held: Held | None = None


class Log:
    """Spools and ships the log; whatever fails in it is said once, and the job goes on without it."""

    def __init__(self, path: Path | None, connect: Callable[[], Client], options: Options, shared: Shared) -> None:
        self._wait_s = options.wait_s
        self._shared = shared
        self.spool: Spool | None = None
        self._intake: Intake | None = None
        if path is None or not path.exists():
            return
        try:
            self.spool = Spool(path, limit_bytes=options.spool_limit_bytes)
            self._intake = self._new_intake(self.spool, options)
            self._shipper = Shipper(self.spool, connect, say, say_address=options.verbose)
            self._shipper.start()
        except Exception as error:  # noqa: BLE001 - the job goes on, whatever it is
            self._fail(error)

    def _new_intake(self, spool: Spool, options: Options) -> Intake:
        if self._shared.held is None:
            return Straight(spool, self._shared.mark)
        sieves = options.filters.sieves(STDERR, time.monotonic())
        return Filtered(spool, self._shared.held, sieves, Aside(spool.path, options.spool_limit_bytes))

    def take(self, source: int, descriptor: int) -> bytes:
        """Takes what the pipe holds and returns it; none at the pipe's end, which is an error where it is a terminal."""
        if self._intake is not None:
            try:
                data = self._intake.receive(source, descriptor)
            except Exception as error:  # noqa: BLE001 - the job goes on, whatever it is
                if not os.isatty(source):
                    self._fail(error)
            else:
                self._guard(self._intake.keep)
                return data
        try:
            return os.read(source, READ_BYTES)
        except OSError:
            return b""

    def passed_on(self) -> None:
        """Says that what was taken is on joblog's own stdout or stderr, too."""
        if self._intake is not None:
            self._intake.passed_on()

    def not_passed_on(self) -> Iterator[tuple[bytes, int]]:
        """Yields what a keeper before this one had taken, and did not come to pass on, and where it belongs."""
        if self._intake is not None:
            try:
                yield from self._intake.not_passed_on()
            except Exception as error:  # noqa: BLE001 - the job goes on, whatever it is
                self._fail(error)

    @property
    def due_s(self) -> float | None:
        """When to ``wake`` it; None: not at all."""
        return self._intake.due_s if self._intake is not None else None

    def wake(self) -> None:
        """Lets go of what was held back for long enough."""
        if self._intake is not None:
            self._guard(self._intake.wake)

    def _guard(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001 - the job goes on, whatever it is
            self._fail(error)

    def finish(self, give_up: threading.Event) -> None:
        """Waits for the last bytes' way to the server, and removes the spool when they are there."""
        if self._intake is not None:
            self._guard(self._intake.end)
        if self.spool is None:
            return
        try:
            self.spool.finish()
        except OSError:
            pass  # the disk is full: that the log is whole is noted in memory, and shipped from there
        if self._shipper.finish(self._wait_s, give_up):
            self._remove(self.spool)
        elif not self._shipper.gave_up:
            left_bytes, reason = self._shipper.unacknowledged_bytes(), self._shipper.why_not()
            say(f"the log's last {left_bytes} bytes are not on the server ({reason}); it is kept in {self.spool.path}")

    def _remove(self, spool: Spool) -> None:
        try:
            spool.remove()
        except OSError as error:
            say(f"the log is on the server, but its copy here cannot be removed: {error}")

    def _fail(self, error: Exception) -> None:
        self.spool = self._intake = None
        self._shared.mark.set(0, 0)
        say(f"the log is not kept: {error}")


class Keeper:
    """Reads the job's output to its end; ``control`` is where the foreground process tells it what happens."""

    def __init__(self, streams: Streams, log: Log, control: int) -> None:
        self._log = log
        self._pass_on = PassOn()
        self._open = set(streams.reading)
        self._ready = selectors.DefaultSelector()
        for source, descriptor in streams.reading.items():
            self._ready.register(source, selectors.EVENT_READ, descriptor)
        self._control = control
        self._ready.register(control, selectors.EVENT_READ)
        self._exited: int | None = None
        self._ends_s: float | None = None
        self._give_up = threading.Event()

    def run(self) -> None:
        """Keeps the output to its end (see ``ORPHANS_S``), then the log."""
        for data, descriptor in self._log.not_passed_on():
            self._pass_on.write(data, descriptor)
        while self._open:
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
        return True

    def _hear(self) -> bool:
        """Takes what the foreground process tells; returns whether it is still there."""
        told = os.read(self._control, 256)
        for word in told.splitlines():
            if word.startswith(STARTED):
                self._watch(int(word[1:]))
            elif word == EXITED:
                self._child_exited()
            elif word == HURRY:
                self._give_up.set()
        return bool(told)

    def _watch(self, pid: int) -> None:
        """Watches the child itself: the foreground process, which would tell, may be killed."""
        try:
            self._exited = os.pidfd_open(pid)
        except OSError:
            return  # an old kernel, or the child has ended: the foreground process tells, or the pipe's end does
        self._ready.register(self._exited, selectors.EVENT_READ)

    def _child_exited(self) -> None:
        if self._ends_s is None:
            self._ends_s = time.monotonic() + ORPHANS_S

    def _listen(self) -> None:
        """Hears, during the final wait, that somebody is tired of it."""
        while told := os.read(self._control, 256):
            if HURRY in told.splitlines():
                self._give_up.set()
