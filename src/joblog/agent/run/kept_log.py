"""The log of one job as its keeper has it: from the pipes into the spool, from there to the server, and how the run is."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from joblog.agent.run.heartbeat import Reporter
from joblog.agent.run.intake import READ_BYTES, Filtering, Intake, Straight
from joblog.agent.run.pass_on import SharedMark, close_output, say
from joblog.agent.spool.files import UNKNOWN, Meta, Outcome
from joblog.agent.spool.ship import Shipper
from joblog.agent.spool.spool import LIMIT_BYTES, Spool, limit_of

if TYPE_CHECKING:
    from joblog.api.writer import Writer

LINGER_S = 86400.0
"""How long what processes that the command left behind write is kept: a daemon's life has no end, a log is to have one."""

PUT_OFF_S, PUT_OFF_LOOK_S = 600.0, 1.0
"""For how long the last words are sent to a server that asks to come later, when the caller has left."""

GRACE_S = 30.0
"""Time between SIGTERM and SIGKILL for a job that the server asks to stop: Slurm's and Kubernetes' own."""


STOPPED = "stopped as the server was asked to"
"""Why a run ended that somebody stopped through the server."""


class Options(NamedTuple):
    """``wait_s`` bounds the wait for the last bytes' acknowledgement; ``say_address`` says where the run is shown.

    ``grace_s`` is what a job that is asked to stop has to do so; ``linger_s`` is how long what it leaves behind is kept.
    ``buffered``: a Python is not told not to buffer. ``origin`` says what the run is called and began with.
    ``attached`` are pipes that others write to, and where their bytes go on to.
    """

    spool_roots: tuple[Path, ...]
    wait_s: float
    say_address: bool = False
    tty: bool = False
    spool_limit_bytes: int = LIMIT_BYTES
    filtering: Filtering | None = None
    grace_s: float = GRACE_S
    linger_s: float = LINGER_S
    buffered: bool = False
    origin: Callable[[], dict[str, str]] | None = None
    attached: Mapping[int, int] = MappingProxyType({})


class KeptLog:
    """Spools and ships the log; whatever fails in it is said once, and the job goes on without it."""

    def __init__(
        self,
        path: Path | None,
        connect: Callable[[], Writer],
        options: Options,
        mark: SharedMark,
        *,
        stop: Callable[[], bool],
        meta: Meta | None = None,
    ) -> None:
        """``stop`` begins to end the job, and returns whether there is one.

        ``meta`` says which log it is where there is no place for a spool, and it is kept in memory; else nothing is kept.
        """
        self._stop = stop
        self._wait_s, self._linger_s = options.wait_s, options.linger_s
        self._mark = mark
        self.spool: Spool | None = None
        self._intake: Intake | None = None
        if meta is None and (path is None or not path.exists()):
            return
        try:
            self.spool = Spool(path, meta=meta, limit_bytes=limit_of(path, options.spool_limit_bytes))
            self.spool.prove()
            self._intake = self._new_intake(self.spool, options)
            self._shipper = Shipper(self.spool, connect, say, say_address=options.say_address, origin=options.origin)
            self._reporter = Reporter(self.spool, self._shipper, connect, self._asked_to_stop)
            self._shipper.start()
            self._reporter.start()
        except Exception as error:  # noqa: BLE001 - the job goes on, whatever it is
            self._fail(error)

    def _new_intake(self, spool: Spool, options: Options) -> Intake:
        if options.filtering is None:
            return Straight(spool, self._mark)
        return options.filtering.intake(spool, options.spool_limit_bytes)

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

    def note_outcome(self, outcome: Outcome) -> None:
        """Says how the run ended."""
        if self.spool is None:
            return
        if self.spool.stopped:
            outcome = outcome._replace(status="KILLED", reason=STOPPED)
        self.spool.note_outcome(outcome)

    def _asked_to_stop(self) -> None:
        if self.spool is not None and self._stop():
            self.spool.note_stopped()

    def report_end(self, give_up: threading.Event) -> None:
        """Waits for the way to the server of what there is, and of how the run ended, while others still write."""
        if self.spool is None:
            return
        if self.spool.outcome is None:
            self.note_outcome(UNKNOWN)
        self._reporter.end()
        spool, shipper = self.spool, self._shipper
        if not shipper.report_end(self._wait_s, give_up) and not shipper.gave_up:
            why = f"{shipper.unacknowledged_bytes()} bytes of the log are not on the server yet ({shipper.why_not()})"
            say(f"{why}; they are {spool.whereabouts}, and more, as long as what the command left behind writes")

    def keep_no_more(self) -> None:
        """Has what comes from now on counted only."""
        if self._intake is not None:
            self._guard(self._intake.end)
        if self.spool is not None:
            self.spool.keep_no_more(f"written later than {self._linger_s:.0f} s after the command's end")

    def finish(self, give_up: threading.Event, let_leave: Callable[[], None]) -> None:
        """Waits for the last bytes' way to the server, and removes the spool when they are there.

        A server that asks to come later, as one does to which thousands of jobs say their last words at once, is given longer
        than the caller waits: ``let_leave`` lets that one leave.
        """
        if self._intake is not None:
            self._guard(self._intake.end)
        if self.spool is None:
            return
        if self.spool.outcome is None:
            self.note_outcome(UNKNOWN)
        self._reporter.end()
        try:
            self.spool.finish()
        except OSError:
            pass  # the disk is full: that the log is whole is noted in memory, and shipped from there
        if self._shipper.finish(self._wait_s, give_up) or self._is_sent_later(give_up, let_leave):
            self._remove(self.spool)
        elif not self._shipper.gave_up:
            left_bytes, reason = self._shipper.unacknowledged_bytes(), self._shipper.why_not()
            if self.spool.place is None:
                left_bytes += sum(gap.size_bytes for gap in self.spool.gaps)
            what = f"last {left_bytes} bytes are" if left_bytes else "end is"
            kept = f"it is kept in {self.spool.place}, from where joblog sync sends it"
            if self.spool.place is None:
                kept = "they are lost, as there was no place to keep them" if left_bytes else "nobody can say it later"
            say(f"the log's {what} not on the server ({reason}); {kept}")

    def _is_sent_later(self, give_up: threading.Event, let_leave: Callable[[], None]) -> bool:
        """Goes on sending without the caller while the server is there and only asks to wait; returns whether all is sent."""
        if give_up.is_set() or not self._shipper.is_put_off or not self._wait_s or self.spool is None:
            return False
        kept = f"it is {self.spool.whereabouts}, and sent from there"
        say(f"the log's last bytes are not on the server yet ({self._shipper.why_not()}); {kept}")
        close_output()
        let_leave()
        ends_s, sent = time.monotonic() + PUT_OFF_S, False
        while not sent and self._shipper.is_put_off and time.monotonic() < ends_s:
            sent = self._shipper.finish(PUT_OFF_LOOK_S, give_up)
        return sent

    def _remove(self, spool: Spool) -> None:
        try:
            spool.remove()
        except OSError as error:
            say(f"the log is on the server, but its copy here cannot be removed: {error}")

    def _fail(self, error: Exception) -> None:
        self.spool = self._intake = None
        self._mark.set(0, 0)
        say(f"the log is not kept: {error}")
