"""S3 requests as they are, signed by hand: for what joblog never asks of a store, and to make a bucket."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from tests.engines import BUCKET

_REGION = "us-east-1"


class StoreAnswer(NamedTuple):
    """What a store has said."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class StoreCalls:
    """Calls one bucket of one store."""

    def __init__(self, endpoint: str, credentials: Mapping[str, str]) -> None:
        self._host = urlsplit(endpoint).netloc
        self._access, self._secret = credentials["AWS_ACCESS_KEY_ID"], credentials["AWS_SECRET_ACCESS_KEY"]

    def make_bucket(self, within_s: float) -> None:
        """Makes the bucket, which may be there; waits for a store that is being started, and raises TimeoutError."""
        deadline = time.monotonic() + within_s
        said: object = "nothing"
        while time.monotonic() < deadline:
            try:
                answer = self.call("PUT", "")
                if answer.status in (200, 409) and self.call("PUT", "ready", b"1").status == 200:
                    return
                said = answer
            except (OSError, http.client.HTTPException) as error:
                said = error
            time.sleep(0.1)
        raise TimeoutError(f"the store does not take objects after {within_s:.0f} s, it said {said}")

    def call(
        self, method: str, key: str, body: bytes = b"", query: Mapping[str, str] | None = None, **headers: str
    ) -> StoreAnswer:
        """Asks for a key of the bucket; a header ``if_match`` is sent as ``if-match``."""
        path = quote(f"/{BUCKET}/{key}" if key else f"/{BUCKET}")
        asked = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted((query or {}).items()))
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent |= self._signed(method, path, asked, body, sent)
        connection = http.client.HTTPConnection(self._host, timeout=60)
        try:
            connection.request(method, f"{path}?{asked}" if asked else path, body, sent)
            answer = connection.getresponse()
            return StoreAnswer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def _signed(self, method: str, path: str, asked: str, body: bytes, sent: Mapping[str, str]) -> dict[str, str]:
        """Returns the headers of AWS Signature Version 4, under which all of ``sent`` is."""
        now = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        digest = hashlib.sha256(body).hexdigest()
        headers = dict(sorted({**sent, "host": self._host, "x-amz-content-sha256": digest, "x-amz-date": now}.items()))
        names = ";".join(headers)
        lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
        canonical = f"{method}\n{path}\n{asked}\n{lines}\n{names}\n{digest}"
        scope = f"{now[:8]}/{_REGION}/s3/aws4_request"
        to_sign = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = f"AWS4{self._secret}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.new(key, to_sign.encode(), "sha256").hexdigest()
        said = f"AWS4-HMAC-SHA256 Credential={self._access}/{scope}, SignedHeaders={names}, Signature={signature}"
        return headers | {"authorization": said}
