"""Records of structured logs: what a line of JSON, or of ``name=value``, says, and of which level it is.

Docker's, loguru's, structlog's, zap's, Cloud Logging's: each has its names for the text, the level and the traceback.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import islice
from typing import Any

from joblog.views.prefix import HEAD_CHARACTERS

MAX_CHARACTERS = 64 * 1024

_TEXTS = ("message", "msg", "event", "text", "log")
_TRACEBACKS = (
    *("exc_info", "exc_text", "exception", "traceback", "stack_trace", "stacktrace", "stack", "exc", "thrown", "error", "err"),
    "text",
)
_STACKS = ("stack_trace", "stacktrace", "stackTrace", "extendedStackTrace", "stack", "traceback", "backtrace")
_PAIR = re.compile(r"([A-Za-z_][\w.]{0,40})=(?:\"((?:[^\"\\]|\\.){0,4000})\"|(\S{0,400}))")
_MAX_PAIRS = 64
_LEVELS = ("level", "severity", "levelname", "lvl", "log.level", "level_name", "@level")
_BAD = ("ERROR", "ERR", "CRITICAL", "CRIT", "FATAL", "SEVERE", "PANIC", "ALERT", "EMERGENCY")
_MAX_LINES = 400


@dataclass(frozen=True, slots=True)
class Record:
    """``text`` of several lines; ``level`` in capitals, empty where it has none. ``raw``: a line that was wrapped."""

    text: str
    level: str = ""
    raw: bool = False

    @property
    def bad(self) -> bool:
        """Whether its level says that something failed."""
        return self.level in _BAD


def record_of(text: str) -> Record | None:
    """Returns what a line of JSON, or of logfmt, says, None when it is neither, or says nothing."""
    if "level=" in text[:MAX_CHARACTERS] and "msg=" in text:
        return _logfmt(text[:MAX_CHARACTERS])
    if not (text.startswith("{") and text.rstrip().endswith("}")) or len(text) > MAX_CHARACTERS:
        return None
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    wrapped = record.get("log")
    if isinstance(wrapped, str) and ("stream" in record or "time" in record) and "\n" not in wrapped[:-1]:
        return Record(wrapped.rstrip("\n"), raw=True)
    return _record(record)


def record_within(text: str, *, hinted: bool) -> Record | None:
    """Returns the record that a line is, or, of one that may begin a failure, that stands behind what it begins with."""
    if text.startswith("{"):
        return record_of(text)
    at = text.find("{", 0, HEAD_CHARACTERS) if hinted and text.endswith("}") else -1
    if at > 0:
        return record_of(text[at:])
    return record_of(text) if hinted and "level=" in text else None


def _logfmt(text: str) -> Record | None:
    pairs = {match[1]: match[2] or match[3] or "" for match in islice(_PAIR.finditer(text), _MAX_PAIRS)}
    texts = [pairs[name].replace('\\"', '"').replace("\\n", "\n") for name in ("msg", "err", "error") if pairs.get(name)]
    return Record("\n".join(texts), pairs.get("level", "").upper()) if texts and "level" in pairs else None


def _record(record: dict[str, Any]) -> Record | None:
    inner = record.get("record")
    level = _level(record) or (_level(inner) if isinstance(inner, dict) else "")
    parts = [next((record[name] for name in _TEXTS if isinstance(record.get(name), str)), "")]
    for name in _TRACEBACKS:
        part = _traceback(record.get(name))
        if part and part not in parts[0] and name not in _TEXTS:
            parts.append(part)
    text = "\n".join(part.rstrip("\n") for part in parts if part)
    return Record("\n".join(text.split("\n")[:_MAX_LINES]), level) if text else None


def _traceback(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return "\n".join(each.rstrip("\n") for each in value)
    if isinstance(value, list) and value and isinstance(value[-1], dict):
        return _traceback(value[-1])
    if isinstance(value, dict):
        kind = value.get("type") or value.get("name") or value.get("class") or value.get("exc_type")
        stack = next((value[name] for name in _STACKS if isinstance(value.get(name), str)), None)
        text = value.get("message") or value.get("value") or value.get("msg") or value.get("exc_value")
        if isinstance(stack, str):
            return stack
        if isinstance(kind, str) and text:
            return f"{kind}: {text}"
    return ""


def _level(record: dict[str, Any]) -> str:
    for name in _LEVELS:
        value = record.get(name)
        if isinstance(value, dict):
            value = value.get("name")
        if isinstance(value, str):
            return value.upper()
        if isinstance(value, int) and not isinstance(value, bool):
            return "ERROR" if value in (40, 50, 60) else "INFO"  # of Python's logging, and of pino's
    return ""
