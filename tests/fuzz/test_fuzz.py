"""Some seconds of what ``make fuzz`` does for an hour."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import settings

from tests.fuzz.targets import TARGETS
from tests.generated import examples


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.__name__)
def test_strangers_bytes(target: Callable[[], None]) -> None:
    """Are read, or refused by the error that is for it."""
    settings(max_examples=examples(150))(target)()
