"""Two nodes on PostgreSQL and S3 while all is killed and cut off: what writes, what reads, what kills, and what must be true.

``bench`` runs it for minutes, the tests for seconds.
"""

from __future__ import annotations

import base64
import random
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from joblog.client import Client, LogRef
from joblog.core.settings import Settings
from joblog.errors import Busy, JoblogError, Unavailable, Unreachable
from joblog.upkeep.check import check
from tests.conftest import Server, start_server
from tests.engines import BUCKET, PostgresServer, SeaweedServer
from tests.proxy import Wire

# Small, so that every second seals and merges, and garbage goes while reads run.
EAGER = {"seal_bytes": 20_000, "seal_quiet_s": 1, "janitor_s": 0.05, "merge_calm_s": 0.1, "retain_check_s": 0.5}

SECRET_KEY = base64.urlsafe_b64encode(bytes(32)).decode()
"""Of all nodes on one catalog."""

GIVE_UP_S = 90.0
"""What does not work again after so long is broken: nothing is away for longer than some seconds."""

SIZES = (1, 80, 500, 3_000, 30_000)
"""Bytes of an append."""

LOSS, REPEAT, OTHER = "losses", "repeats", "other bytes"


class Ways:
    """The network around one node: what comes to it, and its ways to PostgreSQL and to the object store where there is one."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = dict(settings)
        self.front = Wire("http://127.0.0.1:1")  # until the node says where it is
        self._wires = [self.front]
        if "objects_endpoint" in settings:
            self.store = self._wire(settings["objects_endpoint"])
            self.settings["objects_endpoint"] = self.store.url
        if "," not in settings["catalog"]:
            self.catalog = self._wire(settings["catalog"])
            database = settings["catalog"].rpartition("/")[2]
            self.settings["catalog"] = f"postgresql://postgres@127.0.0.1:{self.catalog.port}/{database}"

    def _wire(self, url: str) -> Wire:
        self._wires.append(Wire(url))
        return self._wires[-1]

    def stop(self) -> None:
        for wire in self._wires:
            wire.stop()


class Nodes:
    """The nodes' data directories and processes; whoever asks is sent to any of them, as by a load balancer."""

    def __init__(self, directory: Path, settings: dict[str, Any], count: int) -> None:
        self._directory = directory
        self.settings = settings
        self.ways = [Ways(settings) for _ in range(count)]
        self.running: dict[int, Server] = {}
        for number in range(count):
            self.start(number)
        self.token = self.running[0].token

    def client(self, chance: random.Random) -> Client:
        """Returns a client of one of the nodes, which may be dead."""
        return Client(chance.choice(self.ways).front.url, self.token, timeout_s=10)

    def kill(self, number: int) -> None:
        self.running[number].kill()

    def start(self, number: int) -> None:
        self.running[number] = start_server(self._directory / str(number), **self.ways[number].settings)
        self.ways[number].front.aim(self.running[number].url)

    def stop(self) -> list[int]:
        """Ends them as an operator does, and the network; returns their exit statuses."""
        statuses = [node.stop() for node in self.running.values()]
        self.close()
        return statuses

    def close(self) -> None:
        """Ends the network."""
        while self.ways:
            self.ways.pop().stop()


class Load:
    """Writers of known texts; readers that read on, and followers that hear.

    ``failures`` is what must stay empty, ``wrong`` counts those of them in which bytes were not what they must be, by kind.
    """

    def __init__(self, nodes: Nodes, writers: int) -> None:
        self.nodes = nodes
        self.stopping = threading.Event()
        self.failures: list[str] = []
        self.wrong: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.longest_pause_s = self.longest_pause_ended_s = 0.0
        self._texts = [Text(number) for number in range(writers)]
        chance = random.Random(0)
        with nodes.client(chance) as client:
            self.refs = [client.run("default", "chaos", run_id="one", task=f"worker-{n}").log.ref for n in range(writers)]
        self.acknowledged = [0] * writers
        self.ended = [False] * writers
        steps = [(step, number) for number in range(writers) for step in (self._write, self._read_on, self._follow)]
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
                ended_s = time.monotonic()
                if ended_s - began_s > self.longest_pause_s:
                    self.longest_pause_s, self.longest_pause_ended_s = ended_s - began_s, ended_s
                return answer
            except (Unreachable, Busy, Unavailable) as error:
                self.calls["refused"] += 1
                if time.monotonic() - began_s > GIVE_UP_S:
                    raise RuntimeError(f"away for {GIVE_UP_S} s: {error}") from error
                time.sleep(chance.random() * 0.2)

    def _write(self, number: int, chance: random.Random) -> None:
        text, ref, at = self._texts[number], self.refs[number], 0
        crc32 = 0
        while not self.stopping.is_set():
            data = text[at : at + chance.choice(SIZES)]
            end = self._again(partial(_appended, ref, at, data), chance)
            if end != at + len(data):
                raise RuntimeError(f"{at + len(data)} bytes were sent, the log has {end}")
            at = self.acknowledged[number] = end
            crc32 = zlib.crc32(data, crc32)
            self.calls["append"] += 1
        self._again(lambda client: int(client.close_log(ref, end_byte=at, crc32=crc32).complete is True), chance)
        self.ended[number] = True

    def _read_on(self, number: int, chance: random.Random) -> None:
        text, ref, at = self._texts[number], self.refs[number], 0

        def read(client: Client) -> int:
            nonlocal at
            if client.status(ref).end_byte == at:
                return at
            for part in client.read(ref, at):
                self._expect(text, at, part)
                at += len(part)
                self.calls["read"] += 1
            return at

        while not self.ended[number] or at < self.acknowledged[number]:
            if self.stopping.is_set() and self.failures:
                return
            self._again(read, chance)
            time.sleep(0.05)

    def _follow(self, number: int, chance: random.Random) -> None:
        """Follows by server-sent events, from one node all the time, which may be dead for a while, until the log is closed."""
        text, at = self._texts[number], 0
        with self.nodes.client(chance) as client:
            for piece in client.follow(self.refs[number]):
                if piece.start_byte != at:
                    self.wrong[LOSS if piece.start_byte > at else REPEAT] += 1
                    raise RuntimeError(f"a follower at byte {at} was sent {len(piece.data)} bytes from {piece.start_byte} on")
                self._expect(text, at, piece.data)
                at = piece.end_byte
                self.calls["event"] += 1
                if self.stopping.is_set() and self.failures:
                    return
        if at != self.acknowledged[number]:
            raise RuntimeError(f"a follower was told that the log ends at byte {at}, not {self.acknowledged[number]}")

    def _expect(self, text: Text, at: int, part: bytes) -> None:
        """Raises RuntimeError when the part does not stand at that position of the text."""
        if part != text[at : at + len(part)]:
            kind = _kind(text, at, part)
            self.wrong[kind] += 1
            raise RuntimeError(f"{kind} in {len(part)} bytes read from byte {at} on")

    def verify(self) -> None:
        """Every byte that was acknowledged is there, once, in order; each log is closed and complete."""
        with self.nodes.client(random.Random(1)) as client:
            for ref, text, acknowledged in zip(self.refs, self._texts, self.acknowledged, strict=True):
                status = client.status(ref)
                if (status.end_byte, status.complete) != (acknowledged, True):
                    self.wrong[LOSS if status.end_byte < acknowledged else OTHER] += 1
                    self.failures.append(f"{ref.task}: {acknowledged} bytes were acknowledged, the log says {status}")
                kept = b"".join(client.read(ref))
                if kept != text[0:acknowledged]:
                    self.wrong[_kind(text, 0, kept)] += 1
                    self.failures.append(f"{ref.task}: its bytes are not those that were written")


class Chaos:
    """Kills and starts again, stops and lets go on, cuts off and mends: one thing at a time, some moments apart."""

    def __init__(
        self, nodes: Nodes, postgres: PostgresServer, s3: SeaweedServer, seed: int, *, longest_moment_s: float = 1.5
    ) -> None:
        self._longest_moment_s = longest_moment_s
        self._nodes = nodes
        self._postgres = postgres
        self._s3 = s3
        self._chance = random.Random(seed)
        self.faults: Counter[str] = Counter()
        self.kinds = (
            *(self._node, self._stopped_node, self._catalog, self._store),
            *(self._cut_off_from_catalog, self._cut_off_from_store),
            *(self._lost_answers, self._lost_answers_of_catalog, self._lost_answers_of_store),
        )
        self._deck: list[Callable[[], None]] = []
        self._done: list[tuple[float, float, str]] = []

    def step(self) -> None:
        """Does one thing, and undoes it after a moment; all of them in turn, each time in another order."""
        self._deck = self._deck or self._chance.sample(self.kinds, len(self.kinds))
        fault, began_s = self._deck.pop(), time.monotonic()
        fault()
        name = fault.__name__.strip("_")
        self.faults[name] += 1
        self._done.append((began_s, time.monotonic(), name))
        self._moment()

    def during(self, began_s: float, ended_s: float) -> list[str]:
        """Names what was done in that time."""
        return [name for began, ended, name in self._done if ended >= began_s and began <= ended_s]

    def _moment(self) -> None:
        time.sleep(self._chance.uniform(0.2, self._longest_moment_s))

    def _node(self) -> None:
        number = self._chance.randrange(len(self._nodes.running))
        self._nodes.kill(number)
        self._moment()
        self._nodes.start(number)

    def _stopped_node(self) -> None:
        node = self._chance.choice(list(self._nodes.running.values()))
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

    def _cut_off_from_catalog(self) -> None:
        self._cut_off(self._chance.choice(self._nodes.ways).catalog)

    def _cut_off_from_store(self) -> None:
        self._cut_off(self._chance.choice(self._nodes.ways).store)

    def _cut_off(self, wire: Wire) -> None:
        """Nothing passes; then all that was sent does, or the connections are gone."""
        wire.stall()
        self._moment()
        if self._chance.random() < 0.5:
            wire.cut()
        wire.mend()

    def _lost_answers(self) -> None:
        self._lose(self._chance.choice(self._nodes.ways).front)

    def _lost_answers_of_catalog(self) -> None:
        """Of a commit among others: what was committed then is refused, and comes again."""
        self._lose(self._chance.choice(self._nodes.ways).catalog)

    def _lost_answers_of_store(self) -> None:
        """Of a put among others: the object is there, and is put again or swept."""
        self._lose(self._chance.choice(self._nodes.ways).store)

    def _lose(self, wire: Wire) -> None:
        before = wire.lost
        wire.lose(3)
        deadline = time.monotonic() + GIVE_UP_S
        while wire.lost < before + 3:
            if time.monotonic() > deadline:
                raise RuntimeError("there were no answers to lose")
            time.sleep(0.01)


def place(postgres: PostgresServer, s3: SeaweedServer, database: str) -> dict[str, Any]:
    """Returns the settings of nodes on those engines; makes the database."""
    postgres.run(f"CREATE DATABASE {database}")
    objects = {"objects": f"s3://{BUCKET}/{database}", "objects_endpoint": s3.endpoint, "objects_region": "us-east-1"}
    return {"catalog": postgres.address(database), "secret_key": SECRET_KEY, **objects, **EAGER}


def problems(data: Path, settings: dict[str, Any]) -> list[str]:
    """Reads all that is stored, without any server."""
    stored = {name: value for name, value in settings.items() if name not in EAGER}
    try:
        return list(check(Settings(data=data, **stored)).problems())
    except JoblogError as error:
        return [str(error)]


def _kind(text: Text, at: int, part: bytes) -> str:
    """Says what is wrong with bytes that should stand at ``at``: some are left out, or there twice, or they are others."""
    wrong = next((n for n, (one, other) in enumerate(zip(part, text[at : at + len(part)], strict=True)) if one != other), 0)
    line = part[part.find(b"\n", wrong) + 1 :].partition(b"\n")[0]
    if not line.startswith(b"writer"):
        return OTHER
    expected = text[at : at + len(part)]
    position = expected.find(line)
    return REPEAT if 0 <= position < part.find(line) else LOSS


class Text:
    """What a writer writes: lines of 0 to 96 bytes beside their number, without an end, any part of it at once."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._block_bytes = len(self._block(0))

    def __getitem__(self, part: slice) -> bytes:
        first, skipped = divmod(part.start, self._block_bytes)
        size, last = part.stop - part.start, -(-part.stop // self._block_bytes)
        return b"".join(self._block(each) for each in range(first, last))[skipped : skipped + size]

    def _block(self, block: int) -> bytes:
        """All blocks have one size; no line is twice."""
        return b"".join(b"writer %02d line %012d %s\n" % (self._number, block * 97 + n, b"x" * n) for n in range(97))


def _appended(ref: LogRef, at: int, data: bytes, client: Client) -> int:
    return client.append(ref, at, data).end_byte
