"""What the server says on stderr: lines for people, or an object on each line for programs; with the id of the request.

Messages hold what strangers have sent, paths above all. Neither form lets any of it end a line, or
reach a terminal as an escape.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

REQUEST_ID: ContextVar[bytes] = ContextVar("REQUEST_ID", default=b"")
"""The id of the request that is being answered, also in the threads that work for it."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_CONTROL_IN_TRACEBACK = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")

_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


SELDOM_S = 10.0
"""What would be said again and again is said so often: thousands are refused in each second of an overload."""

_MAX_SAID = 100


def configure(form: str) -> None:
    """Sets the root logger up; ``form`` is ``text`` or ``json``."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


class Seldom:
    """Knows what was said lately. For any thread: what two say at the same moment may be said twice."""

    def __init__(self, every_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._every_s, self._clock = every_s, clock
        self._counts: dict[str, tuple[float, int]] = {}

    def withheld(self, what: str) -> int | None:
        """Returns how often ``what`` was withheld since it was said; None when it is to be withheld again, and is counted."""
        now_s = self._clock()
        last_s, count = self._counts.get(what, (-self._every_s, 0))
        if now_s - last_s < self._every_s:
            self._counts[what] = last_s, count + 1
            return None
        if len(self._counts) >= _MAX_SAID:
            self._counts.clear()
        self._counts[what] = now_s, 0
        return count


class TextLines(logging.Formatter):
    """A line for people; of a traceback each line is set off, so that none looks like a line of the log's."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Renders the line, without control characters, with the request's id behind it."""
        fields: dict[str, Any] = getattr(record, "fields", {})
        number = REQUEST_ID.get().decode()
        more = {**fields, "request_id": number} if number else fields
        line = super().formatMessage(record) + "".join(f" {name}={value}" for name, value in more.items())
        return _CONTROL.sub(_escaped, line)

    def formatException(self, ei: _ExcInfo) -> str:
        """Renders a traceback."""
        text = super().formatException(ei)
        return "\n".join("  | " + _CONTROL_IN_TRACEBACK.sub(_escaped, line) for line in text.split("\n"))


class JsonLines(logging.Formatter):
    """An object on each line: ``time``, ``level``, ``logger``, ``message``, and where they are known ``request_id``, ``error``.

    What a record has as ``fields`` is in the object, too.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Renders a record."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if number := REQUEST_ID.get():
            line["request_id"] = number.decode()
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line)


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()
