"""Real programs that draw bars, under ``joblog run`` with and without a terminal: as numbers, and as they were seen."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from joblog.client import LogRef
from joblog.views.values import Progress
from tests.conftest import Server
from tests.views.terminal.emulator import emulated

NESTED_TQDM = """
from tqdm import tqdm
for outer in tqdm(range(3), desc="outer"):
    for inner in tqdm(range(5), desc="inner", leave=False, mininterval=0, position=1):
        pass
print("done")
"""

RICH = """
import time
from rich.progress import Progress, BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
with Progress(*columns, refresh_per_second=50) as progress:
    first, second = progress.add_task("first", total=4), progress.add_task("second", total=8)
    for step in range(8):
        progress.advance(second)
        if step % 2:
            progress.advance(first)
        time.sleep(0.02)
print("done")
"""

KERAS = """
import sys
for epoch in range(1, 3):
    print(f"Epoch {epoch}/2")
    for step in range(1, 6):
        bar = "=" * (step * 6 - 1) + (">" if step < 5 else "=") + "." * (30 - step * 6)
        end = f" - ETA: {5 - step}s" if step < 5 else " - 1s 200ms/step"
        sys.stdout.write("\\b" * 80 + f"\\r{step}/5 [{bar}]{end} - loss: {1 / (epoch * step):.4f}")
        sys.stdout.flush()
    print()
print("done")
"""


class Ran:
    """A program that has run, and its log."""

    def __init__(self, server: Server, spool: Path, program: str, *options: str) -> None:
        self.client = server.client()
        project = spool.name.replace("_", "-")[-64:]
        self.client.create_project(project)
        environ = {
            "JOBLOG_URL": server.url,
            "JOBLOG_TOKEN": server.token,
            "JOBLOG_PROJECT": project,
            "JOBLOG_SPOOL": str(spool),
        }
        environ |= {"PATH": "/usr/bin:/bin", "HOME": str(spool), "TERM": "xterm", "COLUMNS": "100"}
        command = [sys.executable, "-m", "joblog", "run", *options, "--job", "bars", "--", sys.executable, "-c", program]
        done = subprocess.run(command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, done
        (job,) = self.client.jobs(project)
        (version,) = self.client.versions(project, job.id)
        self.where = (project, job.id, version.id)
        self.log = LogRef(*self.where, "worker-0")

    @property
    def bars(self) -> dict[str, Progress]:
        (rank,) = self.client.progress(*self.where)
        return {bar.label: bar for bar in rank.bars}

    def check_view(self) -> list[str]:
        """Compares the terminal's view with what an emulator shows of the same bytes, and returns it."""
        data = b"".join(self.client.read(self.log))
        seen = ["".join(character for character, _ in line).rstrip() for line in emulated(data, 100, 500)]
        shown = [line.text.rstrip() for line in self.client.shown(self.log)]
        while shown and not shown[-1]:
            shown.pop()
        assert shown == seen
        return shown


@pytest.mark.parametrize("options", [(), ("--tty",)], ids=["pipe", "tty"])
def test_nested_tqdm(server: Server, tmp_path: Path, options: tuple[str, ...]) -> None:
    """Two bars that redraw each other across lines: two labels, one line left."""
    ran = Ran(server, tmp_path, NESTED_TQDM, *options)
    assert {label: (bar.done, bar.total, bar.fraction) for label, bar in ran.bars.items()} == {
        "outer": (3, 3, 1), "inner": (5, 5, 1),
    }  # fmt: skip
    shown = ran.check_view()
    assert sum(line.startswith("outer: 100%") for line in shown) == 1
    assert not any(line.startswith("inner") for line in shown)


@pytest.mark.parametrize("options", [(), ("--tty",)], ids=["pipe", "tty"])
def test_rich(server: Server, tmp_path: Path, options: tuple[str, ...]) -> None:
    """Bars that are drawn over again as a table."""
    ran = Ran(server, tmp_path, RICH, *options)
    assert {label: (bar.done, bar.total) for label, bar in ran.bars.items()} == {"first": (4, 4), "second": (8, 8)}
    shown = ran.check_view()
    assert [line.split()[0] for line in shown] == ["first", "second", "done"]


@pytest.mark.parametrize("options", [(), ("--tty",)], ids=["pipe", "tty"])
def test_keras_style(server: Server, tmp_path: Path, options: tuple[str, ...]) -> None:
    """Backspaces and carriage returns; the loss is a series over the steps."""
    ran = Ran(server, tmp_path, KERAS, *options)
    assert {label: (bar.done, bar.total) for label, bar in ran.bars.items()} == {"Epoch": (2, 2), "": (5, 5)}
    assert ran.bars[""].rate == 5
    shown = ran.check_view()
    assert shown == [
        "Epoch 1/2", "5/5 [==============================] - 1s 200ms/step - loss: 0.2000",
        "Epoch 2/2", "5/5 [==============================] - 1s 200ms/step - loss: 0.1000", "done",
    ]  # fmt: skip
    (loss,) = ran.client.metrics(*ran.where, names=["loss"])
    assert (loss.count, loss.steps, loss.values[:2]) == (10, [*range(1, 11)], [1.0, 0.5])
