"""Labels: what is one, how they are kept, what finds them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joblog.core.labels import MAX_LABELS, MAX_WANTED, changed, checked_labels, labels_of_pairs, needles, packed, unpacked
from joblog.errors import Invalid, OutOfRange

NAMES = st.from_regex(r"[a-cA]([a-c_./-]{0,3}[a-c])?", fullmatch=True)
VALUES = st.text('abc=,.-/%_ \\"\u8bad', max_size=6)
LABELS = st.dictionaries(NAMES, VALUES, max_size=5)


@given(LABELS)
def test_what_is_packed_is_unpacked(labels: dict[str, str]) -> None:
    assert unpacked(packed(labels)) == labels


@given(LABELS, NAMES, VALUES)
def test_a_label_is_found_where_it_is_and_nowhere_else(labels: dict[str, str], name: str, value: str) -> None:
    """Whatever other labels say: values may look like labels."""
    packed_text = packed(labels)
    pair, named, *rest = needles([f"{name}={value}", name])
    assert (pair in packed_text) == (labels.get(name) == value)
    assert (named in packed_text) == (name in labels)
    assert rest == ["", ""]


@pytest.mark.parametrize("name", ["", "-a", "a-", "a b", "a=b", "\u00e9", "a" * 129, "/a", "a\n"])
def test_illegal_names_are_refused(name: str) -> None:
    with pytest.raises(Invalid, match="labels must be a name of 1 to 128"):
        checked_labels({name: "value"})


@pytest.mark.parametrize("value", ["a\nb", "\x1b[31m", "\u202e", "\ud800", "x" * 257, "\u2028"])
def test_illegal_values_are_refused(value: str) -> None:
    with pytest.raises(Invalid, match="labels must be a value of at most 256"):
        checked_labels({"name": value})


def test_names_that_kubernetes_and_people_use_are_legal() -> None:
    """Values may be empty, and hold what shows."""
    labels: dict[str, str | None] = {
        "app.kubernetes.io/name": "",
        "a": "\u8bad\u7ec3 = 1, 2",
        "Team_1": "x" * 256,
        "gone": None,
    }
    assert checked_labels(labels) == labels


def test_a_change_sets_and_removes_and_has_an_end() -> None:
    assert changed({"a": "1", "b": "2"}, {"b": None, "c": "3", "d": None}) == {"a": "1", "c": "3"}
    full = {f"n{number}": "" for number in range(MAX_LABELS)}
    assert len(changed(full, {"n0": "other"})) == MAX_LABELS
    with pytest.raises(OutOfRange, match="at most 32 labels for a job"):
        changed(full, {"one-more": ""})


def test_pairs_say_which_parameter_is_wrong() -> None:
    assert labels_of_pairs(["a=b=c", "a.b="], "--label") == {"a": "b=c", "a.b": ""}
    with pytest.raises(Invalid, match="--label must be NAME=VALUE, not 'team'"):
        labels_of_pairs(["team"], "--label")
    with pytest.raises(OutOfRange, match="label must be at most 4 labels"):
        needles(["a"] * (MAX_WANTED + 1))
