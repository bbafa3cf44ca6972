"""What is left in the spools on this machine: which there are, and sending them when the server is back.

A spool that is locked belongs to a job that runs, or to another ``joblog sync``, and is left alone. One that is not locked
and not finished lost its agent to a ``kill -9`` or to the machine's end: what it holds is all that there will be. One that
cannot be sent keeps none of the others from it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from joblog.agent.spool import files, places
from joblog.agent.spool.files import Meta
from joblog.agent.spool.ship import Shipper
from joblog.agent.spool.spool import Spool
from joblog.errors import Unreachable

if TYPE_CHECKING:
    from joblog.api.writer import Writer

STALLED_S = 10.0
"""Time without progress after which a spool is left for the next time."""


@dataclass(frozen=True)
class Left:
    """A spool that is on this machine; ``size_bytes`` are on disk, some of which the server may have.

    ``state`` says also what is wrong with it; the names of its log are empty where its notes are damaged.
    """

    name: str
    project_id: str
    job_name: str
    run_id: str
    task: str
    size_bytes: int
    state: str


def spools(roots: Sequence[Path]) -> Iterator[Left]:
    """Yields what there is below ``roots``: ``in use``, ``finished``, ``cut off`` when its agent was killed, or damaged."""
    for path in _paths(roots):
        try:
            parts = files.load_parts(path)
            size_bytes = sum(part.file(path).stat().st_size for part in parts)
            lock = files.lock(path)
        except OSError:
            continue  # removed meanwhile, or not this user's
        if lock is not None:
            os.close(lock)
        yield _left(path, size_bytes, in_use=lock is None)


def _left(path: Path, size_bytes: int, *, in_use: bool) -> Left:
    try:
        meta, state = files.load_meta(path), files.load_state(path)
    except (OSError, ValueError) as error:
        return Left(path.name, "", "", "", "", size_bytes, f"damaged ({error}): joblog sync --as JOB/RUN/RANK {path.name}")
    shown = "in use" if in_use else "finished" if state is not None and state.finished else "cut off"
    run_id = (state.run_id if state is not None else "") or meta.run_id
    return Left(path.name, meta.project_id, meta.job_name, run_id, meta.task, size_bytes, shown)


def sync(
    roots: Sequence[Path],
    names: list[str],
    connect: Callable[[str], Writer],
    say: Callable[[str], None],
    meta: Meta | None = None,
) -> bool:
    """Sends the spools so named, or all, that nobody uses; returns whether nothing that could be sent is left.

    ``connect`` gives the client for the address that a spool recorded, which is empty if nobody had said one. ``meta`` says
    which log a spool is, where its own notes do not.
    """
    wanted = {Path(name).name for name in names}
    paths = [path for path in _paths(roots) if not names or path.name in wanted]
    unknown = sorted(wanted - {path.name for path in paths})
    for name in unknown:
        say(f"there is no spool {name} here")
    away: set[str] = set()
    return all([_sync_one(path, connect, say, away, meta) for path in paths]) and not unknown


def _paths(roots: Sequence[Path]) -> list[Path]:
    """Returns the spools: also those whose notes are gone, unless nothing is in them; then it was never more than begun."""
    own = filter(places.is_own, dict.fromkeys(roots))
    return [path for root in own for path in _entries(root) if (path / "meta.json").exists() or _holds_bytes(path)]


def _entries(root: Path) -> list[Path]:
    try:
        return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith(files.GONE))
    except OSError:
        return []


def _holds_bytes(path: Path) -> bool:
    try:
        return any(part.file(path).stat().st_size for part in files.load_parts(path))
    except OSError:
        return False


def _sync_one(
    path: Path, connect: Callable[[str], Writer], say: Callable[[str], None], away: set[str], meta: Meta | None
) -> bool:
    """Sends one, unless its server is ``away``, as another one's turned out to be."""
    try:
        lock = files.lock(path)
    except FileNotFoundError:
        return True  # sent and removed by another one meanwhile
    except OSError as error:
        say(f"{path} cannot be sent: {error}")
        return False
    if lock is None:
        return True
    try:
        spool = Spool(path, meta=meta)
        client = connect(spool.meta.url)
        try:
            return client.url not in away and _ship(spool, lambda: client, say)
        except Unreachable as error:
            away.add(client.url)
            say(f"nothing more is sent: {error}")
            return False
    except Exception as error:  # noqa: BLE001 - whatever is wrong with this one, the next one is to be sent
        say(f"{path} cannot be sent: {error}")
        return False
    finally:
        os.close(lock)


def _ship(spool: Spool, connect: Callable[[], Writer], say: Callable[[str], None]) -> bool:
    spool.verify()
    if spool.outcome is None and not spool.finished:
        spool.note_outcome(files.UNKNOWN)
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
    damaged = " (its spool was damaged: the log says where)" if spool.damaged else ""
    proved = "" if damaged or spool.is_proved else " (of its last ones nobody knows whether they are what was written)"
    say(f"{meta.job_name} {spool.chosen_run_id} {meta.task}: {end_byte} bytes are on the server{damaged}{proved}")
    return not spool.damaged
