"""The cause of a failed run is among the first lines that its good sibling did not print; two good runs differ in little."""

from __future__ import annotations

import pytest

from joblog.views.compare.ranking import TROUBLE
from tests.compare.programs.styles import STYLES
from tests.compare.score import compared, field_places, pair_places, pairs, run, share

QUICK = ("missing_file", "nan_hf", "hung_rank", "bad_number", "no_key_ranks")


def test_causes_of_a_few_pairs() -> None:
    """Of a file, a loss, a rank, an argument, a launcher's other ranks; all of them are in the long run."""
    assert {each.name: each.place for each in pair_places(QUICK) if each.place is None or each.place >= 5} == {}


@pytest.mark.long  # a hundred programs
def test_causes_of_all_pairs() -> None:
    """The goal is four of five among the first five; at first sight it was 98%."""
    places = list(pair_places(list(pairs())))
    assert len(places) >= 50
    wrong = [each for each in places if each.place is None or each.place >= 5]
    assert share(places, 5) >= 0.95, wrong
    assert share(places, 20) >= 0.97, wrong


def test_causes_of_strangers_logs() -> None:
    """Against what strangers' logs say of runs that did not fail."""
    places = list(field_places())
    assert len(places) > 250
    assert share(places, 5) >= 0.95, [each for each in places if each.place is None or each.place >= 5]


@pytest.mark.parametrize("style", sorted(STYLES))
def test_two_good_runs_hardly_differ(style: str) -> None:
    """Noise is a warning at most: nothing that names a failure or trouble, no setting that changed."""
    first, other = (run({"style": style}, "", seed, well=True) for seed in (1, 2))
    made = compared(first, other)
    assert [each.line for each in made.new if each.weight <= TROUBLE] == []
    assert ({each.name for each in made.values} - {"seed"}, made.counts) == (set(), [])
