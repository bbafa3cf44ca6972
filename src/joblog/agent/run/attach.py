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
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TextIO

from joblog.agent.run.pass_on import NOWHERE, STDERR, STDOUT, wait_for_room
from joblog.api.refs import legal_job_name

WAIT_S = 5.0
"""Wait at the end of a capture until all is passed on and sent; the other process goes on by itself after that."""

RECORD_S = 1.0
"""Longest that one record waits for room in the pipe: it is a local disk that the other end writes to."""

READ_BYTES = 64 << 10

INTERRUPTED = 130
"""A shell's exit status for what Ctrl-C, or a notebook's stop button, has ended."""

# Waits for the program's last word, which is the status that the run has, or for its end: a scheduler sends its signals to
# every process of a job.
_COMMAND = "trap '' TERM INT HUP QUIT USR1 USR2; read -r status </dev/fd/{}; exit ${{status:-{}}}"

_NOTEBOOK = "ipykernel_launcher"
"""The program that a notebook's kernel is."""

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
        job = self.job or _program_name()
        given = {"--job": job, "--run-id": self.run_id, "--task": self.task}
        return [word for flag, name in given.items() if name for word in (flag, name)]


def _program_name() -> str:
    """Returns a job name after the program, or the notebook."""
    name = Path(sys.argv[0] if sys.argv else "").stem
    if name == _NOTEBOOK:
        name = Path(os.environ.get("JPY_SESSION_NAME", "")).stem or "notebook"
    return legal_job_name(name or "python")


class _Keeper:
    """The process at the other end, and pipes to it; the last one is for the status that the run is to have."""

    def __init__(self, names: ChosenLog, to_out: int, to_err: int, passed_on: Sequence[int], *, fails: bool) -> None:
        """``passed_on`` says for each pipe where its bytes go on to: ``STDOUT``, ``STDERR`` or ``NOWHERE``.

        ``fails``: without a last word the run has failed. Raises OSError.
        """
        reading, writing = zip(*(os.pipe() for _ in (*passed_on, "status")), strict=True)
        self.reading, self.writing = dict(zip(reading, (*passed_on, NOWHERE), strict=True)), list(writing)
        self.life, alive = os.pipe()
        pipes = ",".join(f"{source}:{descriptor}" for source, descriptor in zip(reading, passed_on, strict=False))
        # Behind the command stands what the run is said to have begun with: the program itself.
        attached = ["--attached", pipes, "--", "sh", "-c", _COMMAND.format(reading[-1], int(fails)), "joblog", *sys.orig_argv]
        command = [sys.executable, "-m", "joblog", "run", *names.flags(), "--wait", "30", *attached]
        try:
            subprocess.run(  # noqa: S603 - the command is ours
                [*_DETACHED, *command],
                stdin=subprocess.DEVNULL,
                stdout=to_out,
                stderr=to_err,
                pass_fds=(*reading, alive),
                start_new_session=True,
                check=True,
            )
        except (OSError, subprocess.CalledProcessError) as error:
            self.close_writing()
            for each in (*reading, self.life):
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
        self._tees: list[_Tee] = []
        self._aside = self._status = -1
        self._restored = False
        self._lock = threading.Lock()

    def __enter__(self) -> Capture:
        _quietly(self._begin, "the output is not captured")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._pid == os.getpid():
            self._pid = 0
            _quietly(lambda: self._end(error), "the output's end may not be captured")

    def _begin(self) -> None:
        self._restored = False
        _flush()
        one = os.path.samestat(os.fstat(STDOUT), os.fstat(STDERR))
        self._kept = {each: os.dup(each) for each in (STDOUT, STDERR)}
        passed_on = (STDOUT, NOWHERE) if one else (STDOUT, STDERR, NOWHERE)
        keeper = _Keeper(self._names, self._kept[STDOUT], self._kept[STDERR], passed_on, fails=True)
        self._keeper, out, err = keeper, keeper.writing[0], keeper.writing[0 if one else 1]
        self._aside, self._status = map(os.dup, keeper.writing[-2:])
        os.dup2(out, STDOUT)
        os.dup2(err, STDERR)
        for name in ("stdout", "stderr"):
            # A notebook's streams show by themselves what they get: that goes to the log, and is not passed on.
            if _shows_by_itself(getattr(sys, name)):
                self._tees.append(_Tee(name, os.dup(self._aside)))
        keeper.close_writing()
        self._pid = os.getpid()
        self._watcher = threading.Thread(target=self._watch, name="joblog-capture", daemon=True)
        self._watcher.start()

    def _end(self, error: BaseException | None) -> None:
        """Says how the program left the block; an error is shown behind it, by whoever shows it, so the log has its own."""
        _flush()
        self._restore()
        try:
            if error is not None and not isinstance(error, SystemExit):
                words = "".join(traceback.format_exception(error))
                _write_in_time(self._aside, words.encode(errors="backslashreplace"))
            os.write(self._status, b"%d\n" % _exit_code(error))
        finally:
            os.close(self._aside)
            os.close(self._status)
        self._watcher.join(self._wait_s)

    def _restore(self) -> None:
        with self._lock:
            while self._tees:
                self._tees.pop().end()
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
                    os.write(self._kept[self._keeper.reading[each]], data)
                except (OSError, KeyError):
                    pass  # it was for the log, or nobody reads it any more; whoever wrote it goes on
        for each in (*self._keeper.reading, self._keeper.life, *self._kept.values()):
            os.close(each)


class _Tee:
    """A stream that has no descriptor of its own, a notebook's say, and the pipe.

    The stream itself gets another ``write``, so that whoever has it already, a handler of ``logging`` say, writes to both;
    where it takes none, ``sys`` gets another stream.
    """

    def __init__(self, name: str, pipe: int) -> None:
        self._name, self._pipe, self._lost_bytes = name, pipe, 0
        self._stream: TextIO = getattr(sys, name)
        self._write: Callable[[str], int] = self._stream.write
        try:
            setattr(self._stream, "write", self.write)  # noqa: B010 - a method is no attribute to assign to, for mypy
            self._instead = False
        except (AttributeError, TypeError):
            setattr(sys, name, _Instead(self._stream, self.write))
            self._instead = True

    def write(self, text: str) -> int:
        """Writes to both; only the stream may raise."""
        # A notebook's stream has a thread that shows what comes out of descriptors 1 and 2, which is in the log already.
        if threading.current_thread() is not getattr(self._stream, "watch_fd_thread", None):
            with suppress(Exception):  # the log has lost it, the program has not
                self._keep(text)
        return self._write(text)

    def _keep(self, text: str) -> None:
        try:
            data = text.encode(errors="surrogateescape")
        except UnicodeEncodeError:
            data = text.encode(errors="backslashreplace")
        lost = b"[joblog] %d bytes were not kept here (pipe full)\n" % self._lost_bytes if self._lost_bytes else b""
        if self._pipe >= 0 and not _write_in_time(self._pipe, lost + data):
            self._lost_bytes += len(data)
        else:
            self._lost_bytes = 0

    def end(self) -> None:
        """Writes no more to the pipe, and gives the stream what it had."""
        if not self._instead:
            delattr(self._stream, "write")
        elif isinstance(getattr(sys, self._name), _Instead):
            setattr(sys, self._name, self._stream)
        pipe, self._pipe = self._pipe, -1
        if pipe >= 0:
            os.close(pipe)


class _Instead(io.TextIOBase):
    """Stands for a stream whose ``write`` cannot be another one."""

    def __init__(self, stream: TextIO, write: Callable[[str], int]) -> None:
        self._stream, self._write = stream, write

    def write(self, text: str) -> int:
        """Writes."""
        return self._write(text)

    def flush(self) -> None:
        """Flushes the stream."""
        self._stream.flush()

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
            keeper = _Keeper(names, quiet, quiet, [NOWHERE], fails=self._is_run)
        finally:
            os.close(quiet)
        self._pipe, self._status = keeper.writing
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
            if self._status >= 0 and self._is_run:
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


def _shows_by_itself(stream: TextIO | None) -> bool:
    """Returns whether what is written to it does not go through descriptors 1 and 2, nor into a file of its own."""
    if stream is None:
        return False
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError, AttributeError):
        return True
    # A notebook's stream has a descriptor, and does not write to it.
    return descriptor not in (STDOUT, STDERR) and not isinstance(stream, io.TextIOWrapper)


def _exit_code(error: BaseException | None) -> int:
    """Returns the status that a program has which the error ends."""
    if isinstance(error, SystemExit):
        return error.code & 0xFF if isinstance(error.code, int) else int(error.code is not None)
    return INTERRUPTED if isinstance(error, KeyboardInterrupt) else int(error is not None)


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
