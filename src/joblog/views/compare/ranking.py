"""Which of many lines are worth reading first: those that speak of a failure, before what follows from one, before all else."""

# ruff: noqa: E501 - words are read best many on a line

from __future__ import annotations

import re
from collections.abc import Sequence

from joblog.views.compare.values import Template
from joblog.views.why.kinds import CONNECTION, HCCL, KILLED, LAUNCHER, kind_of_line

CAUSE, TROUBLE, CONSEQUENCE, MILD, PLAIN, FRAME = range(6)
"""Weights: it names a failure; it speaks of trouble; others failed; it warns; none of these; it is of a stack or of code."""

_EXCEPTION = re.compile(
    r"^(?:\S+ ){0,6}?(?:[\w.]{1,100}\.)?[A-Z]\w{0,60}(?:Error|Exception|Exit|Interrupt|Timeout|Failure|Fault)\b(?::|$)"
    r"|\b[A-Z]\w{2,60}(?:Error|Exception): \S"
)
_TROUBLE = re.compile(
    r"(?i)(?<![a-z])(?:errors?|err|errno|fail(?:ed|ure|s|ing)?|fatal|abort(?:ed|ing)?|panic|critical|exception|killed|crash(?:ed)?"
    r"|cannot|can't|could ?n[o']t|unable|denied|refused|time[d-]? ?out|not found|no such|missing|invalid|illegal|unexpected"
    r"|unsupported|not supported|mismatch(?:es|ed)?|corrupt(?:ed)?|truncated|overflow|underflow|out of memory|oom|nan|-?inf|non-?finite"
    r"|assert(?:ion)?|segfault|dump(?:ed|ing)|unreachable|disconnect(?:ed)?|lost|stuck|hang(?:ing)?|hung|deadlock|stall(?:ed|ing)?"
    r"|exceed(?:s|ed)?|exhaust(?:ed)?|expired|broken|diverg(?:ed|ing)|bad|wrong|not responding|no space|unhealthy|dead|unknown|does not)"
    r"(?![a-z])"
)
_MILD = re.compile(
    r"(?i)(?<![a-z])(?:warn(?:ing)?s?|deprecat\w*|retry(?:ing)?|retries|skip(?:ped|ping)?|fall(?:ing)? back|slow|ignor(?:ed|ing)"
    r"|reset|reconnect\w*|waiting|restart\w*|evict\w*|throttl\w*|degraded)(?![a-z])"
)
_FOLLOWS = re.compile(
    r"(?i)ChildFailed|torch\.distributed\.elastic|torchelastic|elastic/|SIGTERM|srun: error|exit ?code|exit status|closing signal"
    r"|root cause|terminat(?:e|ed|ing)|shutting down|process group|other ranks|error_file|failures?:\s*$|to enable traceback"
    r"|resource_tracker|leaked|broken pipe|connection (?:reset|closed)|watchdog|took down|Job (?:step )?aborted|mpirun|MPI_ABORT"
)
_WARNED = re.compile(r"\b\w*Warning: |warnings\.warn\(|\bWARN(?:ING)?\b")
_FRAME = re.compile(
    r"^(?:\[[^\]]{0,40}\]:? *)?(?:\S+: )?\s*(?:Traceback \(most recent call last\)|File \"|File '|frame #|\s*at \S+\(|\^+\s*$|[~^]+\s*$"
    r"|During handling of|The above exception|#\d+ +0x|  \S.*\(\)?$|\.{3} ?\S+ more)"
)


_PLACE = re.compile(r'File "[^"]+", line (?:\d|#)')
_SOURCE = re.compile(r"\s*(?:raise|return|assert|yield|with|for|if|while|except|\w+ = |self\.)\b")


def weight(line: str) -> int:
    """Returns how far a line is from naming a failure: CAUSE to FRAME."""
    text = line[:1000]
    if _FRAME.match(text):
        return FRAME
    if _WARNED.search(text) is not None:
        return MILD
    kind = kind_of_line(text)
    if _FOLLOWS.search(text) is not None or kind in (KILLED, LAUNCHER):
        return CONSEQUENCE
    if kind in (CONNECTION, HCCL, "nccl"):
        return TROUBLE
    if kind is not None or _EXCEPTION.search(text) is not None:
        return CAUSE
    if _TROUBLE.search(text) is not None:
        return TROUBLE
    return MILD if _MILD.search(text) is not None else PLAIN


def is_frame(text: str) -> bool:
    """Whether a line is a frame of a Python stack: below it stands a line of code."""
    return 'File "' in text and _PLACE.search(text) is not None


def is_exception(line: str) -> bool:
    """Whether a line is the end of a stack, which names the exception."""
    return _EXCEPTION.search(line[:1000]) is not None and _SOURCE.match(line) is None


def order(template: Template) -> tuple[int, int, int, int]:
    """Sorts templates: by weight, by when they came, by where they stand."""
    where = template.first
    return template.weight, template.at_ms or 0, where.start_byte, int(where.task.rpartition("-")[2] or 0)


def ranked(templates: Sequence[Template]) -> list[Template]:
    """Returns templates, those first that are worth reading first."""
    return sorted(templates, key=order)
