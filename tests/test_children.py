"""What tests leave is ended and closed, so that no other test is blamed for it."""

from __future__ import annotations

import subprocess
import sys

from tests.agent.run.test_kill import alive, until
from tests.children import Child, end_children

STARTS_ANOTHER = "import subprocess, time; print(subprocess.Popen(['sleep', '600']).pid, flush=True); time.sleep(600)"


def test_what_a_test_leaves_is_ended_with_what_that_has_started() -> None:
    """And its pipes are closed, also where there is something in them that nobody reads."""
    left = Child([sys.executable, "-c", STARTS_ANOTHER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert left.stdin is not None
    assert left.stdout is not None
    left.stdin.write(b"not read")
    other = int(left.stdout.readline())
    end_children()
    assert left.returncode == -9
    assert left.stdin.closed
    assert left.stdout.closed
    until(lambda: not alive(other))
