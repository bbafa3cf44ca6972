"""Clients in processes of their own, driven from tests: see ``programs/remote.py``."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.clients.installed import program

PROGRAMS = Path(__file__).parent / "programs"


@dataclass
class Raised(Exception):
    """What a client raised: its class, its text, its plain attributes."""

    kind: str
    message: str
    facts: dict[str, Any] = field(default_factory=dict)


class Remote:
    """One client's process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def call(self, name: str, /, **arguments: Any) -> Any:
        """Calls a function of the program's; raises Raised."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"call": name, "with": arguments}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the client's process has died; what it said is above"
        answer = json.loads(line)
        if "raised" in answer:
            raise Raised(answer["raised"], answer["message"], answer["facts"])
        return answer["value"]

    def refused(self, name: str, /, **arguments: Any) -> Raised:
        """Calls a function that must raise; returns what it raised."""
        try:
            value = self.call(name, **arguments)
        except Raised as raised:
            return raised
        raise AssertionError(f"{name} was not refused: {value}")


@contextmanager
def client(name: str, home: Path) -> Iterator[Remote]:
    """Starts ``programs/use_<name>.py`` with the client's own Python; what it keeps on disk, it keeps in ``home``."""
    home.mkdir(parents=True, exist_ok=True)
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "NO_PROXY": "*"}
    with subprocess.Popen(
        [program(name, "python"), PROGRAMS / f"use_{name}.py"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    ) as process:
        try:
            yield Remote(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait()
