"""``joblog confirm-clock``: has what is kept for a time only deleted again, after the clock seemed to jump."""

from __future__ import annotations

from contextlib import closing

from joblog.core.settings import Settings
from joblog.engine.opening import open_database, open_objects, require_catalog
from joblog.engine.retention import Retention


def confirm_clock(settings: Settings) -> None:
    """Says that the catalog's clock is right, also where it seems to have jumped; raises Invalid, Unavailable."""
    require_catalog(settings)
    with closing(open_database(settings)) as database:
        Retention(database, open_objects(settings)).confirm_clock(database.clock_ms())
