"""Which past a PostgreSQL database has: another one after a promotion or a restore, and what was committed last may be gone.

The catalog notes in which one it was last opened, so that whoever comes first in another one sees it, also a node that was not
there before: numbers are left out once, before anything is read.
"""

from __future__ import annotations

import secrets
import zlib

from psycopg import Connection

from joblog.catalog.database import Row, Transaction
from joblog.catalog.left_out import PAST, leave_out

_DRAWN_BITS = 31
"""The counter has the CRC-32 of the past's name, and behind it a number that is drawn: of two standbys that are promoted one
after the other both may begin the same timeline."""

_LEFT_OUT, _TIMES = 1_000_000, 1000
"""Whoever still goes by a number that was lost, such as an agent in the middle of its log, must not meet another run's log. So
many are more than a standby lacks; how many times they are left out is drawn, too, as there may be two such standbys."""

_NAME = (
    "SELECT concat_ws(' ', oid, to_regclass('counter')::oid, substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))"
    " FROM pg_database WHERE datname = current_database()"
)
"""Its number and its table's, which a restore changes, and the timeline, as a promotion does."""


def past_of(connection: Connection[Row], tx: Transaction) -> str:
    """Names the past that the catalog has; one that it had not when it was last opened is noted, and numbers are left out.

    ``tx`` runs statements on the connection.
    """
    name = str(connection.execute(_NAME).fetchall()[0][0])
    crc32 = zlib.crc32(name.encode())
    rows = tx.rows("counter", name=PAST)
    if not rows or rows[0][0] >> _DRAWN_BITS != crc32:
        with connection.transaction():
            return f"{name} {_noted(tx, crc32)}"
    return f"{name} {rows[0][0]}"


def _noted(tx: Transaction, crc32: int) -> int:
    drawn = crc32 << _DRAWN_BITS | secrets.randbits(_DRAWN_BITS)
    noted = int(tx.rows("counter_or", name=PAST, value=drawn)[0][0])  # first: it makes others wait
    if noted == drawn:  # a catalog that is new, or of a joblog that noted nothing: that may be set back, too
        if tx.rows("counter", name="log"):
            _leave_out(tx)
    elif noted >> _DRAWN_BITS != crc32:
        tx.rows("set_counter", name=PAST, value=drawn)
        _leave_out(tx)
        noted = drawn
    return noted


def _leave_out(tx: Transaction) -> None:
    leave_out(tx, _LEFT_OUT * (1 + secrets.randbelow(_TIMES)))
