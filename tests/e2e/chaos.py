"""Two nodes on PostgreSQL and S3 while everything is killed: what writes, what reads, what kills, and what must be true.

``bench`` runs it for minutes, the tests for seconds.
"""

from __future__ import annotations

import random
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from joblog.client import Client
from joblog.config import Settings
from joblog.engine import check
from joblog.errors import Busy, JoblogError, Unavailable, Unreachable
from tests.conftest import Server, start_server
from tests.engines import BUCKET, PostgresServer, SeaweedServer

# Small, so that every second seals and merges, and garbage goes while reads run.
EAGER = {"seal_bytes": 20_000, "seal_quiet_s": 1, "janitor_s": 0.05, "merge_calm_s": 0.1, "retain_check_s": 0.5}

GIVE_UP_S = 90.0
"""What does not work again after so long is broken: nothing is away for longer than some seconds."""


class Nodes:
    """The nodes' data directories and processes; whoever asks is sent to any of them, as by a load balancer."""

    def __init__(self, directory: Path, settings: dict[str, object], count: int) -> None:
        self._directory = directory
        self.settings = settings
        self.running: list[Server] = []
        self.running = [start_server(directory / str(number), **settings) for number in range(count)]
        self.token = self.running[0].token

    def client(self, chance: random.Random) -> Client:
        """Returns a client of one of the nodes, which may be dead."""
        while True:
            try:
                return Client(chance.choice(self.running).url, self.token, timeout_s=10)
            except OSError:
                time.sleep(0.01)  # it is starting, and has not written its address yet

    def kill(self, number: int) -> None:
        self.running[number].kill()

    def start(self, number: int) -> None:
        self.running[number] = start_server(self._directory / str(number), **self.settings)


class Load:
    """Writers of known texts, and readers that follow them. ``failures`` is what must stay empty."""

    def __init__(self, nodes: Nodes, writers: int) -> None:
        self.nodes = nodes
        self.stopping = threading.Event()
        self.failures: list[str] = []
        self.calls: Counter[str] = Counter()
        self.longest_pause_s = 0.0
        self._texts = [_text(number) for number in range(writers)]
        chance = random.Random(0)
        with nodes.client(chance) as client:
            self.refs = [client.run("default", "chaos", run_id="one", task=f"worker-{n}").log.ref for n in range(writers)]
        self.acknowledged = [0] * writers
        self.ended = [False] * writers
        steps = [(step, number) for number in range(writers) for step in (self._write, self._follow)]
        self._threads = [threading.Thread(target=self._guarded, args=each) for each in steps]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Lets the writers close their logs and the readers read to the ends."""
        self.stopping.set()
        for thread in self._threads:
            thread.join(2 * GIVE_UP_S)
            if thread.is_alive():
                self.failures.append("a writer or a reader does not end")

    def _guarded(self, step: Callable[[int, random.Random], None], number: int) -> None:
        try:
            step(number, random.Random(number))
        except Exception as error:  # noqa: BLE001  # whatever it is, the test must hear of it
            self.failures.append(f"{step.__name__} {number}: {error!r}")
            self.stopping.set()

    def _again(self, call: Callable[[Client], int], chance: random.Random) -> int:
        """Makes a call of any node, and again of any, until one of them answers it."""
        began_s = time.monotonic()
        while True:
            try:
                with self.nodes.client(chance) as client:
                    answer = call(client)
                self.longest_pause_s = max(self.longest_pause_s, time.monotonic() - began_s)
                return answer
            except (Unreachable, Busy, Unavailable) as error:
                self.calls["refused"] += 1
                if time.monotonic() - began_s > GIVE_UP_S:
                    raise RuntimeError(f"away for {GIVE_UP_S} s: {error}") from error
                time.sleep(chance.random() * 0.2)

    def _write(self, number: int, chance: random.Random) -> None:
        text, ref, at = self._texts[number], self.refs[number], 0
        while not self.stopping.is_set() and at < len(text):
            data = text[at : at + chance.choice([1, 80, 500, 3_000, 30_000])]
            end = self._again(lambda client, at=at, data=data: client.append(ref, at, data).end_byte, chance)  # type: ignore[misc]
            if end != at + len(data):
                raise RuntimeError(f"{at + len(data)} bytes were sent, the log has {end}")
            at = self.acknowledged[number] = end
            self.calls["append"] += 1
        crc32 = zlib.crc32(text[:at])
        self._again(lambda client: int(client.close_log(ref, end_byte=at, crc32=crc32).complete is True), chance)
        self.ended[number] = True

    def _follow(self, number: int, chance: random.Random) -> None:
        text, ref, at = self._texts[number], self.refs[number], 0

        def read(client: Client) -> int:
            nonlocal at
            if client.status(ref).end_byte == at:
                return at
            for part in client.read(ref, at):
                if part != text[at : at + len(part)]:
                    raise RuntimeError(f"a gap or a repeat behind byte {at}")
                at += len(part)
                self.calls["read"] += 1
            return at

        while not self.ended[number] or at < self.acknowledged[number]:
            if self.stopping.is_set() and self.failures:
                return
            self._again(read, chance)
            time.sleep(0.05)

    def verify(self) -> None:
        """Every byte that was acknowledged is there, once, in order; each log is closed and complete."""
        with self.nodes.client(random.Random(1)) as client:
            for ref, text, acknowledged in zip(self.refs, self._texts, self.acknowledged, strict=True):
                status = client.status(ref)
                if (status.end_byte, status.complete) != (acknowledged, True):
                    self.failures.append(f"{ref.task}: {acknowledged} bytes were acknowledged, the log says {status}")
                if b"".join(client.read(ref)) != text[:acknowledged]:
                    self.failures.append(f"{ref.task}: its bytes are not those that were written")


class Chaos:
    """Kills and starts again, stops and lets go on: one thing at a time, some moments apart."""

    def __init__(self, nodes: Nodes, postgres: PostgresServer, s3: SeaweedServer, seed: int) -> None:
        self._nodes = nodes
        self._postgres = postgres
        self._s3 = s3
        self._chance = random.Random(seed)
        self.faults: Counter[str] = Counter()

    def step(self) -> None:
        """Does one thing, and undoes it after a moment."""
        fault = self._chance.choice([self._node, self._node, self._stopped_node, self._catalog, self._store])
        fault()
        self.faults[fault.__name__.strip("_")] += 1
        self._moment()

    def _moment(self) -> None:
        time.sleep(self._chance.uniform(0.2, 1.5))

    def _node(self) -> None:
        number = self._chance.randrange(len(self._nodes.running))
        self._nodes.kill(number)
        self._moment()
        self._nodes.start(number)

    def _stopped_node(self) -> None:
        node = self._chance.choice(self._nodes.running)
        node.process.send_signal(19)  # SIGSTOP
        self._moment()
        node.process.send_signal(18)  # SIGCONT

    def _catalog(self) -> None:
        self._postgres.kill()
        self._moment()
        self._postgres.start()

    def _store(self) -> None:
        self._s3.kill()
        self._moment()
        self._s3.start()


def place(postgres: PostgresServer, s3: SeaweedServer, database: str) -> dict[str, object]:
    """Returns the settings of nodes on those engines; makes the database."""
    postgres.run(f"CREATE DATABASE {database}")
    objects = {"objects": f"s3://{BUCKET}/{database}", "objects_endpoint": s3.endpoint, "objects_region": "us-east-1"}
    return {"catalog": postgres.address(database), **objects, **EAGER}


def problems(data: Path, settings: dict[str, object]) -> list[str]:
    """Reads all that is stored, without any server."""
    stored = {name: value for name, value in settings.items() if name not in EAGER}
    try:
        return list(check(Settings(data=data, **stored)).problems())  # type: ignore[arg-type]  # all of it is text
    except JoblogError as error:
        return [str(error)]


def _text(number: int) -> bytes:
    return b"".join(b"writer %d line %d %s\n" % (number, line, b"x" * (line % 97)) for line in range(100_000))
