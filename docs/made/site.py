"""What the site is made of, and what its pages must not do. Sphinx is told of it in docs/conf.py; nothing here needs it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

INDEX = "index"


def pages(docs: Path) -> list[str]:
    """Returns all pages but the index, as Sphinx names them."""
    found = (path.relative_to(docs).with_suffix("").as_posix() for path in docs.rglob("*.md"))
    return sorted(set(found) - {INDEX})


def groups(index: str, docs: Path) -> Iterator[tuple[str, list[str]]]:
    """Yields the headings of the index, each with the pages that are linked below it, then those that are linked nowhere."""
    left = pages(docs)
    for section in re.split(r"^## ", index, flags=re.MULTILINE)[1:]:
        linked = [page for page in re.findall(r"\]\(([\w/-]+)\.md\)", section) if page in left]
        left = [page for page in left if page not in linked]
        if linked:
            yield section.partition("\n")[0], linked
    if left:
        yield "More", left


def outside(pages: Path) -> Iterator[str]:
    """Yields what the built pages would have a browser fetch from another host, each with its page; links are not fetched."""
    fetched = {
        "*.html": r"""<(?!a\s)\w+\s[^>]*\b(?:src|href|data|poster|srcset|action)=["']?((?:https?:)?//[^"'\s>]+)""",
        "*.css": r"""(?:url\(|@import)\s*["']?((?:https?:)?//[^"')\s]+)""",
    }
    for kind, pattern in fetched.items():
        for path in sorted(pages.rglob(kind)):
            yield from (f"{path.relative_to(pages)}: {url}" for url in re.findall(pattern, path.read_text("utf-8")))
