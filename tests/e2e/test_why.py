"""Runs that fail for real under ``joblog run``, and what is told of why."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from joblog.client import Client, LogRef
from joblog.views.values import Digest
from tests.children import Child
from tests.conftest import Server

RANKS = 8
EXIT_S = 60

CONFIG = r"""
print("config: error_rate=0.1 on_error='raise' alert_patterns=['CUDA out of memory', 'Traceback (most recent call last):']")
print("error rate: 0.1")
"""


class Cluster:
    """Ranks of one run, each a program of its own under ``joblog run``."""

    def __init__(self, server: Server, spool: Path, project: str) -> None:
        self.client, self.project = server.client(), project
        self.client.create_project(project)
        self._environ = {
            "JOBLOG_URL": server.url, "JOBLOG_TOKEN": server.token, "JOBLOG_PROJECT": project, "JOBLOG_SPOOL": str(spool),
            "PATH": "/usr/bin:/bin", "HOME": str(spool), "PYTHONUNBUFFERED": "1",
        }  # fmt: skip
        self._started: dict[int, Child] = {}

    def start(self, rank: int, program: str) -> Child:
        """Starts a rank."""
        command = [sys.executable, "-m", "joblog", "run", "--job", "train", "--run-id", "r1", "--task", f"worker-{rank}"]
        command += ["--", sys.executable, "-c", CONFIG + textwrap.dedent(program)]
        silent = subprocess.DEVNULL
        self._started[rank] = Child(command, env=self._environ, stdin=silent, stdout=silent, stderr=silent)
        return self._started[rank]

    def ended(self) -> dict[int, int]:
        """Waits for all ranks; returns their exit statuses."""
        return {rank: process.wait(EXIT_S) for rank, process in self._started.items()}

    def stop(self) -> None:
        """Ends what still runs, with all that it started."""
        for process in self._started.values():
            process.terminate()
        assert self.ended()
        self.client.close()

    @property
    def ids(self) -> tuple[int, int]:
        (job,) = self.client.jobs(self.project)
        (version,) = self.client.versions(self.project, job.id)
        return job.id, version.id

    def why(self, silent_s: int | None = None) -> Digest:
        return self.client.why(self.project, *self.ids, silent_s=silent_s)

    def said(self, digest: Digest) -> bytes:
        """Returns the bytes that the first failure's statement rests on."""
        assert digest.first is not None
        where = digest.first.where
        log = LogRef(self.project, *self.ids, where.task)
        data = b"".join(self.client.read(log, where.start_byte, where.end_byte))
        assert self.client.lines(log, where.start_line, where.end_line - where.start_line).content.encode() == data
        return data


@pytest.fixture
def cluster(server: Server, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    made = Cluster(server, tmp_path, request.node.name.replace("_", "-")[-64:])
    yield made
    made.stop()


FINE = "for step in range(3): print(f'step {step} loss={1 / (step + 1)}')"


@pytest.mark.slow  # eight Python programs
def test_an_exception_in_one_of_eight_ranks(cluster: Cluster) -> None:
    """Its traceback, chained, and nothing of the configuration that every rank prints; the others' timeouts come after."""
    for rank in range(RANKS):
        cluster.start(rank, FINE if rank != 5 else FINE + """
try:
    open('/nowhere/shard-3')
except OSError as error:
    raise RuntimeError('cannot read shard 3') from error
""")  # fmt: skip
    statuses = cluster.ended()
    assert statuses == {rank: int(rank == 5) for rank in range(RANKS)}
    digest = cluster.why()
    first = digest.first
    assert first is not None
    assert (first.ranks, first.kind, first.summary) == ("5", "python exception", "RuntimeError: cannot read shard 3")
    assert first.cause == "FileNotFoundError: [Errno 2] No such file or directory: '/nowhere/shard-3'"
    assert cluster.said(digest).startswith(b"Traceback (most recent call last):\n")
    assert cluster.said(digest).endswith(b"RuntimeError: cannot read shard 3\n")
    assert [(each.how, each.ranks) for each in digest.endings] == [
        ("ended with exit status 1", "5"),
        ("ended with exit status 0", "0-4,6-7"),
    ]
    assert digest.failures == [first]
    assert digest.verdict.startswith(
        "Rank 5 failed first (python exception): RuntimeError: cannot read shard 3, caused by File"
    )


def test_a_rank_that_was_killed(cluster: Cluster) -> None:
    """Its own log says nothing; the others lose their connection to it, and are not the first for that."""
    killed = cluster.start(0, "import os, signal; print('step 1', flush=True); os.kill(os.getpid(), signal.SIGKILL)")
    assert killed.wait(EXIT_S) == 128 + signal.SIGKILL
    cluster.start(1, "raise ConnectionResetError(104, 'Connection reset by peer')")
    assert cluster.ended() == {0: 137, 1: 1}
    digest = cluster.why()
    assert digest.first is not None
    assert (digest.first.ranks, digest.first.kind, digest.first.summary) == ("0", "signal", "killed by SIGKILL")
    assert cluster.said(digest).endswith(b"step 1\n")
    assert [each.kind for each in digest.failures] == ["signal", "connection"]


def test_out_of_memory(cluster: Cluster) -> None:
    """A limit on the program's own memory, which it runs into."""
    cluster.start(0, """
        import resource
        resource.setrlimit(resource.RLIMIT_AS, (256 << 20, 256 << 20))
        print("step 1", flush=True)
        held = bytearray(1 << 30)
    """)  # fmt: skip
    assert cluster.ended() == {0: 1}
    digest = cluster.why()
    assert digest.first is not None
    assert (digest.first.kind, digest.first.summary) == ("out of memory", "MemoryError")


def test_loss_that_is_no_number(cluster: Cluster) -> None:
    """The line where it became so, though the program ends in good order."""
    cluster.start(0, """
        loss = 1e308
        for step in range(4):
            print(f"step {step} loss={loss}")
            loss = loss * 10 - loss * 10
        raise SystemExit(3)
    """)  # fmt: skip
    assert cluster.ended() == {0: 3}
    digest = cluster.why()
    assert digest.first is not None
    assert (digest.first.kind, digest.first.summary) == ("loss is not a number", "step 1 loss=nan")
    assert cluster.said(digest) == b"step 1 loss=nan\nstep 2 loss=nan\nstep 3 loss=nan\n"


def test_a_full_disk(cluster: Cluster) -> None:
    """The device that is always full."""
    cluster.start(0, "open('/dev/full', 'w', buffering=1).write('checkpoint\\n')")
    assert cluster.ended() == {0: 1}
    digest = cluster.why()
    assert digest.first is not None
    assert (digest.first.kind, digest.first.summary) == ("disk full", "OSError: [Errno 28] No space left on device")


def test_a_rank_that_hangs(cluster: Cluster) -> None:
    """It says nothing and does not end, while the other runs into its timeout: the silence is told."""
    cluster.start(0, "import time; print('step 1', flush=True); time.sleep(600)")
    other = cluster.start(1, "raise TimeoutError('NCCL error: Watchdog caught collective operation timeout')")
    assert other.wait(EXIT_S) == 1
    while not [
        log for log in cluster.client.logs(cluster.project, *cluster.ids) if log.task == "worker-0" and log.end_line > 2
    ]:
        pass
    while (digest := cluster.why(silent_s=1)).endings[0].how != "silent" and digest.endings[1].how != "silent":
        pass
    assert {each.ranks: each.how for each in digest.endings} == {"0": "silent", "1": "ended with exit status 1"}
    assert digest.first is not None
    assert (digest.first.ranks, digest.first.kind) == ("1", "nccl")
    assert "Rank 0 is silent" in digest.verdict


def test_an_answer_is_as_small_as_it_is_asked_to_be(cluster: Cluster, client: Client) -> None:
    """In bytes and in tokens; what matters most stays."""
    cluster.start(0, """
        import sys
        def deep(n):
            if n: deep(n - 1)
            else: raise ValueError('x' * 3000)
        for number in range(500): print(f'line {number} ' + 'y' * 300)
        deep(200)
    """)  # fmt: skip
    cluster.ended()
    path = f"/api/projects/{cluster.project}/jobs/{cluster.ids[0]}/versions/{cluster.ids[1]}/why"
    for asked, most in (("max_bytes=1000", 1000), ("max_bytes=4000", 4000), ("max_tokens=500", 1500), ("", 16384)):
        answer = client.ask("GET", f"{path}?{asked}")
        assert len(answer) <= most
        assert b"ValueError: xxx" in answer
    assert client.why(cluster.project, *cluster.ids, max_bytes=1000).cut
