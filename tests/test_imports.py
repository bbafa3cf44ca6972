"""The layers of docs/architecture.md, read from the imports: they point down, and each dependency has one door."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

SOURCE = Path(__file__).parent.parent / "src"

PURE = {
    f"joblog.{name}"
    for name in ("errors", "model", "refs", "answers", "positions", "labels", "lines", "segment", "status", "config", "tally")
}

# May import from itself and from what is named; a module belongs to the first whose name is, or begins, its own.
LAYERS = {
    "joblog.cli": {"joblog.agent", "joblog.client", "joblog.api", "joblog.server", "engine", "joblog.catalog", "pure"},
    "joblog.integrations": {"joblog.agent", "joblog.client", "joblog.api", "pure"},
    "joblog.agent": {"joblog.client", "joblog.api", "pure"},
    "joblog.client": {"joblog.api", "pure"},
    "joblog.api": {"pure"},
    "joblog.server": {"engine", "joblog.catalog", "pure"},
    "engine": {"joblog.catalog", "pure"},
    "joblog.catalog": {"pure"},
    "pure": set[str](),
}

# Which modules (a package: all of its own) may import a dependency. What is not here is used nowhere.
DOORS = {
    "apsw": {"joblog.catalog.sqlite"},
    "argon2": {"joblog.catalog.passwords"},
    "cryptography": {"joblog.catalog.vault"},
    "obstore": {"joblog.objects.store"},
    "psycopg": {"joblog.catalog.postgres", "joblog.catalog.postgres_notify", "joblog.catalog.postgres_connection"},
    "psycopg_pool": {"joblog.catalog.postgres"},
    "transformers": {"joblog.integrations.huggingface"},
    "lightning": {"joblog.integrations.lightning"},
    "mlflow": {"joblog.integrations.mlflow"},
    "litestar": {"joblog.server"},
    "granian": {"joblog.server"},
    "uvloop": {"joblog.server"},
    "opentelemetry": {"joblog.server.http.traces", "joblog.server.collectors.protobuf"},
    "prometheus_client": {"joblog.server.ops.metrics"},
    "numpy": {"joblog.server.native.downsample"},
    "tsdownsample": {"joblog.server.native.downsample"},
    "re2": {"joblog.engine.patterns"},
    "cramjam": {"joblog.server.collectors.protobuf"},
    "google": {"joblog.server.collectors.protobuf"},
    "zstandard": {"joblog.core.segment", "joblog.server.http.unpacked", "joblog.server.http.packed"},
    "msgspec": {
        "joblog.core.logs",
        "joblog.core.segment",
        "joblog.upkeep.move_log",
        "joblog.upkeep.repair",
        "joblog.catalog",
        "joblog.engine.append",
        "joblog.engine.read",
        "joblog.engine.part",
        "joblog.search",
        "joblog.server",
    },
}

# What reaches outside the process, or reads the clock.
IMPURE = {
    *("asyncio", "concurrent", "fcntl", "glob", "http", "io", "logging", "mmap", "multiprocessing", "os", "pathlib"),
    *(
        "queue",
        "random",
        "secrets",
        "select",
        "selectors",
        "shutil",
        "signal",
        "socket",
        "sqlite3",
        "ssl",
        "subprocess",
    ),
    *("tempfile", "threading", "time", "urllib", "uuid"),
}


class Import(NamedTuple):
    importer: str
    imported: str  # a module of ours, or the top package of another's
    inside_function: bool
    line: int

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.imported}"


def test_imports_point_down() -> None:
    """No module imports from a layer above its own, nor from one beside it."""
    wrong = [
        imported
        for imported in ours()
        if (above := layer(imported.importer)) != (below := layer(imported.imported)) and below not in LAYERS[above]
    ]
    assert not wrong, shown(wrong)


def test_imports_have_no_cycle() -> None:
    """The modules can be ordered so that each comes after those it imports (prepare raises CycleError if not)."""
    graph: dict[str, set[str]] = {name: set() for name in modules()}
    for imported in ours():
        graph[imported.importer].add(imported.imported)
    TopologicalSorter(graph).prepare()


def test_package_root_imports_nothing_and_only_its_version_is_imported() -> None:
    """Who needs something imports the module that has it."""
    assert not [imported for imported in imports() if imported.importer == "joblog"]
    wrong = [
        f"{name}:{node.lineno}"
        for name, (tree, _) in modules().items()
        for node in ast.walk(tree)
        if (isinstance(node, ast.ImportFrom) and node.module == "joblog")
        for alias in node.names
        if alias.name != "__version__" and f"joblog.{alias.name}" not in modules()
    ]
    assert not wrong, wrong


def test_each_dependency_has_one_door() -> None:
    """A library is imported where DOORS says, and one that it does not name nowhere."""
    wrong = [
        imported
        for imported in others()
        if not any(is_in(imported.importer, door) for door in DOORS.get(imported.imported, ()))
    ]
    assert not wrong, shown(wrong)


def test_base_install_is_enough_for_client_agent_and_cli() -> None:
    """Whatever loads with them, directly or not, needs the standard library only."""
    reached, fresh = (
        set[str](),
        {name for name in modules() if layer(name) in ("joblog.api", "joblog.client", "joblog.agent", "joblog.cli")},
    )
    while fresh:
        reached |= fresh
        fresh = {i.imported for i in ours() if i.importer in fresh and not i.inside_function} - reached
    wrong = [i for i in others() if i.importer in reached and not i.inside_function]
    assert not wrong, shown(wrong)


def test_nothing_is_imported_inside_a_function() -> None:
    """Except in the CLI's commands: `joblog run` must not load the server, which may not be installed."""
    wrong = [i for i in imports() if i.inside_function and layer(i.importer) != "joblog.cli"]
    assert not wrong, shown(wrong)


def test_pure_modules_do_no_io() -> None:
    """They take bytes and times, and return values.

    Exceptions: config knows what a path and an environment are, segment keeps one zstd context for each thread, and a tally is
    for any thread.
    """
    allowed = {
        ("joblog.core.settings", "os"),
        ("joblog.core.settings", "pathlib"),
        ("joblog.core.segment", "threading"),
        ("joblog.core.counters", "threading"),
    }
    pure = [i for i in imports() if layer(i.importer) == "pure"]
    wrong = [i for i in pure if i.imported in IMPURE and (i.importer, i.imported) not in allowed]
    assert not wrong, shown(wrong)


def layer(name: str) -> str:
    if name in PURE or name == "joblog" or is_in(name, "joblog.views"):
        return "pure"
    if name == "joblog.__main__":
        return "joblog.cli"
    return next((top for top in LAYERS if is_in(name, top)), "engine")


def is_in(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def ours() -> list[Import]:
    return [imported for imported in imports() if is_in(imported.imported, "joblog")]


def others() -> list[Import]:
    standard = {*sys.stdlib_module_names, "_typeshed"}  # the latter exists for type checkers only
    return [i for i in imports() if not is_in(i.imported, "joblog") and i.imported not in standard]


def shown(wrong: list[Import]) -> str:
    return "\n".join(map(str, wrong))


@cache
def modules() -> dict[str, tuple[ast.Module, bool]]:
    """Returns each module's tree, and whether it is a package, by its name."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        found[".".join(parts[:-1] if is_package else parts)] = (
            ast.parse(path.read_text("utf-8"), str(path)),
            is_package,
        )
    return found


@cache
def imports() -> list[Import]:
    return [
        Import(name, imported if is_in(imported, "joblog") else imported.partition(".")[0], inside, node.lineno)
        for name, (tree, is_package) in modules().items()
        for node, inside in import_statements(tree, inside=False)
        for imported in named(node, name if is_package else name.rpartition(".")[0])
    ]


def import_statements(tree: ast.AST, *, inside: bool) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, inside
        else:
            function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from import_statements(node, inside=inside or function)


def named(node: ast.Import | ast.ImportFrom, package: str) -> Iterator[str]:
    """Yields the modules that a statement names: in ``from joblog import lines`` that is ``joblog.core.lines``."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
    base = ".".join([*above, *([node.module] if node.module else [])])
    deeper = {f"{base}.{alias.name}" for alias in node.names}
    yield from sorted(deeper & modules().keys())
    if deeper - modules().keys():
        yield base
