"""Reads a log back in all ways, glues the pages, and compares each with what the program printed, byte for byte.

    python examples/proof.py URL JOB-ID VERSION-ID LOG-FILE PRINTED       the token in $TOKEN

The two calls are ModelArts': ``log`` gives 2048 bytes a page, ``aom-log`` lines. Exits non-zero if anything differs.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
import zlib
from pathlib import Path
from typing import Any
from urllib.parse import urlencode


class Server:
    def __init__(self, url: str, token: str) -> None:
        self._url, self._headers = url, {"X-Auth-Token": token}
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def bytes(self, path: str, **query: object) -> bytes:
        asked = urllib.request.Request(f"{self._url}{path}?{urlencode(query)}", headers=self._headers)  # noqa: S310 - one's own server
        with self._opener.open(asked) as answer:
            return bytes(answer.read())

    def json(self, path: str, **query: object) -> Any:
        return json.loads(self.bytes(path, **query))

    def refusal(self, path: str, **query: object) -> tuple[int, Any]:
        try:
            self.bytes(path, **query)
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, json.loads(refused.read())
        raise SystemExit(f"FAILED: {path} took {query}")


def by_bytes(server: Server, log: str, name: str) -> tuple[bytes, int]:
    """Follows ``end_byte`` from the first byte to the last."""
    glued, pages, at = b"", 0, 0
    while (page := server.json(f"{log}/log", log_file=name, start_byte=at, offset=2048))["log_byte_count"]:
        glued, pages, at = glued + page["log"].encode(), pages + 1, page["end_byte"]
    return glued, pages


def by_lines(server: Server, log: str, name: str) -> tuple[bytes, int]:
    """Follows ``end_line`` from the oldest line to the newest."""
    glued, pages = b"", 0
    page = server.json(f"{log}/aom-log", log_file=name, base_line="", lines=10, order="asc")
    while page["lines"]:
        glued, pages = glued + page["content"].encode(), pages + 1
        page = server.json(f"{log}/aom-log", log_file=name, base_line=page["end_line"], lines=10, order="desc")
    return glued, pages


def check(what: str, *, holds: bool) -> None:
    if not holds:
        raise SystemExit(f"FAILED: {what}")
    print(f"  {what}")


def main() -> None:
    url, job, version, name, file = sys.argv[1:]
    server, printed = Server(url, os.environ["TOKEN"]), Path(file).read_bytes()
    log = f"/v1/default/training-jobs/{job}/versions/{version}"
    native = f"/api/projects/default/jobs/{job}/versions/{version}/logs/worker-0"
    for call, (glued, pages) in (("log", by_bytes(server, log, name)), ("aom-log", by_lines(server, log, name))):
        check(
            f"GET .../{call}: equal, {len(printed)} bytes printed, {len(glued)} read in {pages} pages", holds=glued == printed
        )
    check("GET .../bytes: equal, all at once", holds=server.bytes(f"{native}/bytes") == printed)
    status = server.json(native)
    whole = status["complete"] and status["crc32"] == zlib.crc32(printed)
    check(f"complete, and its crc32 is that of what was printed: {status['crc32']}", holds=whole)
    code, refused = server.refusal(f"{log}/aom-log", log_file=name, lines=501)
    check(f"lines=501 is refused, not bent: {code} {refused['error_code']}", holds=code == 400)


if __name__ == "__main__":
    main()
