"""How many examples generated tests make: some at every change, all of them in a long run."""

from __future__ import annotations

import hypothesis

EXAMPLES, QUICK_EXAMPLES = 100, 30
"""Of a test that does not say how many."""


def examples(count: int) -> int:
    """Returns how many of ``count`` examples this run makes: all, or the share that every test makes in a quick one."""
    profile = hypothesis.settings.default
    assert profile is not None
    return max(count * profile.max_examples // EXAMPLES, 1)
