"""Groups are counted as RE2 counts them."""

from __future__ import annotations

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from joblog.engine.patterns import compiled
from joblog.errors import Invalid
from joblog.watch.groups import groups_side_by_side
from tests.generated import examples

PIECES = (
    *("(", "(", ")", ")", "(?:", "(?i)", "(?P<a>", "|", "a", "*", "{2}", ".", "\\(", "\\)", "\\\\", "\\d+", "\\Q(|\\E"),
    *("[(]", "[^)]", "[]()]", "[^](]", "[[:alpha:])]", "[\\](]"),
)


@settings(max_examples=examples(500))
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_no_group_is_missed_and_none_is_made_up(expression: str) -> None:
    """There is none where RE2 has none, and never more than it has; without groups within groups and branches, as many."""
    try:
        groups = compiled(expression, "an expression", capture=True).groups
    except Invalid:
        assume(False)
    counted = groups_side_by_side(expression)
    assert (counted > 0) == (groups > 0)
    assert counted <= groups
    assert groups_side_by_side(f"({expression})({expression})") == 2
