"""What is left in the spools on this machine: which there are, and sending them when the server is back.

A spool that is locked belongs to a job that runs, or to another ``joblog sync``, and is left alone. One that is not locked
and not finished lost its agent to a ``kill -9`` or to the machine's end: what it holds is all that there will be.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from joblog.agent import spoolfiles
from joblog.agent.ship import Shipper
from joblog.agent.spool import Spool
from joblog.errors import Unreachable

if TYPE_CHECKING:
    from joblog.calls.writing import Writer

STALLED_S = 10.0
"""Time without progress after which a spool is left for the next time."""


@dataclass(frozen=True)
class Left:
    """A spool that is on this machine; ``size_bytes`` are on disk, some of which the server may have."""

    name: str
    project_id: str
    job_name: str
    run_id: str
    task: str
    size_bytes: int
    state: str


def spools(root: Path) -> Iterator[Left]:
    """Yields what there is below ``root``: ``in use``, ``finished``, or ``cut off`` when its agent was killed."""
    for path in _paths(root):
        try:
            meta, state = spoolfiles.load_meta(path), spoolfiles.load_state(path)
            size_bytes = sum(part.stat().st_size for part in path.glob("*.part"))
            held = spoolfiles.lock(path / "meta.json")
        except (OSError, ValueError):
            continue  # removed meanwhile, or not a spool
        shown = "in use" if held is None else "finished" if state.finished else "cut off"
        if held is not None:
            os.close(held)
        run_id = state.run_id or meta.run_id
        yield Left(path.name, meta.project_id, meta.job_name, run_id, meta.task, size_bytes, shown)


def sync(root: Path, names: list[str], connect: Callable[[str], Writer], say: Callable[[str], None]) -> bool:
    """Sends the spools so named, or all, that nobody uses; returns whether nothing that could be sent is left.

    ``connect`` gives the client for the address that a spool recorded, which is empty if nobody had said one.
    """
    paths = [root / Path(name).name for name in names] if names else _paths(root)
    away: set[str] = set()
    return all([_sync_one(path, connect, say, away) for path in paths])


def _paths(root: Path) -> list[Path]:
    try:
        return sorted(path for path in root.iterdir() if (path / "meta.json").exists())
    except FileNotFoundError:
        return []


def _sync_one(path: Path, connect: Callable[[str], Writer], say: Callable[[str], None], away: set[str]) -> bool:
    """Sends one, unless its server is ``away``, as another one's turned out to be."""
    try:
        held = spoolfiles.lock(path / "meta.json")
    except FileNotFoundError:
        return True  # sent and removed by another one meanwhile
    if held is None:
        return True
    try:
        spool = Spool(path)
        client = connect(spool.meta.url)
        try:
            return client.url not in away and _ship(spool, lambda: client, say)
        except Unreachable as error:
            away.add(client.url)
            say(f"nothing more is sent: {error}")
            return False
    except (OSError, ValueError) as error:
        say(f"{path} cannot be sent: {error}")
        return False
    finally:
        os.close(held)


def _ship(spool: Spool, connect: Callable[[], Writer], say: Callable[[str], None]) -> bool:
    if spool.outcome is None and not spool.finished:
        spool.note_outcome(spoolfiles.UNKNOWN)
    spool.finish()
    shipper = Shipper(spool, connect, say)
    shipper.start()
    left_bytes, never = -1, threading.Event()
    while not shipper.finish(STALLED_S, never):
        if shipper.gave_up:
            return False
        if not shipper.seen:
            shipper.stop()
            raise Unreachable(shipper.why_not())
        if shipper.unacknowledged_bytes() == left_bytes:
            shipper.stop()
            say(f"{spool.path} is not on the server: {shipper.why_not()}")
            return False
        left_bytes = shipper.unacknowledged_bytes()
    end_byte, meta = spool.end_byte, spool.meta
    spool.remove()
    say(f"{meta.job_name} {spool.chosen_run_id} {meta.task}: {end_byte} bytes are on the server")
    return True
