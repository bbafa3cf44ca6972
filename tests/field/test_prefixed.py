"""What is read of a log does not depend on what stands before its lines, nor on what its digits were when first seen."""

from __future__ import annotations

import pytest

from tests.field.figures import metrics_faults, read_series
from tests.field.score import Case, cases

PREFIXES = ("trainer-1  | ", "[rank0]: ", "2024-05-01T10:00:00.123456789Z ", "May  1 10:00:00 node3 trainer[123]: ")
LEAST = 0.95
"""So many cases are right behind a prefix: of a few lines it cannot be told from what they say."""

CASES = [case for case in cases("metrics") if "log" in case.data and "\r" not in case.data["log"]]
SEVENS = bytes.maketrans(b"0123456789", b"7" * 10)


@pytest.mark.parametrize("prefix", PREFIXES)
def test_metrics_behind_a_prefix(prefix: str) -> None:
    """Tables, heads, sections, bars among them."""
    wrong = [case.name for case in CASES if list(metrics_faults(case.data, prefixed(case.data["log"], prefix)))]
    assert len(wrong) <= (1 - LEAST) * len(CASES), wrong


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_other_digits_first(case: Case) -> None:
    """A line's shape is the same, whatever the digits: read once, it is so for all."""
    log = case.data["log"].encode()
    read_series(log.translate(SEVENS))
    assert list(metrics_faults(case.data, log)) == []


def prefixed(log: str, prefix: str) -> bytes:
    return "".join(f"{prefix}{line}\n" for line in log.split("\n")[:-1]).encode()
