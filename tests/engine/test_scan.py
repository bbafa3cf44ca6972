"""Reading much of a log: all of it, in batches of few bytes, whatever frames it is kept in."""

from __future__ import annotations

from pathlib import Path

import pytest

from joblog.core.logs import Segment
from joblog.core.segment import COLD_FRAME_BYTES
from joblog.core.settings import Settings
from joblog.engine.engine import Engine
from joblog.engine.scan import BATCH_BYTES, Scan
from joblog.objects.frame_store import FrameStore
from joblog.objects.piece_cache import CachedPiece

LINE = b"a line of sixty-four bytes, with the number of the line %08d\n"


class Counting(FrameStore):
    """Notes how many raw bytes are read at a time."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine.objects)
        self.sizes: list[int] = []

    def read(self, sealed: Segment, wanted: range) -> list[CachedPiece]:
        pieces = super().read(sealed, wanted)
        self.sizes.append(sum(len(piece.data) for piece in pieces))
        return pieces


@pytest.mark.parametrize("cold", [False, True])
def test_a_batch_is_of_few_bytes_also_of_large_frames(tmp_path: Path, cold: bool) -> None:
    """What was compressed anew has frames four times as large."""
    data = b"".join(LINE % number for number in range(200_000))
    engine = Engine(Settings(data=tmp_path))
    engine.runs.put_project("p", 1)
    log = engine.runs.put_run("p", "job", None, 0, 1)[2]
    assert engine.sealer.append_sealed(log, data, 1) is not None
    if cold:
        engine.logs.close(engine.logs.head(log.id), None, None, 1)
        assert engine.sealer.compress(log.id, 1) > 0
    frames = Counting(engine)
    scan = Scan(engine.logs, frames)
    forwards = list(scan.forwards(log.id, 0, len(data)))
    assert b"".join(piece.data for piece in forwards) == data
    backwards = list(scan.backwards(log.id, 100, len(data) - 100))
    assert b"".join(piece.data for piece in reversed(backwards)) == data[100:-100]
    assert max(frames.sizes) <= BATCH_BYTES + 2 * COLD_FRAME_BYTES
    assert len(frames.sizes) <= 2 * (len(data) // BATCH_BYTES + 1)
    engine.close()
