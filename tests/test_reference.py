"""The pages that are made of the code say what it says: settings, errors, calls, commands, metrics."""

from __future__ import annotations

import re
from functools import cache

import pytest

from docs.made import errors, settings
from docs.made.pages import ROOT, made
from joblog.errors import JoblogError
from joblog.server.http.answers import PLAIN, STATUSES

PAGES = ("docs/calls.md", "docs/cli.md", "docs/errors.md", "docs/metrics.md", "docs/settings.md")

_made = cache(made)


def source() -> str:
    return "".join(path.read_text("utf-8") for path in (ROOT / "src" / "joblog").rglob("*.py"))


@pytest.mark.parametrize("page", PAGES)
def test_page_is_what_the_code_says(page: str) -> None:
    """``make reference`` has been run."""
    assert set(_made()) == set(PAGES)
    assert (ROOT / page).read_text("utf-8") == _made()[page]


def test_all_that_is_read_from_the_environment_is_on_the_page() -> None:
    """And nothing that is not."""
    named = set(re.findall(r'"(JOBLOG_[A-Z][A-Z_]+[A-Z])"', source()))
    page = _made()["docs/settings.md"]
    assert {name for name in named if f"`{name}`" not in page} == set()
    assert set(settings.READ) <= named


def test_every_code_has_something_to_do() -> None:
    """Those of the tree, and those that the edge says by itself."""
    codes = {kind.code for kind in (*STATUSES, *JoblogError.__subclasses__())} | {code for code, _ in PLAIN.values()}
    assert set(errors.TO_DO) == codes


def test_every_parameter_of_a_query_is_described() -> None:
    undescribed = re.findall(r"^\| `\w.*\| query \|.*\|  \|$", _made()["docs/calls.md"], re.MULTILINE)
    assert undescribed == []
