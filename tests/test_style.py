"""The limits that keep a file and a function readable in one sitting; ruff counts statements, this counts lines."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDERS = ("src", "tests", "bench", "examples")

FILE_LINES = 400
FUNCTION_LINES = 40

BARE_IGNORE = re.compile(r"#\s*(type:\s*ignore(?!\[)|noqa(?!:\s*[A-Z]+\d))")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def test_no_file_is_over_its_limit() -> None:
    """A file that reaches 400 lines holds two nouns: split it."""
    long = {str(path): count for path, text in files() if (count := len(text.splitlines())) > FILE_LINES}
    assert not long


def test_no_function_is_over_its_limit() -> None:
    """A function is at most 40 lines, its docstring and decorators not counted."""
    long = {
        f"{path}:{node.lineno} {node.name}": count
        for path, text in files()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, Function) and (count := own_lines(node)) > FUNCTION_LINES
    }
    assert not long


def test_every_ignore_says_which_rule_it_ignores() -> None:
    """A bare one would hide the next mistake on its line too."""
    bare = [
        f"{path}:{number}"
        for path, text in files()
        for number, line in enumerate(text.splitlines(), start=1)
        if BARE_IGNORE.search(line)
    ]
    assert not bare


def files() -> Iterator[tuple[Path, str]]:
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT), path.read_text("utf-8")


def own_lines(node: Function) -> int:
    first, last = node.body[0], node.end_lineno or node.lineno
    docstring = 0
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        docstring = (first.end_lineno or first.lineno) - first.lineno + 1
    return last - node.lineno + 1 - docstring
