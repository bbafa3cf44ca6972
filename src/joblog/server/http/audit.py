"""Who did what: a line for each administrative act, and if it is asked for, for each read of what projects hold.

A line says who (the token's id and the user's, never a secret), from where, what was asked for and what came of it; refusals
are told as well. It goes to a file of its own, or into the server's log.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from contextvars import ContextVar
from io import TextIOWrapper
from logging.handlers import WatchedFileHandler
from typing import Any

from joblog.core.accounts import Grant
from joblog.core.settings import Settings
from joblog.errors import Invalid
from joblog.server.http.asgi import HTTPScope
from joblog.server.http.limits import address_of
from joblog.server.http.server_log import JsonLines

NOTE: ContextVar[dict[str, Any] | None] = ContextVar("NOTE", default=None)
"""What a handler has to add to the line of its request."""

_ACTS = ("/api/tokens", "/api/users", "/api/session", "/v3/auth/tokens")
_CHANGES = frozenset(("POST", "PUT", "DELETE", "PATCH"))
_ENDS = ("/stop", "/actions", "/batch-delete")

_log = logging.getLogger("joblog.audit")


class _Private(WatchedFileHandler):
    """A file that its owner alone reads, also when it was moved away and made again."""

    def _open(self) -> TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return TextIOWrapper(os.fdopen(descriptor, "ab"), encoding=self.encoding)


def configure(settings: Settings) -> None:
    """Opens the file, if there is to be one; it may be moved away meanwhile, as logrotate does. Raises Invalid."""
    if not settings.audit_file:
        return
    try:
        handler = _Private(settings.audit_file, encoding="utf-8")
    except OSError as error:
        raise Invalid("audit_file", f"a file that can be written ({error.strerror})", settings.audit_file) from error
    handler.setFormatter(JsonLines())
    _log.addHandler(handler)
    _log.propagate = False


def note(**fields: Any) -> None:
    """Adds to the line of the request that is being answered."""
    entry = NOTE.get()
    if entry is not None:
        entry.update(fields)


class Audit:
    """Writes the lines. ``caller`` returns the token of a request, None where it has none that is good."""

    def __init__(self, settings: Settings, caller: Callable[[HTTPScope], Grant | None]) -> None:
        self._settings = settings
        self._caller = caller
        self.changes = settings.audit != "none"
        self.reads = settings.audit == "reads"

    def begin(self, scope: HTTPScope) -> dict[str, Any] | None:
        """Returns what is to be told of a request, if any of it is: looked up now, since an act may end its own token."""
        if not (self.changes if scope["method"] in _CHANGES else self.reads):
            return None
        token = self._caller(scope)
        entry: dict[str, Any] = {"address": address_of(scope, self._settings)}
        if token is not None:
            entry |= {"token_id": token.id, "user_id": token.user_id}
        NOTE.set(entry)
        return entry

    def end(self, entry: dict[str, Any], method: str, path: str, route: str, status: int) -> None:
        """Tells of it."""
        if method not in _CHANGES:
            kind = "read" if "{project_id" in route or route.startswith(("/links/", "/p/")) else ""
        else:
            kind = "act" if is_act(method, route) else ""
        if kind:
            fields = {"kind": kind, "method": method, "route": route, "path": path, "status": status}
            _log.info("audit", extra={"fields": fields | entry})


def is_act(method: str, route: str) -> bool:
    """Whether a call changes what others may do, or removes or stops something; writing logs is none."""
    if route.startswith(_ACTS) or route in ("/api/projects", "/api/projects/"):
        return True
    return method == "DELETE" or "/members" in route or "/watch/rules" in route or route.endswith(_ENDS)
