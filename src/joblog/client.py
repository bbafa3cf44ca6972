"""The SDK: a synchronous, typed client of joblog's native API.

    with Client("http://127.0.0.1:8470", token) as client:
        run = client.run("lab", "resnet")
        at = client.append(run.log.ref, 0, b"epoch 1\n").end_byte
        client.append(run.log.ref, at, b"epoch 2\n")
        client.close_log(run.log.ref)
        for piece in client.read(run.log.ref):
            ...

One method per call of the API. Nothing is retried here, as only the caller knows what a second try costs; ``append``
may be repeated at will. Every method raises ``errors.py``: what the server said, or ``Unreachable`` when no joblog
answered. The token appears in no message.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3

from joblog import __version__
from joblog.answers import (
    Appended,
    Gap,
    Job,
    Lines,
    Log,
    LogRef,
    Project,
    Run,
    Token,
    Value,
    Version,
    decoded,
    failure,
    value,
)
from joblog.errors import Invalid, Unreachable

__all__ = ["Appended", "Client", "Gap", "Job", "Lines", "Log", "LogRef", "Project", "Run", "Token", "Version"]

PAGE_ITEMS = 1000
"""Items asked for at a time in lists: the API's own limit, so that a long list costs the fewest calls."""

READ_BYTES = 256 << 10
"""Piece size of a streamed read: large enough that the loop around it is not what costs, small enough to be live."""

CONNECT_S = 5.0
"""Longest wait for a connection: a lost SYN is sent again after 1 and 3 s, so two losses are survived."""


class Client:
    """Talks to one joblog server; may be shared by threads; closed by ``close`` or as a context manager.

    ``timeout_s`` bounds the wait for a connection (at most ``CONNECT_S``) and each wait for bytes, not a whole call.
    """

    def __init__(self, url: str, token: str, *, timeout_s: float = 30.0) -> None:
        if not url.startswith(("http://", "https://")):
            raise Invalid("url", "an http:// or https:// address", url)
        if not (token.isascii() and token.isprintable()):
            raise Invalid("token", "printable ASCII")
        self.url = url.rstrip("/")
        headers = {"User-Agent": f"joblog/{__version__}"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        timeout = urllib3.Timeout(connect=min(CONNECT_S, timeout_s), read=timeout_s)
        # retries=False also refuses redirects: the token goes nowhere but to this server.
        proxy = _proxy(self.url)
        self._pool = (
            urllib3.ProxyManager(proxy, headers=headers, timeout=timeout, retries=False)
            if proxy
            else urllib3.PoolManager(headers=headers, timeout=timeout, retries=False)
        )
        self._headers = headers

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections; may be called again."""
        self._pool.clear()

    # Writing a log

    def run(self, project_id: str, job_name: str, *, run_id: str | None = None, task: str = "worker-0") -> Run:
        """Gets or creates job, version and log; all that name the same ``run_id`` meet in one version."""
        body = {"job_name": job_name, "task": task} | ({} if run_id is None else {"run_id": run_id})
        return value(Run, self._call("POST", f"{_project(project_id)}/runs", body))

    def append(self, log: LogRef, at: int, data: bytes, *, encoding: str | None = None) -> Appended:
        """Appends ``data``, whose first byte belongs at position ``at``; returning means committed to disk.

        ``encoding`` says how ``data`` is compressed: ``gzip``, ``zstd`` or not at all. May be repeated at will.

        Raises:
            Different: other bytes are held at these positions; ``expected`` is the log's end.
            BeyondEnd: ``at`` is after the log's end, ``expected``.
            Closed: the log was closed at ``expected``.
        """
        headers = {"Content-Type": "application/octet-stream"} | ({"Content-Encoding": encoding} if encoding else {})
        answer = self._send("POST", f"{log.path}/append?at={at}", data, headers)
        return value(Appended, decoded(answer.data))

    def close_log(self, log: LogRef, *, end_byte: int | None = None, crc32: int | None = None, gaps: Iterable[Gap] = ()) -> Log:
        """Closes the log; with the writer's own count and CRC-32 the answer's ``complete`` says whether they agree."""
        body: dict[str, object] = {"gaps": [asdict(gap) for gap in gaps]}
        body |= {} if end_byte is None else {"end_byte": end_byte}
        body |= {} if crc32 is None else {"crc32": crc32}
        return value(Log, self._call("POST", f"{log.path}/close", body))

    # Reading a log

    def status(self, log: LogRef) -> Log:
        """Returns the log's status."""
        return value(Log, self._call("GET", log.path))

    def read(self, log: LogRef, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Yields the bytes ``[start, end)``, as they are, piece by piece; to the log's present end without ``end``.

        What retention has removed (before ``Log.start_byte``) is left out.

        Raises:
            Unreachable: also when the answer is cut off half-way; go on from what was received.
        """
        if end is not None and end <= start:
            return
        headers = {}
        if start or end is not None:
            headers["Range"] = f"bytes={start}-{'' if end is None else end - 1}"
        answer = self._send("GET", f"{log.path}/bytes", None, headers, stream=True)
        try:
            yield from answer.stream(READ_BYTES)
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error) from error
        finally:
            answer.close()

    def lines(self, log: LogRef, start: int = 0, count: int = 100) -> Lines:
        """Returns up to ``count`` (at most 10,000) lines from line ``start``; a negative one counts from the end."""
        return value(Lines, self._call("GET", f"{log.path}/lines?start={start}&count={count}"))

    # What there is

    def projects(self) -> Iterator[Project]:
        """Yields the projects that the token may see."""
        return self._items(Project, "/api/projects")

    def create_project(self, project_id: str, *, retain_days: int | None = None, retain_bytes: int | None = None) -> Project:
        """Gets or creates a project and sets the retention that is given."""
        body: dict[str, object] = {"id": project_id}
        body |= {} if retain_days is None else {"retain_days": retain_days}
        body |= {} if retain_bytes is None else {"retain_bytes": retain_bytes}
        return value(Project, self._call("POST", "/api/projects", body))

    def jobs(self, project_id: str, *, name: str | None = None) -> Iterator[Job]:
        """Yields the project's jobs by id; with ``name`` only the one so named, if there is one."""
        return self._items(Job, f"{_project(project_id)}/jobs", {} if name is None else {"name": name})

    def job(self, project_id: str, job_id: int) -> Job:
        """Returns one job."""
        return value(Job, self._call("GET", f"{_project(project_id)}/jobs/{job_id}"))

    def versions(self, project_id: str, job_id: int) -> Iterator[Version]:
        """Yields the job's versions, oldest first."""
        return self._items(Version, f"{_project(project_id)}/jobs/{job_id}/versions")

    def logs(self, project_id: str, job_id: int, version_id: int) -> Iterator[Log]:
        """Yields the version's logs in worker order."""
        return self._items(Log, f"{_project(project_id)}/jobs/{job_id}/versions/{version_id}/logs")

    # Tokens

    def create_token(
        self,
        rights: Iterable[str],
        *,
        project_id: str | None = None,
        label: str | None = None,
        expires_s: int | None = None,
    ) -> Token:
        """Creates a token (for all projects without ``project_id``); its secret is in this answer and nowhere else."""
        body: dict[str, object] = {"rights": list(rights)}
        body |= {} if project_id is None else {"project_id": project_id}
        body |= {} if label is None else {"label": label}
        body |= {} if expires_s is None else {"expires_s": expires_s}
        return value(Token, self._call("POST", "/api/tokens", body))

    def tokens(self) -> Iterator[Token]:
        """Yields the tokens, without their secrets."""
        return self._items(Token, "/api/tokens")

    def revoke_token(self, token_id: int) -> None:
        """Makes a token worthless."""
        self._send("DELETE", f"/api/tokens/{token_id}")

    # The one way out

    def _items(self, kind: type[Value], path: str, query: Mapping[str, str] | None = None) -> Iterator[Value]:
        following: object = None
        while True:
            asked = {"limit": str(PAGE_ITEMS), **(query or {})}
            if following is not None:
                asked["after"] = str(following)
            page = self._call("GET", f"{path}?{urlencode(asked)}")
            if not isinstance(page, dict) or not isinstance(page.get("items"), list):
                raise Unreachable("the answer is not a joblog list")
            yield from (value(kind, item) for item in page["items"])
            following = page.get("next")
            if following is None:
                return

    def _call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        if body is None:
            return decoded(self._send(method, path).data)
        sent = json.dumps(body).encode()
        return decoded(self._send(method, path, sent, {"Content-Type": "application/json"}).data)

    def _send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        stream: bool = False,
    ) -> urllib3.BaseHTTPResponse:
        sent = self._headers | dict(headers or {})
        try:
            answer = self._pool.request(method, self.url + path, body=body, headers=sent, preload_content=not stream)
            if 200 <= answer.status < 300:
                return answer
            said = answer.data
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error) from error
        error_told = failure(answer.status, said)
        error_told.retry_after_s = _seconds(answer.headers.get("Retry-After"))
        raise error_told

    def _unreachable(self, error: BaseException) -> Unreachable:
        return Unreachable(f"no answer from {self.url}: {_reason(error)}")


def _proxy(url: str) -> str | None:
    """Returns the proxy that the environment names for ``url`` (``https_proxy``, ``no_proxy``); none to this machine."""
    found = urlsplit(url)
    host = found.hostname or ""
    if host in ("localhost", "::1") or host.startswith("127.") or proxy_bypass(host):
        return None
    return getproxies().get(found.scheme)


def _seconds(header: str | None) -> float | None:
    """Returns the seconds in a ``Retry-After``; None where there are none, as in its other form, a date."""
    return float(header) if header and header.isascii() and header.isdigit() else None


def _project(project_id: str) -> str:
    return f"/api/projects/{quote(project_id, safe='')}"


def _reason(error: BaseException) -> str:
    """Returns the cause at the root of ``error`` in a few words; urllib3's own are full of objects and addresses."""
    causes: list[BaseException] = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None:
        causes.append(cause)
    for one in causes:
        if isinstance(one, OSError) and one.strerror:
            return one.strerror
    if any(isinstance(one, TimeoutError) for one in causes):
        return "timed out"
    return str(causes[-1]) or type(causes[-1]).__name__
