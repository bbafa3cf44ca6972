"""joblog's own stdout and stderr: what the job wrote is passed on to them, and a line of joblog's own now and then."""

from __future__ import annotations

import errno
import mmap
import os
import select
import struct
from collections.abc import Iterable, Mapping

from joblog.api.refs import printable

STDIN, STDOUT, STDERR = 0, 1, 2

NOWHERE = -1
"""Stands for the descriptor of what is kept, and not passed on."""

_READ_BYTES = 64 << 10

_MARK, _LEAVE = struct.Struct("qq"), struct.Struct("q")


class SharedMark:
    """How far the log was passed on, and which descriptor its newest bytes go to: in memory that forked processes share.

    So a keeper that takes over from one that was killed knows what that one had spooled and not yet passed on. And whether
    the foreground process may leave: one that waits for signals cannot wait for a pipe, too.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _MARK.size + _LEAVE.size)

    def set(self, passed_byte: int, descriptor: int) -> None:
        """Notes that all before ``passed_byte`` is passed on, and that what follows goes to ``descriptor``."""
        _MARK.pack_into(self._memory, 0, passed_byte, descriptor)

    def get(self) -> tuple[int, int]:
        """Returns what was noted last."""
        passed_byte, descriptor = _MARK.unpack_from(self._memory)
        return passed_byte, descriptor

    def let_leave(self) -> None:
        """Notes that the foreground process may leave, while its keeper goes on."""
        _LEAVE.pack_into(self._memory, _MARK.size, 1)

    @property
    def may_leave(self) -> bool:
        """Whether that was noted."""
        return bool(_LEAVE.unpack_from(self._memory, _MARK.size)[0])


class PassOn:
    """Writes what the job wrote to joblog's own stdout and stderr."""

    def __init__(self) -> None:
        self._closed: set[int] = set()

    def write(self, data: bytes, descriptor: int) -> None:
        """Writes all of it; what nobody reads any more is left out, since the log has it and the job must not end."""
        if descriptor in self._closed or descriptor == NOWHERE:
            return
        try:
            _write_all(descriptor, data)
        except OSError as error:
            if error.errno == errno.EPIPE:
                self._closed.add(descriptor)


def pass_on_all(reading: Mapping[int, int]) -> None:
    """Passes on what comes out of pipes, each to its descriptor, to the end of the last one: with nothing but what is open."""
    ready, open_ends, passed = select.poll(), set(reading), PassOn()
    for source in open_ends:
        ready.register(source, select.POLLIN)
    while open_ends:
        for source, _ in ready.poll():
            try:
                data = os.read(source, _READ_BYTES)
            except OSError:
                data = b""  # a terminal's end
            if data:
                passed.write(data, reading[source])
            else:
                ready.unregister(source)
                open_ends.discard(source)


def say(line: str) -> None:
    """Writes one line of joblog's own to stderr."""
    try:
        _write_all(STDERR, f"joblog: {printable(line)}\n".encode(errors="replace"))
    except OSError:
        pass  # there is nobody left to tell


def close_output() -> None:
    """Lets go of stdout and stderr; what is written to them from now on goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, STDOUT)
    os.dup2(nowhere, STDERR)
    os.close(nowhere)


def close_input() -> None:
    """Lets go of stdin, of which there is nothing to read any more."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, STDIN)
    os.close(nothing)


def inherited_descriptors() -> list[int]:
    """Returns what whoever called has handed down besides the standard ones; what Python opens is not inheritable."""
    try:
        names = os.listdir("/proc/self/fd")
    except OSError:
        return []
    descriptors = list[int]()
    for descriptor in map(int, names):
        try:
            descriptors += [descriptor] if descriptor > STDERR and os.get_inheritable(descriptor) else []
        except OSError:
            pass  # the directory itself, closed by now
    return descriptors


def close_all(descriptors: Iterable[int]) -> None:
    """Closes them; those that are closed already stay so."""
    for each in descriptors:
        try:
            os.close(each)
        except OSError:
            pass


def open_standard_descriptors() -> None:
    """Opens those of 0, 1 and 2 that are closed, lest a pipe or a file of ours takes their place."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= STDERR:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)


def wait_for_room(descriptor: int, timeout_s: float | None = None) -> bool:
    """Waits until ``descriptor`` takes bytes, or has nobody at its other end; returns False when ``timeout_s`` is over.

    By poll: select cannot be asked about descriptors from 1024 on, and a job may have many files open.
    """
    room = select.poll()
    room.register(descriptor, select.POLLOUT)
    return bool(room.poll(None if timeout_s is None else timeout_s * 1000))


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:
            # Whoever shares the descriptor made it non-blocking: wait, as a blocking one would.
            wait_for_room(descriptor)
