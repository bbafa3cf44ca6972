"""Sealed objects as others see them: plain zstd files, and files of earlier releases that must stay readable."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from joblog.core import segment
from joblog.core.segment import Index
from joblog.engine.engine import Engine

DATA = b"".join(b"step %d loss %.6f \xff\x00 \xe8\xae\xad\n" % (step, 1 / (step + 1)) for step in range(20_000))

# One object as each format that was ever released wrote it; never to be written again.
FORMAT_1 = Path(__file__).parent / "segment-1.zst"


@pytest.fixture(scope="session")
def zstdcat() -> str:
    """The tool that everybody has."""
    value = shutil.which("zstdcat")
    if value is None and os.environ.get("CI"):
        pytest.fail("zstdcat is not there, and in CI nothing is skipped")
    return value or pytest.skip("zstdcat is not installed")


def output(zstdcat: str, files: Sequence[Path]) -> bytes:
    return subprocess.run([zstdcat, *files], capture_output=True, check=True).stdout


def sealed(engine: Engine, parts: Sequence[bytes]) -> list[Path]:
    """Appends and seals the parts one by one; returns the objects of the log in the order of their names."""
    engine.runs.put_project("lab", 0)
    _, _, log = engine.runs.put_run("lab", "job", None, 0, 0)
    at = 0
    for part in parts:
        at = engine.appender.append(log.id, at, part).end_byte
        while engine.sealer.seal(log.id):
            pass
    return sorted(engine.settings.objects_path.rglob("*.zst"))


def test_zstdcat_of_an_object_is_the_log(engine: Engine, zstdcat: str) -> None:
    """Without joblog: the index in its skippable frame is passed over."""
    (stored,) = sealed(engine, [DATA])
    assert output(zstdcat, [stored]) == DATA


def test_zstdcat_of_all_objects_in_order_of_name_is_the_log(engine: Engine, zstdcat: str) -> None:
    """Wherever they were cut, and merged into one too."""
    parts = [DATA[at : at + 100_000].rpartition(b"\n")[0] + b"\n" for at in range(0, 500_000, 100_000)]
    stored = sealed(engine, parts)
    assert len(stored) == 5
    assert output(zstdcat, stored) == b"".join(parts)
    assert output(zstdcat, stored[1:3]) == b"".join(parts[1:3])
    assert engine.sealer.merge(1, 0) == 5
    merged = [path for path in engine.settings.objects_path.rglob("*.zst") if path not in stored]
    assert output(zstdcat, merged) == b"".join(parts)


def test_zstdcat_of_concatenated_objects_is_the_log(engine: Engine, zstdcat: str, tmp_path: Path) -> None:
    """Objects can be glued into one file."""
    half = DATA.index(b"\n", len(DATA) // 2) + 1
    glued = tmp_path / "glued.zst"
    glued.write_bytes(b"".join(path.read_bytes() for path in sealed(engine, [DATA[:half], DATA[half:]])))
    assert output(zstdcat, [glued]) == DATA


def test_object_says_which_log_it_is_of(engine: Engine) -> None:
    """So that a catalog could be made anew from the objects alone."""
    sealed(engine, [b"one\n", b"two\nthree\n"])
    log = engine.logs.head(1)
    version = engine.runs.version("lab", log.job_id, log.version_id)
    value = [segment.index_of(path.read_bytes()) for path in sorted(engine.settings.objects_path.rglob("*.zst"))]
    assert [(index.start_byte, index.start_line, index.raw_bytes, index.newlines) for index in value] == [
        (0, 0, [4], [1]),
        (4, 1, [10], [2]),
    ]
    assert [index.about for index in value] == 2 * [
        {
            **{"project_id": "lab", "job_id": log.job_id, "version_id": log.version_id, "worker": 0},
            **{"log_file": "job-job.0", "log_id": log.id, "created_ms": 0, "job_name": "job", "job_created_ms": 0},
            **{"version_number": 1, "version_uuid": version.uuid, "run_id": None, "version_created_ms": 0},
            **dict.fromkeys(("title", "command", "host", "user_name", "commit_id")),
        }
    ]


def test_index_is_found_in_the_last_bytes(engine: Engine) -> None:
    """The frames need not be read for it."""
    (path,) = sealed(engine, [DATA])
    stored = path.read_bytes()
    index = segment.index_of(stored)
    assert segment.index_of(stored[index.placed().stored[-1] :]) == index


def test_objects_of_format_1_are_read() -> None:
    """As they were written by the first release."""
    stored = FORMAT_1.read_bytes()
    index = segment.index_of(stored)
    about: dict[str, str | int | None] = {"project_id": "lab", "job_id": 1, "version_id": 2, "worker": 0, "log_file": "job-a.0"}
    times = [1_700_000_000_000, 1_700_000_001_500]
    assert index == Index(1000, 10, [16, 12], index.stored_bytes, [2, 1], [1000, 1010], times, about)
    borders = index.placed().stored
    frames = [segment.decode_frame(stored[borders[n] : borders[n + 1]], index.raw_bytes[n]) for n in range(2)]
    assert frames == [b"line 11\nline 12\n", b"\xff\x00\xe8\xae\xad end\n\xe8\xae"]
