"""The viewer's modules that need no page: the tests beside this one, by Node's own runner, without a package."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
DEADLINE_S = 300.0


def test_modules_without_a_page() -> None:
    """Numbers, escape sequences, severity, places, words, curves: whatever fails is shown as Node says it."""
    node = shutil.which("node")
    if node is None:
        if os.environ.get("CI"):
            pytest.fail("node is not installed, and in CI nothing is skipped")
        pytest.skip("node is not installed (on Debian: apt-get install nodejs)")
    tests = sorted(HERE.glob("*.test.mjs"))
    assert tests
    done = subprocess.run([node, "--test", *tests], capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
