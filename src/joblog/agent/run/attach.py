"""joblog from inside a program: ``joblog.capture()`` and ``joblog.handler()``, for what ``joblog run`` cannot be put before.

    with joblog.capture(job="resnet"):
        train()                                   # prints, and C libraries' output too: file descriptors 1 and 2

    logging.getLogger().addHandler(joblog.handler(job="resnet"))

Both write to a pipe that another process, ``joblog run``, reads: what was written is kept though the program is killed the
moment after, a fork takes nothing along but the pipe, and at interpreter exit there is nothing to wait for. Nothing here
raises: where joblog cannot work the program runs on without it, and one line says so.
"""

from __future__ import annotations

import ctypes
import io
import logging
import os
import select
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TextIO

from joblog.agent.run.pass_on import wait_for_room
from joblog.api.refs import legal_job_name

STDOUT, STDERR = 1, 2

WAIT_S = 5.0
"""Wait at the end of a capture until all is passed on and sent; the other process goes on by itself after that."""

RECORD_S = 1.0
"""Longest that one record waits for room in the pipe: it is a local disk that the other end writes to."""

READ_BYTES = 64 << 10

# To end by the end of its input only: a scheduler sends its signals to every process of a job.
_READERS = "trap '' TERM INT HUP QUIT USR1 USR2; for each in {}; do cat /dev/fd/$each >&$(($each == {} ? 2 : 1)) & done; wait"

# What its status is to be, the program says in its last word; one that ends without it has failed.
_STATUS = "; read -r status <&{} && exit $status; exit 1"

# Not the program's child, whose own waiting for children it would disturb.
_DETACHED = ("sh", "-c", 'trap "" INT QUIT HUP; "$@" &', "sh")


@dataclass(frozen=True)
class ChosenLog:
    """Which log is meant; what is not given ``joblog run`` finds in the environment."""

    job: str | None = None
    run_id: str | None = None
    task: str | None = None

    def flags(self) -> list[str]:
        """Returns them as flags of ``joblog run``."""
        job = self.job or legal_job_name(Path(sys.argv[0] if sys.argv else "").stem or "python")
        given = {"--job": job, "--run-id": self.run_id, "--task": self.task}
        return [word for flag, name in given.items() if name for word in (flag, name)]


class _Keeper:
    """The process at the other end: ``out`` is passed on to descriptor ``to_out``, ``err`` to ``to_err``."""

    def __init__(self, names: ChosenLog, to_out: int, to_err: int, *, two: bool, status: bool = False) -> None:
        """``status``: what is written to the last of ``writing`` is the run's exit status. Raises OSError."""
        self.reading, writing = zip(*(os.pipe() for _ in range(1 + two + status)), strict=True)
        self.writing = list(writing)
        self.life, alive = os.pipe()
        streams = self.reading[: 1 + two]
        readers = _READERS.format(" ".join(map(str, streams)), streams[1] if two else -1)
        if status:
            readers += _STATUS.format(self.reading[-1])
        command = [sys.executable, "-m", "joblog", "run", *names.flags(), "--wait", "30", "--", "sh", "-c", readers]
        try:
            subprocess.run(  # noqa: S603 - the command is ours
                [*_DETACHED, *command],
                stdin=subprocess.DEVNULL,
                stdout=to_out,
                stderr=to_err,
                pass_fds=(*self.reading, alive),
                start_new_session=True,
                check=True,
            )
        except (OSError, subprocess.CalledProcessError) as error:
            self.close_writing()
            for each in (*self.reading, self.life):
                os.close(each)
            raise OSError(f"its process cannot be started: {error}") from error
        finally:
            os.close(alive)

    def close_writing(self) -> None:
        """Says that this process writes no more."""
        while self.writing:
            os.close(self.writing.pop())


class Capture:
    """Captures what this process, and those that it starts, write to descriptors 1 and 2; a context manager."""

    def __init__(
        self, job: str | None = None, *, run_id: str | None = None, task: str | None = None, wait_s: float = WAIT_S
    ) -> None:
        """``wait_s`` bounds the wait at the end; names that are not given come from the environment, or the program."""
        self._names, self._wait_s = ChosenLog(job, run_id, task), wait_s
        self._pid = 0
        self._kept: dict[int, int] = {}  # what the descriptors were before
        self._streams: list[tuple[str, TextIO]] = []
        self._restored = False
        self._lock = threading.Lock()

    def __enter__(self) -> Capture:
        _quietly(self._begin, "the output is not captured")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._pid == os.getpid():
            self._pid = 0
            _quietly(self._end, "the output's end may not be captured")

    def _begin(self) -> None:
        self._restored = False
        _flush()
        by_python = [name for name in ("stdout", "stderr") if _descriptor(getattr(sys, name)) is None]
        one = os.path.samestat(os.fstat(STDOUT), os.fstat(STDERR))
        self._kept = {each: os.dup(each) for each in (STDOUT, STDERR)}
        quiet = os.open(os.devnull, os.O_WRONLY)
        try:
            # A notebook's streams show by themselves what they get: that goes to the log, and is not passed on.
            to_err = quiet if by_python else self._kept[STDERR]
            self._keeper = _Keeper(self._names, self._kept[STDOUT], to_err, two=bool(by_python) or not one)
        finally:
            os.close(quiet)
        out, err = self._keeper.writing[0], self._keeper.writing[-1]
        os.dup2(out, STDOUT)
        os.dup2(out if one or by_python else err, STDERR)
        for name in by_python:
            self._streams.append((name, getattr(sys, name)))
            setattr(sys, name, _Tee(getattr(sys, name), os.dup(err)))
        self._keeper.close_writing()
        self._pid = os.getpid()
        self._watcher = threading.Thread(target=self._watch, name="joblog-capture", daemon=True)
        self._watcher.start()

    def _end(self) -> None:
        _flush()
        self._restore()
        self._watcher.join(self._wait_s)

    def _restore(self) -> None:
        with self._lock:
            while self._streams:
                name, stream = self._streams.pop()
                tee = getattr(sys, name)
                if isinstance(tee, _Tee):
                    setattr(sys, name, stream)
                    tee.end()
            if not self._restored:
                self._restored = True
                for each, before in self._kept.items():
                    os.dup2(before, each)

    def _watch(self) -> None:
        """When the other process is gone: gives the program its own descriptors back, and passes on what is left."""
        os.read(self._keeper.life, 1)
        _quietly(self._restore, "the output is captured no more")
        ready = select.poll()
        open_ends = set(self._keeper.reading)
        for each in open_ends:
            ready.register(each, select.POLLIN)
        while open_ends:
            for each, _ in ready.poll():
                data = os.read(each, READ_BYTES)
                if not data:
                    ready.unregister(each)
                    open_ends.discard(each)
                    continue
                try:
                    os.write(self._kept[STDOUT if each == self._keeper.reading[0] else STDERR], data)
                except OSError:
                    pass  # nobody reads it any more; whoever wrote it goes on
        for each in (*self._keeper.reading, self._keeper.life, *self._kept.values()):
            os.close(each)


class _Tee(io.TextIOBase):
    """A stream that has no descriptor, a notebook's say, and the pipe."""

    def __init__(self, stream: TextIO, pipe: int) -> None:
        self._stream, self._pipe = stream, pipe

    def write(self, text: str) -> int:
        """Writes to both; only the stream may raise."""
        try:
            _write_in_time(self._pipe, text.encode(errors="surrogateescape"))
        except (OSError, ValueError):
            pass  # the log has lost it, the program has not
        return self._stream.write(text)

    def flush(self) -> None:
        """Flushes the stream."""
        self._stream.flush()

    def end(self) -> None:
        """Writes no more to the pipe."""
        pipe, self._pipe = self._pipe, -1
        if pipe >= 0:
            os.close(pipe)

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


class Handler(logging.Handler):
    """A ``logging`` handler whose records are the lines of a log."""

    def __init__(
        self, job: str | None = None, *, run_id: str | None = None, task: str | None = None, is_run: bool = False
    ) -> None:
        """Names that are not given come from the environment, or the program.

        ``is_run``: ``end`` says how the run ends, and without it the run has failed; else it completes with the program.
        """
        super().__init__()
        self._pipe, self._status, self._lost = -1, -1, 0
        self._is_run = is_run
        _quietly(lambda: self._begin(ChosenLog(job, run_id, task)), "log records are not kept")

    def _begin(self, names: ChosenLog) -> None:
        quiet = os.open(os.devnull, os.O_WRONLY)
        try:
            keeper = _Keeper(names, quiet, quiet, two=False, status=self._is_run)
        finally:
            os.close(quiet)
        if self._is_run:
            self._status = keeper.writing.pop()
        self._pipe = keeper.writing.pop()
        os.set_blocking(self._pipe, False)
        for each in (*keeper.reading, keeper.life):
            os.close(each)

    def emit(self, record: logging.LogRecord) -> None:
        """Writes the record; one that there is no room for is counted, and the next one says how many they were."""
        if self._pipe < 0:
            return
        try:
            line = f"{self._line(record)}\n".encode(errors="backslashreplace")
            notice = b"[joblog] %d log records were not kept here (pipe full)\n" % self._lost if self._lost else b""
            if _write_in_time(self._pipe, notice + line):
                self._lost = 0
            else:
                self._lost += 1
        except Exception:  # noqa: BLE001 - whatever it is, the program is not to see it
            self._lost += 1

    def _line(self, record: logging.LogRecord) -> str:
        try:
            return self.format(record)
        except Exception as error:  # noqa: BLE001 - a wrong call, or the program's own formatter
            where = f"{record.levelname} of {record.name}, {record.pathname}:{record.lineno}"
            words = f"{record.msg!r:.500} with {record.args!r:.500}"
            return f"[joblog] a log record could not be formatted ({type(error).__name__}: {error}): {where}: {words}"

    def end(self, exit_code: int) -> None:
        """Ends the log, and says how the run has ended: 0 is COMPLETED, 1 to 255 FAILED."""
        with self.lock or threading.RLock():
            if self._status >= 0:
                _quietly(lambda: os.write(self._status, b"%d\n" % exit_code), "the run's end is not told")
        self.close()

    def close(self) -> None:
        """Ends the log; ``logging`` calls it at interpreter exit."""
        with self.lock or threading.RLock():
            ends = self._pipe, self._status
            self._pipe = self._status = -1
        for each in ends:
            if each >= 0:
                os.close(each)
        super().close()


def _write_in_time(pipe: int, data: bytes) -> bool:
    """Writes all of it, waiting for room; returns whether it went. What was begun is gone on with."""
    rest = memoryview(data)
    while rest:
        if not wait_for_room(pipe, RECORD_S):
            return False
        rest = rest[os.write(pipe, rest[: select.PIPE_BUF]) :]
    return True


def _descriptor(stream: TextIO | None) -> int | None:
    try:
        return stream.fileno() if stream is not None else STDERR
    except (OSError, ValueError, AttributeError):
        return None


def _flush() -> None:
    """Writes out what Python and C hold back, so that it goes where it was meant to."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            pass  # it is closed, or there is none
    try:
        ctypes.CDLL(None).fflush(None)
    except (OSError, AttributeError):
        pass  # a C library without one


def _quietly(call: Callable[[], object], otherwise: str) -> None:
    try:
        call()
    except Exception as error:  # noqa: BLE001 - whatever it is, the program is not to see it
        try:
            os.write(STDERR, f"joblog: {otherwise}: {error}\n".encode(errors="replace"))
        except OSError:
            pass  # there is nobody left to tell


EXPORTS: Mapping[str, type] = {"capture": Capture, "handler": Handler}
