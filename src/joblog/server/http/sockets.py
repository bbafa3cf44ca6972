"""What the operating system is told of connections; those that are accepted have it from the socket that listens.

Linux only, as is what it needs: elsewhere a client that reads nothing is noticed later, and its answer takes more of the
system's memory.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

_UNSENT_BYTES = 128 * 1024
"""What the system holds of an answer beside what is on its way to the client; by default it is up to 4 MiB."""

_TCP_NOTSENT_LOWAT = 25


def bound_connections(port: int, unread_s: float) -> None:
    """Has connections end whose clients take nothing for so long, or are gone without a word; the server must be listening."""
    if sys.platform != "linux":
        return
    for listening in _listening(port):
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(unread_s * 1000))
        listening.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, _UNSENT_BYTES)


def _listening(port: int) -> Iterator[socket.socket]:
    """Yields the sockets of this process that listen on a port: the HTTP server does not say which is its own."""
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            path = Path(f"/proc/self/fd/{name}")
            if not path.readlink().name.startswith("socket:"):
                continue
            with socket.socket(fileno=os.dup(int(name))) as listener:
                if listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) and listener.getsockname()[1] == port:
                    yield listener
