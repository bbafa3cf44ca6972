"""``joblog cat`` and ``tail``. On a terminal they show what a terminal shows of a log; elsewhere its bytes, as they are."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import NamedTuple

from joblog.cli.common import connected, note, part_of, span
from joblog.cli.tail import saying, tail_matching, tail_records
from joblog.cli.together import show_last_lines, show_lines, tail_ranks
from joblog.client import Client, Log
from joblog.client.names import find_log, place
from joblog.core.places import part as part_name
from joblog.errors import Invalid


class _Part(NamedTuple):
    """What is asked for: ``[low, high)`` in lines or bytes, to the end where ``high`` is None."""

    low: int = 0
    high: int | None = None
    in_bytes: bool = False


def cat(args: argparse.Namespace) -> int:
    """Writes a log, or a part of it."""
    asked = _asked(args)
    if args.plain and asked.in_bytes:
        raise Invalid("--plain", "absent where bytes are asked for")
    if args.new and (asked.in_bytes or args.raw):
        raise Invalid("--new", "given without --raw, and for lines")
    client, project_id = connected(args)
    with client:
        log = find_log(client, project_id, args.log)
        if args.since or args.until:
            asked = _arrived(client, log, args)
        if _says_nothing(client, log, asked):
            return 0
        if args.new:
            import_module("joblog.cli.newness").show(client, log, _shown(client, log, asked.low, asked.high))
            return 0
        if not asked.in_bytes and _folded(args):
            show_lines(client, log, asked.low, asked.high, args.encoding)
            return 0
        low, high = asked.low, asked.high
        if not asked.in_bytes:
            low, high = _line_start(client, log, low), None if high is None else _line_start(client, log, high)
        start, end = max(low, log.start_byte), log.end_byte if high is None else min(high, log.end_byte)
        _write(client.read(log.ref, start, end))
    return 0


def _shown(client: Client, log: Log, low: int, high: int | None) -> Iterator[str]:
    """Yields the lines ``[low, high)`` as a terminal shows them, to the log's end where ``high`` is None."""
    for line in client.shown(log.ref, max(low, log.start_line)):
        if high is not None and line.start_line >= high:
            return
        if line.end_line > low:
            yield line.text


def _folded(args: argparse.Namespace) -> bool:
    """Whether a log is to be shown as a terminal shows it: on one, or where that is asked for."""
    return bool(args.plain) or (sys.stdout.isatty() and not args.raw)


def _asked(args: argparse.Namespace) -> _Part:
    """Returns the part that flags or a link name; raises Invalid."""
    linked = part_of(args.log)
    if linked is not None and (args.since or args.until or args.lines or args.bytes):
        raise Invalid("--lines, --bytes, --since and --until", "absent where LOG names a part")
    if (args.since or args.until) and (args.lines or args.bytes):
        raise Invalid("--since and --until", "absent where --lines or --bytes is given")
    if linked is not None:
        return _Part(linked.start, linked.end, linked.in_bytes)
    if args.bytes:
        return _Part(*span("--bytes", args.bytes), in_bytes=True)
    return _Part(*span("--lines", args.lines)) if args.lines else _Part()


def _arrived(client: Client, log: Log, args: argparse.Namespace) -> _Part:
    """Returns the lines that arrived within a time."""
    low = client.lines(log.ref, since=args.since, count=1).start_line if args.since else log.start_line
    return _Part(low, client.lines(log.ref, since=args.until, count=1).start_line if args.until else None)


def _says_nothing(client: Client, log: Log, asked: _Part) -> bool:
    """Says on stderr that there is nothing to write, and why; returns whether it is so."""
    unit = "B" if asked.in_bytes else "L"
    start, end = (log.start_byte, log.end_byte) if asked.in_bytes else (log.start_line, log.end_line + _unfinished(log))
    if asked.low < end and (asked.high is None or max(asked.low, start) < asked.high):
        return False
    name = place(client, log.ref)
    if log.start_byte == log.end_byte:
        note(f"{name} is empty" + ("" if not log.end_byte else ": retention has removed what it had"))
    elif asked.high is not None and asked.high <= asked.low:
        note(f"{name} has nothing from that time")
    else:
        wanted = part_name(asked.low, asked.low + 1 if asked.high is None else asked.high, unit)
        note(f"{name} has nothing at {wanted}: it is {name}{part_name(start, end, unit)}")
    return True


def _unfinished(log: Log) -> bool:
    """Whether there is a line behind the last newline."""
    return log.partial_byte < log.end_byte


def tail(args: argparse.Namespace) -> int:
    """Writes a log's last lines, and with ``--follow`` what comes."""
    _check_tail(args)
    if args.rank:
        return tail_ranks(args)
    if args.count < 0:
        raise Invalid("-n", "0 or more", args.count)
    client, project_id = connected(args)
    with client:
        log = find_log(client, project_id, args.log)
        if not args.follow and log.start_byte == log.end_byte:
            _says_nothing(client, log, _Part())
            return 0
        if args.new:
            return _tail_new(client, log, args)
        if args.grep is None and not args.json and _folded(args):
            return _tail_shown(client, log, args)
        at = client.lines(log.ref, since=args.since, count=1).start_byte if args.since else _tail_start(client, log, args.count)
        if args.grep is not None:
            return tail_matching(client, log, args, at)
        if args.json:
            return tail_records(client, log, args, at)
        if args.follow:
            _follow(client, log, at)
        else:
            _write(client.read(log.ref, at, log.end_byte))
    return 0


def _check_tail(args: argparse.Namespace) -> None:
    if args.json and (args.rank or args.plain or args.grep is not None):
        raise Invalid("--json", "given without --rank, --plain and --grep, which joblog search has")
    if args.plain and args.grep is not None:
        raise Invalid("--plain", "given without --grep")
    if args.new and (args.json or args.rank or args.raw or args.grep is not None):
        raise Invalid("--new", "given without --json, --rank, --raw and --grep")


def _tail_new(client: Client, log: Log, args: argparse.Namespace) -> int:
    line = max(log.end_line - args.count + _unfinished(log), log.start_line)
    if args.since:
        line = client.lines(log.ref, since=args.since, count=1).start_line
    newness = import_module("joblog.cli.newness")
    followed = args.follow
    lines = newness.followed(client, log, _line_start(client, log, line)) if followed else _shown(client, log, line, None)
    newness.show(client, log, lines)
    return 0


def _tail_shown(client: Client, log: Log, args: argparse.Namespace) -> int:
    if args.since:
        page = client.lines(log.ref, since=args.since, count=1)
        line, at = page.start_line, page.start_byte
    elif args.follow:
        line, at = 0, _tail_start(client, log, args.count)
    else:
        show_last_lines(client, log, args.count, args.encoding)
        return 0
    if args.follow:
        import_module("joblog.cli.live").tail_live(client, log, at)  # its terminal, which others need not load
    elif at < log.end_byte:
        show_lines(client, log, line, None, args.encoding)
    return 0


def _write(pieces: Iterable[bytes]) -> None:
    """Writes the pieces to stdout as they come."""
    for piece in pieces:
        sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()


def _line_start(client: Client, log: Log, line: int) -> int:
    """Returns where line number ``line`` begins, or the nearest position that the log holds."""
    if line <= log.start_line:
        return log.start_byte
    if line > log.end_line:
        return log.end_byte
    return log.partial_byte if line == log.end_line else client.lines(log.ref, line, 1).start_byte


def _tail_start(client: Client, log: Log, count: int) -> int:
    """Returns where the last ``count`` lines begin; an unfinished one counts."""
    if count == 0:
        return log.end_byte
    return _line_start(client, log, max(log.end_line - count + _unfinished(log), log.start_line))


def _follow(client: Client, log: Log, at: int) -> None:
    """Writes what comes from position ``at`` on until the log is closed; waits for a server that is away."""
    _write(piece.data for piece in client.follow(log.ref, at, waiting=saying()))
