"""What SQLite alone does here: rows of one size, committed one by one or in groups, as durably as joblog's."""

from __future__ import annotations

import time
from pathlib import Path

import apsw

_PAGE_BYTES = 16 * 1024
_CHECKPOINT_PAGES = 4096
"""As joblog has them (catalog/sqlite.py), so that only what joblog adds differs."""


def commits(path: Path, row: bytes, group: int, seconds: float) -> float:
    """Returns rows a second, ``group`` rows in a commit; the file is removed."""
    connection = apsw.Connection(str(path))
    try:
        connection.pragma("page_size", _PAGE_BYTES)
        connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", "full")
        connection.pragma("wal_autocheckpoint", _CHECKPOINT_PAGES)
        connection.execute("CREATE TABLE chunk (id INTEGER PRIMARY KEY, data BLOB NOT NULL)")
        return _rate(connection, row, group, seconds)
    finally:
        connection.close()
        path.unlink()


def _rate(connection: apsw.Connection, row: bytes, group: int, seconds: float) -> float:
    done, begun = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - begun) < seconds:
        connection.execute("BEGIN IMMEDIATE")
        for _ in range(group):
            connection.execute("INSERT INTO chunk (data) VALUES (?)", (row,))
        connection.execute("COMMIT")
        done += group
    return done / elapsed
