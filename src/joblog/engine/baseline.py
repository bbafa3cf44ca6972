"""With what a run is compared when nobody says: the last good run of its job, else the run before."""

from __future__ import annotations

from typing import NamedTuple

from joblog.catalog.runs import Runs
from joblog.core.jobs import VersionRow
from joblog.core.status import OVER, Status

GOOD, EARLIER, RANKS, NAMED = "good", "earlier", "ranks", "named"


class Baseline(NamedTuple):
    """A run, and how it was chosen: ``good`` or ``earlier``."""

    version: VersionRow
    chosen: str


def baseline(runs: Runs, job_id: int, version_id: int, wanted: str = GOOD) -> Baseline | None:
    """Returns the run to compare with; None where the job has no other that is over.

    ``good``: the last run before that completed, else the first one after that did, else the run before; ``earlier``: the last.
    """
    versions = runs.all_versions(job_id)
    number = next((each.number for each in versions if each.id == version_id), 0)
    before = [each for each in versions if each.number < number and each.status in OVER]
    if wanted == GOOD:
        good = [each for each in before if each.status == Status.COMPLETED][-1:]
        good += [each for each in versions if each.number > number and each.status == Status.COMPLETED][:1]
        if good:
            return Baseline(good[0], GOOD)
    return Baseline(before[-1], EARLIER) if before else None
