"""A server of several processes, each called by itself: what one has acknowledged all of them know, and any may die."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.client import HTTPException
from pathlib import Path

import pytest

from joblog.client import Client
from joblog.core.settings import Settings
from joblog.errors import JoblogError
from joblog.server.app import ROUTES
from joblog.server.workers.channel import SOCKET_FILE
from joblog.server.workers.reader import READ_HERE
from joblog.upkeep.check import check
from tests.conftest import Server, start_server
from tests.e2e.test_kill import EAGER, Writer, one_round
from tests.server.calls import MadeLog, Web, made_log

PROCESSES = 3
WITHIN_S = 30.0


@pytest.fixture
def several(tmp_path: Path) -> Iterator[Server]:
    """A server of three processes."""
    server = start_server(tmp_path / "data", workers=PROCESSES, seal_quiet_s=1, janitor_s=0.1)
    yield server
    assert server.stop() == 0
    assert "Traceback" not in (server.data / "server.log").read_text()


@pytest.fixture
def webs(several: Server) -> Iterator[list[Web]]:
    """A connection to each of its processes."""
    with each(several) as webs:
        yield webs


@contextmanager
def each(server: Server) -> Iterator[list[Web]]:
    """Gives a connection to each process, when all of them answer."""
    webs: dict[str, Web] = {}
    deadline = time.monotonic() + WITHIN_S
    try:
        while len(webs) < PROCESSES:
            assert time.monotonic() < deadline, f"{len(webs)} processes answer"
            web = Web(server.url, server.token)
            answer = web.get("/api/projects/default/jobs/1/versions/1/logs")  # a call that each answers by itself
            if webs.setdefault(answer.headers["x-request-id"][:16], web) is not web:
                web.close()
        yield list(webs.values())
    finally:
        for web in webs.values():
            web.close()


def workers(server: Server) -> list[int]:
    """Returns the ids of the processes that the owner has started."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    return [int(pid) for pid in children if b"workers.reader" in _command(pid)]


def _command(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def is_replaced(server: Server, pid: int) -> bool:
    now = workers(server)
    return len(now) == PROCESSES - 1 and pid not in now


def has_grown(kept: bytearray, size: int) -> bool:
    return len(kept) > size


def are_gone(pids: list[int]) -> bool:
    return not any(_command(str(pid)) for pid in pids)


def until(true: Callable[[], bool], within_s: float = WITHIN_S) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def by(web: Web, log: MadeLog) -> MadeLog:
    """Returns a log as it is called over another connection."""
    return MadeLog(web, log.job_id, log.version_id, log.log_file)


def test_what_is_read_by_workers_are_calls_that_read() -> None:
    """Each by its name, and by GET."""
    methods = {route.name: route.method for route in ROUTES}
    assert {methods.get(name) for name in READ_HERE} == {"GET"}


def test_every_process_shows_what_any_has_acknowledged(webs: list[Web]) -> None:
    """An append by one, read at once by all: by bytes, by lines, by its head; while tails are sealed and merged."""
    log, kept = made_log(webs[0], "shared"), b""
    for number in range(90):
        line = b"line %d %s\n" % (number, b"x" * (number * 37 % 4000))
        assert by(webs[number % PROCESSES], log).append(len(kept), line).status == 200
        kept += line
        for web in webs:
            assert by(web, log).status()["end_byte"] == len(kept)
            assert web.get(f"{log.api}/bytes").body == kept
            last = web.get(f"{log.v1}/aom-log", log_file=log.log_file, lines=1).json
            assert last["content"] == line.decode()
    assert webs[0].call("DELETE", f"/api/projects/default/jobs/{log.job_id}").status == 204
    for web in webs:
        assert web.get(f"{log.api}/bytes").status == 404


def test_right_that_was_taken_back_is_gone_in_every_process(webs: list[Web]) -> None:
    admin = webs[0]
    log = made_log(admin, "guarded", b"text\n")
    made = admin.post("/api/tokens", {"project_id": "default", "rights": ["read"]}).json
    for web in webs:
        assert web.as_(made["token"]).get(f"{log.api}/lines").status == 200
    assert admin.call("DELETE", f"/api/tokens/{made['id']}").status == 204
    for web in webs:
        assert web.as_(made["token"]).get(f"{log.api}/lines").status == 401


def test_counts_are_of_all_processes(webs: list[Web]) -> None:
    log = made_log(webs[0], "counted", b"text\n")
    for web in webs:
        for _ in range(7):
            assert web.get(f"{log.api}/terminal").status == 200
    wanted = 'route="/api/projects/{project_id}/jobs/{job_id}/versions/{version_id}/logs/{task}/terminal",status="200"} 21.0'
    until(lambda: wanted in webs[0].get("/metrics").body.decode())


def test_bodies_and_refusals_pass_through_workers(webs: list[Web]) -> None:
    """A body in many parts, one that is refused before it has come, one of a client that goes; each in every process."""
    for number, web in enumerate(webs):
        log = made_log(web, f"bodies-{number}")
        parts = [b"%d\n" % part * 9000 for part in range(40)]
        assert log.append(0, iter(parts)).status == 200
        assert log.append(1, b"x").status == 409
        assert web.as_("nobody").post(f"{log.api}/append?at=0", b"y" * (1 << 20)).status == 401
        gone = socket.create_connection((web.host, web.port))
        gone.sendall(f"POST {log.api}/append?at=0 HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {web.token}\r\n".encode())
        gone.sendall(b"Content-Length: 100\r\n\r\nhalf")
        gone.close()
        assert web.get(f"{log.api}/bytes").body == b"".join(parts)
        assert web.get(f"{log.api}/nothing").status == 404


def test_follower_by_any_process_misses_nothing_and_is_forgotten(several: Server, webs: list[Web]) -> None:
    log = made_log(webs[0], "followed")
    followers: list[tuple[socket.socket, bytearray]] = []
    for web in webs:  # over connections that are these processes' already
        raw = web._connection.sock
        assert raw is not None
        asked = f"GET {log.api}/follow HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {web.token}\r\n"
        raw.sendall(f"{asked}Accept: application/octet-stream\r\n\r\n".encode())
        followers.append((raw, bytearray()))
    writer = Web(several.url, several.token)
    kept = b"".join(b"news %d\n" % number for number in range(200))
    for number in range(200):
        assert by(writer, log).append(kept.index(b"news %d\n" % number), b"news %d\n" % number).status == 200
    for raw, taken in followers:
        raw.settimeout(WITHIN_S)
        while b"news 199\n" not in taken:
            taken += raw.recv(65536)
        raw.close()
    until(lambda: b"joblog_followers 0.0" in writer.get("/metrics").body)
    writer.close()


def test_worker_that_dies_is_replaced_and_nothing_is_lost(several: Server) -> None:
    """Each is killed under load; who is cut off asks again, and all that was acknowledged is there."""
    client = Client(several.url, several.token, timeout_s=5)
    run = client.run("default", "killed")
    kept, done = bytearray(), threading.Event()

    def write() -> None:
        for number in range(100_000):
            line = b"line %d\n" % number
            while client.status(run.log.ref).end_byte < len(kept) + len(line):
                try:
                    client.append(run.log.ref, len(kept), line)
                except (JoblogError, OSError, HTTPException):
                    continue
            kept.extend(line)
            if done.is_set():
                return

    with each(several):
        pass  # all of them answer
    writing = threading.Thread(target=write)
    writing.start()
    try:
        for pid in workers(several):
            os.kill(pid, signal.SIGKILL)
            until(partial(is_replaced, several, pid))
            until(partial(has_grown, kept, len(kept) + 100))
    finally:
        done.set()
        writing.join()
    with each(several) as webs:
        for web in webs:
            assert web.get(f"{run.log.ref.path}/bytes").body == bytes(kept)


@pytest.mark.long  # for half a minute it may be busy
def test_worker_that_is_stuck_is_replaced(several: Server) -> None:
    with each(several):
        stuck = workers(several)[0]
    os.kill(stuck, signal.SIGSTOP)
    until(lambda: stuck not in workers(several), 2 * WITHIN_S)
    with each(several):
        assert len(workers(several)) == PROCESSES - 1


@pytest.mark.long
def test_what_any_process_has_acknowledged_outlives_the_owner(tmp_path: Path) -> None:
    """It is killed while writers append, by way of all processes, and tails are sealed and merged."""
    data = tmp_path / "joblog"
    server = start_server(data, workers=PROCESSES, **EAGER)
    writers = [Writer(number, server) for number in range(2 * PROCESSES)]
    for _ in range(5):
        with each(server):
            one_round(server, writers, appends=300)
        assert list(check(Settings(data=data)).problems()) == []
        server = start_server(data, workers=PROCESSES, **EAGER)
        with server.client() as client:
            for writer in writers:
                writer.verify(client)
    assert server.stop() == 0


def test_workers_end_with_their_owner(tmp_path: Path) -> None:
    """However it ends, so that another server may have the port and the directory."""
    for end in (Server.kill, Server.stop):
        server = start_server(tmp_path / end.__name__, workers=PROCESSES)
        with each(server):
            port, pids = int(server.url.rpartition(":")[2]), workers(server)
        assert len(pids) == PROCESSES - 1
        end(server)
        until(partial(are_gone, pids))
        again = start_server(tmp_path / end.__name__, port, workers=1)
        assert list(again.client().projects())
        assert again.stop() == 0
    assert not (tmp_path / "stop" / SOCKET_FILE).exists()
