"""How Sphinx makes a site of these pages: ``make docs``. Nothing of it is fetched from elsewhere, when it is built or read.

The pages are plain Markdown and read as well without it. The navigation is made of the index: each of its headings is a
group, of the pages that are linked below it; a page that nobody has linked there is found under "More".
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sphinx.errors import ExtensionError

from docs.made.site import groups, outside

HERE = Path(__file__).parent

project = "joblog"
author = "the authors of joblog"
release = version = re.findall(r'^__version__ = "(.+)"$', (HERE.parent / "src/joblog/__init__.py").read_text(), re.MULTILINE)[0]

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
root_doc = "index"
myst_heading_anchors = 4

html_theme = "furo"
html_title = "joblog"
html_favicon = "../src/joblog/ui/icon.svg"
html_copy_source = False
html_show_sphinx = False
pygments_style = "default"
pygments_dark_style = "monokai"


def _with_navigation(_: Any, page: str, source: list[str]) -> None:
    if page == root_doc:
        source[0] += "".join(
            f"\n```{{toctree}}\n:hidden:\n:caption: {heading}\n\n" + "\n".join(linked) + "\n```\n"
            for heading, linked in groups(source[0], HERE)
        )


def _asks_nobody(app: Any, failure: Exception | None) -> None:
    found = [] if failure else list(outside(Path(app.outdir)))
    if found:
        raise ExtensionError("the pages ask other hosts:\n" + "\n".join(found))


def setup(app: Any) -> None:
    """Puts the navigation into the index; fails where a page asks another host for anything."""
    app.connect("source-read", _with_navigation)
    app.connect("build-finished", _asks_nobody)
