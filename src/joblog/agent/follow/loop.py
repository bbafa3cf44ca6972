"""``joblog follow``: one loop looks at all files, a few threads send what has come, however many files there are.

A look costs a system call, and files that have been quiet for long are looked at less often. When the server is away all
files wait together, and one call, not one for each file, finds out when it is back.
"""

from __future__ import annotations

import os
import random
import resource
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from joblog.agent.follow import naming
from joblog.agent.follow.file import Followed
from joblog.agent.follow.notes import Note
from joblog.agent.follow.open_file import kind_of
from joblog.agent.follow.setting import Setting
from joblog.agent.spool.ship import MIN_BATCH_BYTES
from joblog.api.backoff import Backoff, asked_s
from joblog.errors import BeyondEnd, Busy, Closed, Different, TooLarge, Unreachable

if TYPE_CHECKING:
    from joblog.api.writer import Writer

THREADS = 4
"""Senders, each with a connection: the server commits what comes together at once; more would take the job's processors."""

TICK_S = 0.05
"""Pause between two rounds."""

MIN_LOOK_S, MAX_LOOK_S = 0.15, 2.0
"""Pause between two looks at a file, a tenth of the time that it has been quiet: live where something happens, and
10,000 quiet files cost 5,000 system calls a second, which is some percent of a processor."""

DISCOVER_S = 1.0
"""Pause between two searches for new files, at least; a search that takes long is made less often."""

FIRST_PAUSE_S, MAX_PAUSE_S = 0.2, 15.0
"""Pauses between tries while the server is away double from the first to the longest."""

MAX_SHOWN = 10
"""Files that are named, of those that are followed from one moment on; of the others their number is said."""

BATCHES = 32
"""What one file gets sent before it is another one's turn."""

TELL_TRIES = 7
"""Tries (about 20 s) after which an absent server is worth a line; what will not mend itself is said at once."""

UNREADABLE_S = 5.0
"""Pause before a file that could not be read is tried again."""

SPARE_DESCRIPTORS = 64
"""Left for connections and the like when files are kept open."""

_jitter = random.Random()  # noqa: S311 - no secret


@dataclass(frozen=True)
class FollowPlan:
    """What to follow and when to end: ``once``: with what is there; ``until_idle_s``: when nothing came for so long.

    ``ended_s``: a log is closed when its file was left by its writer for so long; 0: never. ``shows``: says what is followed.
    """

    patterns: Sequence[str]
    job_name: str | None = None
    run_id: str | None = None
    once: bool = False
    until_idle_s: float | None = None
    wait_s: float = 30.0
    ended_s: float = 0.0
    shows: bool = False


@dataclass
class _Entry:
    file: Followed
    due_s: float = 0.0
    grown_s: float = 0.0
    busy: bool = False
    failed: bool = False
    reported: bool = False
    asked_s: float = 0.0  # when it grew last, or was asked whether its writer has gone
    ended: bool = False  # all is sent that was there when it had to end


class Follower:
    """Follows files until told to ``stop``; ``say`` gets a line for people when something is wrong."""

    def __init__(
        self,
        plan: FollowPlan,
        setting: Setting,
        connect: Callable[[], Writer],
        say: Callable[[str], None],
        *,
        first_pause_s: float = FIRST_PAUSE_S,
    ) -> None:
        self._plan, self._setting, self._connect, self._say = plan, replace(setting, say=say), connect, say
        self._backoff = Backoff(first_pause_s, MAX_PAUSE_S, least=0.5)
        self._entries: dict[Path, _Entry] = {}
        self._workers: dict[tuple[str, str], set[int]] = {}
        self._local = threading.local()
        self._clients: list[Writer] = []
        self._stopped = False
        self._over = False
        self._resume_s, self._reported, self._reason = 0.0, False, ""
        self._discover_s = 0.0
        self._left_open = _allowed_open_files()
        self._others: set[str] = set()

    def stop(self) -> None:
        """Ends it soon: what is there is sent, within ``wait_s``; may be called from a signal handler."""
        self._stopped = True  # no Event: its lock may be held by what the signal interrupted

    def run(self) -> int:
        """Follows; returns 0, or 1 when a log could not be sent or did not turn out complete, or is not there at its end."""
        self._look_for_others()
        missing = [each for each in naming.unmatched(self._plan.patterns) if each not in self._others]
        for pattern in missing:
            self._say(f"there is no file {pattern}" + ("" if self._plan.once else ", and it is waited for"))
        missing = [*missing, *self._others] if self._plan.once else []
        with ThreadPoolExecutor(THREADS, "joblog-follow") as pool:
            try:
                self._discover()
                if not self._plan.once:
                    self._loop(pool)
                whole = self._last_round(pool)
            finally:
                self._over = True
        for entry in self._entries.values():
            entry.file.close()
        for client in self._clients:
            client.close()
        return 0 if whole and not missing and not any(entry.failed for entry in self._entries.values()) else 1

    # Finding files

    def _discover(self) -> None:
        begun_s = time.monotonic()
        known = {(entry.file.mark.device, entry.file.mark.inode) for entry in self._entries.values()}
        fresh = []
        for path, base in naming.files(self._plan.patterns):
            # A file that is followed already and got another name is no other file.
            if path not in self._entries and _inode(path) not in known:
                fresh.append((path, naming.target(path, base, self._plan.job_name, self._plan.run_id)))
        marks = {path: self._setting.marks.load(path) for path, _ in fresh}
        for path, target in fresh:
            mark = marks[path]
            if mark is not None and self._is_of(mark, target):
                self._taken(mark.job_name, mark.run_id).add(int(mark.task.removeprefix("worker-")))
                self._add(path, mark, target, known=True)
        self._look_for_others()
        for path, target in fresh:
            if path not in self._entries:
                self._add(path, Note(target.job_name, target.run_id, self._task(target)), target, known=False)
        self._show([path for path, _ in fresh])
        self._discover_s = time.monotonic() + max(DISCOVER_S, 10 * (time.monotonic() - begun_s))

    def _is_of(self, mark: Note, target: naming.Target) -> bool:
        run_id, attempt = target.run_id, f"{target.run_id}.attempt-"
        return mark.job_name == target.job_name and (mark.run_id == run_id or mark.run_id.startswith(attempt) or target.own_run)

    def _look_for_others(self) -> None:
        """Says, once, of what is named and no file that it is not read."""
        for pattern in self._plan.patterns:
            if pattern not in self._others and (kind := kind_of(Path(pattern))):
                self._others.add(pattern)
                read = " (joblog import --job NAME - reads what comes out of one)" if kind == "a FIFO" else ""
                self._say(f"{pattern} is {kind}, and no file: it is not followed{read}")

    def _show(self, paths: Sequence[Path]) -> None:
        """Says what is followed from now on, and as which log."""
        if not self._plan.shows:
            return
        for path in paths[:MAX_SHOWN]:
            mark = self._entries[path].file.mark
            self._say(f"following {path}: job {mark.job_name}, rank {mark.task.removeprefix('worker-')}")
        if len(paths) > MAX_SHOWN:
            self._say(f"following {len(paths) - MAX_SHOWN} more files")

    def _taken(self, job_name: str, run_id: str) -> set[int]:
        return self._workers.setdefault((job_name, run_id), set())

    def _task(self, target: naming.Target) -> str:
        taken = self._taken(target.job_name, target.run_id)
        worker = target.worker
        if worker < 0 or worker in taken:
            worker = next(number for number in range(len(taken) + 1) if number not in taken)
        taken.add(worker)
        return f"worker-{worker}"

    def _add(self, path: Path, mark: Note, target: naming.Target, *, known: bool) -> None:
        keep_open = self._left_open > 0
        self._left_open -= 1
        inode = _inode(path)
        mark = mark if known else replace(mark, inode=inode[1], device=inode[0])
        file = Followed(path, mark, self._setting, known=known, own_run=target.own_run, keep_open=keep_open)
        self._entries[path] = _Entry(file, grown_s=time.monotonic(), asked_s=time.monotonic())

    # Rounds

    def _loop(self, pool: ThreadPoolExecutor) -> None:
        while not self._stopped:
            time.sleep(TICK_S)
            now_s = time.monotonic()
            if now_s >= self._discover_s:
                self._discover()
            if now_s >= self._resume_s:
                self._round(pool, now_s)
            if self._is_idle(now_s):
                return

    def _round(self, pool: ThreadPoolExecutor, now_s: float) -> None:
        entries = list(self._entries.values())
        if self._backoff.tries:
            _jitter.shuffle(entries)
        for entry in entries:
            if entry.busy or entry.failed or now_s < entry.due_s:
                continue
            changed, settled = entry.file.look()
            if changed:
                entry.grown_s = entry.asked_s = now_s
            elif settled and not entry.file.done and 0 < self._plan.ended_s <= now_s - entry.asked_s:
                entry.busy, entry.asked_s = True, now_s
                pool.submit(self._end, entry)
                continue
            elif settled:
                entry.due_s = now_s + _pause_s(now_s - entry.grown_s)
                continue
            entry.busy = True
            pool.submit(self._step, entry, last=False)
            if self._backoff.tries:
                self._resume_s = now_s + TICK_S
                return  # one is enough to find out whether the server is back

    def _is_idle(self, now_s: float) -> bool:
        idle_s, away = self._plan.until_idle_s, self._backoff.tries >= TELL_TRIES
        return idle_s is not None and all(
            entry.failed or (not entry.busy and (away or entry.file.is_settled) and now_s - entry.grown_s >= idle_s)
            for entry in self._entries.values()
        )

    def _last_round(self, pool: ThreadPoolExecutor) -> bool:
        """Sends what is there, and closes the logs unless told to stop; returns whether that was done in time."""
        closes = not self._stopped
        left, ends_s, calls = list(self._entries.values()), time.monotonic() + self._plan.wait_s, -1
        while True:
            left = [entry for entry in left if entry.busy or not self._is_finished(entry, closes=closes)]
            now_s = time.monotonic()
            for entry in left:
                if not entry.busy and now_s >= max(self._resume_s, entry.due_s):
                    entry.busy = True
                    pool.submit(self._finish if closes else self._step, entry, last=True)
            if not left:
                return True
            done = sum(entry.file.calls for entry in left)
            if calls != done and not self._stopped:
                calls, ends_s = done, now_s + self._plan.wait_s  # it gets on; the wait is for a server that is away
            if now_s >= ends_s:
                self._say(f"{len(left)} files are not on the server as a whole ({self._reason or 'not enough time'})")
                return False
            time.sleep(TICK_S / 5)

    def _is_finished(self, entry: _Entry, *, closes: bool) -> bool:
        return entry.failed or (entry.file.done if closes else entry.ended)

    # In the senders' threads

    def _client(self) -> Writer:
        client: Writer | None = getattr(self._local, "client", None)
        if client is None:
            client = self._local.client = self._connect()
            self._clients.append(client)
        return client

    def _finish(self, entry: _Entry, *, last: bool) -> None:
        """Sends all that is there and closes the log."""
        with _Release(entry):
            self._guard(entry, lambda: self._send(entry, last=last))
            if entry.file.is_settled and not entry.failed:
                self._guard(entry, lambda: self._close(entry))

    def _end(self, entry: _Entry) -> None:
        """Closes the log of a file that nobody writes to any more."""
        with _Release(entry):
            self._guard(entry, lambda: self._close(entry) if entry.file.is_left() else None)

    def _close(self, entry: _Entry) -> None:
        if not entry.file.finish(self._client()):
            raise Different(f"the server's copy of {entry.file.path} does not agree with it")

    def _step(self, entry: _Entry, *, last: bool) -> None:
        with _Release(entry):
            self._guard(entry, lambda: self._send(entry, last=last))

    def _send(self, entry: _Entry, *, last: bool) -> None:
        client, calls = self._client(), entry.file.calls
        for _ in range(BATCHES):
            if self._over or not entry.file.step(client, last=last):
                break
        if entry.file.calls > calls:
            self._backoff.reset()
            self._reported = False
        entry.ended = last and entry.file.is_settled
        entry.due_s = 0.0 if last else time.monotonic() + MIN_LOOK_S

    def _guard(self, entry: _Entry, call: Callable[[], None]) -> None:
        try:
            call()
        except (Different, Closed) as error:
            entry.failed = True
            self._say(f"{entry.file.path} is not sent: {error}")
        except TooLarge:
            entry.file.batch_bytes = max(entry.file.batch_bytes // 2, MIN_BATCH_BYTES)
        except OSError as error:
            entry.due_s = time.monotonic() + UNREADABLE_S
            self._reason = f"{entry.file.path}: {error.strerror}"
            if not entry.reported:
                entry.reported = True
                self._say(f"{entry.file.path} cannot be read: {error.strerror}; more tries follow")
        except Exception as error:  # noqa: BLE001 - a sender's edge: whatever it is, the next try follows
            entry.file.disconnect()
            self._wait_for_server(error)

    def _wait_for_server(self, error: Exception) -> None:
        self._reason = str(error)
        if not self._reported and (self._backoff.tries >= TELL_TRIES or not isinstance(error, Unreachable | Busy | BeyondEnd)):
            self._reported = True
            self._say(f"nothing is being sent: {error}; more tries follow")
        pause_s = self._backoff.pause_s() + asked_s(error)  # what the server asks for is kept to, whoever is in a hurry
        self._resume_s = max(self._resume_s, time.monotonic() + pause_s)


class _Release:
    """Gives an entry back to the loop."""

    def __init__(self, entry: _Entry) -> None:
        self._entry = entry

    def __enter__(self) -> None:
        """Begins."""

    def __exit__(self, *_: object) -> None:
        self._entry.busy = False


def _pause_s(quiet_s: float) -> float:
    return min(max(quiet_s / 10, MIN_LOOK_S), MAX_LOOK_S)


def _inode(path: Path) -> tuple[int, int]:
    try:
        status = os.stat(path)
    except OSError:
        return 0, 0
    return status.st_dev, status.st_ino


def _allowed_open_files() -> int:
    """Allows this process as many open files as it may have, and returns how many followed ones may be among them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
        except (OSError, ValueError):
            pass  # as many as there are, then
    return max(soft - SPARE_DESCRIPTORS, 0)
