"""One caller never keeps another out: what one caller can take is bounded, and others go on meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.conftest import Server, start_server
from tests.http.calls import Web
from tests.http.crowd import attacked

MIB = 1024 * 1024

HUGE = ("a{0,1000}" * 100, "(.*)" * 200, r"\pL" * 300, r"(\pL\pN){500}", "[ab]*a[ab]{200}z", "a{0,900}b|a")
"""What each of them is large in: instructions, groups, classes, classes in brackets, states, matches."""


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Server]:
    server = start_server(tmp_path / "own")
    yield server
    server.kill()


def test_pattern(own: Server) -> None:
    """Whatever a pattern is: it is refused, or the search ends at its deadline; nobody else waits for it."""
    with attacked(own) as (attacker, other):
        data = b"ab" * (1 << 19) + b"\n" + b"a" * (1 << 20) + b"\n" + b"step 1 loss 0.5 aabab\n" * 100_000
        path = f"{attacker.log('searched', data).api}/search"

        def search(pattern: str, web: Web) -> None:
            reply = web.get(path, pattern=pattern, kind="regex", timeout_s=2, limit=100_000)
            if reply.status == 200:
                assert json.loads(reply.body.splitlines()[-1])["type"] == "end"
            else:
                assert reply.status in (400, 503), reply

        for pattern in HUGE:
            attacker.call(2, partial(search, pattern))
        other.go_on()


def test_pattern_of_metrics(own: Server) -> None:
    """As with a search: what it compiles to, its groups and its matches are bounded."""
    with attacked(own) as (attacker, other):
        log = attacker.log("measured", (b"a" * 4000 + b"\n") * 500)
        path = f"{log.version}/metrics"
        for pattern in (HUGE[0][:450], r"(?P<loss>\pL{1000})", "(.*)" * 30 + "(?P<loss>.*)", "(?P<a>.{0,100})z"):
            assert log.web.get(path, pattern=pattern).status == 400, pattern
        attacker.call(4, lambda web: web.get(path, pattern=["(?P<a>a{0,150})z", "(?P<b>a?)", "(?P<c>[ab]*a[ab]{40}z|a)"]))
        other.go_on()
