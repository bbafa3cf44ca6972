"""Whether starting a run again helps, by what ended it: the same memory, disk, code and data are there again.

Another node, and another hour of the network, are not the same.
"""

# ruff: noqa: E501 - an expression for each kind of end is read best on its own line

from __future__ import annotations

import re

from joblog.views.why.kinds import (
    CANN,
    CONNECTION,
    CRASH,
    EXCEPTION,
    GPU_MEMORY,
    HCCL,
    KILLED,
    NAN,
    OUT_OF_MEMORY,
    PYTHON,
    SHELLS,
)

_NODE = re.compile(
    r"ECC\b|NVRM: Xid|fallen off the bus|[Nn]ode [Ff]ailure|NODE FAIL|(?i:preempt)|low on resource|evicted|HBM|50705[4-9]|spot instance|[Nn]ode has died|[Nn]ode .{0,160}marked dead|shutdown signal|lost communication with the server"
)
_PEER = re.compile(
    r"(?i)network error|remote process|time[d]? ?out|timeout|connection (?:reset|refused|aborted|broken)|temporar|unavailable|unreachable"
    r"|heartbeat|another task died|different incarnation|DEADLINE_EXCEEDED|max retries|DistNetworkError|DistStoreError|无法连接|连接超时|50\d (?:server|bad gateway|internal)"
)
_OWN = re.compile(
    r"(?:Invalid\w*|Method|Type|Value|Key|Index|Attribute|Name|UnboundLocal|Import|ModuleNotFound|Syntax|Indentation|Tab|Assertion|ZeroDivision|NotImplemented"
    r"|Unicode\w*|FileNotFound|Permission|NotADirectory|IsADirectory|Overflow|Recursion|Lookup|Shape\w*|Config\w*|Validation|Instantiation"
    r"|Misconfiguration|Runtime|IllegalState|IllegalArgument|NullPointer|ClassNotFound|IndexOutOfBounds|XGBoost|LightGBM|CatBoost|MXNet)\w*(?:Error|Exception)?\b"
)  # fmt: skip
_COMMAND = re.compile(
    r"unrecognized arguments|arguments are required|^\S{1,80}: error: argument |command not found|(?::\d+|\(\d+\)): (?:fatal )?error: |can't open file|[Nn]o such file or directory|not supported|not found|unable to layout|can not be satisfied|configuration is not available"
    r"|error(?:\[\w{1,12}\]| [A-Z]{1,4}\d{2,6}): |could not compile|^Can't (?:locate|open)|compilation aborted|" + SHELLS
)
_TIME = re.compile(r"TIME LIMIT|walltime|TERM_RUNLIMIT|maximum (?:execution )?time|took longer than|Build timed out")
_CHECK = re.compile(
    r"[Aa]ssert|ASSERT|[Cc]heck failed|^panic|panicked|Sanitizer|out of bounds|nil pointer|invalid configuration argument|invalid device function|attempt to (?:index|call|perform|compare|concatenate)|no kernel image"
)
_CONFIGURED = re.compile(r"\bE[IJ]000[45]\b|ranktable|EZ\d{4}|E9\d{4}|E[1-4]\d{4}|not supported")


_PROGRAM = "an error of the program, or of its data, comes again"
_BY_KIND: dict[str, tuple[bool | None, str]] = {
    GPU_MEMORY: (False, "the same work needs the same memory"),
    OUT_OF_MEMORY: (False, "the same work needs the same memory"),
    "disk full": (False, "what is full stays full"),
    NAN: (None, ""),
}


def restart_helps(kind: str, message: str) -> tuple[bool | None, str]:
    """Returns whether starting again helps, None where that cannot be told, and why."""
    if _NODE.search(message):
        return True, "the node failed, or was taken away; another one may be whole"
    if kind in _BY_KIND:
        return _BY_KIND[kind]
    if kind in (HCCL, CANN) and _CONFIGURED.search(message):
        return False, "the program asks for what is not there, and will again"
    if kind in ("nccl", HCCL, CONNECTION) or _PEER.search(message):
        return True, "the network, or who was at its other end, failed"
    if kind == KILLED and _TIME.search(message):
        return True, "its time was up; from its last checkpoint it goes on"
    return (False, _PROGRAM) if _is_programs(kind, message) else (None, "")


def _is_programs(kind: str, message: str) -> bool:
    if kind in (CRASH, "cuda"):
        return (_CHECK.search(message) or _COMMAND.search(message)) is not None or "device-side assert" in message
    return _COMMAND.search(message) is not None or (
        kind in (PYTHON, EXCEPTION) and (_OWN.search(message) or _CHECK.search(message)) is not None
    )
