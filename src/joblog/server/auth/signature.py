"""Huawei's request signature, SDK-HMAC-SHA256: what the client hashed, made again from what came over the wire.

Pure: a request, a secret and the time in, a yes or a refusal out. The canonical request is

    METHOD \\n PATH/ \\n QUERY \\n name:value \\n ... \\n \\n name;name \\n hash of the body

Names and values of the query are taken apart, decoded and encoded again, because clients and proxies may write one and the
same query in several ways; headers count as they came. There is no nonce: within the allowed skew a request that somebody
has recorded can be sent again, which is why what travels over a network that is not one's own needs TLS, as with tokens.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from urllib.parse import quote_from_bytes, unquote_to_bytes

from msgspec import Struct

from joblog.errors import BadSignature

SCHEME = b"SDK-HMAC-SHA256"

MAX_SKEW_S = 15 * 60
"""How far the client's clock may be off, as Huawei has it."""

_CREDENTIALS = re.compile(
    rb"SDK-HMAC-SHA256\s+Access=([!-+\--~]{1,128}),\s*SignedHeaders=([!-+\--~]{1,4096}),\s*Signature=([0-9a-fA-F]{64})"
)
_DATE = re.compile(rb"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z")
_UNRESERVED = "-_.~"

_DATE_HEADER = b"x-sdk-date"
_HASH_HEADER = b"x-sdk-content-sha256"
_UNSIGNED = b"UNSIGNED-PAYLOAD"

Headers = Iterable[tuple[bytes, bytes]]


class Signed(Struct, frozen=True):
    """A signature as it was sent, all but the body it was made over."""

    access: str
    signature: str
    method: str
    path: bytes
    query: bytes
    names: tuple[bytes, ...]
    headers: dict[bytes, bytes]

    def check(self, secret: str, body: bytes) -> None:
        """Raises BadSignature unless whoever knows the secret signed this request with this body."""
        if not hmac.compare_digest(self._signature(secret, self._body_hash(body)), self.signature.encode()):
            raise BadSignature

    def _signature(self, secret: str, body_hash: bytes) -> bytes:
        canonical = canonical_request(self, body_hash)
        signed = b"\n".join((SCHEME, self.headers[_DATE_HEADER], hashlib.sha256(canonical).hexdigest().encode()))
        return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest().encode()

    def _body_hash(self, body: bytes) -> bytes:
        """Returns what stands for the body; a hash that the client sends must be the body's."""
        digest = hashlib.sha256(body).hexdigest().encode()
        claimed = self.headers.get(_HASH_HEADER, b"").strip()
        if not body or not claimed:
            return digest
        if claimed != _UNSIGNED and not hmac.compare_digest(claimed.lower(), digest):
            raise BadSignature("the body is not the one that was signed")
        return claimed


def signed_request(method: str, raw_path: bytes, query: bytes, headers: Headers, now_s: float) -> Signed:
    """Reads a signature and checks all of it that needs neither secret nor body; raises BadSignature."""
    by_name: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        by_name.setdefault(name.lower(), []).append(value)
    match = _CREDENTIALS.fullmatch(by_name.get(b"authorization", [b""])[-1].strip())
    if match is None:
        raise BadSignature("Authorization must be SDK-HMAC-SHA256 Access=..., SignedHeaders=..., Signature=...")
    names = tuple(sorted(name.lower() for name in match[2].split(b";")))
    if _DATE_HEADER not in names:
        raise BadSignature("X-Sdk-Date must be signed")
    # A header that is there twice could be read one way here and another way behind.
    if len(set(names)) < len(names) or any(len(by_name.get(name, ())) != 1 for name in names):
        raise BadSignature("each signed header must be there once")
    if by_name.get(b"x-security-token", [b""]) != [b""]:
        raise BadSignature("temporary access keys (X-Security-Token) are not issued here")
    if len(by_name.get(_HASH_HEADER, ())) > 1:
        raise BadSignature("X-Sdk-Content-Sha256 must be there once")
    _check_date(by_name[_DATE_HEADER][0].strip(), now_s)
    return Signed(
        access=match[1].decode("latin-1"),
        signature=match[3].decode().lower(),
        method=method,
        path=raw_path,
        query=query,
        names=names,
        headers={name: values[0].strip() for name, values in by_name.items() if name in names or name == _HASH_HEADER},
    )


def canonical_request(request: Signed, body_hash: bytes) -> bytes:
    """Returns the text that was signed."""
    path = _encoded(unquote_to_bytes(request.path), "/")
    lines = [request.method.encode(), path if path.endswith(b"/") else path + b"/", canonical_query(request.query)]
    lines += [name + b":" + request.headers[name] for name in request.names]
    return b"\n".join([*lines, b"", b";".join(request.names), body_hash])


def canonical_query(query: bytes) -> bytes:
    """Returns a query with its pairs in the order of their names, each encoded in the one way; ``+`` is a plus."""
    pairs = []
    for part in query.split(b"&"):
        if part:
            name, _, value = part.partition(b"=")
            pairs.append((unquote_to_bytes(name), unquote_to_bytes(value)))
    pairs.sort(key=lambda pair: pair[0])
    return b"&".join(_encoded(name) + b"=" + _encoded(value) for name, value in pairs)


def _encoded(text: bytes, safe: str = "") -> bytes:
    return quote_from_bytes(text, safe=_UNRESERVED + safe).encode()


def _check_date(date: bytes, now_s: float) -> None:
    form = BadSignature("X-Sdk-Date must be as 20191115T033655Z")
    match = _DATE.fullmatch(date)
    if match is None:
        raise form
    try:
        year, month, day, hour, minute, second = map(int, match.groups())
        signed = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError as error:
        raise form from error
    if abs(signed.timestamp() - now_s) > MAX_SKEW_S:
        raise BadSignature(f"X-Sdk-Date is more than {MAX_SKEW_S // 60} minutes off")
