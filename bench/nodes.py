"""One node on its embedded default, one and two on PostgreSQL and S3, in one run: ``python -m bench.nodes``.

Prints rates, and where the time goes: the processor seconds of the nodes, of PostgreSQL, of the object store and of the load
for each thousand requests. All of it is on this machine, with PostgreSQL syncing to disk; the load is two processes, however
many nodes there are.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from tests.conftest import Server, start_server
from tests.e2e.chaos import EAGER, place
from tests.engines import PostgresServer, SeaweedServer

from bench import load
from bench.logs import Texts
from bench.quiet import Patience, measured, used_s
from bench.servers import Load, Wrk, install_tools, machine

PROJECT = "default"
LOADS = 2
WRITERS, READERS = 16, 16
"""Connections, of both processes of the load together."""

PAGE_LINES = 50
READ_LOGS, READ_BYTES = 8, 4_500_000
"""Logs to read: sealed at once, together less than a node's cache."""

_PAGES = 20_000
_WARM_S = 1.0
_BODIES = 64

# Nothing is sealed or merged meanwhile: what is measured is what was asked for.
QUIET = {"seal_bytes": 2**40, "seal_quiet_s": 10**6, "merge_calm_s": 10**6, "janitor_s": 60}

APPENDS = {200: "append of 200 bytes", 64 * 1024: "append of 64 KiB"}
PAGE = f"page of {PAGE_LINES} lines"


@dataclass
class Place:
    """Nodes on a catalog and a store."""

    name: str
    nodes: list[Server]
    postgres: PostgresServer | None = None
    s3: SeaweedServer | None = None

    @property
    def pids(self) -> list[int]:
        """The servers' processes."""
        engines = [engine.pid for engine in (self.postgres, self.s3) if engine is not None]
        return [node.process.pid for node in self.nodes] + engines

    def node(self, number: int) -> Server:
        """Returns the node that a process of the load is for."""
        return self.nodes[number % len(self.nodes)]

    def cpu_s(self) -> dict[str, float]:
        """Returns the processor seconds that each kind of process has used so far."""
        waited_for = resource.getrusage(resource.RUSAGE_CHILDREN)
        return {
            "nodes": sum(used_s(node.process.pid) for node in self.nodes),
            "PostgreSQL": used_s(self.postgres.pid) if self.postgres else 0.0,
            "store": used_s(self.s3.pid) if self.s3 else 0.0,
            "load": waited_for.ru_utime + waited_for.ru_stime,
        }


@dataclass
class Outcome:
    """What both processes of a load saw, together."""

    requests: int
    rate: float
    median_ms: float


@dataclass
class Measured:
    """What a kind of request came to, and the processor seconds of all of its requests by kind of process."""

    place: str
    what: str
    outcome: Outcome
    elapsed_s: float
    cpu_s: dict[str, float]
    others: float


class Bench:
    """Measures places, one after the other."""

    def __init__(self, directory: Path, args: argparse.Namespace) -> None:
        self._directory = directory
        self._args = args
        self._patience = Patience(args.patience)
        self._texts = Texts()
        self.rows: list[Measured] = []

    @property
    def about(self) -> str:
        """Says what the logs are of."""
        return self._texts.about

    def run(self, place: Place) -> None:
        """Measures all that there is to measure of a place."""
        for size, what in APPENDS.items():
            self._measure(place, what, partial(self._appends, place, size))
        paths = self._paths(place)
        self._pages(place, paths, _WARM_S)
        self._measure(place, PAGE, lambda: self._pages(place, paths, self._args.seconds))

    def _measure(self, place: Place, what: str, measure: Callable[[], Outcome]) -> None:
        self._patience.wait(place.pids)
        before, began_s = place.cpu_s(), time.perf_counter()
        with self._profiled(place, what):
            found = measured(measure, place.pids)
            elapsed_s = time.perf_counter() - began_s
            cpu_s = {name: after - before[name] for name, after in place.cpu_s().items()}
        self.rows.append(Measured(place.name, what, found.result, elapsed_s, cpu_s, found.others))
        sys.stderr.write(f"{place.name}, {what}: {found.result.rate:,.0f}/s\n")

    @contextmanager
    def _profiled(self, place: Place, what: str) -> Iterator[None]:
        """Has py-spy, where it was asked for, look at the first node meanwhile."""
        if not self._args.py_spy:
            yield
            return
        name = f"{place.name}-{what}".replace(" ", "-").replace(",", "")
        options = [
            "-p",
            str(place.nodes[0].process.pid),
            "-d",
            str(int(self._args.seconds)),
            "-f",
            "raw",
            "--gil",
            "--nonblocking",
        ]
        command = [self._args.py_spy, "record", *options, "-o", str(self._args.profiles / f"{name}.txt")]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
            yield

    def _appends(self, place: Place, size: int) -> Outcome:
        """Appends, each writer to a log of its own; raises RuntimeError when something is not held."""
        bodies = self._directory / "bodies"
        bodies.write_bytes(b"".join(self._texts.pieces(_BODIES, size)))
        plans = []
        for number in range(LOADS):
            node = place.node(number)
            with node.client(place.nodes[0].token) as client:
                job = f"append-{size}-{number}"
                refs = [client.run(PROJECT, job, task=f"worker-{n}").log.ref for n in range(WRITERS // LOADS)]
            address = urlsplit(node.url)
            plans.append(
                load.Plan(
                    host=address.hostname or "",
                    port=address.port or 0,
                    token=place.nodes[0].token,
                    paths=[ref.path for ref in refs],
                    bodies=str(bodies),
                    body_bytes=size,
                    seconds=self._args.seconds,
                )
            )
        with ThreadPoolExecutor(LOADS) as both:
            results = list(both.map(load.run, plans))
        held = self._ends(place.nodes[0], plans)
        if held != [end for result in results for end in result.ends]:
            raise RuntimeError(f"{place.name}: what was acknowledged is not what is held")
        median_ms = sum(result.median_ms for result in results) / LOADS
        return Outcome(sum(each.acknowledged for each in results), sum(each.rate for each in results), median_ms)

    def _ends(self, node: Server, plans: Sequence[load.Plan]) -> list[int]:
        with node.client() as client:
            return [msgspec.json.decode(client.ask("GET", path))["end_byte"] for plan in plans for path in plan.paths]

    def _paths(self, place: Place) -> list[str]:
        """Makes the logs to read, and returns ModelArts' calls for pages of anywhere in them."""
        made = []
        with place.nodes[0].client() as client:
            for number in range(READ_LOGS):
                log = client.run(PROJECT, f"read-{number}").log
                body = self._texts.stretch(number, READ_BYTES)
                client.append(log.ref, 0, body)
                of = f"/v1/{PROJECT}/training-jobs/{log.ref.job_id}/versions/{log.ref.version_id}/aom-log"
                made.append((f"{of}?log_file={log.log_file}", log.created_ms * 10**6, body.count(b"\n") - PAGE_LINES))
        chance, paths = random.Random(0), []
        for _ in range(_PAGES):
            path, base, lines = chance.choice(made)
            paths.append(f"{path}&base_line={base + chance.randrange(lines)}&lines={PAGE_LINES}&order=desc")
        return paths

    def _pages(self, place: Place, paths: Sequence[str], seconds: float) -> Outcome:
        def read(number: int) -> Load:
            directory = self._directory / f"wrk-{number}"
            directory.mkdir(exist_ok=True)
            url, token = place.node(number).url, place.nodes[0].token
            return Wrk(directory).run(url, paths[number::LOADS], token=token, connections=READERS // LOADS, seconds=seconds)

        with ThreadPoolExecutor(LOADS) as both:
            seen = list(both.map(read, range(LOADS)))
        rate = sum(each.rate for each in seen)
        return Outcome(round(rate * max(round(seconds), 1)), rate, sum(each.median_ms for each in seen) / LOADS)


def main(argv: Sequence[str] | None = None) -> int:
    """Measures and prints; returns 0."""
    args = _arguments(argv)
    install_tools()
    postgres, s3 = PostgresServer(), SeaweedServer()
    os.environ.update(s3.credentials)
    try:
        for setting in ("fsync", "full_page_writes"):  # off where they are for tests
            postgres.run(f"ALTER SYSTEM SET {setting} = on")
        postgres.run("SELECT pg_reload_conf()")
        with tempfile.TemporaryDirectory(prefix="joblog-nodes-") as name:
            bench = Bench(Path(name), args)
            _run(bench, Path(name), postgres, s3)
    finally:
        postgres.close()
        s3.close()
    sys.stdout.write(f"{machine()}; logs of {bench.about}; {LOADS} processes of load, {WRITERS} writers, {READERS} readers\n\n")
    sys.stdout.write(_table(bench.rows))
    return 0


def _run(bench: Bench, directory: Path, postgres: PostgresServer, s3: SeaweedServer) -> None:
    for count in (0, 1, 2):
        engines = place(postgres, s3, f"nodes_{count}") if count else {}
        settings = {name: value for name, value in engines.items() if name not in EAGER} | QUIET
        nodes = [start_server(directory / f"{count}-{n}", **settings) for n in range(max(count, 1))]
        try:
            if count:
                bench.run(Place(f"{count} on PostgreSQL and S3", nodes, postgres, s3))
            else:
                bench.run(Place("embedded", nodes))
        finally:
            for node in nodes:
                node.kill()


def _table(rows: Sequence[Measured]) -> str:
    kinds = list(rows[0].cpu_s)
    lines = [
        ["", "nodes", "a second", "median", *(f"{kind}, s/1000" for kind in kinds), "cores", "others' cores"],
        ["---"] * (6 + len(kinds)),
    ]
    for row in sorted(rows, key=lambda row: row.what):
        each_ms = [f"{cpu_s / row.outcome.requests * 1000:.2f}" for cpu_s in row.cpu_s.values()]
        cores = f"{sum(row.cpu_s.values()) / row.elapsed_s:.2f}"
        rate = f"{row.outcome.rate:,.0f}"
        lines.append([row.what, row.place, rate, f"{row.outcome.median_ms:.1f} ms", *each_ms, cores, f"{row.others:.2f}"])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.nodes", description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="time for one measurement (default: %(default)s)")
    parser.add_argument("--patience", type=float, default=20.0, help="seconds to wait, in all, for other programs to be done")
    parser.add_argument("--py-spy", metavar="PROGRAM", help="have py-spy look at the first node of each, which slows it down")
    parser.add_argument("--profiles", type=Path, default=Path(), metavar="DIRECTORY", help="where to put what py-spy has seen")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
