"""What the programs that tests start find of signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests.signals import FROM_OUTSIDE, give_children_the_defaults


@pytest.mark.parametrize("number", FROM_OUTSIDE)
def test_child_has_the_defaults_where_its_parent_was_started_to_ignore(number: signal.Signals) -> None:
    """As after ``nohup make test &`` in a script; the tests themselves stay deaf to it."""
    before = signal.signal(number, signal.SIG_IGN)
    try:
        give_children_the_defaults()
        program = f"import signal, os; os.kill(os.getpid(), signal.{number.name})"
        assert subprocess.run([sys.executable, "-c", program], check=False, capture_output=True).returncode == -number
        os.kill(os.getpid(), number)
    finally:
        signal.signal(number, before)
