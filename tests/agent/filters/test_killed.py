"""The intake through filters, whose process is killed at any line of its code: what is kept is what it is without a kill."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from joblog.agent.filters.filtered_intake import Filtered, Filters
from joblog.agent.filters.redact import READY
from joblog.agent.filters.withheld_file import DIRECTORY
from joblog.agent.spool.spool import Meta, Spool
from joblog.api.refs import Gap

META = Meta("lab", "resnet", "run-1", "worker-0")
TOKEN = b"hf_" + b"Ab1" * 11
LINES = b"one\ntoken=" + TOKEN + b"\r" + b"".join(b"step %d\n" % n for n in range(120)) + b"Error here\nunfinished " + TOKEN
LIMIT_BYTES = 1 << 20

STRIDE = 3
"""Not every line is tried each time: a third of them tells as much, in a third of the time."""

Kept = tuple[bytes, tuple[Gap, ...], bytes, list[tuple[bytes, int]]]

FILES = ("filtered_intake.py", "spool.py", "parts.py", "withheld_file.py", "files.py")
"""Whose lines it may be killed at."""


def new_filtered(spool: Path, filters: Filters, limit_bytes: int) -> Filtered:
    return filters.intake(Spool(spool, limit_bytes=limit_bytes), LIMIT_BYTES)


def worked(filtered: Filtered, sources: dict[int, int], passed: int) -> None:
    """Does a keeper's work to the end of ``sources``, and writes to ``passed`` what it passes on."""
    for data, descriptor in filtered.not_passed_on():
        os.write(passed, b"%d:%b" % (descriptor, data))
    for source, descriptor in sources.items():
        while data := filtered.receive(source, descriptor):
            filtered.keep()
            os.write(passed, b"%d:%b" % (descriptor, data))
            filtered.passed_on()
    filtered.end()


def killed_at(event: int, work: Callable[[], None]) -> bool:
    """Does ``work`` in a process that ends at its n-th line of the code under test; returns whether it came to its end."""
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1] == 0
    left = event

    def trace(frame: FrameType, kind: str, _: Any) -> Any:
        nonlocal left
        if not frame.f_code.co_filename.endswith(
            ("filtered_intake.py", "spool.py", "parts.py", "withheld_file.py", "files.py")
        ):
            return None
        left -= kind == "line"
        if left == 0:
            os._exit(9)
        return trace

    try:
        sys.settrace(trace)
        work()
        sys.settrace(None)
        os._exit(0)
    finally:
        os._exit(1)


@pytest.fixture
def kept_after(tmp_path: Path) -> Iterator[Callable[[Filters, int, int], tuple[bool, Kept]]]:
    """Gives what is kept, when the first process is killed at its n-th line and another one goes on."""
    opened: list[int] = []

    def kept_after(filters: Filters, event: int, limit_bytes: int) -> tuple[bool, Kept]:
        root = tmp_path / str(event)
        spool = Spool.create(root, META, limit_bytes=limit_bytes).path
        filters.prepare()
        sources = {}
        passed = os.memfd_create("passed")
        opened.append(passed)
        for descriptor, words in ((1, LINES), (2, b"on stderr\n")):
            reading, writing = os.pipe()
            os.write(writing, words)
            os.close(writing)
            sources[reading] = descriptor
        opened.extend(sources)
        ended = killed_at(event, lambda: worked(new_filtered(spool, filters, limit_bytes), sources, passed))
        if not ended:
            worked(new_filtered(spool, filters, limit_bytes), sources, passed)
        last = Spool(spool)
        last.finish()
        aside = root / DIRECTORY / f"{spool.name}.log"
        out = os.pread(passed, 1 << 20, 0)
        once = [(words, out.count(b"%d:%b" % (descriptor, words))) for descriptor, words in ((1, LINES), (2, b"on stderr\n"))]
        return ended, (last.read(0, 1 << 20), last.gaps, aside.read_bytes() if aside.exists() else b"", once)

    yield kept_after
    for each in opened:
        os.close(each)


@pytest.mark.long  # hundreds of processes
@pytest.mark.parametrize(
    ("filters", "flood", "limit_bytes"),
    [
        pytest.param(Filters(READY), False, LIMIT_BYTES, id="redaction"),
        pytest.param(Filters(READY, 1), True, LIMIT_BYTES, id="redaction and flood control"),
        pytest.param(Filters(READY), False, 300, id="a spool that is full"),
    ],
)
def test_killed_at_any_line(
    kept_after: Callable[[Filters, int, int], tuple[bool, Kept]], filters: Filters, flood: bool, limit_bytes: int
) -> None:
    """Once each: the log, its gaps, what was set aside; stdout may have a piece twice, and misses none."""
    _, (log, gaps, aside, _) = kept_after(filters, 1_000_000, limit_bytes)
    masked = (LINES[: LINES.rfind(b"unf")] + b"on stderr\n" + LINES[LINES.rfind(b"unf") :]).replace(TOKEN, b"*" * len(TOKEN))
    assert (log == masked) == (not gaps)
    assert bool(gaps) == (flood or limit_bytes < LIMIT_BYTES)
    for event in range(1, 5000, STRIDE):
        ended, (*kept, passed) = kept_after(filters, event, limit_bytes)
        assert (event, *kept) == (event, log, gaps, aside)
        assert all(1 <= times <= 2 for _, times in passed)
        if ended:
            return
    raise AssertionError("it does not come to its end")
