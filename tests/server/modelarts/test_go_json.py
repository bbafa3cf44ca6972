"""The decoder that stands for Go's, on what Go does."""

from __future__ import annotations

import json

import pytest

from tests.server.modelarts.go_json import ANY, GoError, Shape, unmarshal

WRONG_LINES: list[object] = ["1", 1.0, 1.5, 2**63, True, [], {}]
WRONG_CONTENT: list[object] = [["a"], False, 0, {}]
PAGE: Shape = {"start_line": str, "lines": int, "content": str, "is_success": bool}


def test_values_of_the_right_types() -> None:
    """Each is taken; what is missing, or null, is zero; what is unknown is ignored; names match in any case."""
    value = unmarshal(b'{"START_LINE": "1", "lines": 9223372036854775807, "content": null, "x": [{}]}', PAGE)
    assert value == {"start_line": "1", "lines": 2**63 - 1, "content": "", "is_success": False}
    nested = {"a": [int], "b": {"c": float}, "d": ANY}
    value = unmarshal(b'{"a": [1, null, -2], "b": {"c": 1e3}, "d": [1, "x", {"e": null}]}', nested)
    assert value == {"a": [1, 0, -2], "b": {"c": 1000.0}, "d": [1.0, "x", {"e": None}]}
    assert unmarshal(b"null", {"a": [int], "b": {"c": int}}) == {"a": [], "b": {"c": 0}}
    assert unmarshal(b'{"a": 1, "A": 2, "a": 3}', {"a": int}) == {"a": 3}


@pytest.mark.parametrize(
    "body",
    [
        {"start_line": 1551252759254000002},
        *[{"lines": wrong} for wrong in WRONG_LINES],
        *[{"is_success": wrong} for wrong in (0, 1, "true")],
        *[{"content": wrong} for wrong in WRONG_CONTENT],
    ],
    ids=json.dumps,
)
def test_values_of_other_types(body: object) -> None:
    """None is converted: Huawei's own samples fail like this."""
    with pytest.raises(GoError, match="cannot unmarshal"):
        unmarshal(json.dumps(body).encode(), PAGE)


def test_what_is_not_json() -> None:
    """Python takes NaN, Go does not."""
    for body in (b"", b"{", b'{"lines": NaN}', b'{"lines": 01}', b"[]{}"):
        with pytest.raises(GoError):
            unmarshal(body, PAGE)


def test_exponents_are_no_integers() -> None:
    """Go reads 1e3 into a float only."""
    with pytest.raises(GoError, match="number 1e3"):
        unmarshal(b'{"lines": 1e3}', PAGE)
