"""Where spools are on this machine: below the first place that takes one, and found again by whoever looks for them.

A job may run with other places than whoever looks: a scheduler gives it a ``TMPDIR`` of its own. So such a place is
noted in ``/tmp``, or in memory, where each process of this user looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from joblog.agent.spool import files
from joblog.agent.spool.files import Meta
from joblog.api.settings import MEMORY, TEMPORARY, own_name

MAX_NOTED = 100
"""Places that are noted: more than any machine has, so that the file stays small."""


def make_first(roots: Sequence[Path], meta: Meta) -> tuple[Path, int, OSError | None]:
    """Makes it below the first of ``roots`` where that can be; returns as ``make``, and why not below the first one, if so.

    Raises OSError where it can be nowhere.
    """
    why: OSError | None = None
    for root in roots:
        try:
            path, lock = files.make(root, meta)
        except OSError as error:
            why = why or error
        else:
            if root.parent.name == own_name() and root.parent.parent not in (TEMPORARY, MEMORY):
                _note(root)
            return path, lock, why
    raise why or FileNotFoundError("there is no place for a spool")


def is_own(root: Path) -> bool:
    """Returns whether a spools' directory in a place that all users share is this user's, as far as it is in one."""
    if root.parent.name != own_name():
        return True
    try:
        files.check_own(root.parent)
    except OSError:
        return False
    return True


def known(roots: Sequence[Path]) -> tuple[Path, ...]:
    """Returns ``roots``, those of who has no ``TMPDIR``, and the places that are noted and there still."""
    noted = (Path(line) for place in _notes() for line in _lines(place))
    shared = (place.with_name("spool") for place in _notes())
    return tuple(dict.fromkeys((*roots, *shared, *(root for root in noted if root.is_absolute() and root.is_dir()))))


def _note(root: Path) -> None:
    """Notes a place; where that cannot be done whoever looks has to know it."""
    line = str(root.absolute())
    for place in _notes():
        try:
            own = files.own_directory(place.parent.parent)
            lines = [each for each in _lines(place) if each != line and Path(each).is_dir()][1 - MAX_NOTED :]
            fresh = own / f"{place.name}.new"
            fresh.write_text("".join(f"{each}\n" for each in (*lines, line)), "utf-8", "surrogateescape")
            fresh.replace(place)
            return
        except (OSError, ValueError):
            continue


def _notes() -> list[Path]:
    return [place / own_name() / "places" for place in (TEMPORARY, MEMORY)]


def _lines(place: Path) -> list[str]:
    """Returns the places that are noted; none of a file that somebody else may have written."""
    try:
        files.check_own(place.parent)
        return place.read_text("utf-8", "surrogateescape").splitlines()
    except (OSError, ValueError):
        return []
