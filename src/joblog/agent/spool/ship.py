"""The shipper: a thread that sends a spool to the server until all of it is there and the log is closed.

It reads the spool and nothing else. There is one way to recover, whatever went wrong: after a pause, ask the server for
the log's end, check that what it holds are this spool's bytes (by their CRC-32), and go on from there. It gives up in
one case only: the log is no longer this spool's to write.

A new spool's log must be empty: one that is not, or is closed, is an earlier attempt of the same run, and this one becomes
the next attempt: a version of the same job whose run id has a suffix. All ranks of a restarted run find the same one.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import TYPE_CHECKING

from joblog.agent.spool.described import Description
from joblog.agent.spool.resumed import crc32_there, gaps_there, place_here, place_there
from joblog.agent.spool.spool import Spool
from joblog.api.backoff import Backoff, asked_s, jitter
from joblog.api.refs import LogRef
from joblog.errors import (
    BeyondEnd,
    Busy,
    Closed,
    Conflict,
    Different,
    Invalid,
    JoblogError,
    NotFound,
    TooLarge,
    TooMany,
    Unavailable,
    Unreachable,
)

if TYPE_CHECKING:
    from joblog.api.values import Log, Run
    from joblog.api.writer import Writer

BATCH_BYTES = 1 << 20
"""Largest body: also nginx's default limit, and little enough to send again."""

MIN_BATCH_BYTES = 4 << 10
"""A proxy with a limit lower than this is not worth serving."""

BATCH_S = 0.15
"""From one request to the next, however few bytes there are: at most 7 requests a second for a log, and live to the eye."""

GATHER_S = 0.01
"""What comes after a pause is sent so soon: a line is seldom written by one write alone."""

FIRST_PAUSE_S, MAX_PAUSE_S = 0.2, 15.0
"""Pauses between tries double from the first to the longest: a server's restart is noticed in a quarter of a
minute, and a thousand agents (at random points of their pauses) are no load for one that is coming back."""

TELL_TRIES = 7
"""Tries (about 20 s) after which an absent server is worth a line; what will not mend itself is said at once."""

GIVE_UP_CHECK_S = 0.1
"""How often the final wait looks whether somebody is tired of it."""

NEVER_SEEN_S = 5.0
"""Final wait for a server that has not answered once: rather a wrong address than an outage."""

RUN_ID_CHARACTERS = 128
"""Longest run id, suffix and all."""


class Shipper:
    """Ships one spool in a thread of its own; ``say`` gets a line for people when something is wrong."""

    def __init__(
        self,
        spool: Spool,
        connect: Callable[[], Writer],
        say: Callable[[str], None],
        *,
        say_address: bool = False,
        first_pause_s: float = FIRST_PAUSE_S,
        origin: Callable[[], dict[str, str]] | None = None,
    ) -> None:
        """``connect`` and ``origin`` are called in the thread, so that what they import does not delay the job.

        ``origin`` says what the run is called and began with, where the spool does not.
        """
        self._spool = spool
        self._connect = connect
        self._say = say
        self._say_address = say_address
        self._backoff = Backoff(first_pause_s, MAX_PAUSE_S, least=0.5)
        self._description = Description(spool, origin)
        self._client: Writer | None = None
        self._log: Log | None = None
        self._run_name = spool.meta.job_name  # with the run's own name when the server has given it
        self._at = 0
        self._sent_s = 0.0
        self._batch_bytes = BATCH_BYTES
        self._seen = threading.Event()
        self._met, self._ref = threading.Event(), LogRef("", 0, 0, "")
        self._over, self._end_reported = threading.Event(), threading.Event()
        self._hurry = threading.Event()
        self._failure: Exception | None = None
        self._reported = False
        self._closing = self._labelled = False
        self.announced = False
        """Whether the server has heard, from this process, that the run goes on."""
        self._thread = threading.Thread(target=self._ship, name="joblog-ship", daemon=True)

    def start(self) -> None:
        """Begins to ship."""
        self._thread.start()

    def finish(self, wait_s: float, give_up: threading.Event) -> bool:
        """Waits, after the spool's ``finish``, until the server has everything and the log is closed.

        At most ``wait_s``, less when the server was never seen (``NEVER_SEEN_S``) or ``give_up`` is set meanwhile.
        Returns whether it is so; the spool is not needed any more then.
        """
        return self._wait_for(self._over, wait_s, give_up) and self._failure is None

    def report_end(self, wait_s: float, give_up: threading.Event) -> bool:
        """Waits as ``finish`` does, for what there is now, and for the report of how the run ended: more bytes will come."""
        self._spool.note_left()
        return self._wait_for(self._end_reported, wait_s, give_up)

    def _wait_for(self, event: threading.Event, wait_s: float, give_up: threading.Event) -> bool:
        self._hurry.set()
        begun_s = time.monotonic()
        while not event.wait(min(GIVE_UP_CHECK_S, wait_s)):
            # As long as the first try is on its way, it is this machine that is slow, or the server.
            late = isinstance(self._failure, Unreachable) and self._failure.late
            away = self._failure is not None and not late and not self._seen.is_set()
            longest_s = min(wait_s, NEVER_SEEN_S) if away else wait_s
            if give_up.is_set() or self.gave_up or time.monotonic() - begun_s >= longest_s:
                return event.is_set()
        return True

    @property
    def gave_up(self) -> bool:
        """Whether the log turned out not to be this spool's to write, which was said then."""
        return self._over.is_set() and self._failure is not None

    def stop(self) -> None:
        """Ends the thread at the end of what it is doing; nothing is sent after that."""
        self._over.set()
        self._hurry.set()

    def wait_for_log(self, over: threading.Event) -> LogRef | None:
        """Waits until the server's log is known; returns None when it is ``over`` before.

        It may be another one later: a server that went back in time may not know the run any more.
        """
        while not self._met.wait(GIVE_UP_CHECK_S):
            if over.is_set():
                return None
        return self._ref

    @property
    def seen(self) -> bool:
        """Whether the server has answered."""
        return self._seen.is_set()

    @property
    def is_put_off(self) -> bool:
        """Whether the server is there, and has asked to come later."""
        return isinstance(self._failure, Busy | TooMany) and not self._over.is_set()

    def why_not(self) -> str:
        """Returns, in a few words, what kept the last bytes from the server."""
        return str(self._failure) if self._failure else "there was not enough time"

    def unacknowledged_bytes(self) -> int:
        """Returns how many bytes the server has not acknowledged."""
        return self._spool.end_byte - self._at

    def _ship(self) -> None:
        # A batch's age at least: until then the processor is the job's, which is starting, and its first bytes'.
        self._spool.wait_for_finish(BATCH_S)
        self._description.note()
        while not self._over.is_set():
            try:
                self._step()
            except (Different, Closed) as error:
                if self._at == 0 and self._spool.start_byte == 0 and not self._closing:
                    # Somebody else was faster. Nothing of this log was sent, so another one can have it all.
                    self._spool.choose_run_id("")
                    self._recover(error)
                else:
                    self._failure = error
                    self._say(f"{error}; it is sent no more, and is {self._spool.whereabouts}")
                    self._over.set()
            except Exception as error:  # noqa: BLE001 - the job goes on whatever it is, and so does the next try
                self._recover(error)
            else:
                self._failure = None
                self._backoff.reset()

    def _step(self) -> None:
        """Sends one batch, or closes the log when all are sent; waits for bytes first."""
        if self._client is None:
            self._client = self._connect()
        if self._log is None:
            self._log = self._meet(self._client)
        self._spool.wait_for_byte(self._at, or_left=not self._end_reported.is_set())
        if self._spool.end_byte - self._at < self._batch_bytes:
            self._spool.wait_for_finish(max(self._sent_s + BATCH_S - time.monotonic(), GATHER_S))
        data = self._spool.read(self._at, self._batch_bytes)
        if data:
            self._sent_s = time.monotonic()
            self._client.send_bytes(self._log.ref, place_there(self._at, self._spool.resumed), data)
            self._at += len(data)
            self._spool.acknowledge(self._at)
        elif self._spool.finished:
            self._close(self._client, self._log)
        elif self._spool.left and not self._end_reported.is_set():
            self._announce(self._client, self._log)
            self._report(self._client, self._log)

    def _meet(self, client: Writer) -> Log:
        """Gets or creates the log and finds out where to go on."""
        meta, first = self._spool.meta, not self._seen.is_set()
        run = self._run_of(client, self._spool.chosen_run_id) if self._spool.chosen_run_id else self._fresh_run(client)
        log = run.log
        at = place_here(log.end_byte, self._spool.resumed)
        if at > self._spool.end_byte or (at >= self._spool.start_byte and not self._is_ours(log)):
            raise Different(f"the log {meta.job_name}, {meta.run_id}, {meta.task} has another writer", log.end_byte)
        if at < max(self._at, self._spool.start_byte):
            self._accept_loss(log, at)
        self._label(client, log)
        self._description.send(client, run)
        self._at = self._send_notice(client, log)
        self._ref = log.ref
        self._run_name = f"{run.job.name}/{run.version.name}"
        self._met.set()
        if first and self._say_address:
            self._say(f"{client.url}/p/{log.project_id}/{self._run_name}")
        return log

    def _accept_loss(self, log: Log, at: int) -> None:
        """Says that the server has not any more what it had acknowledged, and goes on with what is still here."""
        acknowledged = max(self._at, self._spool.start_byte)
        self._spool.take_back(at)
        left = self._spool.start_byte
        self._say(
            f"THE SERVER HAS LOST {acknowledged - at} BYTES OF THE LOG THAT IT HAD ACKNOWLEDGED, from byte {at} on: its catalog"
            f" went back in time. {acknowledged - max(at, left)} of them are here still and are sent again"
            + (f"; {left - at} are gone, and a line in the log says so" if left > at else "")
        )
        if left > at:
            self._spool.resume(log.end_byte, log.crc32, left - at, in_line=log.partial_byte < log.end_byte)
        self._labelled = self.announced = False  # that may be gone, too
        self._description.forget()
        self._end_reported.clear()

    def _send_notice(self, client: Writer, log: Log) -> int:
        """Sends what the server has not of the line for lost bytes; returns where to go on in the spool."""
        resumed = self._spool.resumed
        if resumed is not None and (rest := resumed.text[max(log.end_byte - resumed.at, 0) :]):
            client.send_bytes(log.ref, log.end_byte, rest)
        return place_here(log.end_byte, resumed)

    def _is_ours(self, log: Log) -> bool:
        """Returns whether the server's bytes are the spool's; those that a disk has changed since then prove nothing."""
        resumed = self._spool.resumed
        at = place_here(log.end_byte, resumed)
        changed = any(each.start < at for each in self._spool.damaged)
        cut_off = resumed is not None and log.end_byte < place_there(resumed.spool_byte, resumed)  # the line for lost bytes
        return changed or cut_off or log.crc32 == crc32_there(at, self._spool.crc32_to(at), resumed)

    def _label(self, client: Writer, log: Log) -> None:
        """Labels the job, once; what is wrong with the labels is no reason to keep the log back."""
        if self._spool.meta.labels and not self._labelled:
            try:
                client.label_job(log.project_id, log.job_id, self._spool.meta.labels)
            except (Unreachable, Unavailable, Busy):
                raise
            except JoblogError as error:
                self._say(f"the job was not labelled: {error}")
            self._labelled = True

    def _fresh_run(self, client: Writer) -> Run:
        """Gets the first of the run's attempts whose log is empty, and notes it before anything is sent to it."""
        for run_id in attempts(self._spool.meta.run_id):
            run = self._run_of(client, run_id)
            log = run.log
            empty = log.end_byte == 0 and not log.closed
            # Where the note of which log it was is lost, it is the one whose bytes are these.
            begun = self._spool.is_state_lost and self._spool.start_byte <= log.end_byte <= self._spool.end_byte
            if empty or (begun and self._is_ours(log)):
                self._spool.choose_run_id(run_id)
                return run
        raise AssertionError  # there is no last attempt

    def _run_of(self, client: Writer, run_id: str) -> Run:
        meta = self._spool.meta
        run = client.run(meta.project_id, meta.job_name, run_id=run_id, task=meta.task)
        self._seen.set()
        return run

    def _close(self, client: Writer, log: Log) -> None:
        self._closing, spool = True, self._spool
        self._announce(client, log)
        crc32 = spool.crc32 if spool.is_proved or spool.gaps else None  # else nobody knows whether they are what the job wrote
        end_byte, gaps = place_there(spool.end_byte, spool.resumed), gaps_there(spool.gaps, spool.resumed)
        if crc32 is not None:
            crc32 = crc32_there(spool.end_byte, crc32, spool.resumed)
        closed = client.close_log(log.ref, end_byte=end_byte, crc32=crc32, gaps=gaps)
        if closed.complete is False and not spool.gaps and not spool.damaged:
            raise Different("the server's copy does not agree with the one here", closed.end_byte)
        if spool.gaps:
            lost_bytes = sum(gap.size_bytes for gap in spool.gaps)
            self._say(f"{lost_bytes} bytes of the log could not be kept ({spool.gaps[0].reason})")
        self._report(client, log)
        self._failure = None
        self._over.set()

    def _announce(self, client: Writer, log: Log) -> None:
        """Says that the run goes on, where it was too short for a report.

        A run of which the server has heard nothing but its logs' end is over for it, in an unknown way: for whoever looks
        before it is told how (``_report``).
        """
        if self._spool.outcome is None or self.announced or self._end_reported.is_set():
            return
        try:
            client.report(log.ref, "RUNNING", **self._spool.meta.facts)
            self.announced = True
        except Unreachable:
            raise
        except JoblogError:
            pass  # the log's end is worth more, and does not wait for it

    def _report(self, client: Writer, log: Log) -> None:
        """Says how the run ended; the log is complete then, unless others still write; may be said again."""
        outcome, meta = self._spool.outcome, self._spool.meta
        try:
            if outcome is not None and not self._end_reported.is_set():
                client.report(log.ref, **outcome._asdict(), **meta.facts)
                if outcome.status == "FAILED" and self._say_address:
                    self._say(f"joblog why {self._run_name} shows why it failed")
        except JoblogError as error:
            if not isinstance(error, Invalid | NotFound | Conflict):
                raise
            self._say(f"how the run ended is not on the server: {error}")  # it will not mend itself
        self._end_reported.set()

    def _recover(self, error: Exception) -> None:
        """Pauses before the next try, which begins with asking the server for the log's end.

        Not where the server only had no time: it has taken nothing, the same call again does no harm, and one more would be
        one more that it has no time for.
        """
        self._failure = error
        if isinstance(error, Busy | TooMany):
            self._seen.set()
        else:
            self._log = None
        if isinstance(error, TooLarge):
            self._batch_bytes = max(self._batch_bytes // 2, MIN_BATCH_BYTES)
        elif not self._reported and (
            self._backoff.tries >= TELL_TRIES or not isinstance(error, Unreachable | Busy | BeyondEnd)
        ):
            self._reported = True
            self._say(f"the log is not being sent: {error}; it is {self._spool.whereabouts}, more tries follow")
        pause_s = self._backoff.pause_s()
        if isinstance(error, JoblogError) and error.retry_after_s is not None:
            # What the server asks for is kept to, whoever is in a hurry; and all whom it asks do not come back together.
            self._over.wait(asked_s(error) * (1 + jitter(0)) + pause_s)
            return
        if self._hurry.wait(pause_s):
            # The job has ended: at once, and then at short intervals again.
            self._hurry.clear()
            self._backoff.reset()


def attempts(run_id: str) -> Iterator[str]:
    """Yields the run ids of a run's attempts: its own, then ``ID.attempt-2`` and so on."""
    yield run_id
    match = re.fullmatch(r"(.*)\.attempt-([0-9]+)", run_id)
    base, first = (match[1], int(match[2])) if match else (run_id, 1)
    for attempt in count(first + 1):
        suffix = f".attempt-{attempt}"
        yield base[: RUN_ID_CHARACTERS - len(suffix)] + suffix
