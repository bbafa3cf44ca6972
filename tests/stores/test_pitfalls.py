"""What Ceph and Swift do otherwise than other stores, each shown on the store itself; and joblog on it, which does not mind.

That joblog asks for none of it is shown on every store, in ``tests/engine/test_least.py``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import obstore
import pytest
from obstore.exceptions import BaseError
from obstore.store import ClientConfig, S3Store

from joblog.objects.store import Objects
from tests.engines import BUCKET, ObjectServer
from tests.proxy import Wire
from tests.stores.calls import StoreCalls
from tests.stores.ceph import CephServer

REGION = "us-east-1"

OK, REFUSED, NOT_THERE = 200, 412, 501


@pytest.fixture
def calls(s3: ObjectServer) -> StoreCalls:
    return StoreCalls(s3.endpoint, s3.credentials)


@pytest.fixture
def lossy(s3: ObjectServer) -> Iterator[Wire]:
    running = Wire(s3.endpoint)
    yield running
    running.stop()


def objects(endpoint: str) -> Objects:
    return Objects.at(f"s3://{BUCKET}/pitfalls", endpoint=endpoint, region=REGION)


def of(s3: ObjectServer, **by_store: int) -> int:
    return by_store[s3.name]


def test_quoted_etag_is_no_condition_to_rely_on(s3: ObjectServer, calls: StoreCalls) -> None:
    """Ceph says that the object has changed, Swift that it cannot tell."""
    etag = calls.call("PUT", "pitfalls/etag", b"one").headers["etag"]
    assert re.fullmatch('"[0-9a-f]{32}"', etag)
    assert calls.call("PUT", "pitfalls/etag", b"two", if_match=etag).status == of(
        s3, seaweedfs=OK, ceph=REFUSED, swift=NOT_THERE
    )
    store = objects(s3.endpoint)
    store.put("etag", b"three")
    assert store.get("etag") == b"three"


def test_condition_on_an_upload_of_parts_is_not_to_be_relied_on(s3: ObjectServer, calls: StoreCalls) -> None:
    """Ceph overwrites what is there; joblog sends no parts: what is larger is one put, too."""
    key = "pitfalls/parts"
    assert calls.call("PUT", key, b"first").status == OK
    begun = calls.call("POST", key, query={"uploads": ""}).body
    upload = {"uploadId": begun.partition(b"<UploadId>")[2].partition(b"</UploadId>")[0].decode()}
    etag = calls.call("PUT", key, b"second", query=upload | {"partNumber": "1"}).headers["etag"]
    part = f"<Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part>"
    body = f"<CompleteMultipartUpload>{part}</CompleteMultipartUpload>".encode()
    ended = calls.call("POST", key, body, query=upload, if_none_match="*")
    assert ended.status == of(s3, seaweedfs=REFUSED, ceph=OK, swift=REFUSED), ended
    assert calls.call("GET", key).body == (b"second" if ended.status == OK else b"first")
    large = os.urandom(1 << 20) * 24
    store = objects(s3.endpoint)
    store.put("large", large)
    assert store.get("large") == large


def test_several_may_create_what_is_to_be_created_once(s3: ObjectServer, calls: StoreCalls) -> None:
    """Of sixteen at a time Swift lets more than one win; so the catalog decides who has sealed, not the store."""
    key, most = "pitfalls/race", 0
    with ThreadPoolExecutor(16) as pool:
        for number in range(5):
            tries = pool.map(
                lambda n, number=number: calls.call("PUT", f"{key}-{number}", b"%d" % n, if_none_match="*"), range(16)
            )
            won = [answer.status for answer in tries].count(OK)
            assert won >= 1
            most = max(most, won)
    assert most == 1 or s3.name == "swift"


def test_tags_are_not_everywhere(s3: ObjectServer, calls: StoreCalls) -> None:
    """What joblog says of an object is in its name and in itself."""
    tagged = calls.call("PUT", "pitfalls/tags", b"1", x_amz_tagging="kind=segment")
    assert tagged.status == of(s3, seaweedfs=OK, ceph=OK, swift=NOT_THERE)


def test_a_create_whose_answer_is_lost_says_that_it_failed(s3: ObjectServer, lossy: Wire) -> None:
    """Though the object is there; a plain put is made again, and says what is so."""
    options: ClientConfig = {"allow_http": True, "timeout": "10s"}
    store = S3Store(BUCKET, endpoint=lossy.url, region=REGION, client_options=options, prefix="pitfalls")
    obstore.put(store, "warm", b"1", use_multipart=False)
    lossy.lose(1)
    with pytest.raises(BaseError):
        obstore.put(store, "created", b"mine", mode="create")
    assert bytes(obstore.get(store, "created").bytes()) == b"mine"
    plain = objects(lossy.url)
    lossy.lose(1)
    plain.put("plain", b"mine")
    assert plain.get("plain") == b"mine"
    assert lossy.lost == 2


def test_gateway_without_nodelay_is_slow_and_right(s3: ObjectServer) -> None:
    """Ceph's is so by default: each answer comes 40 ms late, and is what it must be."""
    if not isinstance(s3, CephServer):
        pytest.skip("a setting of Ceph's gateway")
    store = objects(s3.slow_endpoint)
    data = os.urandom(300_000)
    store.put("slow", data)
    for start in range(0, 300_000, 30_000):
        assert store.ranges("slow", [start], [start + 30_000]) == [data[start : start + 30_000]]
