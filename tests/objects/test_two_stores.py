"""``joblog move`` between stores that have nothing in common: each with credentials that the other one refuses."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from joblog.cli import main
from joblog.core.settings import Settings
from joblog.engine.opening import open_objects
from joblog.errors import Invalid, Unavailable
from joblog.objects.credentials import environment, prefixed
from joblog.objects.store import Objects
from joblog.upkeep.check import check
from joblog.upkeep.move_command import _opened_store
from tests.conftest import installed
from tests.engines import SeaweedServer
from tests.upkeep.moved import Filled, rows

ONE, OTHER = "one", "other"


@pytest.fixture
def stores() -> Iterator[SeaweedServer]:
    """Two buckets and their owners."""
    running = installed(lambda: SeaweedServer([ONE, OTHER]))
    yield running
    running.close()


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of those that other tests need."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)


@pytest.mark.long  # ten seconds: two stores, a move between them, again and again
def test_each_store_has_its_own_credentials(
    stores: SeaweedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Endpoint and keys of either are not the other's; secrets stay in the environment; said as JSON, again and again."""
    for name, value in stores.credentials_of(ONE).items():
        monkeypatch.setenv(name, value)
    there = partial(Settings, objects_endpoint=stores.endpoint, objects_region="us-east-1")
    source, target = (there(data=tmp_path / name, objects=f"s3://{name}/logs") for name in (ONE, OTHER))
    filled = Filled(source)
    with pytest.raises(Unavailable):
        open_objects(target).put("a", b"1")
    command = ["move", "--json", "--data", str(source.data), "--objects", source.objects, "--objects-region", "us-east-1"]
    command += ["--objects-endpoint", stores.endpoint, "--to-data", str(target.data), "--to-objects", target.objects]
    assert main(command) == 2
    assert "the object store failed" in capfd.readouterr().err
    to = {**stores.credentials_of(OTHER), "AWS_ENDPOINT_URL": stores.endpoint, "AWS_REGION": "us-east-1"}
    for name, value in to.items():
        monkeypatch.setenv(f"JOBLOG_TO_{name}", value)
    logs, size = len(filled.texts), sum(map(len, filled.texts.values()))
    for carries in (True, False):
        assert main(command) == 0
        output, complaints = capfd.readouterr()
        report = json.loads(output)
        assert (report.pop("carried") > 0) is carries
        assert report == {"logs": logs, "bytes": size, "problems": [], "whole": True, "served": False, "needs_key": False}
        assert stores.credentials_of(OTHER)["AWS_SECRET_ACCESS_KEY"] not in output + complaints
    for name, value in to.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Unavailable):
        open_objects(source).put("a", b"1")
    assert list(check(target).problems()) == []
    assert rows(target) == rows(source)


def test_of_a_family_of_names_all_or_none_is_the_other_stores(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session token of the one must not go with the other one's key; what was there comes back."""
    given = {"AWS_ACCESS_KEY_ID": "a", "AWS_SESSION_TOKEN": "t", "AZURE_STORAGE_ACCOUNT_NAME": "z"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    own = prefixed("JOBLOG_TO_", {"JOBLOG_TO_AWS_ACCESS_KEY_ID": "b", "JOBLOG_TO_CATALOG": "c", "AWS_REGION": "r"})
    assert own == {"AWS_ACCESS_KEY_ID": "b"}
    for inside, expected in ((own, {"AWS_ACCESS_KEY_ID": "b", "AZURE_STORAGE_ACCOUNT_NAME": "z"}), ({}, given)):
        with environment(inside):
            assert {name: os.environ[name] for name in given if name in os.environ} == expected
        assert {name: os.environ[name] for name in given} == given


def test_two_stores_of_one_name_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the address that the environment gives: where both were taken for one, no object would be carried."""
    place = Settings(data=tmp_path, objects="s3://logs/joblog", objects_region="us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    here = _opened_store(place, {})[1]
    assert _opened_store(place, {"AWS_ENDPOINT_URL": "http://127.0.0.1:2"})[1] != here
    assert _opened_store(place, {"AWS_ENDPOINT_URL": "http://127.0.0.1:1/", "AWS_REGION": "x"})[1] == here


def test_half_a_credential_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing is said."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    with pytest.raises(Invalid, match=r"^objects must be [^\n]*Missing SecretAccessKey[^\n]*$"):
        Objects.at("s3://logs/joblog", region="us-east-1")
