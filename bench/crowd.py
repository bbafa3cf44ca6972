"""A cluster's day in minutes: ``python -m bench.crowd --minutes 10``.

So many agents append a line a second each, followers and readers look on; then all agents send 64 KiB at a time as fast as
they are answered, which is more than a node takes; then a line a second again. Says what was answered how fast, what was
refused, how the server's memory and time went, and whether what was acknowledged is what is held. Agents are connections of
this process: as many of ``joblog run`` would need a cluster.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import resource
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import uvloop

from bench.connection import Answer, Connection, Refused
from bench.servers import Joblog, Running
from joblog.client import Client, LogRef

PROJECT = "crowd"
RANKS = 100
"""Workers of a job."""

FLOOD_BYTES = 64 * 1024
_TEXT = random.Random(0).randbytes(FLOOD_BYTES // 2).hex().encode()

_SAMPLE_S = 2.0


@dataclass
class Phase:
    """What was seen while the crowd did one thing."""

    name: str
    seconds: float
    paced: bool
    waits_ms: list[float] = field(default_factory=list)
    taken_bytes: int = 0
    reads_ms: list[float] = field(default_factory=list)
    refused: Counter[int] = field(default_factory=Counter)
    broken: int = 0
    memory_mb: list[float] = field(default_factory=list)
    cores: float = 0.0


@dataclass
class Log:
    """A log as its agent knows it: what was acknowledged."""

    ref: LogRef
    page: str
    end: int = 0
    crc32: int = 0


class Crowd:
    """The agents, followers and readers of one server."""

    def __init__(self, server: Joblog, logs: list[Log], phases: list[Phase]) -> None:
        self._server, self._logs, self._phases = server, logs, phases
        self._phase = phases[0]
        self._ended = False
        self.wrong: list[str] = []
        self.followed_bytes = 0

    async def run(self, followers: int, readers: int) -> None:
        """Goes through the phases; then the agents close their logs, and the followers end with these."""
        chosen = random.Random(1)
        async with asyncio.TaskGroup() as group:
            agents = [group.create_task(self._agent(log, number)) for number, log in enumerate(self._logs)]
            following = [group.create_task(self._follower(log)) for log in chosen.sample(self._logs, followers)]
            reading = [group.create_task(self._reader(random.Random(number))) for number in range(readers)]
            for phase in self._phases:
                self._phase = phase
                await self._sampled(phase)
                print(_told(phase), file=sys.stderr, flush=True)
            self._ended = True
            await asyncio.gather(*agents, *reading)
            await asyncio.gather(*following)

    async def _sampled(self, phase: Phase) -> None:
        used_s, begun = self._server.cpu_s(), time.monotonic()
        while time.monotonic() - begun < phase.seconds:
            await asyncio.sleep(_SAMPLE_S)
            phase.memory_mb.append(self._server.memory().now_bytes / 1e6)
        phase.cores = (self._server.cpu_s() - used_s) / (time.monotonic() - begun)

    def _connection(self) -> Connection:
        address = urlsplit(self._server.url)
        return Connection(address.hostname or "", address.port or 0, self._server.token)

    async def _agent(self, log: Log, number: int) -> None:
        connection, chance = self._connection(), random.Random(number)
        await asyncio.sleep(chance.random())
        while not self._ended:
            phase, begun = self._phase, time.monotonic()
            body = b"rank %d step %d loss %.6f at %d\n" % (number, log.end, chance.random(), time.time_ns())
            if not phase.paced:
                body = _TEXT[: FLOOD_BYTES - len(body) - 1] + b"\n" + body
            await self._append(connection, log, body)
            if phase.paced:
                await asyncio.sleep(max(begun + 1 - time.monotonic(), 0))
        end = f'{{"end_byte": {log.end}, "crc32": {log.crc32}}}'.encode()
        closed = await self._stubborn(connection, "POST", f"{log.ref.path}/close", end)
        if b'"complete":true' not in closed.body:
            self.wrong.append(f"{log.ref.path}: {closed.body!r}")
        connection.close()

    async def _append(self, connection: Connection, log: Log, body: bytes) -> None:
        begun = time.monotonic()
        answer = await self._stubborn(connection, "POST", f"{log.ref.path}/append?at={log.end}", body)
        log.end, log.crc32 = log.end + len(body), zlib.crc32(body, log.crc32)
        if b'"end_byte":%d,' % log.end not in answer.body:
            self.wrong.append(f"{log.ref.path}: acknowledged up to {log.end}, it says {answer.body!r}")
        self._phase.waits_ms.append((time.monotonic() - begun) * 1000)
        self._phase.taken_bytes += len(body)

    async def _stubborn(self, connection: Connection, method: str, path: str, body: bytes = b"") -> Answer:
        """Asks until it is answered: again after a refusal, when that says so, and on a new connection when one broke."""
        while True:
            try:
                return await connection.ask(method, path, body)
            except Refused as refusal:
                self._phase.refused[refusal.status] += 1
                if refusal.retry_after_s is None:
                    raise
                await asyncio.sleep(refusal.retry_after_s * random.uniform(0.5, 1.5))
            except (OSError, asyncio.IncompleteReadError):
                self._phase.broken += 1
                await asyncio.sleep(0.5)

    async def _follower(self, log: Log) -> None:
        """Takes all of a log as it comes; it must be the log."""
        connection, at, crc32 = self._connection(), 0, 0
        while True:
            try:
                async for piece in connection.follow(f"{log.ref.path}/follow?from={at}"):
                    at, crc32 = at + len(piece), zlib.crc32(piece, crc32)
                    self.followed_bytes += len(piece)
                break
            except Refused as refusal:
                self._phase.refused[refusal.status] += 1
                await asyncio.sleep(refusal.retry_after_s or 1.0)
            except (OSError, asyncio.IncompleteReadError):
                self._phase.broken += 1
                await asyncio.sleep(0.5)
        if (at, crc32) != (log.end, log.crc32):
            self.wrong.append(f"{log.ref.path}: followed {at} bytes with CRC {crc32}, sent {log.end} with {log.crc32}")
        connection.close()

    async def _reader(self, chance: random.Random) -> None:
        connection = self._connection()
        while not self._ended:
            log, begun = chance.choice(self._logs), time.monotonic()
            at = chance.randrange(max(log.end, 1))
            path = chance.choice(
                (f"{log.page}&lines=50", f"{log.page.replace('/aom-log', '/log')}&start_byte={at}&offset=2048")
            )
            await self._stubborn(connection, "GET", path)
            self._phase.reads_ms.append((time.monotonic() - begun) * 1000)
            await asyncio.sleep(max(begun + 1 - time.monotonic(), 0))
        connection.close()

    def verify(self, client: Client) -> None:
        """Compares what is held with what was acknowledged."""
        for log in self._logs:
            held = client.status(log.ref)
            if (held.end_byte, held.crc32, held.complete) != (log.end, log.crc32, True):
                self.wrong.append(f"{log.ref.path}: {held.end_byte} bytes are held, {log.end} were acknowledged")


def _logs(client: Client, agents: int) -> Iterator[Log]:
    client.create_project(PROJECT)
    for number in range(agents):
        job, rank = divmod(number, RANKS)
        log = client.run(PROJECT, f"job-{job}", run_id=f"run-{job}", task=f"worker-{rank}").log
        path = f"/v1/{PROJECT}/training-jobs/{log.ref.job_id}/versions/{log.ref.version_id}/aom-log"
        yield Log(log.ref, f"{path}?log_file={log.log_file}")


def _told(phase: Phase) -> str:
    """A row of the table."""
    memory, third = phase.memory_mb, max(len(phase.memory_mb) // 3, 1)
    cells = (
        *(phase.name, f"{len(phase.waits_ms) / phase.seconds:,.0f}/s", f"{phase.taken_bytes / phase.seconds / 1e6:,.1f} MB/s"),
        *(_waits(phase.waits_ms), _waits(phase.reads_ms)),
        ", ".join(f"{count} times {status}" for status, count in sorted(phase.refused.items())) or "none",
        *(str(phase.broken), f"{max(memory[:third]):.0f}, {max(memory[-third:]):.0f} MB", f"{phase.cores:.2f}"),
    )
    return "| " + " | ".join(cells) + " |"


_HEADS = (
    *("what", "appends", "bytes", "append: p50, p99, most", "page: p50, p99, most", "refused", "broken connections"),
    *("server memory: first, last third", "server cores"),
)


def _waits(waits_ms: Iterable[float]) -> str:
    ordered = sorted(waits_ms) or [0.0]
    return ", ".join(f"{ordered[min(int(len(ordered) * part), len(ordered) - 1)]:,.0f}" for part in (0.5, 0.99, 1)) + " ms"


def main() -> int:
    """Returns 1 when anything that was acknowledged is not held, or a follower had something else."""
    parser = argparse.ArgumentParser(prog="python -m bench.crowd", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="of a line a second (default: %(default)s)")
    parser.add_argument("--flood", type=float, default=1.0, metavar="MINUTES", help="of as much as goes (default: %(default)s)")
    parser.add_argument("--agents", type=int, default=2000)
    parser.add_argument("--followers", type=int, default=200)
    parser.add_argument("--readers", type=int, default=50)
    args = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    phases = [
        Phase("a line a second each", args.minutes * 60, paced=True),
        Phase("64 KiB at a time, as fast as it is taken", args.flood * 60, paced=False),
        Phase("a line a second each again", 60 * min(args.minutes, 1), paced=True),
    ]
    with tempfile.TemporaryDirectory(prefix="joblog-crowd-") as name, Running() as running:
        server = running.started(Joblog(Path(name) / "data", sealing=True))
        crowd = Crowd(server, list(_logs(server.client, args.agents)), phases)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(crowd.run(args.followers, args.readers))
        crowd.verify(server.client)
    said = ["| " + " | ".join(_HEADS) + " |", "|" + " --- |" * len(_HEADS), *map(_told, phases), ""]
    said += [f"{os.cpu_count()} cores for all; {crowd.followed_bytes:,} bytes were followed; wrong: {len(crowd.wrong)}"]
    print("\n".join([*said, *crowd.wrong]))
    return 1 if crowd.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
