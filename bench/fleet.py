"""What a fleet's catalog costs: ``python -m bench.fleet``, on SQLite and on PostgreSQL.

Makes a catalog by SQL, 100,000 jobs, 300,000 runs and 1,000,000 logs unless told otherwise, and measures what looks at many of
them: the lists, the searches, the janitor's looks for work. All of it calls the catalog itself, without HTTP.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path

import apsw
import psycopg
from tests.engines import PostgresServer

from bench.quiet import used_s
from bench.servers import machine
from bench.table import Row, markdown
from joblog.catalog.database import Database, Value, process_clock_ms, statements
from joblog.catalog.logs import Logs
from joblog.catalog.modelarts_jobs import SORTS as MODELARTS_SORTS
from joblog.catalog.modelarts_jobs import Jobs, JobSearch, RunSearch
from joblog.catalog.overview import SORTS, Overview, Wanted
from joblog.catalog.postgres import Postgres
from joblog.catalog.runs import Runs
from joblog.catalog.sqlite import Sqlite
from joblog.catalog.states import Report, States
from joblog.core.logs import Head
from joblog.core.status import Status

PROJECT = "fleet"
TURNS = 20
RANKS, THREADS = 5000, 32
_LINE = b"2026-11-30 12:00:00 INFO train: step 100 loss 2.3045 lr 0.001 \n\n"

Call = Callable[[], object]


def made(jobs: int, runs: int, logs: int, now_ms: int, data: str) -> list[str]:
    """Returns the statements that make a catalog; ``data`` is a chunk's bytes as a literal."""
    text = Path(__file__).with_suffix(".sql").read_text("utf-8")
    for name, value in {"jobs": jobs, "runs": runs, "logs": logs, "now_ms": now_ms, "data": data}.items():
        text = text.replace(f"{{{name}}}", str(value))
    return statements(text)


@contextmanager
def on_sqlite(jobs: int, runs: int, logs: int, now_ms: int, path: Path | None) -> Iterator[tuple[Database, int | None]]:
    """Makes a catalog in a file, which is kept where a path is given."""
    with tempfile.TemporaryDirectory(prefix="joblog-fleet-") as directory:
        file = path or Path(directory, "catalog.db")
        fresh = not file.exists()
        database = Sqlite(file)
        if fresh:
            connection = apsw.Connection(str(file))
            connection.pragma("synchronous", "off")
            with connection:
                for statement in made(jobs, runs, logs, now_ms, f"x'{_LINE.hex()}'"):
                    connection.execute(statement)
            connection.close()
        yield database, None
        database.close()


@contextmanager
def on_postgres(jobs: int, runs: int, logs: int, now_ms: int) -> Iterator[tuple[Database, int | None]]:
    """Makes a catalog in a server of its own."""
    server = PostgresServer()
    try:
        server.run("CREATE DATABASE fleet")
        database = Postgres(server.address("fleet"))
        with psycopg.connect(server.address("fleet"), autocommit=True) as connection:
            for statement in made(jobs, runs, logs, now_ms, f"'\\x{_LINE.hex()}'"):
                connection.execute(statement.encode())
            connection.execute("VACUUM ANALYZE")
        yield database, server.pid
        database.close()
    finally:
        server.close()


def lists(database: Database, now_ms: int) -> Iterator[tuple[str, float, Call]]:
    """Yields what is measured of lists: what it is, milliseconds that it may take, the call."""
    overview, jobs = Overview(database), Jobs(database)

    def page(**asked: object) -> Call:
        return lambda: overview.jobs(PROJECT, Wanted(**asked), now_ms)  # type: ignore[arg-type]  # of any of its fields

    for sort in SORTS:
        for descending in (True, False):
            yield f"jobs by {'-' * descending}{sort}", 20, page(sort=sort, descending=descending)
    yield "jobs, 100 of them", 20, page(limit=100)
    yield "jobs, page 1,500 by offset", 20, page(offset=75_000)
    end = overview.jobs(PROJECT, Wanted(offset=75_000), now_ms).end
    yield "jobs, the page that follows it", 20, page(after=end)
    yield "jobs that run", 20, page(statuses=[Status.RUNNING])
    yield "jobs that completed, by name", 20, page(statuses=[Status.COMPLETED], sort="name")
    for text in ("llama", "resnet-7919", "team-7-", "nowhere", "zq", "a"):
        yield f"jobs with {text!r} in the name", 50, page(text=text)
    yield "jobs with 'llama' that failed, by name", 50, page(text="llama", statuses=[Status.FAILED], sort="name")
    yield "jobs with a label", 50, page(labels=["team=t7"])
    yield "runs", 20, lambda: overview.runs(PROJECT, None, Wanted())
    yield "runs, page 5,000 by offset", 20, lambda: overview.runs(PROJECT, None, Wanted(offset=250_000))
    yield "runs that failed", 20, lambda: overview.runs(PROJECT, None, Wanted(statuses=[Status.FAILED]))
    for by in MODELARTS_SORTS:
        yield f"ModelArts: jobs by {by}", 50, lambda by=by: jobs.search(PROJECT, JobSearch(sort=by), now_ms)  # type: ignore[misc]  # a default binds it
    search = JobSearch(text="llama", statuses=[Status.FAILED])
    yield "ModelArts: jobs with 'llama' that failed", 50, lambda: jobs.search(PROJECT, search, now_ms)
    yield "ModelArts: jobs, page 9,000", 50, lambda: jobs.search(PROJECT, JobSearch(offset=90_000), now_ms)
    yield "ModelArts: training jobs", 50, lambda: jobs.runs(PROJECT, RunSearch())
    yield "ModelArts: training jobs, page 5,000", 50, lambda: jobs.runs(PROJECT, RunSearch(offset=250_000))
    running = RunSearch(statuses=[Status.RUNNING])
    yield "ModelArts: training jobs that run", 50, lambda: jobs.runs(PROJECT, running)
    yield "ModelArts: training jobs with 'resnet-7919'", 50, lambda: jobs.runs(PROJECT, RunSearch(likes=[["resnet-7919"]]))
    yield "ModelArts: training jobs with 'llama'", 50, lambda: jobs.runs(PROJECT, RunSearch(likes=[["llama"]]))


def looks(database: Database, now_ms: int) -> Iterator[tuple[str, float, Call]]:
    """Yields the same of the janitor's looks for work, where there is none: each node makes them every second."""
    common = {"now_ms": now_ms, "limit": 100}
    asked: dict[str, dict[str, Value]] = {
        "logs_to_seal": {"seal_bytes": 8 * 2**20, "quiet_ms": now_ms - 60_000, **common},
        "logs_to_merge": {**common},
        "logs_to_compress": {"before_ms": now_ms - 3_600_000, **common},
        "garbage_due": {"before_ms": now_ms - 86_400_000, "after_ms": -1, "after": "", "limit": 1},
        "tasks_silent": {"before_ms": now_ms - 600_000, "limit": 1000},
    }
    for query, values in asked.items():
        yield query, 5, partial(database.rows, query, **values)


def crowds(database: Database, now_ms: int) -> Iterator[Row]:
    """Measures a run of many ranks that begin, report, end and are closed, by as many threads as a server has."""
    runs, states, logs = Runs(database), States(database), Logs(database)
    _, version, first = runs.put_run(PROJECT, "crowd", "one", 0, now_ms)

    def of(rank: int) -> Head:
        return runs.put_run(PROJECT, "crowd", "one", rank, now_ms)[2]

    def reports(status: Status) -> Callable[[int], object]:
        return lambda rank: states.report(version, rank, Report(status, tasks=RANKS), now_ms)

    def close(rank: int) -> object:
        return states.close_log(logs.head(first.id + rank), (0, 0), [], now_ms)

    steps: dict[str, Callable[[int], object]] = {
        "begin": of,
        "say that they run": reports(Status.RUNNING),
        "are closed": close,
        "say that they have completed": reports(Status.COMPLETED),
    }
    with ThreadPoolExecutor(THREADS) as pool:
        for what, step in steps.items():
            begun = time.perf_counter()
            list(pool.map(step, range(RANKS)))
            rate = RANKS / (time.perf_counter() - begun)
            yield Row(f"{RANKS:,} ranks {what}", f"{rate:,.0f}/s", goal="2,000/s", met=rate >= 2000)


def measured(what: str, goal_ms: float, call: Call, server: int | None) -> Row:
    """Calls it some times; the processor's time, here and in the server, says what it takes when nobody else is at work."""

    def used() -> float:
        return time.process_time() + (used_s(server) if server else 0)

    call()
    cpu, walls = used(), []
    for _ in range(TURNS):
        begun = time.perf_counter()
        call()
        walls.append((time.perf_counter() - begun) * 1000)
    took = (used() - cpu) / TURNS * 1000
    return Row(
        what, f"{took:.1f} ms of a processor", f"{min(walls):.1f} ms at best", goal=f"{goal_ms:g} ms", met=took <= goal_ms
    )


def main() -> int:
    """Measures; returns 0 whatever the goals say."""
    parser = argparse.ArgumentParser(prog="python -m bench.fleet", description=__doc__)
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=300_000)
    parser.add_argument("--logs", type=int, default=1_000_000)
    parser.add_argument("--only", choices=("sqlite", "postgres"))
    parser.add_argument("--keep", type=Path, help="the SQLite catalog, made there if it is not there")
    arguments = parser.parse_args()
    sizes, now_ms = (arguments.jobs, arguments.runs, arguments.logs), process_clock_ms()
    print(f"{machine()}; {sizes[0]:,} jobs, {sizes[1]:,} runs, {sizes[2]:,} logs; {TURNS} calls each")
    for name in ("sqlite", "postgres"):
        if arguments.only in (None, name):
            made_on = on_sqlite(*sizes, now_ms, arguments.keep) if name == "sqlite" else on_postgres(*sizes, now_ms)
            with made_on as (database, server):
                rows = [measured(*each, server) for each in chain(lists(database, now_ms), looks(database, now_ms))]
                rows += crowds(database, now_ms)
                print(f"\n{name}\n\n{markdown(rows)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
