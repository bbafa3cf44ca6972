"""What joblog's views say of strangers' logs is what a person says. See README.md."""

from __future__ import annotations

import pytest

from tests.field.score import VIEWS, Case, cases, known_wrong, scores, wrong

LEAST = 0.95
"""Of each view's cases so many are right, those that are known to be wrong among them."""

CASES = cases()


@pytest.mark.parametrize("case", CASES, ids=[case.path for case in CASES])
def test_case(case: Case) -> None:
    """Each that is not known to be wrong; one that is known to be and is not any more leaves the list."""
    if not case.present:
        pytest.skip("its input is not here")
    faults = wrong(case)
    assert bool(faults) == (case.path in known_wrong()), faults


@pytest.mark.parametrize("view", VIEWS)
def test_score(view: str) -> None:
    """A list of what is wrong is no way out."""
    count, faults = scores()[view]
    assert len(faults) <= (1 - LEAST) * count, faults


def test_cases_say_where_they_are_from() -> None:
    """And what they stand for."""
    assert [case.path for case in CASES if not case.data.get("source") or not case.data.get("kind")] == []
    assert set(known_wrong()) <= {case.path for case in CASES}
