"""The code in README.md and docs/: the blocks between fences, each with its language and its marks.

A fence is ``` ```sh slurm ```: first the language, then marks, which say how the block is tried. Without one it is run. What a
block prints may stand behind it in a block of ``text``, and is then compared.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_FENCED = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A piece of code: where it stands, its language, its marks, and what it prints (None: that is not said)."""

    page: str
    line: int
    language: str
    marks: tuple[str, ...]
    code: str
    printed: str | None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def runner(self) -> str:
        """The first mark, where a page's blocks say by it what they are run with."""
        return self.marks[0] if self.marks else ""


@cache
def pages() -> tuple[str, ...]:
    """Returns README.md, in both languages, and all pages of docs/, as paths from the root."""
    return (
        "README.md",
        "README.zh-CN.md",
        *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")),
    )


@cache
def text_of(page: str) -> str:
    return (ROOT / page).read_text("utf-8")


@cache
def blocks(page: str, language: str = "") -> tuple[Block, ...]:
    """Returns a page's blocks, in order; of one language if it is named."""
    text = text_of(page)
    found = list(_FENCED.finditer(text))
    made = []
    for fence, after in zip(found, [*found, None][1:], strict=True):
        name, *marks = fence["info"].split() or [""]
        shown = after is not None and after["info"] == "text" and not text[fence.end() : after.start()].strip()
        line = text.count("\n", 0, fence.start()) + 1
        made.append(Block(page, line, name, tuple(marks), fence["code"], after["code"] if shown and after else None))
    return tuple(block for block in made if language in ("", block.language))
