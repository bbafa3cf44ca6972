"""The source: the job's process, the bytes that it writes, and the signals that are meant for it.

Where joblog's own stdout and stderr are the same file (a terminal, ``2>&1``), the child gets one pipe for both and the
order of its writes is exact. Otherwise it gets two, since whoever called wants them apart, and the kernel does not tell
how writes to two pipes interleave. The selector hands out pipes in the order in which they became readable, and a pipe
that was read goes to the back of that queue; so the order is right as long as the agent wakes up between two switches
from one stream to the other, and even after a delay the stream that was written first comes first.

Runs on Linux (``sigwaitinfo``).
"""

from __future__ import annotations

import os
import selectors
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

STDOUT, STDERR = 1, 2

READ_BYTES = 64 << 10
"""One read takes all that a pipe holds by default; reading less does not improve the order, only costs."""

ORPHANS_S = 5.0
"""Wait for the end of output after the child's exit: its last bytes are in the pipe already, so this is for processes
that it left behind, for which a shell would wait for ever; a scheduler would not."""

FORWARDED = {
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGWINCH,
}

_ENDING = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT}

CANNOT_RUN, NOT_FOUND = 126, 127
"""A shell's exit statuses for a command that is no program, and for one that does not exist."""

SI_KERNEL = 0x80
"""``si_code`` of a signal that the terminal raised; ``kill`` has another one."""


@dataclass(frozen=True)
class Chunk:
    """Bytes that the job wrote, and which of joblog's own descriptors they go on to."""

    data: bytes
    descriptor: int


class NotStarted:
    """What stands for a child that could not be started: its last words and its exit status are a shell's."""

    def __init__(self, command: Sequence[str], error: OSError) -> None:
        self._words = f"joblog: {shlex.quote(command[0])}: {error.strerror}\n"
        self._status = NOT_FOUND if isinstance(error, FileNotFoundError) else CANNOT_RUN
        self.told_to_end = threading.Event()

    def output(self) -> Iterator[Chunk]:
        """Yields the reason."""
        yield Chunk(self._words.encode(errors="surrogateescape"), STDERR)

    def exit_status(self) -> int:
        """Returns 126 for what is not a program, 127 for what does not exist."""
        return self._status


def start(command: Sequence[str]) -> Child | NotStarted:
    """Starts ``command``."""
    try:
        return Child(command)
    except OSError as error:
        return NotStarted(command, error)


class Child:
    """The job's process, from its start to its exit status."""

    def __init__(self, command: Sequence[str]) -> None:
        """Starts ``command``; raises OSError when that is impossible."""
        # From here on a signal waits for _forward_signals, which knows who sent it; the child starts as joblog did.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)
        self._pipes = _Pipes()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - to run what it is given is what it is for
                command,
                stdout=self._pipes.stdout,
                stderr=self._pipes.stderr,
                env={"PYTHONUNBUFFERED": "1", **os.environ},
                close_fds=False,  # what whoever called hands down (a jobserver, say) is the child's
                preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_SETMASK, mask),
            )
        except BaseException:
            self._pipes.close()
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            raise
        finally:
            self._pipes.close_writing_ends()
        self.told_to_end = threading.Event()
        self._exited, exiting = os.pipe()
        threading.Thread(target=self._wait, args=(exiting,), daemon=True).start()
        threading.Thread(target=self._forward_signals, daemon=True).start()

    def output(self) -> Iterator[Chunk]:
        """Yields what the child writes as it comes, up to the end of its output (see ``ORPHANS_S``)."""
        ends_s: float | None = None
        ready = self._pipes.ready
        ready.register(self._exited, selectors.EVENT_READ)
        while ready.get_map().keys() - {self._exited}:
            left_s = None if ends_s is None else ends_s - time.monotonic()
            if left_s is not None and left_s <= 0:
                break
            for key in [key for key, _ in ready.select(left_s)]:
                ready.unregister(key.fd)
                if key.fd == self._exited:
                    ends_s = time.monotonic() + ORPHANS_S
                elif data := os.read(key.fd, READ_BYTES):
                    # Anew, not still: so it queues behind what became readable meanwhile.
                    ready.register(key.fd, selectors.EVENT_READ, key.data)
                    yield Chunk(data, key.data)
        os.close(self._exited)
        self._pipes.close()

    def exit_status(self) -> int:
        """Waits for the child's exit; returns its status as a shell gives it: 128 + n after signal n."""
        status = self._process.wait()
        return 128 - status if status < 0 else status

    def _wait(self, exiting: int) -> None:
        self._process.wait()
        os.close(exiting)

    def _forward_signals(self) -> None:
        while True:
            info = signal.sigwaitinfo(FORWARDED)
            if self._process.poll() is not None:
                if info.si_signo in _ENDING:
                    self.told_to_end.set()
            elif info.si_code != SI_KERNEL:
                # What the terminal raised, by Ctrl-C say, the child has already: it is in the same process group.
                self._process.send_signal(info.si_signo)


class _Pipes:
    """The child's stdout and stderr: one pipe or two, watched from before anything can be written to them."""

    def __init__(self) -> None:
        self.ready = selectors.DefaultSelector()
        self._reading: list[int] = []
        self.stdout = self._pipe(STDOUT)
        self.stderr = self.stdout if _are_same_file(STDOUT, STDERR) else self._pipe(STDERR)

    def close_writing_ends(self) -> None:
        for end in {self.stdout, self.stderr}:
            os.close(end)

    def close(self) -> None:
        self.ready.close()
        for end in self._reading:
            os.close(end)

    def _pipe(self, goes_on_to: int) -> int:
        reading, writing = os.pipe()
        self._reading.append(reading)
        self.ready.register(reading, selectors.EVENT_READ, goes_on_to)
        return writing


def _are_same_file(one: int, other: int) -> bool:
    return os.path.samestat(os.fstat(one), os.fstat(other))
