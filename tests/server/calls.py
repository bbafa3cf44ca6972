"""HTTP as a test needs it: every byte of a request is the test's, every byte of an answer is seen."""

from __future__ import annotations

import http.client
import json
import re
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

ANSWER_S = 30.0

IDLE_S = 5.0
"""After so long a new connection is made: the server closes those that are idle for half a minute."""


@dataclass(frozen=True)
class Reply:
    """A whole answer. ``headers`` are by their lower-case names."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, which must be JSON and say so; a name that stands in an object twice is an error."""
        assert self.headers["content-type"] == "application/json"
        return json.loads(self.body, object_pairs_hook=_object)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


class Web:
    """A server, called with one token (None: with none) over one connection."""

    def __init__(self, url: str, token: str | None, connection: http.client.HTTPConnection | None = None) -> None:
        self.token = token
        address = urlsplit(url)
        self.host, self.port = str(address.hostname), int(address.port or 80)
        self.url = url
        self._connection = connection or http.client.HTTPConnection(self.host, self.port, timeout=ANSWER_S)
        self._used_s = time.monotonic()

    def as_(self, token: str | None) -> Web:
        """Returns the same server called with another token, over the same connection."""
        other = Web(self.url, token, self._connection)
        other._used_s = self._used_s  # the connection has been idle for as long
        return other

    def call(self, method: str, path: str, body: bytes | Iterable[bytes] | None = None, /, **headers: str) -> Reply:
        """Sends a request; ``content_type="a"`` is the header ``content-type: a``. An iterable goes in chunks."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token is not None and not {"x-auth-token", "authorization"} & set(sent):
            sent["x-auth-token"] = self.token
        if time.monotonic() - self._used_s > IDLE_S:
            self._connection.close()
        self._used_s = time.monotonic()
        self._connection.request(method, path, body, sent, encode_chunked=not isinstance(body, bytes | None))
        answer = self._connection.getresponse()
        return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())

    def get(self, path: str, **parameters: object) -> Reply:
        return self.call("GET", path + ("?" + urlencode(parameters, doseq=True) if parameters else ""))

    def post(self, path: str, body: object) -> Reply:
        """Sends ``body`` as JSON, bytes as they are."""
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.call("POST", path, sent, content_type="application/json")

    def raw(self, request: bytes) -> bytes:
        """Sends the bytes, says that no more will come, and returns whatever comes back until the server hangs up."""
        with socket.create_connection((self.host, self.port), timeout=ANSWER_S) as connection:
            try:
                connection.sendall(request)
                connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # It has had enough; what it said is read below.
            return b"".join(iter(lambda: _received(connection), b""))

    def close(self) -> None:
        self._connection.close()


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except ConnectionResetError:
        return b""


@dataclass(frozen=True)
class MadeLog:
    """A log on a server, and where its calls are."""

    web: Web
    job_id: int
    version_id: int
    log_file: str
    project_id: str = "default"
    task: str = "worker-0"

    @property
    def v1(self) -> str:
        return f"/v1/{self.project_id}/training-jobs/{self.job_id}/versions/{self.version_id}"

    @property
    def version(self) -> str:
        return f"/api/projects/{self.project_id}/jobs/{self.job_id}/versions/{self.version_id}"

    @property
    def api(self) -> str:
        return f"{self.version}/logs/{self.task}"

    def status(self) -> dict[str, Any]:
        return dict(self.web.get(self.api).json)

    def held(self) -> dict[str, Any]:
        """The status but for what the background changes."""
        return {name: value for name, value in self.status().items() if name != "sealed_byte"}

    def append(self, at: int, data: bytes | Iterable[bytes], **headers: str) -> Reply:
        return self.web.call("POST", f"{self.api}/append?at={at}", data, **headers)

    def write(self, data: bytes) -> None:
        """Appends all of it, in the largest appends that are allowed."""
        for at in range(0, len(data), 16 << 20):
            assert self.append(at, data[at : at + (16 << 20)]).status == 200

    def close(self, **account: object) -> Reply:
        return self.web.post(f"{self.api}/close", account)

    def bytes_page(self, **parameters: object) -> dict[str, Any]:
        """Asks ``.../log``."""
        return _page(self.web.get(f"{self.v1}/log", log_file=self.log_file, **parameters))

    def lines_page(self, **parameters: object) -> dict[str, Any]:
        """Asks ``.../aom-log``."""
        return _page(self.web.get(f"{self.v1}/aom-log", log_file=self.log_file, **parameters))


def same(found: object, expected: object) -> bool:
    """Whether two JSON values are the same in type too: in Python ``1 == True == 1.0``, in JSON they are not."""
    return json.dumps(found, sort_keys=True) == json.dumps(expected, sort_keys=True)


def check_answer(reply: Reply, status: int) -> None:
    """Whatever an answer says, it is JSON and has its request id."""
    assert (reply.status, reply.headers["content-type"]) == (status, "application/json"), reply
    assert re.fullmatch(r"[0-9a-f]{32}", reply.headers["x-request-id"])


def check_v1(reply: Reply, status: int, code: str, message: str) -> None:
    """The reply is ModelArts' error body, with both names of the message."""
    check_answer(reply, status)
    body = {"is_success": False, "error_code": f"ModelArts.{code}", "error_msg": message, "error_message": message}
    assert same(reply.json, body), reply


def check_api(reply: Reply, status: int, code: str, message: str, **details: object) -> None:
    """The reply is the native error body."""
    check_answer(reply, status)
    assert same(reply.json, {"error": {"code": code, "message": message, **details}}), reply


def _page(reply: Reply) -> dict[str, Any]:
    assert reply.status == 200, reply
    return dict(reply.json)


def made_log(web: Web, job_name: str, data: bytes = b"", *, closed: bool = False) -> MadeLog:
    """Makes a log of a new run in the default project."""
    run = web.post("/api/projects/default/runs", {"job_name": job_name}).json
    log = MadeLog(web, run["job"]["id"], run["version"]["id"], run["log"]["log_file"])
    log.write(data)
    if closed:
        assert log.close().status == 200
    return log
