"""What the programs that tests start find of signals, whatever started the tests."""

from __future__ import annotations

import signal
from types import FrameType

FROM_OUTSIDE = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
"""Those that tests send to what they start."""


def give_children_the_defaults() -> None:
    """Keeps this process deaf to the signals that it was started to ignore, without passing that on.

    A shell ignores SIGINT for what a script starts in the background, nohup ignores SIGHUP, and a program inherits what is
    ignored. What is handled it does not inherit: so a handler does nothing instead.
    """
    for number in FROM_OUTSIDE:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, _deaf)


def _deaf(number: int, frame: FrameType | None) -> None:
    """Does nothing."""
