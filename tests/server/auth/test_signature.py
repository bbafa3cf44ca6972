"""Request signatures: the published vector, any request an independent signer signs, and what must be refused."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joblog.errors import BadSignature
from joblog.server.auth.signature import MAX_SKEW_S, Signed, canonical_query, canonical_request, signed_request
from tests.signer import authorization, canonical, sdk_date, wire_query

# The example of Huawei's signing guide.
ACCESS, SECRET = "QTWAOYTTINDUT2QVKYUC", "MFyfvK41ba2giqM7Uio6PznpdUKGpownRZlmVmHc"
PATH = b"/v1/77b6a44cba5143ab91d13ab9a8ff44fd/vpcs"
QUERY = b"limit=2&marker=13551d6b-755d-4757-b956-536f674975c0"
SIGNED_HEADERS = {
    "content-type": "application/json",
    "host": "service.region.example.com",
    "x-sdk-date": "20191115T033655Z",
}
CANONICAL_SHA256 = "b25362e603ee30f4f25e7858e8a7160fd36e803bb2dfe206278659d71a9bcd7a"
SIGNATURE = "7be6668032f70418fcc22abc52071e57aff61b84a1d2381bb430d6870f4f6ebe"
SIGNED_S = 1573789015.0


def read(
    *,
    headers: dict[str, str] | None = None,
    names: str = "content-type;host;x-sdk-date",
    signature: str = SIGNATURE,
    authorization: str | None = None,
    method: str = "GET",
    raw_path: bytes = PATH,
    query: bytes = QUERY,
    now_s: float = SIGNED_S,
) -> Signed:
    """Reads the example, or the example with something else in it."""
    sent = [(name.encode(), value.encode()) for name, value in (SIGNED_HEADERS | (headers or {})).items()]
    value = f"SDK-HMAC-SHA256 Access={ACCESS}, SignedHeaders={names}, Signature={signature}"
    sent.append((b"authorization", (value if authorization is None else authorization).encode()))
    return signed_request(method, raw_path, query, sent, now_s)


def refused(request: Signed, body: bytes = b"", secret: str = SECRET) -> None:
    with pytest.raises(BadSignature, match="verify aksk signature fail"):
        request.check(secret, body)


def test_published_vector() -> None:
    """Canonical request and signature, to the last digit."""
    request = read()
    empty = hashlib.sha256(b"").hexdigest().encode()
    assert hashlib.sha256(canonical_request(request, empty)).hexdigest() == CANONICAL_SHA256
    request.check(SECRET, b"")
    assert request.access == ACCESS


def test_whatever_was_changed_is_refused() -> None:
    """Method, path, query, a signed header, body, secret, signature."""
    refused(read(method="POST"))
    refused(read(raw_path=PATH + b"x"))
    refused(read(query=QUERY + b"0"))
    refused(read(query=QUERY + b"&a="))
    refused(read(headers={"host": "service.region.example.com:80"}))
    refused(read(headers={"content-type": "application/json;charset=utf-8"}))
    refused(read(), body=b"{}")
    refused(read(), secret=SECRET + "x")
    refused(read(signature="0" * 64))


def test_skew() -> None:
    """A quarter of an hour either way, not a second more."""
    for off_s in (0, MAX_SKEW_S, -MAX_SKEW_S):
        read(now_s=SIGNED_S + off_s).check(SECRET, b"")
    for off_s in (MAX_SKEW_S + 1, -MAX_SKEW_S - 1, 10**9):
        with pytest.raises(BadSignature, match="X-Sdk-Date is more than 15 minutes off"):
            read(now_s=SIGNED_S + off_s)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"authorization": "SDK-HMAC-SM3 Access=a, SignedHeaders=x-sdk-date, Signature=" + "0" * 64}, "Authorization must be"),
        ({"authorization": "V11-HMAC-SHA256 Credential=a"}, "Authorization must be"),
        ({"authorization": "SDK-HMAC-SHA256 Credential=a/b"}, "Authorization must be"),
        ({"authorization": "SDK-HMAC-SHA256"}, "Authorization must be"),
        ({"signature": SIGNATURE[:-1]}, "Authorization must be"),
        ({"names": "content-type;host"}, "X-Sdk-Date must be signed"),
        ({"names": "content-type;host;user-agent;x-sdk-date"}, "each signed header must be there once"),
        ({"names": "host;host;x-sdk-date"}, "each signed header must be there once"),
        ({"headers": {"x-sdk-date": "2019-11-15T03:36:55Z"}}, "X-Sdk-Date must be as"),
        ({"headers": {"x-sdk-date": "20191315T033655Z"}}, "X-Sdk-Date must be as"),
        ({"headers": {"x-security-token": "temporary"}}, "temporary access keys"),
    ],
)
def test_what_cannot_be_checked_is_refused(changes: dict[str, Any], reason: str) -> None:
    """With the reason, which is about the request and not about the key."""
    with pytest.raises(BadSignature, match=reason):
        read(**changes)


def test_header_that_is_there_twice_is_refused() -> None:
    """Which of the two was signed, and which is read behind, nobody can say."""
    sent = [(name.encode(), value.encode()) for name, value in SIGNED_HEADERS.items()]
    value = f"SDK-HMAC-SHA256 Access={ACCESS}, SignedHeaders=content-type;host;x-sdk-date, Signature={SIGNATURE}"
    sent += [(b"authorization", value.encode()), (b"host", b"elsewhere")]
    with pytest.raises(BadSignature, match="there once"):
        signed_request("GET", PATH, QUERY, sent, SIGNED_S)


def test_query_is_put_into_the_one_form() -> None:
    """Sorted by decoded name, equal names left in their order; a plus is a plus, a lone name has an empty value."""
    cases = {
        b"": b"",
        b"b=2&a=1": b"a=1&b=2",
        b"a=2&a=1": b"a=2&a=1",
        b"a": b"a=",
        b"a&&b=": b"a=&b=",
        b"a=x+y%20z": b"a=x%2By%20z",
        b"a=x=y": b"a=x%3Dy",
        b"%61=%7e~%2F": b"a=~~%2F",
        b"%E4%B8%AD=%ff": b"%E4%B8%AD=%FF",
    }
    assert {query: canonical_query(query) for query in cases} == cases


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), max_size=12)
VALUE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
NAME = st.from_regex(r"[a-z][a-z0-9-]{0,12}", fullmatch=True)


@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD"]),
    parts=st.lists(TEXT, min_size=1, max_size=4),
    query=st.lists(st.tuples(TEXT.filter(bool), TEXT), max_size=5),
    headers=st.dictionaries(NAME.filter(lambda name: name not in ("authorization", "x-security-token")), VALUE, max_size=4),
    body=st.binary(max_size=50),
    unsigned=st.booleans(),
    secret=st.text(min_size=1, max_size=40),
)
def test_what_an_independent_signer_signs_is_accepted(
    method: str,
    parts: list[str],
    query: list[tuple[str, str]],
    headers: dict[str, str],
    body: bytes,
    unsigned: bool,
    secret: str,
) -> None:
    """Whatever it is; and with another body, it is not, unless the body was left out of the signature."""
    headers = headers | {"x-sdk-date": sdk_date(SIGNED_S)} | ({"x-sdk-content-sha256": "UNSIGNED-PAYLOAD"} if unsigned else {})
    path = "/" + "/".join(parts)
    value = authorization(ACCESS, secret, headers, canonical(method, path, query, headers, body))
    sent = [(name.encode(), text.encode()) for name, text in headers.items()] + [(b"authorization", value.encode())]
    request = signed_request(method, quote(path).encode(), wire_query(query).encode(), sent, SIGNED_S)
    request.check(secret, body)
    if unsigned and body:
        request.check(secret, body + b"x")
    else:
        refused(request, body + b"x", secret)
    refused(request, body, secret + "x")


def test_hash_that_is_sent_must_be_the_bodys() -> None:
    """Signed or not: else anybody in between could change the body."""
    headers = {"x-sdk-date": sdk_date(SIGNED_S), "x-sdk-content-sha256": hashlib.sha256(b"one").hexdigest()}
    value = authorization(ACCESS, SECRET, headers, canonical("POST", "/a", [], headers, b"one"))
    sent = [(name.encode(), text.encode()) for name, text in headers.items()] + [(b"authorization", value.encode())]
    request = signed_request("POST", b"/a", b"", sent, SIGNED_S)
    request.check(SECRET, b"one")
    with pytest.raises(BadSignature, match="not the one that was signed"):
        request.check(SECRET, b"two")
