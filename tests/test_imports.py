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

# The floors, from the top: a room may import from itself, from what is named, and from what everybody may. A module belongs to
# the longest name that is, or begins, its own.
ROOMS = {
    "joblog.__main__": {"cli"},
    "joblog.cli": {
        *("agent", "api", "client", "mcp", "views"),
        *("server.process", "upkeep", "engine.opening", "catalog", "objects"),
    },
    "joblog.integrations": {"agent", "client", "api"},
    "joblog.server.process": {
        "server.workers",
        "server.host",
        "server.app",
        "server.greeting",
        "server.http",
        "watch",
        "engine",
        "catalog",
    },
    "joblog.server.workers": {"server.host", "server.app", "server.auth", "server.http", "engine"},
    "joblog.server.host": {"server.http", "engine"},
    "joblog.server.app": {
        *("server.ops", "server.collectors", "server.mcp", "server.modelarts"),
        *("server.native", "server.state", "server.auth", "server.http"),
        *("watch", "engine"),
    },
    "joblog.server.greeting": {"engine", "catalog"},
    "joblog.server.ops": {"server.native", "server.state", "server.http", "engine", "catalog"},
    "joblog.server.collectors": {"server.native", "server.state", "server.auth", "server.http", "engine", "api"},
    "joblog.server.modelarts": {
        *("server.native", "server.state", "server.auth", "server.http"),
        *("engine", "catalog", "objects"),
    },
    "joblog.server.native": {"server.state", "server.auth", "server.http", "watch", "engine", "catalog", "objects", "views"},
    "joblog.server.state": {"server.auth", "server.http", "watch", "engine"},
    "joblog.server.auth": {"server.http", "engine", "catalog"},
    "joblog.server.http": {"engine", "views"},
    "joblog.watch": {"engine", "catalog", "objects", "views", "api"},
    "joblog.upkeep": {"engine", "catalog", "objects"},
    "joblog.engine": {"catalog", "objects", "views"},
    "joblog.catalog": set[str](),
    "joblog.objects": set[str](),
    "joblog.server.mcp": {"server.auth", "server.http", "mcp", "client", "api"},
    "joblog.mcp": {"client", "api", "views"},
    "joblog.agent": {"client", "api"},
    "joblog.client": {"api", "views"},
    "joblog.api": set[str](),
    "joblog.api.values": set[str](),
    "joblog.views": set[str](),
    "joblog.core": set[str](),
    "joblog": set[str](),
}
EVERYBODY = {"core", "errors", "api.values", "api.refs"}
"""Below all; the package's own ``__version__`` too."""

PURE = (
    "joblog.core",
    "joblog.views",
    "joblog.errors",
    "joblog.api.refs",
    "joblog.api.values",
    "joblog.server.modelarts.positions",
)

# What is loaded by name, when it is asked for: it needs an extra, or time at the start, that most do without.
ASKED_FOR = {
    ("joblog.api.compression", "zstandard"),
    ("joblog.api.connections", "urllib"),
    ("joblog.engine.opening", "joblog.catalog.postgres"),
    ("joblog.server.host", "joblog.server.http.traces"),
    ("joblog.server.mcp.door", "joblog.server.mcp.endpoint"),
    ("joblog.engine.patterns", "numpy"),
    ("joblog.server.native.downsample", "numpy"),
    ("joblog.server.native.downsample", "tsdownsample"),
    ("joblog.server.collectors.deliver", "joblog.server.collectors.protobuf"),
    ("joblog.watch.notify", "apprise"),
    ("joblog.watch.rule_files", "yaml"),
}

# Which modules (a package: all of its own) may import a dependency. What is not here is used nowhere.
DOORS = {
    "apsw": {"joblog.catalog.sqlite"},
    "apprise": {"joblog.watch.notify"},
    "argon2": {"joblog.catalog.passwords"},
    "cryptography": {"joblog.catalog.vault"},
    "obstore": {"joblog.objects.store"},
    "psycopg": {
        "joblog.catalog.postgres",
        "joblog.catalog.postgres_notify",
        "joblog.catalog.postgres_past",
        "joblog.catalog.postgres_connection",
        "joblog.catalog.postgres_statements",
    },
    "psycopg_pool": {"joblog.catalog.postgres"},
    "transformers": {"joblog.integrations.huggingface"},
    "lightning": {"joblog.integrations.lightning"},
    "mlflow": {"joblog.integrations.mlflow"},
    "granian": {"joblog.server.host"},
    "uvloop": {"joblog.server.host"},
    "opentelemetry": {"joblog.server.http.traces", "joblog.server.collectors.protobuf"},
    "prometheus_client": {"joblog.server.ops.metrics"},
    "mcp": {"joblog.mcp.protocol", "joblog.server.mcp.endpoint"},
    "mcp_types": {"joblog.mcp.protocol"},
    "pydantic": {"joblog.mcp.protocol"},
    "numpy": {"joblog.engine.patterns", "joblog.server.native.downsample"},
    "tsdownsample": {"joblog.server.native.downsample"},
    "ahocorasick_rs": {"joblog.engine.patterns"},
    "re2": {"joblog.engine.patterns"},
    "cramjam": {"joblog.server.collectors.protobuf"},
    "google": {"joblog.server.collectors.protobuf"},
    "yaml": {"joblog.watch.rule_files"},
    "zstandard": {
        "joblog.api.compression",
        "joblog.cli.imports.source",
        "joblog.core.segment",
        "joblog.core.words",
        "joblog.server.http.unpacked",
        "joblog.server.http.packed",
    },
    "msgspec": {
        "joblog.core",
        "joblog.catalog",
        "joblog.objects",
        "joblog.engine",
        "joblog.watch",
        "joblog.upkeep",
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
    """No module imports from a room above its own, nor from one beside it."""
    wrong = [imported for imported in ours() if not may(room(imported.importer), room(imported.imported), imported.imported)]
    assert not wrong, shown(wrong)


def test_imports_have_no_cycle() -> None:
    """The modules can be ordered so that each comes after those it imports (prepare raises CycleError if not)."""
    graph: dict[str, set[str]] = {name: set() for name in modules()}
    for imported in ours():
        if imported.imported != imported.importer:  # the CLI loads its commands by their names, from its own package
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
        {name for name in modules() if room(name) in ("joblog.api", "joblog.client", "joblog.agent", "joblog.cli")},
    )
    while fresh:
        reached |= fresh
        fresh = {i.imported for i in ours() if i.importer in fresh and not i.inside_function} - reached
    wrong = [i for i in others() if i.importer in reached and not i.inside_function]
    assert not wrong, shown(wrong)


def test_nothing_is_imported_inside_a_function() -> None:
    """Except in the CLI's commands, since `joblog run` must not load the server, and what needs an extra."""
    inside = [i for i in imports() if i.inside_function and room(i.importer) != "joblog.cli"]
    wrong = [i for i in inside if (i.importer, i.imported) not in ASKED_FOR]
    assert not wrong, shown(wrong)


def test_pure_modules_do_no_io() -> None:
    """They take bytes and times, and return values.

    Exceptions: settings know what a path and an environment are, a segment keeps one zstd context for each thread, counters and
    past are for any thread.
    """
    allowed = {
        ("joblog.core.settings", "os"),
        ("joblog.core.settings", "pathlib"),
        ("joblog.core.segment", "threading"),
        ("joblog.core.counters", "threading"),
        ("joblog.core.timeline", "threading"),
    }
    pure = [i for i in imports() if any(is_in(i.importer, name) for name in PURE)]
    wrong = [i for i in pure if i.imported in IMPURE and (i.importer, i.imported) not in allowed]
    assert not wrong, shown(wrong)


def room(name: str) -> str:
    return max((top for top in ROOMS if is_in(name, top)), key=len)


def may(above: str, below: str, imported: str) -> bool:
    allowed = {f"joblog.{name}" for name in ROOMS[above] | EVERYBODY}
    return above == below or imported == "joblog" or any(is_in(imported, name) for name in allowed)


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
    """Yields what is imported, and whether inside a function; ``import_module("a.b")`` as ``import a.b``."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, inside
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "import_module":
            yield ast.copy_location(ast.Import([ast.alias(asked_for(node.args[0]))]), node), inside
        else:
            function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from import_statements(node, inside=inside or function)


def asked_for(name: ast.expr) -> str:
    """Returns the module, or of one that is put together, as ``f"joblog.cli.{command}"``, the package."""
    if isinstance(name, ast.JoinedStr):
        name = name.values[0]
    assert isinstance(name, ast.Constant), f"line {name.lineno}: say from which package"
    return str(name.value).rstrip(".")


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
