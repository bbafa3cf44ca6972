"""Object stores: what the settings may name, and one contract for a directory, memory and S3 in both ways of addressing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest

from joblog.errors import Damaged, Invalid, Unavailable
from joblog.objects.store import Objects
from tests.conftest import installed
from tests.engines import BUCKET, DOMAIN, ObjectServer, SeaweedServer

REGION = "us-east-1"
ODD_KEY = "p/1/2/worker-3/00000000000000000000-5-0a+ %41语.zst"

_numbers = count(1)


@pytest.fixture
def s3_path(s3: ObjectServer) -> Objects:
    """The bucket in the path."""
    return Objects.at(f"s3://{BUCKET}/objects-{next(_numbers)}", endpoint=s3.endpoint, region=REGION)


@pytest.fixture
def s3_host(s3: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> Objects:
    """The bucket in the host's name, which no name server knows: the store itself is the proxy that does."""
    monkeypatch.setenv("http_proxy", s3.endpoint)
    url = f"s3://{BUCKET}/objects-{next(_numbers)}"
    return Objects.at(url, endpoint=f"http://{DOMAIN}", region=REGION, virtual_hosted=True)


@pytest.fixture
def directory(tmp_path: Path) -> Objects:
    return Objects.at(f"file://{tmp_path}/some%20objects")


@pytest.fixture
def memory() -> Objects:
    return Objects.at("memory://")


@pytest.fixture(params=["directory", "memory", "s3_path", "s3_host"])
def objects(request: pytest.FixtureRequest) -> Objects:
    made_store = request.getfixturevalue(request.param)
    assert isinstance(made_store, Objects)
    return made_store


def test_what_is_put_is_got(objects: Objects) -> None:
    """Whole and in ranges, whatever the name; a put that is repeated changes nothing."""
    data = bytes(range(256)) * 100
    for key in ("a/b.zst", ODD_KEY):
        objects.put(key, data)
        objects.put(key, data)
        assert objects.get(key) == data
        assert objects.ranges(key, [0, 255, 25_599], [1, 300, 25_600]) == [data[:1], data[255:300], data[25_599:]]
    assert sorted((key, size) for key, size, _ in objects.listing()) == [("a/b.zst", 25_600), (ODD_KEY, 25_600)]
    objects.reachable()


def test_large_object_is_one_put(objects: Objects) -> None:
    """Of 24 MiB: more than obstore would send in parts of its own accord."""
    data = os.urandom(1 << 20) * 24
    objects.put("large", data)
    assert objects.ranges("large", [20 << 20], [(20 << 20) + 10]) == [data[:10]]
    assert objects.get("large") == data


def test_what_is_not_there(objects: Objects) -> None:
    """Is damage to who reads it, and nothing to who removes it."""
    objects.put("a", b"1")
    objects.delete("a")
    objects.delete("a")
    assert list(objects.listing()) == []
    for read in (lambda: objects.get("a"), lambda: objects.ranges("a", [0], [1])):
        with pytest.raises(Damaged, match="object a is missing"):
            read()


def test_listing_goes_on_past_a_page(s3_path: Objects) -> None:
    """S3 lists a thousand at a time."""
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: s3_path.put(f"{number:04d}", b""), range(1010)))
    assert [key for key, _, _ in s3_path.listing()] == [f"{number:04d}" for number in range(1010)]


def test_prefixes_do_not_meet(s3: ObjectServer) -> None:
    """Two joblogs in one bucket see their own objects only."""
    one, two = (Objects.at(f"s3://{BUCKET}/{name}", endpoint=s3.endpoint, region=REGION) for name in ("meet", "meet-2"))
    one.put("a", b"1")
    two.put("b", b"22")
    assert [[key for key, _, _ in each.listing()] for each in (one, two)] == [["a"], ["b"]]


@pytest.fixture
def own() -> Iterator[SeaweedServer]:
    """A store that the test may stop."""
    running = installed(SeaweedServer)
    os.environ.update(running.credentials)
    yield running
    running.close()


@pytest.mark.long  # what is away is waited for
def test_store_that_goes_away_is_unavailable_until_it_is_back(own: SeaweedServer) -> None:
    """What it had answered is there."""
    objects = Objects.at(f"s3://{BUCKET}/away", endpoint=own.endpoint, region=REGION)
    objects.put("a", b"1")
    own.kill()
    for call in (lambda: objects.put("b", b"2"), lambda: objects.get("a")):
        with pytest.raises(Unavailable, match="the object store failed") as caught:
            call()
        assert "\n" not in str(caught.value)
    own.start()
    assert objects.get("a") == b"1"


def test_wrong_secret_is_unavailable(s3: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so, and does not show the secret."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "WRONGWRONGWRONG")
    objects = Objects.at(f"s3://{BUCKET}/x", endpoint=s3.endpoint, region=REGION)
    with pytest.raises(Unavailable, match="the object store failed") as caught:
        objects.put("a", b"1")
    assert "WRONG" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "s3://",
        "s3:bucket",
        "bucket",
        "http://host/bucket",
        "s3://bucket?x=1",
        "s3://b/#f",
        "file://",
        "file://host/x",
        "memory://x",
    ],
)
def test_address_that_is_none_is_refused(url: str) -> None:
    """With what it may be."""
    with pytest.raises(Invalid, match=r"^objects must be like s3://bucket/prefix, "):
        Objects.at(url)


def test_google_and_azure_need_nothing_but_their_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening asks them for nothing yet."""
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "c2VjcmV0")
    assert not Objects.at("az://container/logs").local_directory
    monkeypatch.setenv("GOOGLE_SKIP_SIGNATURE", "true")
    assert not Objects.at("gs://bucket/logs").local_directory
