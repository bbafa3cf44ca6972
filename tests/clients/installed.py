"""The programs that are tried against joblog, each installed unmodified in an environment of its own (``make clients``)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ENVIRONMENTS = Path(__file__).resolve().parents[2] / ".venv-clients"


def program(environment: str, name: str) -> Path:
    """Returns where a program of an environment is; the test is skipped where it could not be installed, but never in CI."""
    binary = ENVIRONMENTS / environment / "bin" / name
    if not (ENVIRONMENTS / environment / "stamp").exists():
        if os.environ.get("CI"):
            pytest.fail(f"{binary} is not there, and in CI nothing is skipped")
        pytest.skip(f"not installed: {environment} (make clients)")
    return binary
