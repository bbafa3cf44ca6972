"""The program that ``joblog run`` is given: how it is looked for, as a shell does it, and run in joblog's place.

The latter where nothing can be captured: no descriptor, process or thread is to be had for it. The command runs all the same.
"""

from __future__ import annotations

import errno
import os
import shlex
import signal
from collections.abc import Mapping, Sequence, Set
from typing import NamedTuple

from joblog.agent.run.pass_on import STDERR

CANNOT_RUN, NOT_FOUND = 126, 127
"""A shell's exit statuses for a command that is no program, and for one that does not exist."""

OUT_OF_RESOURCES = {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE}
"""Why there may be no other process."""


class Handling(NamedTuple):
    """How the child handles signals, as it would without joblog: those that it has ``unblocked``, and ``ignored``."""

    unblocked: Set[int]
    ignored: Set[int]

    def restore(self) -> None:
        """Sets it, in the child."""
        for number in self.ignored:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self.unblocked)


def path_of(name: str, environ: Mapping[str, str]) -> str:
    """Returns the first executable of that name, as the kernel was asked to run it."""
    if "/" in name:
        return name
    places = (os.path.join(place, name) for place in os.get_exec_path(environ))
    return next((path for path in places if os.path.isfile(path) and os.access(path, os.X_OK)), name)


def why_not(command: Sequence[str], error: OSError) -> bytes:
    """Returns the line that says why a command could not be run."""
    return f"joblog: {shlex.quote(command[0])}: {error.strerror}\n".encode(errors="surrogateescape")


def status_of(error: OSError) -> int:
    """Returns the exit status that a shell has then."""
    return NOT_FOUND if isinstance(error, FileNotFoundError) else CANNOT_RUN


def become(command: Sequence[str], handling: Handling | None) -> int:
    """Makes this process the command's; returns its status only where it cannot be run."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them
        signal.signal(number, signal.SIG_DFL)
    if handling is not None:
        handling.restore()
    try:
        try:
            os.execvp(command[0], list(command))  # noqa: S606 - to run what it is given is what it is for
        except OSError as error:
            if error.errno != errno.ENOEXEC:
                raise
        os.execv("/bin/sh", ["/bin/sh", path_of(command[0], os.environ), *command[1:]])  # noqa: S606 - the same
    except OSError as error:
        os.write(STDERR, why_not(command, error))
        return status_of(error)
