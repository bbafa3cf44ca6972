"""The parts that a rotation makes of one log: which files they are, and in which order they were written.

train.log.3.gz, train.log.2, train.log.1, train.log         the highest number is the oldest
train.log-20240430.gz, train.log-20240501, train.log        the earliest date is the oldest
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from joblog.agent.follow.naming import newer_part
from joblog.cli.imports.source import packing

_NUMBER = re.compile(r"[.-]([0-9]{1,4})")


def joined(paths: Iterable[Path]) -> Mapping[Path, tuple[Path, ...]]:
    """Returns the newest part of each log, with the older ones, the oldest first. Each is in its newest one's directory."""
    files = list(paths)
    named = {(path.parent, _unpacked(path)): path for path in files}
    parts: dict[Path, list[Path]] = {path: [] for path in files}
    for path in files:
        beside = {name for folder, name in named if folder == path.parent} - {_unpacked(path)}
        newest = newer_part(_unpacked(path), beside)
        if newest is not None:
            parts[named[path.parent, newest]].append(path)
            parts[path].append(path)  # is one itself
    return {path: _in_order(path, older) for path, older in parts.items() if path not in older}


def _unpacked(path: Path) -> str:
    return path.name.removesuffix(packing(path))


def _in_order(newest: Path, older: list[Path]) -> tuple[Path, ...]:
    at = len(_unpacked(newest))
    return tuple(sorted(older, key=lambda path: _age(_unpacked(path)[at:])))


def _age(suffix: str) -> tuple[int, int, str]:
    """Returns what sorts parts of one log from the oldest to the newest: dated ones, then numbered ones."""
    number = _NUMBER.fullmatch(suffix)
    return (0, 0, suffix) if number is None else (1, -int(number[1]), suffix)
