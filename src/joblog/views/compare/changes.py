"""Values that two lines of one template have: what their names are, and which of them differ."""

from __future__ import annotations

import re
from collections.abc import Iterator

from joblog.core.template import template

_VALUE = r"(?P<value>\"[^\"]{0,200}\"|'[^']{0,200}'|\[[^\]]{0,200}\]|\([^)]{0,200}\)|(?![\w./-]{1,60}=)[^\s,;)}\]]{1,200})"
_SETTINGS = (
    re.compile(r"(?<![\w./-])[\"']?(?P<name>[A-Za-z_][\w./-]{0,60})[\"']?\s?[=:]\s?" + _VALUE),
    re.compile(r"(?<!\S)--(?P<name>[A-Za-z][\w.-]{0,60})[ =]" + _VALUE),
)
_NUMBER = re.compile(r"(?<![\w.:/-])[-+]?\d+(?:\.\d+)*(?:[eE][-+]?\d+)?(?![\w:/]|\.\d)")
_SETTING_NUMBER = re.compile(r"\d+|\d+(?:\.\d+){2,}")
"""Without a name a count or a version is a setting; a decimal number is measured."""
_HEAD = re.compile(r"^\S{1,80}:\d+:\d+ (?:\[\d+\] )?")
_VARIES = re.compile(
    r"(?i)(?:^|[_.-])(?:time|date|timestamp|ts|pid|tid|ppid|process|thread|port|host\w*|addr\w*|ip|uuid|guid|id|run_id|job_id|commit"
    r"|elapsed|duration|eta|took|secs?|seconds|speed|throughput|rate_s|it/s|mem\w*|free|used|usage|available|cached|load|uptime"
    r"|loss|acc\w*|grad\w*|score|tmp\w*|log_?(?:dir|file)|(?:(?:out\w*|run|save|work|cache)_)?dir|line|lineno|msg|message|text|event|time_ms|session|token|cookie|nonce|busid|commid)$"
)
_IMPORTANT = re.compile(
    r"(?i)lr$|learning|batch|world|ranks|gpu|nproc|nodes|version|torch|cuda|nccl|python|seed|dtype|precision|fp16|bf16|epoch|step"
    r"|model|optim|data|path|hidden|layer|length|warmup|decay|momentum|workers|clip|backend|device"
)
_TIMED = re.compile(r"[\d.]+\s?(?:s|ms|us|ns|m|h|min|secs?|seconds|minutes|hours|it/s|[KMG]i?B/s)?$")


def changed(before: str, after: str, text: str) -> Iterator[tuple[str, str, str]]:
    """Yields the name of each value that differs between two lines of a template, what it was, and what it is."""
    if before == after:
        return
    named = dict(_settings(before)), dict(_settings(after))
    differing = [name for name in named[1] if name in named[0] and named[0][name] != named[1][name]]
    for name in differing:
        was, now = named[0][name], named[1][name]
        if not _VARIES.search(name) and not _passing(was, now):
            yield name, was, now
    if not differing and not named[1]:
        yield from _numbers(before, after, text)


def importance(name: str) -> int:
    """Returns 0 for the name of a setting that matters in training, 1 for others."""
    return 0 if _IMPORTANT.search(name) is not None else 1


def name_of(line: str) -> str:
    """Returns what a line says something of: the name before ``:`` or ``=`` that it begins with, or nothing."""
    match = re.match(r"\s*(?:[\[(][^\])]{0,60}[\])]\s*)?([\w][\w ./-]{0,60}?)\s?[:=](?=[ \S])(?!//)", line)
    return match[1] if match is not None else ""


def _settings(line: str) -> Iterator[tuple[str, str]]:
    for setting in _SETTINGS:
        for match in setting.finditer(line[:2000]):
            if value := match["value"].strip("\"'"):
                yield match["name"], value


def _passing(was: str, now: str) -> bool:
    """Whether values are such as differ from run to run: times, ids, addresses."""
    return any(
        template(each.encode()) in ("*", "#") and not _NUMBER.fullmatch(each) and not each.startswith("/")
        for each in (was, now)
    )


def _numbers(before: str, after: str, text: str) -> Iterator[tuple[str, str, str]]:
    was, now = (_NUMBER.findall(_HEAD.sub("", each)[:500]) for each in (before, after))
    differing = [(one, other) for one, other in zip(was, now, strict=False) if one != other]
    settings = [pair for pair in differing if all(map(_SETTING_NUMBER.fullmatch, pair))]
    if len(was) == len(now) and len(differing) == len(settings) == 1 and not _timed(before) and max(map(len, settings[0])) < 12:
        yield text[:80], *differing[0]


def _timed(line: str) -> bool:
    return (
        re.search(r"(?i)\d ?(?:s|ms|us|sec\w*|min\w*|it/s|[KMG]i?B(?:/s)?)\b|\bpid\b|\bport\b|took|elapsed|time", line)
        is not None
    )
