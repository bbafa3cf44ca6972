"""Numbers that are left out: those that come next may be of what was lost, and an address never opens another log."""

from __future__ import annotations

from joblog.catalog.database import Transaction

PAST = "past"
"""The counter that has the past in which the catalog was last opened, where a catalog can have several: see postgres_past."""

_COUNTERS = ("job", "version", "log", "token", "watch_rule", "alert")
"""In this order everybody locks them."""

_VERSIONS = 1000
"""Of the versions of each job, which are numbered by themselves (V0001)."""


def leave_out(tx: Transaction, count: int) -> None:
    """Leaves out the next ``count`` numbers of all that has one, and some of each job's versions."""
    for counter in _COUNTERS:
        rows = tx.rows("counter_or", name=counter, value=0)
        tx.rows("set_counter", name=counter, value=rows[0][0] + count)
    ((number,),) = tx.rows("version_number_last")
    tx.rows("set_counter", name="version-number", value=number + _VERSIONS - number % _VERSIONS)
