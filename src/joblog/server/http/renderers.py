"""The processes that compute views: started when they are needed, ended when they take too long or are not needed any more.

Each is an interpreter with the pure modules in it, at the other end of a socket. multiprocessing and concurrent.futures have
such processes, too, but load the program's main module into them, keep one more process beside them, and the latter cannot end
one in the middle of a call without failing the calls of the others.
"""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from multiprocessing.connection import Connection
from typing import Any

from joblog.engine.read import DEADLINE_S
from joblog.errors import Busy
from joblog.server.http.renderer import FAILED, MADE

IDLE_S = 60.0
"""A process that nobody has needed for so long is ended: each has some 15 MB, and is there again within a tenth of a second."""

_COMMAND = (sys.executable, "-P", "-m", "joblog.server.http.renderer")

_log = logging.getLogger("joblog.server")


class Renderers:
    """As many as views are computed at a time. Methods may be called by any thread, and block.

    A process ends with the thread that started it, so that is one that lives as long as the server. One that was stopped before
    it could ask for that has a process group of its own: the system sends SIGHUP and SIGCONT to one that stands still when
    its last parent in the session ends.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[_Renderer] = []

    def compute(self, make: Callable[..., Any], items: Iterable[Any], *args: Any, **kwargs: Any) -> Any:
        """Returns ``make(items, *args, **kwargs)``; raises Busy past the reader's deadline, or when its process was killed."""
        while True:
            with self._lock:
                idle = self._idle.pop() if self._idle else None  # the last that was used: others become idle
            renderer = idle or _Renderer()
            try:
                made = renderer.made((make, args, kwargs), items)
                break
            except _Killed as error:
                renderer.end()
                if idle is None or error.begun:
                    _log.warning("process %d, which computed a view, was killed or ran out of memory", renderer.pid)
                    raise Busy("this view could not be made now; ask for fewer lines or ranks at a time") from error
            except BaseException:
                renderer.end()
                raise
        renderer.used_s = time.monotonic()
        with self._lock:
            self._idle.append(renderer)
        return made

    def end_idle(self, idle_s: float) -> int:
        """Ends those that nobody has needed for so long; returns how many are left of those that nobody needs now."""
        before_s = time.monotonic() - idle_s
        with self._lock:
            late = [renderer for renderer in self._idle if renderer.used_s <= before_s]
            self._idle = [renderer for renderer in self._idle if renderer.used_s > before_s]
            left = len(self._idle)
        for renderer in late:
            renderer.end()
        return left


class _Killed(Exception):
    """The process is gone. ``begun``: in the middle of something; else most likely while nobody needed it."""

    def __init__(self, *, begun: bool) -> None:
        super().__init__()
        self.begun = begun


class _Renderer:
    def __init__(self) -> None:
        try:
            ours, theirs = socket.socketpair()
            with ours, theirs:
                out = subprocess.DEVNULL
                self._process = subprocess.Popen(_COMMAND, stdin=theirs.fileno(), stdout=out, process_group=0)  # noqa: S603  # joblog's
                self._connection: Connection[Any, Any] = Connection(ours.detach())
        except OSError as error:  # no memory, or too many processes or files
            raise Busy(f"no process could be started for this view: {error}") from error
        self.used_s = time.monotonic()

    @property
    def pid(self) -> int:
        return self._process.pid

    def made(self, call: tuple[Callable[..., Any], Any, Any], items: Iterable[Any]) -> Any:
        following, begun = iter(items), False
        try:
            self._connection.send(call)
            while (answer := self._answer())[0] not in (MADE, FAILED):
                begun = True
                item = next(following, self)
                self._connection.send((item is not self, None if item is self else item))
        except (EOFError, ConnectionError) as error:
            raise _Killed(begun=begun) from error
        if answer[0] == FAILED:
            raise RuntimeError(answer[1])
        return answer[1]

    def _answer(self) -> tuple[str, Any]:
        left_s = DEADLINE_S.get() - time.monotonic()
        if not self._connection.poll(max(left_s, 0.0) if left_s < threading.TIMEOUT_MAX else None):
            raise Busy("this took too long; ask for fewer lines or ranks at a time")
        answer: tuple[str, Any] = self._connection.recv()
        return answer

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._connection.close()
