"""A check of all that an open engine stores."""

from __future__ import annotations

from joblog.engine.engine import Engine
from joblog.upkeep.check import Check


def checked(engine: Engine) -> Check:
    """Returns a check that leaves the engine open."""
    return Check(engine.runs, engine.logs, engine.objects, engine.ownership)
