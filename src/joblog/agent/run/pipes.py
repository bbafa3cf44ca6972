"""The source: the pipes that the job writes to, and the job's process: how it ended is decided in ``Child.outcome``.

Where joblog's own stdout and stderr are the same file (a terminal, ``2>&1``), the child gets one pipe for both and the
order of its writes is exact. Otherwise it gets two, since whoever called wants them apart, and the kernel does not tell
how writes to two pipes interleave. The selector hands out pipes in the order in which they became readable, and a pipe
that was read goes to the back of that queue; so the order is right as long as the agent wakes up between two switches
from one stream to the other, and even after a delay the stream that was written first comes first.

With ``--tty`` it gets a terminal in place of the pipes, of the size of joblog's own, that changes no byte on its way.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence

from joblog.agent.run.pass_on import STDERR, STDIN, STDOUT, close_all
from joblog.agent.run.program import OUT_OF_RESOURCES, Handling, path_of, status_of, why_not
from joblog.agent.run.signals import STOPPING
from joblog.agent.spool.files import Outcome

OUT_OF_MEMORY = "out of memory"
"""The reason that the server knows by this name."""

LINES, COLUMNS = 24, 80
"""Size of a terminal whose size nobody knows."""


PIPE_BYTES, WIDE_PIPE_BYTES = 64 << 10, 256 << 10
"""What a pipe holds, and what it is made to hold for a job that fills it: a third less of the processor is spent on it. No
more, as a user has 64 MiB for all pipes, and 128 of these make 32."""

_F_SETPIPE_SZ = getattr(fcntl, "F_SETPIPE_SZ", 1031)


def widen(pipe: int) -> None:
    """Makes a pipe hold more, where the kernel lets us."""
    try:
        fcntl.fcntl(pipe, _F_SETPIPE_SZ, WIDE_PIPE_BYTES)
    except OSError:
        pass  # it is a terminal, or there are too many already


class Streams:
    """The child's stdout and stderr: one pipe or two, or a terminal."""

    def __init__(self, *, tty: bool = False, attached: Mapping[int, int] | None = None) -> None:
        """Opens them; ``attached`` are pipes that others write to, and where their bytes go on to. Raises OSError."""
        self.reading: dict[int, int] = {}
        """Each end to read from, and which of joblog's own descriptors its bytes go on to."""
        self.terminal: int | None = None
        if tty:
            self.terminal, self.stdout = os.openpty()
            self.stderr = self.stdout
            self.reading[self.terminal] = STDOUT
            _set_transparent(self.stdout)
            self.resize()
        else:
            self.stdout = self._pipe(STDOUT)
            self.stderr = self.stdout if _are_same_file(STDOUT, STDERR) else self._pipe(STDERR)

        for source, goes_on_to in (attached or {}).items():
            os.set_inheritable(source, False)
            self.reading[source] = goes_on_to

    def resize(self) -> None:
        """Gives the child's terminal the size of joblog's own."""
        if self.terminal is not None:
            fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, _terminal_size())

    def close_writing_ends(self) -> None:
        """Leaves them to the child, so that its end is the end of output."""
        for end in {self.stdout, self.stderr}:
            os.close(end)

    def _pipe(self, goes_on_to: int) -> int:
        reading, writing = os.pipe()
        self.reading[reading] = goes_on_to
        return writing


class Child:
    """The job's process, or what stands for one that could not be started: its status, and its words in the log."""

    def __init__(self, command: Sequence[str], streams: Streams, handling: Handling, environ: Mapping[str, str]) -> None:
        """Starts ``command`` in the environment ``environ``; raises OSError where there is no process for it to be had."""
        self._process: subprocess.Popen[bytes] | None = None
        self.status: int | None = None
        self._signal: str | None = None
        self._reason: str | None = None
        try:
            self._process = _started(command, streams, handling, environ)
        except OSError as error:
            if error.errno in OUT_OF_RESOURCES:
                raise
            os.write(streams.stderr, why_not(command, error))
            self.status = status_of(error)
            self._reason = f"the command cannot be run: {error.strerror}"

    @property
    def pid(self) -> int:
        """Returns the process's id; 0 where there is none."""
        return self._process.pid if self._process else 0

    def poll(self) -> int | None:
        """Returns the exit status as a shell gives it, 128 + n after signal n; None while the child runs."""
        if self.status is None and self._process and (status := self._process.poll()) is not None:
            self.status = 128 - status if status < 0 else status
            self._signal = _signal_name(-status) if status < 0 else None
        return self.status

    def has_stopped(self) -> bool:
        """Returns whether a terminal's signal, or one like it, has stopped the child since this was asked last."""
        stop = os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOHANG)
        return stop is not None and stop.si_status in STOPPING

    def outcome(self, *, out_of_memory: bool) -> Outcome:
        """Returns how it ended; ``out_of_memory``: the kernel killed one of its processes, if not itself, for that."""
        if self._signal is None and self.status == 0:
            return Outcome("COMPLETED", 0)
        reason = OUT_OF_MEMORY if out_of_memory else self._reason
        if self._signal is not None:
            return Outcome("KILLED", signal=self._signal, reason=reason)
        return Outcome("FAILED", self.status, reason=reason)

    def send(self, number: int) -> None:
        """Sends a signal, unless the child has ended."""
        if self._process:
            self._process.send_signal(number)


def _started(
    command: Sequence[str], streams: Streams, handling: Handling, environ: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603 - to run what it is given is what it is for
            command,
            stdout=streams.stdout,
            stderr=streams.stderr,
            env=environ,
            close_fds=False,  # what whoever called hands down (a jobserver, say) is the child's
            preexec_fn=handling.restore,
        )
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise
    # No program that the kernel knows: a script without its first line, which env and nohup give a shell.
    return _started(["/bin/sh", path_of(command[0], environ), *command[1:]], streams, handling, environ)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIGRTMIN+{number - signal.SIGRTMIN}"


def _set_transparent(terminal: int) -> None:
    """Takes the translation of newlines, and the echo, out of a terminal: joblog's own does that, if it is one."""
    attributes = termios.tcgetattr(terminal)
    attributes[1] &= ~termios.OPOST
    attributes[3] &= ~(termios.ECHO | termios.ICANON)
    termios.tcsetattr(terminal, termios.TCSANOW, attributes)


def terminal_rows() -> int:
    """Returns how high the terminal is that a command gets."""
    rows: int = struct.unpack_from("H", _terminal_size())[0]
    return rows


def _terminal_size() -> bytes:
    """Returns the size of the first terminal among joblog's descriptors, or of its own, as the kernel has it."""
    try:
        own = [os.open("/dev/tty", os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY)]
    except OSError:
        own = []
    try:
        for descriptor in (STDOUT, STDERR, STDIN, *own):
            try:
                size = fcntl.ioctl(descriptor, termios.TIOCGWINSZ, bytes(8))
            except OSError:
                continue
            if any(size[:4]):
                return size
    finally:
        close_all(own)
    lines, columns = (os.environ.get(name, "") for name in ("LINES", "COLUMNS"))
    shape = (int(lines) if lines.isdigit() else LINES, int(columns) if columns.isdigit() else COLUMNS)
    return struct.pack("HHHH", min(shape[0], 9999), min(shape[1], 9999), 0, 0)


def _are_same_file(one: int, other: int) -> bool:
    return os.path.samestat(os.fstat(one), os.fstat(other))
