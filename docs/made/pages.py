"""Which pages are made of the code, and of what."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from docs.made import calls, errors, metrics, settings
from joblog.cli.help import reference
from joblog.core.settings import Settings
from joblog.engine.engine import Engine
from joblog.server.app import Parts

ROOT = Path(__file__).resolve().parents[2]


def made() -> dict[str, str]:
    """Returns the text of every page, made or with made tables in it, by its path."""
    with _parts() as parts:
        return {
            "docs/cli.md": reference.page(),
            "docs/settings.md": settings.page(),
            "docs/errors.md": errors.page(),
            "docs/calls.md": calls.page(),
            "docs/metrics.md": metrics.page((ROOT / "docs" / "metrics.md").read_text("utf-8"), parts),
        }


@contextmanager
def _parts() -> Iterator[Parts]:
    """An engine with nothing in it, and what the handlers have of it."""
    with tempfile.TemporaryDirectory() as directory:
        engine = Engine(Settings(data=Path(directory)))
        try:
            yield Parts.of(engine)
        finally:
            engine.close()
