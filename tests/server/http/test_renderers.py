"""Views are computed by processes: with the same result, and whatever becomes of one of these, the next view is made."""

from __future__ import annotations

import contextlib
import http.client
import operator
import os
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest

from joblog.engine.compute import here
from joblog.engine.read import DEADLINE_S
from joblog.errors import Busy
from joblog.server.http.patterns import metric_patterns
from joblog.server.http.renderers import Renderers
from joblog.views.merged import merged_lines
from joblog.views.metrics.watched import Watched, barred, measured
from joblog.views.redraws import redraws
from joblog.views.terminal.pages import plain_page, shown_page
from joblog.views.terminal.terminal import Checkpoint
from joblog.views.values import Where
from joblog.views.why.digest import RankEnd, digest
from joblog.views.why.endings import ending
from tests.conftest import Server, start_server
from tests.server.calls import Web, made_log
from tests.server.http.crowd import attacked
from tests.server.http.rendering import renderers, runs
from tests.views.hostile import structures

WAIT_S = 60.0

ENDLESS: Callable[[Iterable[object]], object] = partial(operator.contains, range(10**18))
"""Computes until it is ended: looks for what it is given among all these numbers, one by one."""

WHERE = Where("worker-0", 0, 0, 0, 0)


@pytest.fixture
def pool() -> Iterator[Renderers]:
    pool = Renderers()
    yield pool
    pool.end_idle(0)
    assert not mine()


def mine() -> list[int]:
    return renderers(os.getpid())


def killing(wanted: int) -> Iterator[bytes]:
    """Gives so many items, and kills whoever asks for more."""
    yield from repeat(b"x", wanted)
    (renderer,) = mine()
    os.kill(renderer, signal.SIGKILL)
    yield b"nobody takes this"


VIEWS: dict[str, Callable[[Callable[..., Any], list[bytes]], object]] = {
    "shown": lambda made, data: made(shown_page, data, Checkpoint(), 50, at_end=True, closed=True),
    "plain": lambda made, data: made(plain_page, data, Checkpoint(), 50, at_end=True, closed=True),
    "redraws": lambda made, data: made(redraws, data, 0, 50),
    "merged": lambda made, data: made(merged_lines, [[(1, rank, 0, 9, each) for each in data] for rank in range(2)], 60),
    "ending": lambda made, data: made(ending, data, 0, 0, WHERE),
    "digest": lambda made, data: made(digest, [rank_end(data)], 0, silent_ms=1),
    "bars": lambda made, data: made(barred, data, Watched())[1],
    "metrics": lambda made, data: made(measured, data, Watched(), (), ends=True)[1],
    "patterns": lambda made, data: made(measured, data, Watched(), patterns(), ends=True)[1],
}


def rank_end(data: list[bytes]) -> RankEnd:
    seen = ending(data, 0, 0, WHERE)
    failures = [(each, 0) for each in seen.failures]
    return RankEnd(0, None, None, None, None, None, True, 0, seen.last, seen.last_where, failures)


def patterns() -> list[Any]:
    return [pattern for _, pattern in metric_patterns(["(?P<name>[a-z]+)=(?P<value>[0-9]+)"])]


@pytest.mark.parametrize("view", VIEWS)
def test_what_is_computed_there_is_what_is_computed_here(pool: Renderers, view: str) -> None:
    """Of any log."""
    for name, data in structures(2000).items():
        pieces = [data[:700], data[700:1400], data[1400:]]
        assert VIEWS[view](pool.compute, pieces) == VIEWS[view](here, pieces), name


def test_one_that_is_killed(pool: Renderers) -> None:
    """Its view can be asked for again; the next one is made."""
    for wanted in (0, 3):
        with pytest.raises(Busy):
            pool.compute(list, killing(wanted))
        assert pool.compute(list, [1, 2]) == [1, 2]


def test_one_that_is_killed_while_nobody_needs_it(pool: Renderers) -> None:
    """Nobody sees that."""
    for _ in range(3):
        assert pool.compute(sum, [1, 2]) == 3
        (renderer,) = mine()
        os.kill(renderer, signal.SIGKILL)
        while runs(renderer):
            time.sleep(0.001)


def test_one_that_takes_too_long_is_ended(pool: Renderers) -> None:
    """Whether it computes or asks for more and more."""
    for make, items in ((ENDLESS, []), (sum, repeat(1))):
        deadline = DEADLINE_S.set(time.monotonic() + 0.5)
        with pytest.raises(Busy):
            pool.compute(make, items)
        DEADLINE_S.reset(deadline)
        assert not mine()
    assert pool.compute(sum, [1, 2]) == 3


def test_memory_is_bounded(pool: Renderers) -> None:
    """Of each; the server's own is not theirs."""
    with pytest.raises(Busy):
        pool.compute(list, (bytes(1 << 24) for _ in range(1 << 10)))
    assert pool.compute(sum, [1, 2]) == 3


def test_no_process_can_be_started(pool: Renderers) -> None:
    """As where there are too many open files: the view can be asked for again."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
    with pytest.raises(Busy):
        pool.compute(sum, [1, 2])
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert pool.compute(sum, [1, 2]) == 3


def test_what_fails_there_fails_here(pool: Renderers) -> None:
    """With what it says of itself; what fails here while it waits ends it."""
    with pytest.raises(RuntimeError, match="TypeError: unsupported operand"):
        pool.compute(sum, [None])

    def damaged() -> Iterator[int]:
        yield 1
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        pool.compute(sum, damaged())
    assert pool.compute(sum, [1, 2]) == 3


def test_idle_ones_end(pool: Renderers) -> None:
    """One that was needed a moment ago stays."""
    pool.compute(sum, [1, 2])
    assert (pool.end_idle(WAIT_S), len(mine())) == (1, 1)
    assert (pool.end_idle(0), mine()) == (0, [])


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Server]:
    server = start_server(tmp_path / "own")
    yield server
    server.kill()


def awaited(server: Server, number: int) -> list[int]:
    """Waits until so many processes compute views for a server; returns them."""
    deadline = time.monotonic() + WAIT_S
    while len(pids := renderers(server.process.pid)) < number:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return pids


def test_there_is_none_until_a_view_is_asked_for(own: Server) -> None:
    """And none when the server has ended, however it did."""
    web = Web(own.url, own.token)
    log = made_log(web, "rendered", b"RuntimeError: no\n")
    assert renderers(own.process.pid) == []
    assert web.get(f"{log.version}/why").status == 200
    (renderer,) = renderers(own.process.pid)
    own.kill()
    web.close()
    while runs(renderer):
        time.sleep(0.01)


def stopped_at_its_beginning(server: Server) -> int:
    """Stops a process that computes for a server before its first line; those that were quicker are ended."""
    while True:
        (pid,) = awaited(server, 1)
        os.kill(pid, signal.SIGSTOP)
        while b") T " not in Path(f"/proc/{pid}/stat").read_bytes():
            time.sleep(0.001)
        if "_ctypes" not in Path(f"/proc/{pid}/maps").read_text():
            return pid
        os.kill(pid, signal.SIGKILL)
        while runs(pid):
            time.sleep(0.001)


@pytest.mark.parametrize("end", [Server.kill, Server.stop], ids=["killed", "stopped"])
def test_one_that_was_stopped_before_its_first_line_ends_with_the_server(own: Server, end: Callable[[Server], object]) -> None:
    """Before it can ask the system for that."""
    web = Web(own.url, own.token)
    log = made_log(web, "begun", b"RuntimeError: no\n")

    def ask() -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            while True:
                web.get(f"{log.version}/why")

    asking = threading.Thread(target=ask)
    asking.start()
    renderer = stopped_at_its_beginning(own)
    end(own)
    while runs(renderer):
        time.sleep(0.01)
    asking.join(WAIT_S)
    web.close()


def test_views_that_never_end_keep_nobody_out(own: Server) -> None:
    """Appends, pages, searches and views of others go on while one caller's views stand still; the server ends at once."""
    with attacked(own) as (attacker, other):
        log = attacker.log("endless", b"RuntimeError: no\n" * 100)
        log.web.get(f"{log.version}/why")
        stopped, over = set[int](), threading.Event()

        def stop() -> None:  # whatever computes for the attacker, who is alone
            while not over.is_set() and len(stopped) < 2:
                for pid in set(renderers(own.process.pid)) - stopped:
                    os.kill(pid, signal.SIGSTOP)
                    stopped.add(pid)

        stopping = threading.Thread(target=stop)
        stopping.start()
        attacker.call(4, lambda web: web.get(f"{log.version}/why"))
        stopping.join(WAIT_S)
        over.set()
        assert len(stopped) == 2
        other.go_on()


def test_views_whose_processes_are_killed(own: Server) -> None:
    """Are made, or refused for now; the next is made."""
    web = Web(own.url, own.token)
    log = made_log(web, "killed", b"RuntimeError: no\n" * 1000)
    assert web.get(f"{log.version}/why").status == 200
    answers, over = list[int](), threading.Event()

    def ask() -> None:
        asking = Web(own.url, own.token)
        while not over.is_set():
            answers.append(asking.get(f"{log.version}/why").status)
        asking.close()

    asking = threading.Thread(target=ask)
    asking.start()
    for _ in range(10):
        for pid in awaited(own, 1):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    over.set()
    asking.join(WAIT_S)
    assert set(answers) <= {200, 503}
    assert web.get(f"{log.version}/why").status == 200
    web.close()
    assert own.stop() == 0
