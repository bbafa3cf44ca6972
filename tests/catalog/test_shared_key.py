"""Nodes on one catalog have one secret key: a node with another one is told so when it starts, and does not."""

from __future__ import annotations

import base64
from pathlib import Path

import psycopg
import pytest

from joblog.catalog.shared_key import agree
from joblog.core.settings import Settings
from joblog.engine.engine import Engine
from joblog.errors import Invalid
from tests.backends import Backend, Place
from tests.conftest import start_server

pytestmark = pytest.mark.backends("postgres-directory")

KEY, OTHER = (base64.urlsafe_b64encode(bytes([number]) * 32).decode() for number in (1, 2))

NOW_MS = 1_700_000_000_000


def joins(place: Place, data: Path, key: str) -> None:
    """Does what a node does when it starts."""
    engine = Engine(Settings(data=data, secret_key=key, **place))
    try:
        agree(engine.database, engine.vault)
    finally:
        engine.close()


def test_a_node_with_another_key_does_not_start(backend: Backend, tmp_path: Path) -> None:
    """It says why in one line, which shows neither key; one with the same key does start."""
    place = backend.place()
    first = start_server(tmp_path / "first", **place)
    key = (first.data / "secret.key").read_text().strip()
    refused = r"^joblog: secret_key must be the one that the first node on the catalog has: [^\n]*JOBLOG_SECRET_KEY[^\n]*\n$"
    with pytest.raises(RuntimeError, match=refused) as caught:
        start_server(tmp_path / "other", secret_key=OTHER, **place)
    assert OTHER not in str(caught.value)
    with pytest.raises(RuntimeError, match=refused):
        start_server(tmp_path / "made-its-own", **place)
    second = start_server(tmp_path / "second", secret_key=key, **place)
    assert (first.stop(), second.stop()) == (0, 0)


def test_the_key_can_be_changed(backend: Backend, tmp_path: Path) -> None:
    """By whoever may change the catalog, when no node runs; as scale-out.md says."""
    place = backend.place()
    joins(place, tmp_path, KEY)
    with pytest.raises(Invalid, match="secret_key"):
        joins(place, tmp_path, OTHER)
    with psycopg.connect(place["catalog"]) as connection:
        connection.execute("DELETE FROM counter WHERE name = 'secret-key'")
    joins(place, tmp_path, OTHER)
    with pytest.raises(Invalid, match="secret_key"):
        joins(place, tmp_path, KEY)


def test_access_keys_of_elsewhere_tell_whose_key_it_is(backend: Backend, tmp_path: Path) -> None:
    """They were moved here, or made before nodes were compared: who can open none of them is not the first node."""
    place = backend.place()
    engine = Engine(Settings(data=tmp_path, secret_key=KEY, **place))
    user = engine.users.create_user("default", "ada", "correct horse", NOW_MS)
    engine.users.create_key(user.id, "laptop", NOW_MS)
    engine.close()
    with pytest.raises(Invalid, match="secret_key"):
        joins(place, tmp_path, OTHER)
    joins(place, tmp_path, KEY)
