"""docs/ways-in.md: what can be run there is run, what is configuration can be read, and the tables are whole."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml

from joblog.server.collectors import labels
from tests.conftest import Server

PAGE = Path(__file__).resolve().parents[3] / "docs" / "ways-in.md"


def blocks(*kinds: str) -> list[str]:
    """The code of these kinds, as their first lines name them."""
    results = re.findall(r"^```(\w*(?: \w+)?)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return [code for kind, code in results if kind in kinds]


def test_by_hand(server: Server, tmp_path: Path) -> None:
    """The two requests with curl, and what is then in the log."""
    (code,) = blocks("sh")
    joblog = tmp_path / "joblog"
    joblog.write_text(f'#!/bin/sh\nexec {sys.executable} -m joblog "$@"\n')
    joblog.chmod(0o755)
    environ = os.environ | {"JOBLOG_URL": server.url, "JOBLOG_TOKEN": server.token, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    command = ["bash", "-euc", code.replace("http://127.0.0.1:8470", server.url)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("step=1 loss=0.75\nstep=2 loss=0.5\n")


def test_shell_can_be_read() -> None:
    """What is not run, as there is nobody to run it against."""
    for code in blocks("sh environment", "sh docker"):
        subprocess.run(["bash", "-n", "-c", code], check=True, timeout=60)


def test_configuration_can_be_read() -> None:
    """And names joblog's paths."""
    results = [yaml.safe_load(code) for code in blocks("yaml")] + [tomllib.loads(code) for code in blocks("toml")]
    collector, fluent_bit, promtail, vector = results
    assert collector["exporters"]["otlphttp/joblog"]["endpoint"].endswith(":8470/otlp")
    assert promtail["clients"][0]["url"].endswith(":8470/loki/api/v1/push")
    assert (vector["sinks"]["joblog"]["type"], fluent_bit["pipeline"]["outputs"][0]["name"]) == ("loki", "loki")


def test_every_label_is_there() -> None:
    """In the order in which they are looked at."""
    page = PAGE.read_text()
    for names in (labels._JOB, labels._RUN, labels._RANK):
        assert ", ".join(f"`{name}`" for name in names) in page
    for number in (labels.MAX_STREAMS, f"{labels.MAX_RECORDS:,}", f"{labels.RECORDS_BYTES >> 20} MiB"):
        assert str(number) in page
