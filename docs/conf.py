"""How Sphinx makes a site of these pages: ``make docs``. Nothing of it is fetched from elsewhere, when it is built or read.

The pages are plain Markdown and read as well without it. The navigation is made of the index: each of its headings is a
group, of the pages that are linked below it; a page that nobody has linked there is found under "More".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sphinx.errors import ExtensionError

HERE = Path(__file__).parent

project = "joblog"
author = "the authors of joblog"
release = version = re.findall(r'^__version__ = "(.+)"$', (HERE.parent / "src/joblog/__init__.py").read_text(), re.MULTILINE)[0]

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
root_doc = "index"
myst_heading_anchors = 4
myst_links_external_new_tab = False

html_theme = "furo"
html_title = "joblog"
html_favicon = "../src/joblog/ui/icon.svg"
html_copy_source = False
html_show_sphinx = False
pygments_style = "default"
pygments_dark_style = "monokai"


def pages() -> list[str]:
    """Returns all pages but the index, as Sphinx names them."""
    found = (path.relative_to(HERE).with_suffix("").as_posix() for path in HERE.rglob("*.md"))
    return sorted(set(found) - {root_doc})


def groups(index: str) -> Iterator[tuple[str, list[str]]]:
    """Yields the headings of the index, each with the pages that are linked below it, then those that are linked nowhere."""
    left = pages()
    for section in re.split(r"^## ", index, flags=re.MULTILINE)[1:]:
        linked = [page for page in re.findall(r"\]\(([\w/-]+)\.md\)", section) if page in left]
        left = [page for page in left if page not in linked]
        if linked:
            yield section.partition("\n")[0], linked
    if left:
        yield "More", left


def _with_navigation(_: Any, page: str, source: list[str]) -> None:
    if page == root_doc:
        source[0] += "".join(
            f"\n```{{toctree}}\n:hidden:\n:caption: {heading}\n\n" + "\n".join(linked) + "\n```\n"
            for heading, linked in groups(source[0])
        )


def outside(pages: Path) -> Iterator[str]:
    """Yields what the built pages would have a browser fetch from another host, each with its page; links are not fetched."""
    fetched = {
        "*.html": r"""<(?!a\s)\w+\s[^>]*\b(?:src|href|data|poster|srcset|action)=["']?((?:https?:)?//[^"'\s>]+)""",
        "*.css": r"""(?:url\(|@import)\s*["']?((?:https?:)?//[^"')\s]+)""",
    }
    for kind, pattern in fetched.items():
        for path in sorted(pages.rglob(kind)):
            yield from (f"{path.relative_to(pages)}: {url}" for url in re.findall(pattern, path.read_text("utf-8")))


def _asks_nobody(app: Any, failure: Exception | None) -> None:
    found = [] if failure else list(outside(Path(app.outdir)))
    if found:
        raise ExtensionError("the pages ask other hosts:\n" + "\n".join(found))


def setup(app: Any) -> None:
    """Puts the navigation into the index; fails where a page asks another host for anything."""
    app.connect("source-read", _with_navigation)
    app.connect("build-finished", _asks_nobody)
