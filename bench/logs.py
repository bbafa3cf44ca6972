"""The logs that are read: cut from real training logs where they are at hand, else from generated text.

They are put into the data directory by the engine itself, before the server is started: through the API ten gigabytes
would take longer than all that is measured. What lies on the disk is the same.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, wait
from functools import cached_property
from itertools import accumulate, zip_longest
from pathlib import Path

import zstandard

from joblog.core.logs import Head
from joblog.core.settings import Settings
from joblog.engine.append import Outcome
from joblog.engine.engine import Engine
from joblog.errors import JoblogError

PROJECT = "bench"
REAL_LOGS = Path(__file__).resolve().parents[2] / "shared" / "data"

KIB, MIB = 1024, 1024 * 1024

PIECES_BYTES = (4 * KIB, 64 * KIB)
"""What an agent sends of a job that prints 20 KB a second, and the most that is one row: tails are made of either."""


class Texts:
    """What logs are made of."""

    def __init__(self) -> None:
        self.real = [_unpacked(path) for path in sorted(REAL_LOGS.glob("*/*.log.zst"))]
        self.all = self.real or [_generated(number) for number in range(8)]

    @property
    def about(self) -> str:
        """Says what they are."""
        if self.real:
            return f"{len(self.real)} real training logs ({sum(map(len, self.real)) / 1e6:.1f} MB, MLPerf Training v3.1)"
        return "generated text (the real training logs are not here)"

    def stretch(self, number: int, size: int) -> bytes:
        """Returns whole lines, ``size`` bytes or a little less: each number its own, every text in its turn."""
        text = self.all[number % len(self.all)]
        start = text.rfind(b"\n", 0, random.Random(number).randrange(len(text))) + 1
        turned = (text[start:] + text[:start]) * (size // len(text) + 1)
        return _whole_lines(turned, size)

    def stretches(self, count: int, size: int) -> Iterable[bytes]:
        """Yields so many of them."""
        return (self.stretch(number, size) for number in range(count))

    def mixed(self, size: int) -> bytes:
        """Returns ``size`` bytes or a little less, whole lines of all texts."""
        every = b"".join(self.all)
        return _whole_lines(every * (size // len(every) + 1), size)

    def pieces(self, count: int, size: int) -> list[bytes]:
        """Returns so many pieces of exactly ``size`` bytes, cut anywhere."""
        every = b"".join(self.all)
        chance = random.Random(size)
        turned = every * (size // len(every) + 2)
        starts = [chance.randrange(len(every)) for _ in range(count)]
        return [turned[start : start + size] for start in starts]


class MadeLog:
    """A log and what is in it: ``body``, whole lines, so many times."""

    def __init__(self, log: Head, body: bytes, times: int = 1) -> None:
        self.path = f"/v1/{log.project_id}/training-jobs/{log.job_id}/versions/{log.version_id}"
        self.log_file = log.log_file
        self.created_ms = log.created_ms
        self.end_line = body.count(b"\n") * times
        self.end_byte = len(body) * times
        self._body, self._times = body, times

    def write(self, path: Path) -> None:
        """Writes its bytes to a file."""
        with path.open("wb") as file:
            for _ in range(self._times):
                file.write(self._body)

    @cached_property
    def _borders(self) -> list[int]:
        return list(accumulate((len(line) + 1 for line in self._body.split(b"\n")[:-1]), initial=0))

    def lines(self, first: int, count: int) -> bytes:
        """Returns the lines from number ``first`` on."""
        in_body = len(self._borders) - 1
        at = first % in_body
        low, high = self._borders[at], self._borders[min(at + count, in_body)]
        rest = at + count - in_body
        return self._body[low:high] + (self._body[: self._borders[rest]] if rest > 0 else b"")

    def bytes(self, low: int, high: int) -> bytes:
        """Returns the bytes ``[low, high)`` of a log that has its body once."""
        return self._body[low:high]


class Maker:
    """Makes logs in a data directory that is not being served. Whoever opens it closes it."""

    def __init__(self, data: Path) -> None:
        self._engine = Engine(Settings(data=data))
        self._engine.runs.put_project(PROJECT, self._engine.clock_ms())

    def close(self) -> None:
        """Lets go of the directory."""
        self._engine.close()

    def tails(self, name: str, bodies: Iterable[bytes]) -> list[MadeLog]:
        """Makes logs whose bytes are in the catalog: of one log small appends, of the next large ones."""
        made, cuts = [], []
        for number, body in enumerate(bodies):
            log = self._log(f"{name}-{number}")
            size = PIECES_BYTES[number % len(PIECES_BYTES)]
            cuts.append([(log.id, at, body[at : at + size]) for at in range(0, len(body), size)])
            made.append(MadeLog(log, body))
        for together in zip_longest(*cuts):
            self._append([each for each in together if each is not None])
        return made

    def ranks(self, count: int, each: int, body: bytes) -> list[MadeLog]:
        """Makes so many logs, ``each`` a job, with one append in each."""
        made, waiting = [], list[tuple[int, int, bytes]]()
        for number in range(count):
            job, worker = divmod(number, each)
            log = self._engine.runs.put_run(PROJECT, f"job-{job}", "run", worker, self._engine.clock_ms())[2]
            made.append(MadeLog(log, body))
            waiting.append((log.id, 0, body))
            if len(waiting) == each or number == count - 1:
                self._append(waiting)
                waiting.clear()
        return made

    def sealed(self, name: str, bodies: Iterable[bytes], times: int = 1) -> list[MadeLog]:
        """Makes logs whose bytes are in objects: each body, so many times, a segment each time."""
        made = []
        for number, body in enumerate(bodies):
            log = self._log(f"{name}-{number}")
            made.append(MadeLog(log, body, times))
            for _ in range(times):
                grown = self._engine.sealer.append_sealed(log, body, self._engine.clock_ms())
                assert grown is not None
                log = self._engine.logs.head(log.id)
        return made

    def _log(self, name: str) -> Head:
        return self._engine.runs.put_run(PROJECT, name, None, 0, self._engine.clock_ms())[2]

    def _append(self, pieces: Sequence[tuple[int, int, bytes]]) -> None:
        """Appends pieces of different logs in as few commits as may be."""
        answers: list[Future[Outcome]] = []
        for log_id, at, data in pieces:
            answers.append(Future())
            self._engine.appender.submit(log_id, at, data, answers[-1].set_result)
        wait(answers)
        for answer in answers:
            outcome = answer.result()
            if isinstance(outcome, JoblogError):
                raise outcome


def _whole_lines(text: bytes, size: int) -> bytes:
    return text[: text.rindex(b"\n", 0, size) + 1]


def _unpacked(path: Path) -> bytes:
    return zstandard.ZstdDecompressor().decompressobj().decompress(path.read_bytes())


def _generated(number: int) -> bytes:
    """Returns 1 MB that looks somewhat like a training's output."""
    chance = random.Random(number)
    lines: list[str] = []
    makers: Sequence[Callable[[int], str]] = (
        lambda step: (
            f"[2026-01-01 {step // 3600 % 24:02}:{step // 60 % 60:02}:{step % 60:02}] step {step} "
            f"loss {chance.random():.6f} lr {chance.random() / 1000:.3e} grad_norm {chance.random() * 9:.4f}"
        ),
        lambda step: f'{{"event": "step", "step": {step}, "samples_per_s": {chance.random() * 900:.3f}, "rank": {number}}}',
        lambda step: f"{step % 100:3}%|{'#' * (step % 40):<40}| {step}/10000 [{chance.random() * 60:.2f}s/it]",
    )
    size = 0
    while size < 1_000_000:
        lines.append(makers[chance.randrange(len(makers))](len(lines)))
        size += len(lines[-1]) + 1
    return ("\n".join(lines) + "\n").encode()
