"""``joblog search``: lines that match, nearly as grep writes them. Exit status 0: some, 1: none, 2: an error.

Lines count from 0, as everywhere. In one log ``3:text`` is what ``cat LOG --lines 3`` prints; in several what stands before
``:text`` is a name that ``cat`` takes: ``resnet/V0002/worker-0#L3``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import replace

from joblog.cli.common import connected, plain
from joblog.cli.lists import states_of
from joblog.cli.screen import coloured
from joblog.client import Client, LogRef
from joblog.client.names import LogNames, search_place
from joblog.client.searching import Hit, Line, Query, VersionRef, Within
from joblog.errors import Invalid

_MATCH, _NAME, _NUMBER, _MARK, _PLAIN = b"\x1b[1;31m", b"\x1b[35m", b"\x1b[32m", b"\x1b[36m", b"\x1b[m"
"""grep's colours."""


def search(args: argparse.Namespace) -> int:
    """Writes the lines that match, or how many do."""
    if args.limit is not None and args.limit < 1:
        raise Invalid("-m", "1 or more", args.limit)
    before = args.context if args.before is None else args.before
    after = args.context if args.after is None else args.after
    query = Query(args.pattern, not args.fixed, args.ignore_case)
    client, project_id = connected(args)
    with client:
        where = search_place(client, project_id, args.log)
        names = LogNames(client, project_id)
        within = _within(where, args)
        if args.runs:
            return _runs(client, where, query, within, names, args)
        if args.count:
            return _count(client, where, query, within, names)
        around = before, after
        hits = client.search(where, query, within=within, backwards=args.reverse, context=around, limit=args.limit)
        return _write_json(hits) if args.json else _Writer(names, args, isinstance(where, LogRef)).write(hits)


def _within(where: LogRef | VersionRef | str, args: argparse.Namespace) -> Within:
    """Returns what is searched; raises Invalid for flags that are not of what is named."""
    if args.rank and isinstance(where, LogRef):
        raise Invalid("--rank", "absent where LOG names a rank", args.rank)
    if (args.state or args.label) and not isinstance(where, str):
        raise Invalid("--state and --label", "given without LOG: they choose among the project's runs")
    return Within(args.since or "", args.until or "", args.rank or "", tuple(states_of(args)), tuple(args.label))


def _count(client: Client, where: LogRef | VersionRef | str, query: Query, within: Within, names: LogNames) -> int:
    counts = client.count(where, query, within=within)
    if isinstance(where, LogRef):
        sys.stdout.write(f"{counts.get(where, 0)}\n")
    else:
        for log, lines in counts.items():
            sys.stdout.write(f"{names.name(log)}:{lines}\n")
    return 0 if counts else 1


def _runs(
    client: Client, where: LogRef | VersionRef | str, query: Query, within: Within, names: LogNames, args: argparse.Namespace
) -> int:
    """Writes which runs have lines that match, the newest job's latest run first: how many, and the first one's place."""
    if isinstance(where, LogRef):
        raise Invalid("LOG", "a run, or nothing: --runs is about all ranks", args.log)
    counts = dict[VersionRef, int]()
    for log, lines in client.count(where, query, within=within).items():
        run = VersionRef(log.project_id, log.job_id, log.version_id)
        counts[run] = counts.get(run, 0) + lines
    newest = sorted(counts, key=lambda run: (run.job_id, run.version_id), reverse=True)
    for run in newest[: args.limit]:
        for hit in client.search(run, query, within=replace(within, states=(), labels=()), limit=1):
            place, _, name = names.name(hit.log).rpartition("/")
            if args.json:
                record = {"run": place, "lines": counts[run], "first": plain(hit)}
                sys.stdout.write(json.dumps(record, default=lambda data: data.decode("utf-8", "replace")) + "\n")
                sys.stdout.flush()
            else:
                sys.stdout.buffer.write(f"{place}:{counts[run]} {place}/{name}#L{hit.line}:".encode() + hit.text.data + b"\n")
                sys.stdout.buffer.flush()
    return 0 if counts else 1


def _write_json(hits: Iterator[Hit]) -> int:
    matched = False
    for hit in hits:
        matched = True
        sys.stdout.write(json.dumps(plain(hit), default=lambda data: data.decode("utf-8", "replace")) + "\n")
        sys.stdout.flush()
    return 0 if matched else 1


class _Writer:
    """Writes hits and the lines around them, each once."""

    def __init__(self, names: LogNames, args: argparse.Namespace, single: bool) -> None:
        self._names = names
        self._single = single
        self._around = bool(args.context or args.before or args.after)
        self._coloured = _coloured(args.color)
        self._last: tuple[LogRef, int] | None = None

    def write(self, hits: Iterator[Hit]) -> int:
        """Returns the exit status."""
        pending: Hit | None = None
        for hit in hits:
            if pending is not None:
                self._hit(pending, hit)
            pending = hit
            if not self._around:
                self._hit(hit, None)
                pending = None
                self._last = hit.log, hit.line
        if pending is not None:
            self._hit(pending, None)
        return 0 if pending is not None or self._last is not None else 1

    def _hit(self, hit: Hit, following: Hit | None) -> None:
        """Writes a hit; what comes after it belongs to the one that follows where they meet."""
        lines = [(line, False) for line in hit.before] + [(hit.text, True)] + [(line, False) for line in hit.after]
        until = following.line if following is not None and following.log == hit.log and following.line > hit.line else None
        for line, matches in lines:
            if self._last is not None and self._last[0] == hit.log and hit.line >= self._last[1] >= line.line:
                continue  # the hit before has written it
            if until is not None and line.line >= until:
                break
            if self._around and self._last is not None and (hit.log, line.line - 1) != self._last:
                self._put(self._colour(_MARK, b"--"))
            self._line(hit, line, matches)
            self._last = hit.log, line.line

    def _line(self, hit: Hit, line: Line, matches: bool) -> None:
        mark = self._colour(_MARK, b":" if matches else b"-")
        name = b"" if self._single else self._colour(_NAME, self._names.name(hit.log).encode())
        number = self._colour(_NUMBER, (b"" if self._single else b"#L") + str(line.line).encode()) + mark
        self._put(name + number + (self._marked(hit, line) if matches and self._coloured else line.data))

    def _marked(self, hit: Hit, line: Line) -> bytes:
        parts, at = [], 0
        for first, past in hit.spans:
            low, high = (min(max(byte - line.start_byte, at), len(line.data)) for byte in (first, past))
            parts += [line.data[at:low], self._colour(_MATCH, line.data[low:high]) if low < high else b""]
            at = high
        return b"".join([*parts, line.data[at:]])

    def _colour(self, colour: bytes, text: bytes) -> bytes:
        return colour + text + _PLAIN if self._coloured else text

    def _put(self, line: bytes) -> None:
        sys.stdout.buffer.write(line + b"\n")
        sys.stdout.buffer.flush()


def _coloured(when: str) -> bool:
    if when == "auto":
        return coloured()
    return when == "always"
