"""The limits that keep a file and a function readable in one sitting; ruff counts statements, this counts lines."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDERS = ("src", "tests", "bench", "examples")

FILE_LINES = 400
FUNCTION_LINES = 40

BARE_IGNORE = re.compile(r"#\s*(type:\s*ignore(?!\[)|noqa(?!:\s*[A-Z]+\d))")
IGNORE_WITHOUT_REASON = re.compile(r"#\s*(type:\s*ignore\[[^]]*\]|noqa:[A-Z0-9,\s]+)$")
parsed = cache(ast.parse)

# What starts programs that last for several tests, ends them itself, or runs where there is no pytest.
LONGER_THAN_A_TEST = {
    Path("tests/engines.py"),
    Path("tests/docs/shell.py"),
    Path("tests/compare/score.py"),
    Path("tests/clients/remote.py"),
    Path("tests/clients/programs/use_collectors.py"),
    Path("tests/stores/ceph.py"),
    Path("tests/stores/swift.py"),
}

# The callbacks of frameworks have one name, whatever the framework.
SHARED_NAMES = {"JoblogCallback"}

BOUND = re.compile(r"\b_?(?:MOST|LEAST|LONGEST)(?:_[A-Z_]+)?\b")

NO_NOUNS = {"found", "told", "said", "held"}

SETTERS = {"setattr", "delattr", "setitem", "delitem"}

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
        for node in ast.walk(parsed(text))
        if isinstance(node, Function) and (count := own_lines(node)) > FUNCTION_LINES
    }
    assert not long


def test_every_ignore_says_which_rule_it_ignores() -> None:
    """A bare one would hide the next mistake on its line too."""
    assert not lines_with(BARE_IGNORE)


def test_every_ignore_says_why() -> None:
    """Behind its code."""
    assert not lines_with(IGNORE_WITHOUT_REASON)


def test_tests_patch_nothing() -> None:
    """What a test has otherwise it passes: an argument, an object of its own. The environment is not code."""
    texts = [(path, text) for path, text in files() if path.parts[0] == "tests"]
    assert not [f"{path}:{node.lineno}" for path, text in texts for node in patches(parsed(text))]


def test_patches_are_seen() -> None:
    """In all their forms."""
    for text in (
        "from unittest import mock", "import unittest.mock as m", "from unittest.mock import patch", "from mock import patch",
        "monkeypatch.setattr(search, 'OVERLAP', 1)", "setattr(search, 'OVERLAP', 1)", "monkeypatch.setitem(scan.KINDS, 1, 2)",
        "from joblog import search\nsearch.OVERLAP = 1", "import joblog.search\njoblog.search.OVERLAP = 1",
    ):  # fmt: skip
        assert len(list(patches(ast.parse(text)))) == 1, text


def test_programs_end_with_the_test_that_started_them() -> None:
    """A Popen that nobody waits for, or whose pipes stay open, is a warning when it is collected, in whatever test that is."""
    texts = [(path, text) for path, text in files() if path.parts[0] == "tests" and path not in LONGER_THAN_A_TEST]
    calls = [(path, node) for path, text in texts for node in ast.walk(parsed(text)) if isinstance(node, ast.Call)]
    assert not [f"{path}:{node.lineno}" for path, node in calls if ast.unparse(node.func) in ("Popen", "subprocess.Popen")]


def patches(module: ast.Module) -> Iterator[ast.stmt | ast.expr]:
    """Yields imports of ``mock``, calls of ``setattr`` and its kin, and assignments to attributes of what is joblog's."""
    ours = set(imported(module, "joblog"))
    for node in ast.walk(module):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {each.name for each in node.names} | {node.module if isinstance(node, ast.ImportFrom) else None}
            if names & {"mock", "unittest.mock"}:
                yield node
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in SETTERS:
            yield node
        elif isinstance(node, ast.Assign):
            to = [ast.unparse(target).partition(".") for target in node.targets if isinstance(target, ast.Attribute)]
            if any(name in ours for name, _, _ in to):
                yield node


def imported(module: ast.Module, package: str) -> Iterator[str]:
    """Yields the names that a module has from a package."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from ((each.asname or package) for each in node.names if each.name.partition(".")[0] == package)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == package:
            yield from (each.asname or each.name for each in node.names)


def names_in(node: ast.AST) -> list[str]:
    """Returns the names that a node gives."""
    match node:
        case ast.Name(id=name) | ast.arg(arg=name) | ast.Attribute(attr=name):
            return [name]
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case _:
            return []


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path}:{number}"
        for path, text in files()
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]


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


def test_a_class_has_its_name_alone() -> None:
    """In a traceback, and for whoever looks for it, one word is one thing."""
    homes: dict[str, list[str]] = {}
    for path in sorted((ROOT / "src").rglob("*.py")):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and node.name not in SHARED_NAMES:
                homes.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    assert not {name: paths for name, paths in homes.items() if len(paths) > 1}


def test_values_are_named_by_their_noun() -> None:
    """What was found is a match, a row or a head: a word that says so can be searched for."""
    called = [
        (path.name, name)
        for path in sorted((ROOT / "src").rglob("*.py"))
        for node in ast.walk(parsed(path.read_text("utf-8")))
        for name in names_in(node)
        if name.strip("_").lower() in NO_NOUNS
    ]
    assert called == []


def test_bounds_are_called_max_and_min() -> None:
    """The field's words, whatever is bounded."""
    called = [
        (path.name, name) for path in sorted((ROOT / "src").rglob("*.py")) for name in BOUND.findall(path.read_text("utf-8"))
    ]
    assert called == []
