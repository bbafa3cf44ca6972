"""Signed requests on a real server: accepted as Huawei's SDK makes them, refused when anything was changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.server.calls import Reply, Web, check_answer, check_api
from tests.server.people import Person, made_person

WRONG = "Incorrect IAM authentication information: verify aksk signature fail"


@pytest.fixture(scope="module")
def person(server: Any) -> Iterator[Person]:
    web = Web(server.url, server.token)
    yield made_person(web)
    web.close()


def check_refused(reply: Reply, message: str = WRONG) -> None:
    check_answer(reply, 401)
    body = {"is_success": False, "error_code": "APIGW.0301", "error_msg": message, "error_message": message}
    assert reply.json == body


def test_reads(person: Person) -> None:
    """Whatever is in the query."""
    log = person.log
    query = [("log_file", log.log_file), ("lines", "1"), ("order", "asc"), ("x", "a b+c/~ü"), ("empty", "")]
    assert person.signed("GET", f"{log.v1}/aom-log", query).json["content"] == "one\n"
    assert person.signed("GET", f"{log.v1}/log/file-names").json["log_file_list"] == [log.log_file]
    assert person.signed("GET", f"{log.v1}/log/file-names/").status == 200
    assert person.signed("GET", f"{log.api}/bytes").body == b"one\ntwo\n"
    assert person.signed("GET", log.api).json["end_byte"] == 8
    assert [each["id"] for each in person.signed("GET", "/api/projects").json["items"]] == [person.project_id]


def test_writes(person: Person) -> None:
    """The body that was signed is the one that is taken, on either way, with or without its hash in a header."""
    run = json.dumps({"job_name": "signed"}).encode()
    made = person.signed("POST", f"/api/projects/{person.project_id}/runs", (), run).json
    append = f"/api/projects/{person.project_id}/jobs/{made['job']['id']}/versions/{made['version']['id']}/logs/worker-0/append"
    data = bytes(range(256)) * 2000
    assert person.signed("POST", append, [("at", "0")], data).json["end_byte"] == len(data)
    hashed = {"x-sdk-content-sha256": hashlib.sha256(b"more").hexdigest()}
    assert person.signed("POST", append, [("at", str(len(data)))], b"more", headers=hashed).json["end_byte"] == len(data) + 4
    unsigned = {"x-sdk-content-sha256": "UNSIGNED-PAYLOAD", "content-type": "application/octet-stream"}
    reply = person.signed("POST", append, [("at", str(len(data) + 4))], b"last", headers=unsigned)
    assert reply.json["end_byte"] == len(data) + 8
    assert person.signed("GET", append.replace("/append", "/bytes")).body == data + b"morelast"


def test_whatever_was_changed_on_the_way_is_refused(person: Person) -> None:
    """One code for all of it, and nothing is done."""
    log, names = person.log, f"{person.log.v1}/log/file-names"
    query = [("log_file", log.log_file)]
    check_refused(person.signed("GET", names, secret=person.secret[::-1] + "x"))
    check_refused(person.signed("GET", names, access="A" * 20))
    check_refused(person.signed("GET", names, sent_path=f"{log.v1}/log"))
    check_refused(person.signed("GET", f"{log.v1}/log", query, sent_query=[*query, ("offset", "1")]))
    check_refused(person.signed("GET", names, more={"user_agent": "other"}))
    check_refused(person.signed("GET", names, more={"host": "other"}))
    append = f"{log.api}/append"
    before = log.held()
    for body in (b"other", b""):
        reply = person.signed("POST", append, [("at", "8")], b"three", sent_body=body)
        check_api(reply, 401, "bad_signature", WRONG)
    assert log.held() == before


def test_date(person: Person) -> None:
    """Fifteen minutes either way."""
    names = f"{person.log.v1}/log/file-names"
    for off_s in (-14 * 60, 14 * 60):
        assert person.signed("GET", names, off_s=off_s).status == 200
    for off_s in (-16 * 60, 16 * 60, 86_400):
        reason = "Incorrect IAM authentication information: X-Sdk-Date is more than 15 minutes off"
        check_refused(person.signed("GET", names, off_s=off_s), reason)


def test_other_schemes_and_temporary_keys(person: Person) -> None:
    """They are refused, and it is said why."""
    names = f"{person.log.v1}/log/file-names"
    form = "Incorrect IAM authentication information: Authorization must be "
    form += "SDK-HMAC-SHA256 Access=..., SignedHeaders=..., Signature=..."
    for scheme in ("SDK-HMAC-SM3", "SDK-ECDSA-P256-SHA256", "SDK-SM2-SM3", "V11-HMAC-SHA256", "sdk-hmac-sha256 Access"):
        value = f"{scheme} Access=a, SignedHeaders=x-sdk-date, Signature={'0' * 64}"
        check_refused(person.signed("GET", names, authorization=value), form)
    check_refused(person.signed("GET", names, authorization="SDK-HMAC-SHA256 Credential=a/b/c"), form)
    reason = "Incorrect IAM authentication information: temporary access keys (X-Security-Token) are not issued here"
    check_refused(person.signed("GET", names, headers={"x-security-token": "t"}), reason)


def test_refusals_below_v3_are_the_gateways(person: Person) -> None:
    """In Keystone's body too, as that is what clients of /v3 read."""
    reply = person.signed("GET", "/v3/projects", secret="wrong")
    check_answer(reply, 401)
    error = {"code": 401, "message": WRONG, "title": "Unauthorized"}
    assert reply.json == {"error": error, "error_code": "APIGW.0301", "error_msg": WRONG, "error_message": WRONG}


def test_open_calls_do_not_look_at_a_signature(person: Person) -> None:
    """A client that signs all it sends finds its way with a key that is wrong, too."""
    for path in ("/", "/v3"):
        assert person.signed("GET", path, secret="wrong").status == 200


def test_token_comes_before_a_signature(person: Person) -> None:
    """What a proxy puts into Authorization does no harm."""
    more = {"x_auth_token": str(person.web.token)}
    assert person.signed("GET", f"{person.log.v1}/log/file-names", secret="wrong", more=more).status == 200


def test_key_that_was_deleted_is_worth_nothing(person: Person) -> None:
    """From the next call on, though it was in use; the user's other key is."""
    made = person.web.post(f"/api/users/{person.id}/keys", {}).json
    key, names = {"access": made["access"], "secret": made["secret"]}, f"{person.log.v1}/log/file-names"
    assert person.signed("GET", names, **key).status == 200
    assert person.web.call("DELETE", f"/api/users/{person.id}/keys/{made['access']}").status == 204
    check_refused(person.signed("GET", names, **key))
    assert person.signed("GET", names).status == 200


def test_body_is_bounded_before_it_is_believed(person: Person) -> None:
    """16 MiB, whoever signs."""
    reply = person.signed("POST", f"{person.log.api}/append", [("at", "8")], b"x" * ((16 << 20) + 1))
    check_api(reply, 413, "too_large", "the body is larger than 16777216 bytes", limit_bytes=16 << 20)


def test_chunked_body_is_signed_as_well(person: Person) -> None:
    """Without a length, so it is read to its end first."""
    log = made_person(person.web)
    reply = log.signed("POST", f"{log.log.api}/append", [("at", "8")], b"three\n", sent_body=iter([b"thr", b"ee\n"]))
    assert (reply.status, reply.json) == (200, {"end_byte": 14, "end_line": 3})


def test_head_is_answered_as_get_without_a_body(person: Person) -> None:
    """On the log calls, with a token or a signature made for HEAD."""
    path = f"{person.log.v1}/log/file-names"
    got = person.web.get(path)
    for reply in (person.web.call("HEAD", path), person.signed("HEAD", path)):
        assert (reply.status, reply.body, reply.headers["content-type"]) == (200, b"", "application/json")
        assert reply.headers["content-length"] == str(len(got.body))
    assert person.web.call("HEAD", "/v1/x").status == 404
    assert person.web.as_("wrong").call("HEAD", path).status == 401
