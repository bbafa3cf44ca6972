"""Whether anybody still writes to a file: the kernel gives a lease only on files without writers."""

from __future__ import annotations

import errno
import fcntl
import signal


def has_writer(file: int) -> bool | None:
    """Returns whether some process of this machine, in whichever container, has ``file`` open for writing.

    ``file`` is open for reading. None where the kernel does not say: another user's file, a network's.
    """
    try:
        # Whoever opens it for writing in this very moment makes the kernel send a signal here: one that is ignored.
        fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return True if error.errno == errno.EAGAIN else None
    return False
