"""Fixtures: a server with a user who has a project, and the clients, each in its own process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clients.remote import Remote, client
from tests.conftest import Server
from tests.server.calls import Web
from tests.server.people import Person, made_person

LINES = [f"line {number}\n" for number in range(1, 1001)]


@pytest.fixture(scope="module")
def person(server: Server) -> Iterator[Person]:
    """A user with all rights in a project of its own, in which a job has a log of 1000 lines."""
    web = Web(server.url, server.token)
    yield made_person(web, content="".join(LINES).encode())
    web.close()


@pytest.fixture(scope="module")
def huawei(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    with client("huawei", tmp_path_factory.mktemp("huawei")) as remote:
        yield remote


@pytest.fixture(scope="module")
def openstack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    with client("openstack", tmp_path_factory.mktemp("openstack")) as remote:
        yield remote


@pytest.fixture(scope="module")
def macli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    with client("macli", tmp_path_factory.mktemp("macli")) as remote:
        yield remote
