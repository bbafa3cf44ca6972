"""The catalog's statements."""

from __future__ import annotations

import re

from joblog.catalog.database import HEAD_QUERIES, QUERIES


def test_every_query_that_changes_a_logs_head_is_known_as_one() -> None:
    """HeadCache in memory are forgotten by it: a statement that is missing there would leave stale ones."""
    changing = {name for name, sql in QUERIES.items() if re.search(r"\b(UPDATE|INSERT INTO|DELETE FROM) log\b", sql)}
    assert changing == HEAD_QUERIES
