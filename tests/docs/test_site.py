"""The site that ``make docs`` builds: which pages it has, and that they ask nobody for anything."""

from __future__ import annotations

from pathlib import Path

from docs.made.site import groups, outside
from tests.docs.blocks import ROOT

INDEX = """# Title

## Start

- [One](one.md): and [two](how/two.md)

## Nothing

Only [an address](https://example.org/three.md).
"""


def test_every_page_is_found(tmp_path: Path) -> None:
    """Below the heading where it is linked first; one that is linked nowhere is not lost."""
    (tmp_path / "how").mkdir()
    for name in ("index", "one", "how/two", "new"):
        (tmp_path / f"{name}.md").write_text("# Page\n")
    assert list(groups(INDEX, tmp_path)) == [("Start", ["one", "how/two"]), ("More", ["new"])]


def test_the_index_names_each_page_once() -> None:
    docs = ROOT / "docs"
    named = [page for _, pages in groups((docs / "index.md").read_text("utf-8"), docs) for page in pages]
    assert len(named) == len(set(named)) == len(list(docs.rglob("*.md"))) - 1


def test_what_is_fetched_from_elsewhere_is_found(tmp_path: Path) -> None:
    """By a page or by a style; a link is followed by whoever clicks it."""
    page = (
        '<a href="https://a/">link</a><img src="https://b/x.png"><link rel="stylesheet" href="//c/x.css">'
        '<script src="own.js"></script><link rel="next" href="own.html"><a class="x" href="http://d/">link</a>'
    )
    (tmp_path / "page.html").write_text(page)
    (tmp_path / "style.css").write_text("@import 'https://e/x'; a { src: url(data:x) } b { src: url(https://f/y) }")
    found = [line.partition(": ")[2] for line in outside(tmp_path)]
    assert found == ["https://b/x.png", "//c/x.css", "https://e/x", "https://f/y"]
