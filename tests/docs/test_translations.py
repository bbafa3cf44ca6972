"""The pages in Chinese say what the English ones say: the same headings, commands, output, pictures and links."""

from __future__ import annotations

import posixpath
import re

import pytest

from tests.docs.blocks import Block, blocks, text_of

PAGES = {"README.zh-CN.md": "README.md", "docs/zh/quick-start.md": "docs/quick-start.md"}

BETWEEN = {"README.md": "README.zh-CN.md", "README.zh-CN.md": "README.md", "docs/zh/quick-start.md": "docs/quick-start.md"}
"""Links by which a reader changes the language, or stays in it."""


def prose(page: str) -> str:
    return re.sub(r"^```.*?^```$", "", text_of(page), flags=re.MULTILINE | re.DOTALL)


def levels(page: str) -> list[int]:
    return [len(marks) for marks in re.findall(r"^(#+) ", prose(page), re.MULTILINE)]


def targets(page: str) -> set[str]:
    """Where its links and pictures lead, from the root."""
    found = re.findall(r"\]\(([^)\s]+)\)", prose(page))
    whole = {link if "://" in link else posixpath.normpath(posixpath.join(posixpath.dirname(page), link)) for link in found}
    return {BETWEEN.get(link, link) for link in whole} - {page, "README.md", "README.zh-CN.md"}


def code(block: Block) -> tuple[str, tuple[str, ...], str]:
    """A block without its comments, which are translated."""
    bare = re.sub(r"(^|[ \t]+)# .*$", "", block.code, flags=re.MULTILINE)
    return block.language, block.marks, bare


@pytest.mark.parametrize(("page", "original"), PAGES.items())
def test_a_translation_is_in_step(page: str, original: str) -> None:
    assert levels(page) == levels(original)
    assert [code(block) for block in blocks(page)] == [code(block) for block in blocks(original)]
    assert targets(page) == targets(original)
    assert len(re.findall(r"[\u4e00-\u9fff]", prose(page))) > len(prose(original)) // 10, "it is not in Chinese"


@pytest.mark.parametrize(("page", "original"), PAGES.items())
def test_tables_and_lists_are_as_long(page: str, original: str) -> None:
    for mark in (r"^\|", r"^- "):
        assert len(re.findall(mark, text_of(page), re.MULTILINE)) == len(re.findall(mark, text_of(original), re.MULTILINE))
