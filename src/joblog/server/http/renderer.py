"""A process that computes views for the server: ``python -m joblog.server.http.renderer``, with a socket as its standard input.

It is asked for one thing after the other and holds nothing in between; see ``renderers``. What it imports it keeps in memory,
once for each process: the pure modules only, and each when it is asked for.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import traceback
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

NEXT, MADE, FAILED = "next", "made", "failed"
"""What a renderer says: it wants the next item, it has made a value, it has failed."""

_NICENESS = 5
"""Where both want all of a processor, appends and pages get three quarters of it. With more of it views would never be made on
a machine whose processors are busy with training."""

_MEMORY_BYTES = 512 * 1024 * 1024
"""Of address space. One begins with 20 MiB; the most that one of ten hostile logs of 4 MiB was measured to add is 91 MiB."""

_PR_SET_PDEATHSIG = 1  # prctl(2)


def main() -> None:
    """Computes until the server has gone."""
    for number in (signal.SIGINT, signal.SIGTERM):  # a terminal or systemd sends them to all; the server decides
        signal.signal(number, signal.SIG_IGN)
    _yield_to_others()
    connection = Connection(0)
    while True:
        try:
            make, args, kwargs = connection.recv()
            answer = MADE, make(_items(connection), *args, **kwargs)
        except (EOFError, MemoryError):  # nobody is there any more; the server sees that this process ended
            return
        except Exception:  # noqa: BLE001  # the server raises it
            answer = FAILED, traceback.format_exc()
        connection.send(answer)


def _items(connection: Connection[Any, Any]) -> Iterator[Any]:
    while True:
        connection.send((NEXT, None))
        there_is, item = connection.recv()
        if not there_is:
            return
        yield item


def _yield_to_others() -> None:
    """Takes less of the processor than the server, bounded memory, and is killed first where the machine has none left.

    It ends with the thread of the server that started it, also in the middle of something.
    """
    os.nice(_NICENESS)
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    most = _MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(hard, _MEMORY_BYTES)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    try:
        Path("/proc/self/oom_score_adj").write_text("1000")
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    except (OSError, AttributeError):
        pass  # not Linux: it notices that the server is gone when it has made what it makes


if __name__ == "__main__":
    main()
