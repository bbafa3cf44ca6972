"""What the machine of test_machine.py does to small logs, of two projects, which share packs of up to three.

They begin and are closed at once; they are packed, deleted, packed anew, and come back when the catalog was lost. What each of
them holds is compared with a plain ``bytes``; what was deleted is not there, and in the end in no object either.
"""

from __future__ import annotations

import zlib

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from joblog.catalog.leases import Leases
from joblog.engine.engine import Engine
from joblog.engine.pack import SMALL_BYTES, Packable, Packer, plan_packs
from joblog.errors import NotFound
from joblog.upkeep.inventory import Inventory
from joblog.upkeep.rebuild import KEPT_MS

EVER_MS = 2**61

PROJECTS = ("lab", "shop")

TEXT = st.lists(
    st.sampled_from([b"\n", b"loss=0.5\n", b"step 1\r", "语言模型".encode(), "é".encode(), b"\xff", b"\0", b"\x1b[0m"])
)
DATA = st.one_of(
    st.binary(min_size=1, max_size=40),
    TEXT.map(b"".join).filter(bool),
    st.builds(lambda line, times: line * times, st.binary(min_size=1, max_size=30), st.integers(1, 8000)),
)


class SmallLogs(RuleBasedStateMachine):
    """Small logs beside the one that is the machine's."""

    engine: Engine
    packer: Packer
    log_id: int
    now_ms: int

    def __init__(self) -> None:
        super().__init__()
        self.small: dict[int, bytes] = {}
        self.deleted = set[int]()

    @rule(project=st.sampled_from(PROJECTS), texts=st.lists(DATA, min_size=1, max_size=4))
    def small_logs(self, project: str, texts: list[bytes]) -> None:
        """Begin, and are closed at once."""
        self.engine.runs.put_project(project, self.now_ms)  # it may have been lost with the catalog
        for text in texts:
            number = len(self.small) + len(self.deleted)
            log = self.engine.runs.put_run(project, f"small-{number % 3}", None, 0, self.now_ms)[2]
            self.engine.appender.append(log.id, 0, text)
            self.engine.logs.close(self.engine.logs.head(log.id), len(text), zlib.crc32(text), self.now_ms)
            self.small[log.id] = text
            self.deleted.discard(log.id)  # a number that was given in a past that is no more

    @rule()
    def pack(self) -> None:
        for log_ids in self.packable():
            leases = Leases(self.engine.database, lambda: 0)
            held = leases.take(log_ids)
            assert self.packer.pack(held) == len(log_ids)
            leases.give_back(held)

    @rule()
    def pack_that_ends_between_object_and_rows(self) -> None:
        """As a crash does, or another node that was first; or because a log was deleted meanwhile."""
        for log_ids in self.packable():
            leases = Leases(self.engine.database, lambda: 0)
            held = leases.take(log_ids)
            leases.give_back(held[:1])
            assert not self.packer.pack(held)
            leases.give_back(held)

    def packable(self) -> list[list[int]]:
        """Plans packs of all that can be packed."""
        rows = self.engine.database.rows("logs_to_pack", pack_bytes=SMALL_BYTES, limit=100, now_ms=2**61)
        return plan_packs((Packable(*row) for row in rows), self.now_ms, 0, most_logs=3)

    @rule()
    def repack(self) -> None:
        """What is needed of packs of which not all is."""
        for (key,) in self.engine.database.rows("packs_due", before_ms=EVER_MS, limit=100):
            leases = Leases(self.engine.database, lambda: 0)
            held = leases.take({each.log_id for each in self.engine.logs.segments_of(key)})
            self.packer.renew(key, held, self.now_ms)
            leases.give_back(held)

    @rule(number=st.integers(0, 100))
    @precondition(lambda self: self.small)
    def delete_a_small_log(self, number: int) -> None:
        log_id = sorted(self.small)[number % len(self.small)]
        self.delete(log_id)
        del self.small[log_id]

    def delete(self, log_id: int) -> None:
        head = self.engine.logs.head(log_id)
        version = self.engine.runs.version(head.project_id, head.job_id, head.version_id)
        self.engine.jobs.delete_version(version, self.now_ms)
        self.deleted.add(log_id)

    @rule()
    def clean_for_good(self) -> None:
        """No pack has anything of a deleted log after it."""
        self.repack()
        self.engine.retention.remove_garbage(EVER_MS, 0)
        kept = {row[0] for row in self.engine.database.rows("garbage_rows") if row[1] == KEPT_MS}
        parts = Inventory(self.engine.database, self.engine.objects).parts()
        left = {log_id for log_id, each in parts.items() if any(part.key not in kept for part in each)}
        assert not left & self.deleted

    def sealed_small_logs(self) -> set[int]:
        """Returns those of which something is in an object."""
        return {log_id for log_id in self.small if self.engine.logs.segment_sizes(log_id)}

    def small_logs_came_back(self, sealed: set[int]) -> None:
        """All that were sealed. One that was deleted may have come back, too, if it is not long ago; then it goes again."""
        there = {log.id for log in self.engine.logs.all(0, 1000)} - {self.log_id}
        assert sealed <= there <= self.small.keys() | self.deleted
        for log_id in there - self.small.keys():
            self.delete(log_id)
        self.small = {log_id: text for log_id, text in self.small.items() if log_id in there}

    @invariant()
    def small_logs_are_what_they_were(self) -> None:
        """But for what retention has removed; and what was deleted is not there."""
        for log_id, text in self.small.items():
            head = self.engine.logs.head(log_id)
            assert b"".join(self.engine.reader.stream(head, head.start_byte, head.end_byte)) == text[head.start_byte :]
        for log_id in self.deleted:
            with pytest.raises(NotFound):
                self.engine.logs.head(log_id)
