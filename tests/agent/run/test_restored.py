"""A database that is set back beneath a server, and under agents that go on: what is not lost for good is in the log again."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from joblog.client import Client, LogRef
from joblog.errors import JoblogError, Unauthorized, Unavailable
from tests.agent.harness import Agent
from tests.backends import Backend
from tests.children import Child
from tests.conftest import Server, start_server
from tests.engines import free_ports

GIVE_UP_S = 120.0
LINES = [b"%5d %s\n" % (number, b"x" * 400) for number in range(3000)]


class Place:
    """A server on a database that can be set back."""

    def __init__(self, backend: Backend, root: Path) -> None:
        assert backend.postgres is not None
        self._postgres, self._place, self._root = backend.postgres, backend.place(), root
        self._name = self._place["catalog"].rpartition("/")[2]
        (self._port,) = free_ports(1)
        self.server = self._started()

    def _started(self) -> Server:
        return start_server(self._root / "data", self._port, **self._place)

    def save(self) -> None:
        """Copies the database, which PostgreSQL does while nobody uses it."""
        self.server.stop()
        self._postgres.run(f"CREATE DATABASE {self._name}_copy TEMPLATE {self._name}")
        self.server = self._started()

    def set_back(self) -> None:
        """Puts the copy in its place, under the server."""
        self._postgres.run(f"DROP DATABASE {self._name} WITH (FORCE)")
        self._postgres.run(f"ALTER DATABASE {self._name}_copy RENAME TO {self._name}")

    def has(self, ref: LogRef, size: int) -> None:
        """Waits until the log has so many bytes."""
        ends_s = time.monotonic() + GIVE_UP_S
        with self.server.client() as client:
            while client.status(ref).end_byte < size:
                assert time.monotonic() < ends_s
                time.sleep(0.02)


@pytest.fixture
def place(backend: Backend, tmp_path: Path) -> Iterator[Place]:
    place = Place(backend, tmp_path)
    yield place
    place.server.kill()


class Job:
    """A ``joblog run`` whose program prints what it is told to."""

    def __init__(self, agent: Agent, place: Place, *options: str) -> None:
        agent.environ |= {"JOBLOG_URL": place.server.url, "JOBLOG_TOKEN": place.server.token, "JOBLOG_PROJECT": "default"}
        command = agent.job("cat", options=("--wait", "60", "--job", "cat", "--run-id", "1", *options))
        self.process = Child(
            command, env=agent.environ, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        with place.server.client() as client:
            self.ref = client.run("default", "cat", run_id="1").log.ref

    def prints(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def ends(self) -> str:
        """Returns what joblog said."""
        _, err = self.process.communicate(timeout=GIVE_UP_S)
        assert self.process.returncode == 0
        return err.decode()


@pytest.mark.backends("postgres-directory")
@pytest.mark.slow  # a server is started twice
def test_what_was_acknowledged_and_is_lost_comes_again(agent: Agent, place: Place) -> None:
    """The agent still has it: the log is whole, and its agent says so loudly, once."""
    job = Job(agent, place)
    job.prints(b"".join(LINES[:100]))
    place.has(job.ref, len(b"".join(LINES[:100])))
    place.save()
    job.prints(b"".join(LINES[100:200]))
    place.has(job.ref, len(b"".join(LINES[:200])))
    place.set_back()
    job.prints(b"".join(LINES[200:300]))
    assert job.ends().count("HAS LOST") == 1
    with place.server.client() as client:
        log = client.status(job.ref)
        assert (log.complete, log.gaps) == (True, ())
        assert b"".join(client.read(job.ref)) == b"".join(LINES[:300])


@pytest.mark.backends("postgres-directory")
@pytest.mark.long  # a server is started twice, a megabyte sent; the loss that nothing has any more is in test_set_back, too
def test_what_no_spool_has_any_more_is_a_gap(agent: Agent, place: Place) -> None:
    """A small spool's: a line in the log has its size, and all that follows is there."""
    job = Job(agent, place, "--spool-limit", "1M")
    job.prints(b"".join(LINES[:100]))
    place.has(job.ref, len(b"".join(LINES[:100])))
    place.save()
    size = len(b"".join(LINES[:100]))
    for at in range(100, 1900, 100):
        job.prints(b"".join(LINES[at : at + 100]))
        size += len(b"".join(LINES[at : at + 100]))
        place.has(job.ref, size)
    place.set_back()
    job.prints(b"".join(LINES[1900:]))
    assert job.ends().count("HAS LOST") == 1
    with place.server.client() as client:
        log = client.status(job.ref)
        data = b"".join(client.read(job.ref))
    (gap,) = log.gaps
    kept = len(b"".join(LINES[:100]))
    line = b"[joblog] %d bytes were not kept here (lost by the server)\n" % gap.size_bytes
    assert (gap.at_byte, gap.reason, log.complete) == (kept, "lost by the server", False)
    assert data == b"".join(LINES[:100]) + line + b"".join(LINES)[kept + gap.size_bytes :]


@pytest.mark.backends("postgres-directory")
@pytest.mark.long  # a server is started twice, with a database of its own
def test_memory_of_the_lost_past_is_of_no_log_of_the_new_one(place: Place) -> None:
    """Numbers, tokens, pieces, views, followers: what was made and lost is not there, nor is anything else in its place."""
    with place.server.client() as client:
        before = client.run("default", "before", run_id="1").log.ref
        client.append(before, 0, b"step=1 loss=0.5\n")
    place.save()
    with place.server.client() as client:
        client.append(before, 16, b"step=2 loss=0.25\n")
        lost = client.run("default", "lost", run_id="1").log.ref
        client.append(lost, 0, b"lost\n")
        reader = place.server.client(client.create_token(["read"], project_id="default").token)
        assert reader.status(before).end_byte == 33
        assert losses(client) == [0.5, 0.25]
        seen = client.follow(before, patience_s=0)
        assert next(seen).data == b"step=1 loss=0.5\nstep=2 loss=0.25\n"
        place.set_back()
        after = client.run("default", "after", run_id="1").log.ref
        assert after.job_id > lost.job_id + 1000
        client.append(before, 16, b"step=2 loss=0.75\n")
        for stale in (lost, lost._replace(job_id=after.job_id)):
            with pytest.raises(JoblogError):
                client.append(stale, 0, b"into the wrong log\n")
        assert b"".join(client.read(before)) == b"step=1 loss=0.5\nstep=2 loss=0.75\n"
        assert losses(client) == [0.5, 0.75]
        with pytest.raises(Unavailable):  # the stream has ended: what it brought may be in the log no more
            next(seen)
        with pytest.raises(Unauthorized), reader:
            reader.status(before)
        assert client.status(after).end_byte == 0


def losses(client: Client) -> list[float | None]:
    (series,) = client.log("before").metrics(["loss"])
    return series.values
