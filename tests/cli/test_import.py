"""``joblog import``: files, packed ones, standard input and whole trees."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard

from joblog.cli.imports.rotated import joined
from joblog.cli.imports.tree import tree_of
from tests.agent.harness import Agent
from tests.children import Child
from tests.cli.test_commands import ODD_BYTES, TEN_LINES

LINES = b"".join(b"%d\n" % number for number in range(300_000))


def test_import_goes_on_where_it_was_interrupted(joblog: Agent, tmp_path: Path) -> None:
    """A second import of the same file meets the same log; of a file that has changed, a new version."""
    file = tmp_path / "old run.log"
    file.write_bytes(ODD_BYTES * 1000)
    first = joblog.said("import", str(file))
    assert first == f"{file} is old-run/V0001/worker-0: {len(ODD_BYTES) * 1000} bytes, complete\n".encode()
    assert joblog.said("import", str(file)) == first
    assert joblog.said("cat", "old-run") == ODD_BYTES * 1000
    file.write_bytes(TEN_LINES)
    assert b"old-run/V0002/worker-0: 70 bytes, complete" in joblog.said("import", str(file))


def test_files_of_one_job_are_its_workers(joblog: Agent, tmp_path: Path) -> None:
    """In the order given, in one version."""
    files = [tmp_path / name for name in ("rank1", "rank0")]
    for file in files:
        file.write_text(file.name)
    joblog.said("import", "--job", "ranks", *map(str, files))
    assert joblog.said("cat", "ranks/V0001/worker-0") == b"rank1"
    assert joblog.said("cat", "ranks/V0001/worker-1") == b"rank0"


def test_packed_files_are_unpacked(joblog: Agent, tmp_path: Path) -> None:
    """Also those of several members or frames, with what may stand between them; the job is called as if they were not."""
    half = len(LINES) // 2
    skipped = b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc"
    frames = [zstandard.compress(LINES[:half]), skipped, zstandard.compress(b""), zstandard.compress(LINES[half:])]
    (tmp_path / "g.log.gz").write_bytes(gzip.compress(LINES[:half]) + gzip.compress(LINES[half:]) + bytes(512))
    (tmp_path / "z.log.zst").write_bytes(b"".join(frames))
    for name, job in (("g.log.gz", "g"), ("z.log.zst", "z")):
        for _ in range(2):
            said = joblog.said("import", str(tmp_path / name))
            assert said.endswith(b"%b/V0001/worker-0: %d bytes, complete\n" % (job.encode(), len(LINES)))
        assert joblog.said("cat", job) == LINES


def rotated(folder: Path, half: bytes = LINES) -> list[Path]:
    """The parts of a log, the newest first; one ends within a line."""
    folder.mkdir(exist_ok=True)
    parts = {
        "train.log": b"last\n",
        "train.log.1": b"lf of it\n",
        "train.log.2.gz": gzip.compress(half + b"ha"),
        "train.log.10": b"0\n",
    }
    for name, data in parts.items():
        (folder / name).write_bytes(data)
    return [folder / name for name in parts]


def test_parts_of_a_rotated_log_are_one_log(joblog: Agent, tmp_path: Path) -> None:
    """In the order in which they were written, packed ones too, with other files beside them; named, or below a directory."""
    whole = b"0\n" + LINES + b"half of it\nlast\n"
    files = rotated(tmp_path / "logs")
    (tmp_path / "logs" / "other.log").write_bytes(b"other\n")
    for _ in range(2):  # the same log
        said = joblog.said("import", "--job", "named", *map(str, files), str(tmp_path / "logs" / "other.log"))
        assert b"train.log is named/V0001/worker-0: %d bytes, complete" % len(whole) in said
    assert joblog.said("cat", "named/V0001/worker-0") == whole
    assert joblog.said("cat", "named/V0001/worker-1") == b"other\n"
    joblog.said("import", *map(str, files))
    assert joblog.said("cat", "train") == whole
    said = joblog.said("import", "--job", "tree", "--tree", str(tmp_path / "logs"))
    assert b"left out" not in said
    assert sorted(joblog.said("cat", f"tree/V000{number}") for number in (1, 2)) == sorted((whole, b"other\n"))


def test_part_that_breaks_off_is_said_in_its_place(joblog: Agent, tmp_path: Path) -> None:
    """What comes behind it is kept."""
    files = rotated(tmp_path / "logs")
    packed = files[2].read_bytes()
    files[2].write_bytes(packed[: len(packed) // 2])
    assert joblog.run(joblog.command("import", "--job", "cut", *map(str, files))).returncode == 1
    log = joblog.said("cat", "cut")
    assert log.startswith(b"0\n0\n1\n")
    assert re.search(
        rb"\n\[joblog\] an unknown number of bytes were not kept here \(the gzip file is cut off\)\nlf of it\nlast\n$", log
    )


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (("a-20240501", "a-20240430.gz", "a", "a-20240502"), ["a-20240430.gz", "a-20240501", "a-20240502"]),
        (("a.2", "a.11", "a", "a.1"), ["a.11", "a.2", "a.1"]),
        (("a.2024-05-01", "a.2024-04-30", "a.1", "a"), ["a.2024-04-30", "a.2024-05-01", "a.1"]),
    ],
)
def test_order_of_parts(names: tuple[str, ...], order: list[str]) -> None:
    """By date, or by number, the highest being the oldest."""
    assert [path.name for path in joined(map(Path, names))[Path("a")]] == order


@pytest.mark.parametrize(("name", "packed"), [("x.gz", gzip.compress(LINES)), ("x.zst", zstandard.compress(LINES))])
@pytest.mark.parametrize("broken", ["cut off", "damaged"])
def test_packed_file_that_breaks_off_gives_what_it_has(
    joblog: Agent, tmp_path: Path, name: str, packed: bytes, broken: str
) -> None:
    """A line says so, the log is not called complete, and another import of it meets the same log."""
    half = len(packed) // 2
    file = tmp_path / name
    file.write_bytes(packed[:half] + (b"" if broken == "cut off" else b"\xff" * (len(packed) - half)))
    ran = [joblog.run(joblog.command("import", str(file))) for _ in range(2)]
    assert [(one.returncode, one.stdout, one.stderr) for one in ran] == [(1, ran[0].stdout, b"")] * 2
    assert re.search(rb" bytes, the (gzip|zstd) file is (cut off|damaged)\n$", ran[0].stdout)
    *lines, notice = joblog.said("cat", "x").splitlines(keepends=True)
    assert notice.startswith(b"[joblog] an unknown number of bytes were not kept here (the ")
    assert LINES.startswith(b"".join(lines[:1000]))
    assert b" complete " not in joblog.said("logs", "x")


def test_what_is_not_packed_as_its_name_says_is_refused(joblog: Agent, tmp_path: Path) -> None:
    """Before anything is sent."""
    for suffix in (".gz", ".zst"):
        file = tmp_path / f"text{suffix}"
        file.write_bytes(LINES)
        assert "FILE must be packed as its name says" in joblog.refused("import", str(file))
    assert joblog.said("jobs", "--json") == b"[]\n"


def test_zst_without_its_library_is_refused_in_words(agent: Agent, tmp_path: Path) -> None:
    """The base install has none; gzip it has."""
    for name, packed in (("x.zst", zstandard.compress(LINES)), ("x.gz", gzip.compress(LINES))):
        (tmp_path / name).write_bytes(packed)
    program = "import sys; sys.modules['zstandard'] = None; from joblog.cli import main; sys.exit(main(sys.argv[1:]))"
    for arguments in (["x.zst"], ["--tree", "."]):
        ran = subprocess.run(
            [sys.executable, "-c", program, "import", "--dry-run", *arguments],
            cwd=tmp_path, env=agent.environ, capture_output=True, timeout=120, check=False,
        )  # fmt: skip
        assert (ran.returncode, ran.stdout, ran.stderr.count(b"\n")) == (2, b"", 1)
        assert b"pip install zstandard" in ran.stderr


def test_hostile_archive_is_never_whole_in_memory(tmp_path: Path) -> None:
    """256 MiB out of 256 KiB, and of a few; a window that wants a gibibyte is refused."""
    zeros = bytes(1 << 20)
    with gzip.open(tmp_path / "bomb.gz", "wb") as file:
        for _ in range(256):
            file.write(zeros)
    with zstandard.open(tmp_path / "bomb.zst", "wb") as packed:
        for _ in range(256):
            packed.write(zeros)
    wide = zstandard.ZstdCompressionParameters.from_level(3, window_log=30)
    packer = zstandard.ZstdCompressor(compression_params=wide).compressobj()
    (tmp_path / "wide.zst").write_bytes(packer.compress(zeros) + packer.flush())
    program = """
import pathlib, sys
from joblog.cli.imports.source import BODY_BYTES, Source
for name in sys.argv[1:]:
    with Source(pathlib.Path(name)) as source:
        size = sum(map(len, iter(lambda: source.read(BODY_BYTES), b"")))
        print(size, source.damage, sep=",")
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(int(peak.split()[1]) < 150_000)
"""
    names = [str(tmp_path / name) for name in ("bomb.gz", "bomb.zst", "wide.zst")]
    ran = subprocess.run([sys.executable, "-c", program, *names], capture_output=True, text=True, timeout=240, check=True)
    notice = len("[joblog] an unknown number of bytes were not kept here (the zstd file wants too much memory)\n")
    assert ran.stdout.splitlines() == [
        f"{256 << 20},",
        f"{256 << 20},",
        f"{notice},the zstd file wants too much memory",
        "True",
    ]


def test_standard_input_is_imported_as_it_comes(joblog: Agent) -> None:
    """What is printed now can be read now; the log is complete when its writer ends."""
    with Child(
        joblog.command("import", "--job", "piped", "-"), env=joblog.environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(b"one\n\xff")
        process.stdin.flush()
        while joblog._main(("cat", "piped"))[1] != b"one\n\xff":
            assert process.poll() is None
        process.stdin.write(LINES)
        process.stdin.close()
        assert process.stdout.read() == b"standard input is piped/V0001/worker-0: %d bytes, complete\n" % (5 + len(LINES))
    assert joblog.said("cat", "piped") == b"one\n\xff" + LINES
    assert "--job is missing" in joblog.refused("import", "-")
    assert "FILE must be - once at most" in joblog.refused("import", "--job", "x", "-", "-")


def tree(root: Path, *names: str) -> None:
    for name in names:
        file = root / os.fsdecode(name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(os.fsencode(name))


@pytest.mark.parametrize(
    ("names", "runs"),
    [
        (["e1/t.log", *(f"e2/slurm-out.{n}" for n in range(64))], {"e1/t.log": [0], "e2/slurm-out.*": range(64)}),
        (["a/rank_0/t.log", "a/rank_1/t.log", "b/t.log"], {"a/rank_*/t.log": [0, 1], "b/t.log": [0]}),
        (["rank5.log", "workerlog.0", "workerlog.1"], {"rank*.log": [5], "workerlog.*": [0, 1]}),
        (["n/node_0/rank_3.log", "n/node_1/rank_3.log"], {"n/node_0/rank_*.log": [3], "n/node_1/rank_*.log": [3]}),
        (["r_x/attempt_0/3/stdout.log"], {"r_x/attempt_0/*/stdout.log": [3]}),
        (["slurm-7_0.out", "slurm-7_9.out", "slurm-8.out"], {"slurm-7_*.out": [0, 9], "slurm-8.out": [0]}),
        (["out.0", "out.1", "err.0", "err.1"], {"out.*": [0, 1], "err.*": [0, 1]}),
        (["job-4711.out", "job-4712.out"], {"job-4711.out": [0], "job-4712.out": [0]}),
        (["result_0.log", "result_1.log"], {"result_0.log": [0], "result_1.log": [0]}),
        (["t-2026-01-01.log", "t-2026-01-02.log"], {"t-2026-01-01.log": [0], "t-2026-01-02.log": [0]}),
        (["resnet18.log", "resnet50.log", "gpu8/t.log"], {"gpu8/t.log": [0], "resnet18.log": [0], "resnet50.log": [0]}),
        (["w-0.log.gz", "w-1.log", "w-1.log.gz"], {"w-*.log": [0, 1], "w-1.log.gz": [0]}),
        (["2/t.log", "10/t.log"], {"2/t.log": [0], "10/t.log": [0]}),
    ],
)  # fmt: skip
def test_a_tree_is_a_run_for_each_path(tmp_path: Path, names: list[str], runs: dict[str, range]) -> None:
    """The numbers of ranks in what people have, and those that are none."""
    tree(tmp_path, *names)
    assert {run.title: list(run.files) for run in tree_of(tmp_path).runs} == {
        title: list(ranks) for title, ranks in runs.items()
    }


def test_import_of_a_tree(joblog: Agent, tmp_path: Path) -> None:
    """Each run is called by its path; the map is printed first; what is no log is named; another import meets the same runs."""
    names = ["exp1/train.log", "exp2/out.0", "exp2/out.1"]
    others = ["exp1/config.yaml", "exp1/train.log~", ".hydra/a.log", "exp2/model.pt"]
    tree(tmp_path / "runs", *names, "exp1/train.log.1", *others, "bad\nname", os.fsdecode(b"b\xff.log"))
    (tmp_path / "runs" / "latest").symlink_to("exp1")
    shown = joblog.said("import", "--dry-run", "--tree", f"{tmp_path}/runs").decode()
    assert shown.split()[:4] == ["JOB", "RUN", "RANK", "BYTES"]
    assert joblog.said("jobs", "--json") == b"[]\n"
    for _ in range(2):
        done = joblog.said("import", "--label", "team=vision", "--tree", f"{tmp_path}/runs").decode()
        assert done.startswith(shown)
        assert done.removeprefix(shown).count(", complete\n") == 5
        titles = sorted(run["title"] for run in json.loads(joblog.said("runs", "runs", "--json")))
        assert titles == ["b\\udcff.log", "bad\\nname", "exp1/train.log", "exp2/out.*"]
    assert [line.split()[:4] for line in shown.splitlines() if line.startswith("runs ")][-1] == [
        "runs",
        "exp2/out.*",
        "0-1",
        "20",
    ]
    left_out = "".join(line for line in shown.splitlines(keepends=True) if line.startswith("left out"))
    assert all(name in left_out for name in ("latest/", ".hydra/", *others[:2], "exp2/model.pt"))
    assert "exp1/train.log (2 parts)" in shown
    assert joblog.said("cat", "runs/3/0") == b"exp1/train.log.1exp1/train.log"
    assert joblog.said("cat", "runs/4/1") == b"exp2/out.1"


def test_a_tree_without_logs_is_refused(joblog: Agent, tmp_path: Path) -> None:
    """As is what is no tree."""
    assert "--tree must be a directory with logs below it" in joblog.refused("import", "--tree", str(tmp_path))
    assert "--tree must be a directory" in joblog.refused("import", "--tree", f"{tmp_path}/none")
    assert "--tree must be without FILE and --rank" in joblog.refused("import", "--tree", str(tmp_path), "file")
    assert "FILE is missing" in joblog.refused("import")


def test_one_bad_file_of_a_tree_keeps_no_other_one_back(joblog: Agent, tmp_path: Path) -> None:
    """A line says which it is, and the status is 1."""
    tree(tmp_path / "mixed", "a.log", "b.log.gz", "c.log")
    ran = joblog.run(joblog.command("import", "--tree", f"{tmp_path}/mixed"))
    assert (ran.returncode, ran.stdout.count(b", complete\n"), ran.stderr.count(b"\n")) == (1, 2, 1)
    assert b"b.log.gz" in ran.stderr
