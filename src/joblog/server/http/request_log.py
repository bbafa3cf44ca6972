"""What is counted, and said, of every request when its answer begins.

Routes are templates: a label never holds a name from outside, of which there is no end. Queries are not logged: a signed link
has its secret there.
"""

from __future__ import annotations

import logging
import time
from typing import Any, Protocol

from joblog.core.counters import REQUESTS, Distribution, Tally
from joblog.server.http.answers import request_id, shown_path
from joblog.server.http.asgi import HTTPScope
from joblog.server.http.audit import Audit
from joblog.server.http.server_log import REQUEST_ID

OTHER = "other"
"""The route of what matches none, or was refused before that was looked at."""

VIEWER = "viewer"

_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"))

_log = logging.getLogger("joblog.requests")


class RequestSpan(Protocol):
    """A request as a trace tells of it."""

    def begun(self, method: str, route: str, status: int) -> None:
        """Says that the answer begins."""

    def end(self) -> None:
        """Says that all of the answer was sent, or will never be."""


class Traces(Protocol):
    """Whoever traces requests: traces.py, where that is asked for."""

    def begin(self, scope: HTTPScope, number: str) -> RequestSpan:
        """Begins a request's span; ``number``: the request's id."""

    def object_call(self, call: str, failed: bool, seconds: float) -> None:
        """Tells of a call of the object store that has just ended."""

    def close(self) -> None:
        """Sends what is left."""


class Exchange:
    """One request while it is answered, with an id."""

    __slots__ = ("_began_s", "_method", "_path", "_traced", "_traffic", "audited", "number", "route")

    def __init__(self, traffic: Traffic, scope: HTTPScope) -> None:
        self._traffic = traffic
        self._began_s = time.perf_counter()
        method = scope["method"]
        self._method = method if method in _METHODS else OTHER
        self._path = scope["path"]
        self.audited: dict[str, Any] | None = None
        self.route = OTHER
        self.number = request_id()
        REQUEST_ID.set(self.number)
        self._traced = traffic.traces.begin(scope, self.number.decode()) if traffic.traces else None

    def begun(self, status: int) -> None:
        """Says that the answer begins; by then ``route`` is what it is."""
        route = self.route
        took_s = time.perf_counter() - self._began_s
        self._traffic.taken(self._method, route, status).add(took_s)
        if self._traced is not None:
            self._traced.begun(self._method, route, status)
        if self.audited is not None:
            self._traffic.audit.end(self.audited, self._method, shown_path(self._path), route, status)
        if status >= self._traffic.logged_from:
            fields = {"method": self._method, "path": shown_path(self._path), "route": route, "status": status}
            _log.info("answered", extra={"fields": {**fields, "ms": round(1000 * took_s, 3)}})

    def ended(self) -> None:
        """Says that all of the answer was sent, or will never be."""
        if self._traced is not None:
            self._traced.end()


class Traffic:
    """All requests of a process. Used from the event loop only."""

    def __init__(self, tally: Tally, log_requests: str, audit: Audit, traces: Traces | None) -> None:
        self._tally = tally
        self.traces = traces
        self.audit = audit
        self._taken: dict[tuple[str, str, int], Distribution] = {}
        self.logged_from = {"all": 0, "errors": 400, "none": 1000}[log_requests]

    def taken(self, method: str, route: str, status: int) -> Distribution:
        """Returns the durations of requests that were answered so."""
        seconds = self._taken.get((method, route, status))
        if seconds is None:
            seconds = self._tally.distribution(REQUESTS, method, route, str(status))
            self._taken[method, route, status] = seconds
        return seconds
