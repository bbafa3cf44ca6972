"""``joblog run``: starts the job, keeps what it prints, passes it on, and sends it.

The straight line is source -> spool -> pass on, and in another thread spool -> ship. What stands between the job's
pipe and joblog's own stdout is a write to a local file and nothing else; nothing that fails here stops that loop.
"""

from __future__ import annotations

import errno
import os
import select
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from joblog.agent.ship import Shipper
from joblog.agent.source import STDERR, Chunk, start
from joblog.agent.spool import Meta, Spool

if TYPE_CHECKING:
    from joblog.client import Client


@dataclass(frozen=True)
class Options:
    """``wait_s`` bounds the wait for the last bytes' acknowledgement; ``verbose`` says where the log is."""

    spool_root: Path
    wait_s: float
    verbose: bool = False


def run(command: Sequence[str], meta: Meta, connect: Callable[[], Client], options: Options) -> int:
    """Runs ``command`` and keeps what it prints as the log that ``meta`` names; returns its exit status.

    ``connect`` gives the client, when it is needed. Unless told to be verbose, joblog itself prints nothing, or one line
    on stderr when something is wrong.
    """
    _open_standard_descriptors()
    log, pass_on = _Keeper(meta, connect, options), _PassOn()
    # Before there is any other thread: the child is forked, and signals are blocked, while there is only this one.
    child = start(command)
    log.start()
    for chunk in child.output():
        log.keep(chunk.data)
        pass_on.write(chunk)
    status = child.exit_status()
    log.finish(child.told_to_end)
    return status


class _Keeper:
    """Keeps and ships the log; whatever fails in it is said once, and the job goes on without it."""

    def __init__(self, meta: Meta, connect: Callable[[], Client], options: Options) -> None:
        self._wait_s = options.wait_s
        self._spool: Spool | None = None
        try:
            self._spool = Spool.create(options.spool_root, meta)
            self._shipper = Shipper(self._spool, connect, say, say_address=options.verbose)
        except Exception as error:  # noqa: BLE001 - the job goes on, whatever it is
            self._fail(error)

    def start(self) -> None:
        if self._spool is not None:
            self._shipper.start()

    def keep(self, data: bytes) -> None:
        if self._spool is None:
            return
        try:
            self._spool.append(data)
        except Exception as error:  # noqa: BLE001 - the job goes on, whatever it is
            self._fail(error)

    def finish(self, give_up: threading.Event) -> None:
        if self._spool is None:
            return
        try:
            self._spool.finish()
        except OSError:
            pass  # the disk is full: that the log is whole is noted in memory, and shipped from there
        if self._shipper.finish(self._wait_s, give_up):
            self._remove(self._spool)
        elif not self._shipper.gave_up:
            left_bytes, reason = self._shipper.unacknowledged_bytes(), self._shipper.why_not()
            say(f"the log's last {left_bytes} bytes are not on the server ({reason}); it is kept in {self._spool.path}")

    def _remove(self, spool: Spool) -> None:
        try:
            spool.remove()
        except OSError as error:
            say(f"the log is on the server, but its copy here cannot be removed: {error}")

    def _fail(self, error: Exception) -> None:
        self._spool = None
        say(f"the log is not kept: {error}")


class _PassOn:
    """Writes what the job wrote to joblog's own stdout and stderr."""

    def __init__(self) -> None:
        self._closed: set[int] = set()

    def write(self, chunk: Chunk) -> None:
        """Writes all of it; what nobody reads any more is left out, since the log has it and the job must not end."""
        if chunk.descriptor in self._closed:
            return
        try:
            _write_all(chunk.descriptor, chunk.data)
        except OSError as error:
            if error.errno == errno.EPIPE:
                self._closed.add(chunk.descriptor)


def say(line: str) -> None:
    """Writes one line of joblog's own to stderr."""
    try:
        _write_all(STDERR, f"joblog: {line}\n".encode(errors="replace"))
    except OSError:
        pass  # there is nobody left to tell


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:
            # Whoever shares the descriptor made it non-blocking: wait, as a blocking one would.
            select.select([], [descriptor], [])


def _open_standard_descriptors() -> None:
    """Opens those of 0, 1 and 2 that are closed, lest a pipe or a file of ours takes their place."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= STDERR:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
