"""What a line of JSON or of logfmt says."""

from __future__ import annotations

import pytest

from joblog.views.why.records import record_of


@pytest.mark.parametrize(
    ("line", "text", "level"),
    [
        ('{"level": "error", "msg": "down"}', "down", "ERROR"),
        (
            '{"levelname": "ERROR", "message": "down", "exc_info": "Traceback\\nValueError: x"}',
            "down\nTraceback\nValueError: x",
            "ERROR",
        ),
        (
            '{"severity": "CRITICAL", "event": "down", "error": {"type": "ValueError", "message": "x"}}',
            "down\nValueError: x",
            "CRITICAL",
        ),
        ('{"level": 50, "msg": "down"}', "down", "ERROR"),
        ('{"text": "a\\nValueError: x\\n", "record": {"level": {"name": "ERROR"}}}', "a\nValueError: x", "ERROR"),
        ('time=10:00 level=fatal msg="it is \\"down\\"" error=full', 'it is "down"\nfull', "FATAL"),
    ],
)
def test_records(line: str, text: str, level: str) -> None:
    """Text, traceback and level, by the names that loggers have for them."""
    record = record_of(line)
    assert record is not None
    assert (record.text, record.level) == (text, level)


@pytest.mark.parametrize("line", ["{'loss': 0.5}", "{}", "[1]", '{"loss": 0.5}', "{" * 100_000 + "}", "x", "level=3"])
def test_no_records(line: str) -> None:
    """Metrics, what is no JSON, what is nested without end."""
    assert record_of(line) is None


def test_a_line_within_a_record() -> None:
    """Docker's json-file: the line is the program's."""
    record = record_of('{"log":"  File \\"x\\"\\n","stream":"stderr","time":"2024"}')
    assert record is not None
    assert (record.text, record.raw) == ('  File "x"', True)
