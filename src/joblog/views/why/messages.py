"""What a failure that was read comes to: its kind, its message, and the message of what it follows from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from joblog.views.why import marks
from joblog.views.why.forms import LINE_CHARACTERS, Unfinished
from joblog.views.why.kinds import CANN, CRASH, EXCEPTION, HCCL, LOGGED, PYTHON, kind_of_exception

_GOES_ON = re.compile(
    r"At line \d|Error in |thread '.*' (?:\(\d+\) )?panicked at .*:$|Error using |.{0,80}\*\*\* Process received|\S+ \[main\]"
    r"|.*\b(?:ERROR|FATAL|SEVERE)\b"
)
"""What a line begins with whose message stands on the next one."""


_NUMBERED = re.compile(r"^\d{1,3}: +")


@dataclass(frozen=True, slots=True)
class Message:
    """What a failure comes to; ``cause`` is the message of what it follows from, None where that is itself."""

    kind: str
    summary: str
    cause: str | None = None


def message_of(reading: Unfinished) -> Message:
    """Returns what a failure comes to."""
    if reading.kind is not None and not reading.raised:
        return _message_of_lines(reading)
    messages = [_joined(message) for message in reading.raised]
    if not messages:
        return Message(PYTHON, "a traceback that was cut off")
    outer, root = (messages[0], messages[-1]) if reading.inner else (messages[-1], messages[0])
    below = _below(reading)
    kinds = [kind_of_exception(text) for text in (*below, root, outer)]
    kind = next((each for each in kinds if each not in (PYTHON, "interrupted")), kinds[-1])
    causes = [text for text in (*below, root) if text != outer]
    return Message(kind, _shortened(outer), _shortened(causes[0]) if causes else None)


def _below(reading: Unfinished) -> list[str]:
    """What the blocks behind an exception give as its reason."""
    lines = list[str]()
    if "Error Message Summary:" in reading.block:
        lines.append(_paddle(reading.block))
    if any("Pipeline Error Message" in line for line in reading.block):
        lines += [line for line in reading.block if line.startswith("[ERROR]")][:1]
    lines += _coded(reading.codes)
    return [text for text in lines if text]


def _coded(codes: Sequence[str]) -> list[str]:
    """What CANN says by its codes, the first of which may say no more than that something is wrong within it."""
    inner = len(codes) > 1 and "Inner Error!" in codes[0]
    return [f"{codes[0]} {codes[1].partition(': ')[2]}"[:LINE_CHARACTERS]] if inner else list(codes[:1])


def _paddle(block: Sequence[str]) -> str:
    rest = block[block.index("Error Message Summary:") + 1 :]
    lines = [line for line in rest if not marks.RULE.fullmatch(line)]
    return _joined(lines[:3])


def _joined(lines: Sequence[str]) -> str:
    """Returns a message of several lines as one: frames and source left out, the middle of a long one, too."""
    rest = (line.strip() for line in lines[1:] if line.strip() and not marks.FILE.match(line))
    return " ".join([lines[0].strip(), *(line for line in rest if not marks.HINT.match(line))])


def _shortened(text: str) -> str:
    """Returns a message without the middle of a long one."""
    half = LINE_CHARACTERS // 2
    return text if len(text) <= LINE_CHARACTERS else f"{text[:half]} … {text[-half + 3 :]}"


def _message_of_lines(reading: Unfinished) -> Message:
    lines = [line.strip() for line in reading.text if line.strip()]
    kind, summary = reading.kind or LOGGED, lines[0] if lines else ""
    if reading.state == "block" or "Error Message Summary:" in reading.block:
        summary = _paddle(reading.block) if "Error Message Summary:" in reading.block else summary
        return Message(kind_of_exception(summary, kind), _shortened(summary))
    what = next((line for line in lines if line.startswith("what():")), None)
    if what is not None:
        summary = what
    elif kind in (CANN, HCCL) and reading.codes and marks.CODE.search(summary) is None:
        code = _coded(reading.codes)[0]
        return Message(kind_of_exception(code, kind), _shortened(summary), _shortened(code))
    elif summary.endswith("Inner Error!"):
        summary = _coded(reading.codes)[0] if reading.codes else summary
    elif _GOES_ON.match(summary):
        summary = _joined(lines[: 1 + int(len(lines) > 1)])
    inner = [line for line in lines[2:] if marks.ALONE.match(line)] if summary.endswith(":") else []
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    causes += inner
    if "Caused by:" in lines[:-1]:  # anyhow's, by number
        below = lines[1 + lines.index("Caused by:") :]
        numbered = list(takewhile(_NUMBERED.match, below))
        causes.append(_NUMBERED.sub("", (numbered or below[:1])[-1]))
    cause = causes[-1] if causes else None
    if kind in (EXCEPTION, CRASH):
        kind = kind_of_exception(f"{cause or ''} {summary}", kind)
    return Message(kind, _shortened(summary), None if cause is None else _shortened(cause))
