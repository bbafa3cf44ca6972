"""The embedded catalog's write-ahead log: its file is bounded, however much is written and whoever reads meanwhile."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import apsw
import pytest

from joblog.catalog.sqlite import Sqlite

MAX_BYTES = 20 << 20
"""What a checkpoint begins at, and the commit that reaches it."""


_numbers = count(1)


def write(database: Sqlite, mib: int) -> None:
    for _ in range(mib):
        with database.transaction() as tx:
            tx.rows("request_put", version_id=next(_numbers) % 50, body=f"{next(_numbers):016}" * (1 << 16))


@pytest.mark.slow  # a hundred megabytes are written
def test_write_ahead_log_is_bounded(tmp_path: Path) -> None:
    """Also behind a reader that kept it from beginning anew: then it is cut."""
    database, log = Sqlite(tmp_path / "catalog.db"), tmp_path / "catalog.db-wal"
    write(database, 40)
    assert log.stat().st_size < MAX_BYTES
    reader = apsw.Connection(str(tmp_path / "catalog.db"))
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM counter").fetchall()
    write(database, 40)
    assert log.stat().st_size > MAX_BYTES
    reader.close()
    write(database, 20)
    assert log.stat().st_size < MAX_BYTES
    database.close()
