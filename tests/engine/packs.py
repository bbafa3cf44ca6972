"""A joblog with small logs that are packed."""

from __future__ import annotations

from collections.abc import Sequence

from joblog.catalog.database import process_clock_ms
from joblog.core.settings import Settings
from joblog.engine.engine import Engine
from tests.checked import checked
from tests.clock import Clock

DAY_MS = 24 * 3600 * 1000
MINUTE_MS = 60_000


def text_of(number: int) -> bytes:
    return b"".join(b"log %d, step %d\n" % (number, step) for step in range(20 + number))


class Place:
    """A joblog with small closed logs: ``logs`` by number. Its time begins with the machine's, as commands go by that."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.clock, self.logs = settings, Clock(process_clock_ms()), dict[int, int]()
        self.engine = Engine(settings, clock_ms=self.clock)

    def small(self, numbers: Sequence[int], project: str = "lab") -> None:
        engine = self.engine
        engine.runs.put_project(project, self.clock())
        for number in numbers:
            log = engine.runs.put_run(project, f"job-{number}", "run", 0, self.clock())[2]
            engine.appender.append(log.id, 0, text_of(number))
            engine.logs.close(engine.logs.head(log.id), None, None, self.clock())
            self.logs[number] = log.id

    def pack(self) -> int:
        self.clock.now_ms += MINUTE_MS
        return self.engine.janitor.pack_due()

    def delete(self, number: int) -> None:
        head = self.engine.logs.head(self.logs.pop(number))
        self.engine.jobs.delete_job(self.engine.runs.job(head.project_id, head.job_id), self.clock())

    def clean(self) -> None:
        """As a janitor does, until a day has gone twice."""
        for _ in range(9):
            self.clock.now_ms += DAY_MS // 4
            self.engine.janitor.clean()

    def objects(self) -> list[str]:
        return [key for key, _, _ in self.engine.objects.listing()]

    def texts(self) -> list[bytes]:
        """Returns what each of the logs holds, which must be what it was."""
        texts = [read(self.engine, log_id) for log_id in self.logs.values()]
        assert texts == [text_of(number) for number in self.logs]
        assert list(checked(self.engine).problems()) == []
        return texts

    def reopen(self, settings: Settings) -> None:
        self.engine.close()
        self.settings, self.engine = settings, Engine(settings, clock_ms=self.clock)


def read(engine: Engine, log_id: int) -> bytes:
    head = engine.logs.head(log_id)
    return b"".join(engine.reader.stream(head, head.start_byte, head.end_byte))
