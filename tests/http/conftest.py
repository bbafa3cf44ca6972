"""Fixtures for HTTP: the server that all tests share, called as clients call it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import pytest
from calls import MadeLog, Web, made_log

from conftest import Server

MakeLog = Callable[..., MadeLog]

_numbers = count(1)


@pytest.fixture
def web(server: Server) -> Iterator[Web]:
    """The shared server, called with the token that may do everything."""
    web = Web(server.url, server.token)
    yield web
    web.close()


@pytest.fixture
def make_log(web: Web) -> MakeLog:
    """Makes a log of a job of its own: ``make_log(b"text\\n", closed=True)``."""

    def make(data: bytes = b"", *, closed: bool = False) -> MadeLog:
        return made_log(web, f"http-{next(_numbers)}", data, closed=closed)

    return make
