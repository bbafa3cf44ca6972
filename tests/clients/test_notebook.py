"""``joblog.capture`` in a notebook: a real kernel runs the cells, as JupyterLab has it do."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from joblog.client import Client
from tests.clients.installed import program
from tests.clients.test_callbacks import RUN_S, ended, environ, run
from tests.conftest import Server

__all__ = ["environ"]  # a fixture

PROGRAM = Path(__file__).parent / "programs" / "use_notebook.py"

BEGIN = """
import logging, os, subprocess, sys
logging.basicConfig(level=logging.INFO)  # has the stream that is there now
import joblog
capture = joblog.capture(job={job!r})
"""

TRAINING = """
from tqdm import tqdm
with capture:
    print("printed")
    sys.stderr.write("to stderr\\n")
    for _ in tqdm(range(3), desc="epoch"):
        pass
    subprocess.run(["sh", "-c", "echo child; echo complaint >&2"])
    os.write(1, b"\\xff\\n")
    logging.info("logged")
    !echo shell
{end}
"""

LINES = [b"printed", b"to stderr", b"child", b"complaint", b"\xff", b"INFO:root:logged", b"shell"]


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with Client(server.url, server.token) as client:
        yield client


def notebook(environ: dict[str, str], tmp_path: Path, *cells: str) -> dict[str, str]:
    """Runs the cells; returns what they showed, and the name of the error that ended them."""
    python = program("notebook", "python")
    (tmp_path / "cells.json").write_text(json.dumps(cells))
    command = [python, PROGRAM, tmp_path / "cells.json"]
    done = subprocess.run(command, env=environ | {"IPYTHONDIR": str(tmp_path)}, capture_output=True, timeout=RUN_S, check=False)
    assert done.returncode == 0, done.stderr
    shown: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return shown


def content(client: Client, job: str) -> bytes:
    return b"".join(client.read(client.log(job).ref))


def test_cell_is_kept_and_shown_once(environ: dict[str, str], client: Client, tmp_path: Path) -> None:
    """Prints, bars, children, a logger that was there before: each line is in the log once, and shown."""
    shown = notebook(environ, tmp_path, BEGIN.format(job="cell"), TRAINING.format(end=""), "print('after')")
    version = ended(client, "cell")
    assert (version.status, shown["failed"]) == ("COMPLETED", "")
    log = content(client, "cell")
    assert sorted(line for line in log.replace(b"\r", b"").splitlines() if b"epoch" not in line) == sorted(LINES)
    assert b"\repoch: 100%" in log
    assert all(shown["stdout"].count(word) == 1 for word in ("printed", "child", "shell", "after"))
    assert all(shown["stderr"].count(word) == 1 for word in ("to stderr", "complaint", "logged", "epoch: 100%"))
    assert version.command
    assert "ipykernel_launcher" in version.command


def test_cell_that_fails_has_failed_with_its_traceback(environ: dict[str, str], client: Client, tmp_path: Path) -> None:
    """The notebook shows the traceback itself; the next cell can capture again, as a run of its own."""
    begin, training = BEGIN.format(job="failing"), TRAINING.format(end="    {}['gradient']")
    assert notebook(environ, tmp_path, begin, training)["failed"] == "KeyError"
    version = ended(client, "failing")
    assert version.status == "FAILED"
    *_, frame, line, mark, error = content(client, "failing").decode("utf-8", "replace").splitlines()
    assert (frame.startswith("  File "), line, set(mark.strip()), error) == (
        True,
        "    {}['gradient']",
        {"~", "^"},
        "KeyError: 'gradient'",
    )


def test_interrupted_cell_has_failed(environ: dict[str, str], client: Client, tmp_path: Path) -> None:
    """The stop button's KeyboardInterrupt leaves the block as any other error does."""
    cell = "with capture:\n    print('begun')\n    import signal; signal.raise_signal(signal.SIGINT)"
    assert notebook(environ, tmp_path, BEGIN.format(job="stopped"), cell)["failed"] == "KeyboardInterrupt"
    assert ended(client, "stopped").status == "FAILED"
    assert content(client, "stopped").endswith(b"KeyboardInterrupt\n")


def test_kernel_that_dies_has_failed(environ: dict[str, str], client: Client, tmp_path: Path) -> None:
    """Its last words are there."""
    cell = "with capture:\n    os.write(1, b'last words\\n'); os.kill(os.getpid(), 9)"
    python = program("notebook", "python")
    (tmp_path / "cells.json").write_text(json.dumps([BEGIN.format(job="dead"), cell]))
    assert run(environ | {"IPYTHONDIR": str(tmp_path)}, python, PROGRAM, tmp_path / "cells.json").returncode != 0
    assert ended(client, "dead").status == "FAILED"
    assert content(client, "dead") == b"last words\n"
