"""The catalog's statements."""

from __future__ import annotations

import re

from joblog.catalog.database import HEAD_QUERIES, QUERIES, named_statements, sql_file


def test_every_query_that_changes_a_logs_head_is_known_as_one() -> None:
    """HeadCache in memory are forgotten by it: a statement that is missing there would leave stale ones."""
    changing = {name for name, sql in QUERIES.items() if re.search(r"\b(UPDATE|INSERT INTO|DELETE FROM) log\b", sql)}
    assert changing == HEAD_QUERIES


def test_what_takes_arrays_takes_what_it_stands_for() -> None:
    for name, sql in named_statements(sql_file("postgres_many.sql")).items():
        once, at_once = (set(re.findall(r"(?<![:\w]):(\w+)", each)) for each in (QUERIES[name], sql))
        assert once == at_once, name
