"""A client's side of SDK-HMAC-SHA256, written from Huawei's guide with strings where the server has bytes: two that agree."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import quote

Query = Sequence[tuple[str, str]]


def encoded(text: str) -> str:
    return quote(text, safe="-_.~")


def wire_query(query: Query) -> str:
    """Returns the query as the client sends it, which is as it signs it."""
    return "&".join(f"{encoded(name)}={encoded(value)}" for name, value in sorted(query))


def canonical(method: str, path: str, query: Query, headers: Mapping[str, str], body: bytes) -> str:
    """Returns what is signed; ``path`` is not encoded, all headers are signed."""
    names = sorted(headers, key=str.lower)
    lines = "".join(f"{name.lower()}:{headers[name].strip()}\n" for name in names)
    uri = "/".join(encoded(part) for part in path.split("/"))
    payload = headers.get("x-sdk-content-sha256") if body else None
    payload = payload or hashlib.sha256(body).hexdigest()
    signed = ";".join(name.lower() for name in names)
    return f"{method}\n{uri if uri.endswith('/') else uri + '/'}\n{wire_query(query)}\n{lines}\n{signed}\n{payload}"


def authorization(access: str, secret: str, headers: Mapping[str, str], text: str) -> str:
    """Returns the header for a canonical request."""
    date = headers["x-sdk-date"]
    to_sign = f"SDK-HMAC-SHA256\n{date}\n{hashlib.sha256(text.encode()).hexdigest()}"
    signature = hmac.new(secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
    names = ";".join(sorted(name.lower() for name in headers))
    return f"SDK-HMAC-SHA256 Access={access}, SignedHeaders={names}, Signature={signature}"


def sdk_date(time_s: float) -> str:
    """Returns a moment as ``X-Sdk-Date`` has it."""
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y%m%dT%H%M%SZ")
