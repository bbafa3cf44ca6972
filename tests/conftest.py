"""Fixtures: real things only. A server is a process of its own on a free port, with a directory of its own."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import hypothesis
import pytest

from joblog.client import Client
from joblog.engine.engine import Engine
from tests.backends import DEFAULT, Backend
from tests.children import end_children
from tests.engines import NotInstalled, ObjectServer, PostgresServer, SeaweedServer
from tests.forked import Forked
from tests.generated import EXAMPLES, QUICK_EXAMPLES
from tests.hanging import stacks_of_children
from tests.signals import give_children_the_defaults
from tests.stores import STORES

pytest_plugins = ("tests.agent.fixtures",)

T = TypeVar("T")

# No test is about time: a busy machine is slow, not wrong. A quick run tries the same examples everywhere, so that whoever
# clones joblog gets the same result; a long one draws others each time, but in CI.
for name, count in (("quick", QUICK_EXAMPLES), ("long", EXAMPLES)):
    hypothesis.settings.register_profile(
        name,
        deadline=None,
        suppress_health_check=[hypothesis.HealthCheck.too_slow],
        max_examples=count,
        derandomize=name == "quick" or "CI" in os.environ,
    )

START_S = 120.0
SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@dataclass
class Server:
    """A running ``joblog serve``."""

    data: Path
    process: Forked

    @property
    def url(self) -> str:
        return (self.data / "url").read_text().strip()

    @property
    def token(self) -> str:
        return (self.data / "admin.token").read_text().strip()

    def client(self, token: str | None = None) -> Client:
        return Client(self.url, token or self.token)

    def kill(self) -> None:
        """Ends it as ``kill -9`` does."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ends it as an operator does; returns its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(START_S)


_running: list[Forked] = []


@pytest.fixture(autouse=True)
def _nothing_outlives_its_test() -> Iterator[None]:
    """Ends what a test that failed has left running, and closes what any has left open."""
    before = len(_running)
    yield
    end_children()
    for process in _running[before:]:
        process.kill()
        process.wait()
    del _running[before:]


def start_server(data: Path, port: int = 0, /, **settings: object) -> Server:
    """Starts a server and returns when it can be reached."""
    data.mkdir(parents=True, exist_ok=True)
    (data / "url").unlink(missing_ok=True)
    environment = {**os.environ, **{f"JOBLOG_{name.upper()}": str(value) for name, value in settings.items()}}
    process = Forked(["serve", "--data", str(data), "--port", str(port)], environment, data / "server.log")
    _running.append(process)
    deadline = time.monotonic() + START_S
    while not (data / "url").exists():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise RuntimeError((data / "server.log").read_text())
        time.sleep(0.01)
    return Server(data, process)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server for all tests that do not stop it."""
    running = installed(PostgresServer)
    yield running
    running.close()


def pytest_configure(config: pytest.Config) -> None:
    """Makes tests that send signals independent of what started them; chooses how many examples generated tests make."""
    give_children_the_defaults()
    hypothesis.settings.load_profile("long" if config.getoption("long") else "quick")


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--store`` runs what has to do with an S3-compatible store, and nothing else, on another one than usual."""
    parser.addoption("--store", choices=STORES, help="run the tests of an S3-compatible store, on this one")
    parser.addoption("--long", action="store_true", help="run the tests that are marked long, and those that are generated")


@pytest.fixture(scope="session")
def s3(request: pytest.FixtureRequest) -> Iterator[ObjectServer]:
    """An S3-compatible store for all tests that do not stop it; its credentials are in the environment."""
    store = request.config.getoption("store")
    try:
        running: ObjectServer = STORES[store]() if store else installed(SeaweedServer)
    except NotInstalled as error:  # by name it was asked for: this is no reason to skip anything
        pytest.fail(str(error))
    os.environ.update(running.credentials)
    yield running
    running.close()


def installed(engine: Callable[[], T]) -> T:
    """Starts an engine; the test is skipped where it is not installed."""
    try:
        return engine()
    except NotInstalled as error:
        if os.environ.get("CI"):
            pytest.fail(f"{error}, and in CI nothing is skipped")
        pytest.skip(str(error))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs on the backends that a mark names what has to do with one."""
    mark = metafunc.definition.get_closest_marker("backends")
    if mark is not None and "backend" in metafunc.fixturenames:
        names = mark.args
        if metafunc.config.getoption("store"):  # where there are both catalogs, PostgreSQL alone
            names = names[-1:]
        long = mark.kwargs.get("long", ())
        parameters = [pytest.param(name, marks=pytest.mark.long if name in long else ()) for name in names]
        metafunc.parametrize("backend", parameters, indirect=True, scope="session")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leaves out, without ``--store``, what is about the stores that are not the usual one."""
    return True if collection_path.name == "stores" and not config.getoption("store") else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves, with ``--store``, what has to do with such a store, of any length; else what is long, or what is not.

    A long run has what is generated too, with all of its examples.
    """
    if config.getoption("store"):
        kept = [item for item in items if _of_a_store(item)]
    elif config.getoption("long"):
        kept = [item for item in items if item.get_closest_marker("long") is not None or _is_generated(item)]
    else:
        kept = [item for item in items if item.get_closest_marker("long") is None]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds, where a test reached its limit, where each of the processes that it started stands."""
    report = yield
    if call.excinfo is not None and "Timeout" in str(call.excinfo.value):
        report.sections.append(("stacks of the test's processes", stacks_of_children()))
    return report


def _is_generated(item: pytest.Item) -> bool:
    return isinstance(item, pytest.Function) and hypothesis.is_hypothesis_test(item.obj)


def _of_a_store(item: pytest.Item) -> bool:
    fixtures = item.fixturenames if isinstance(item, pytest.Function) else ()
    parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    chosen = str(parameters.get("backend", "")), str(parameters.get("objects", ""))
    return "s3" in fixtures or chosen[0].endswith("-s3") or chosen[1].startswith("s3")


@pytest.fixture(scope="session")
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """The embedded default, or each backend in turn for what is marked ``every_backend``."""
    name = getattr(request, "param", DEFAULT)
    catalog, _, objects = name.partition("-")
    running = Backend(
        name,
        request.getfixturevalue("postgres") if catalog == "postgres" else None,
        request.getfixturevalue("s3") if objects == "s3" else None,
    )
    yield running
    running.close()


@pytest.fixture(scope="session")
def server(backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server on a backend for all tests that do not stop it; each makes jobs, or projects, of its own."""
    running = start_server(tmp_path_factory.mktemp("joblog"), seal_quiet_s=3600, login_limit=0, **backend.place())
    yield running
    assert running.stop() == 0
    assert "Traceback" not in (running.data / "server.log").read_text()


@pytest.fixture
def client(server: Server) -> Client:
    return server.client()


@pytest.fixture
def engine(backend: Backend, tmp_path: Path) -> Iterator[Engine]:
    """An engine without a server, whose background loop does not run by itself."""
    with_engine = Engine(replace(backend.settings(tmp_path / "joblog"), object_grace_s=0))
    yield with_engine
    with_engine.close()


@pytest.fixture(scope="session")
def real_logs() -> Callable[[], Iterator[tuple[str, bytes]]]:
    """The shared real training logs, decompressed; the test is skipped where they are not."""
    directory = SHARED_DATA / "mlperf-training-v3.1"
    if not directory.is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"{directory} is not there, and in CI nothing is skipped")
        pytest.skip(f"the shared real logs are not here ({directory})")

    def read() -> Iterator[tuple[str, bytes]]:
        import zstandard

        for path in sorted(directory.glob("*.zst")):
            yield path.name.removesuffix(".log.zst"), zstandard.ZstdDecompressor().decompressobj().decompress(path.read_bytes())

    return read
