"""What the SDK has in common with the command line: where the server is, how a run is called, what a digest prints."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.agent.harness import Agent, Served

PROGRAM = """
import os, joblog
with joblog.Client() as client:
    project = os.environ.get("JOBLOG_PROJECT", "default")
    print(client.log("resnet", project_id=project).why())
    (run,) = client.runs(project)
    assert (run.job_name, run.name, run.state, run.logs) == ("resnet", "V0001", "ended", 1), run
    (job,) = client.overview(project, states=["ended"])
    assert (job.name, job.last.state, job.last.name) == ("resnet", "ended", "V0001"), job
    assert client.version(project, run.job_id, run.id).state == "ended"
    assert client.overview(project, states=["failed"]) == client.runs(project, states=["failed"]) == []
"""

FAILED = b'step 1\nTraceback (most recent call last):\n  File "t.py", line 1, in <module>\nValueError: bad\n'


def test_a_digest_prints_as_the_command_line_prints_it(joblog: Agent, tmp_path: Path) -> None:
    """Of a client that takes the environment's address and token."""
    (tmp_path / "resnet.log").write_bytes(FAILED)
    joblog.said("import", str(tmp_path / "resnet.log"))
    ran = joblog.run([sys.executable, "-c", PROGRAM])
    assert (ran.stderr, ran.stdout) == (b"", joblog.said("why", "resnet"))
    assert b"[resnet/V0001/worker-0#L1-L3]" in ran.stdout
    assert joblog.said("cat", "resnet/V0001/worker-0#L1-L3") == FAILED.partition(b"\n")[2]


def test_a_client_finds_this_machines_server(joblog: Agent, server: Served) -> None:
    """Where nothing else is said: its address and its user's token; another's is not shown that token."""
    for name in ("JOBLOG_URL", "JOBLOG_TOKEN", "JOBLOG_PROJECT"):
        joblog.environ.pop(name, None)
    joblog.environ["JOBLOG_DATA"] = str(server.data)
    listed = "import joblog; print([project.id for project in joblog.Client().projects()])"
    assert b"'default'" in joblog.run([sys.executable, "-c", listed]).stdout
    elsewhere = "import joblog; c = joblog.Client('http://other.example'); print('Authorization' in c._headers)"
    assert joblog.run([sys.executable, "-c", elsewhere]).stdout == b"False\n"
