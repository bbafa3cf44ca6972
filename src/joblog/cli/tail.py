"""``joblog tail --grep``: of a log's last lines, and of those that come, the ones that match; ``--json``: lines as objects."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator

from joblog.client import Client, Log, Query
from joblog.errors import Invalid, JoblogError


def saying() -> Callable[[JoblogError], None]:
    """Returns what tells a person why a follower waits, each reason once."""
    reported = ""

    def say(error: JoblogError) -> None:
        nonlocal reported
        if str(error) != reported:
            sys.stderr.write(f"joblog: {error}; still trying\n")
        reported = str(error)

    return say


def tail_matching(client: Client, log: Log, args: argparse.Namespace, at: int) -> int:
    """Writes the last lines that match, which the server finds; with ``--since`` all from ``at`` on. Then those that come.

    Lines that come are matched here, by Python's expressions, which mean the same but for what RE2 does not have.
    """
    query = Query(args.grep, regex=True)
    pattern = _compiled(args.grep)
    if args.since:
        hits = list(client.search(log.ref, query, start=at))
    else:
        hits = list(client.search(log.ref, query, backwards=True, limit=args.count))[::-1] if args.count else []
    # An unfinished line is matched when it is finished, if it is waited for.
    until = log.partial_byte if args.follow and not log.closed else log.end_byte
    for hit in hits:
        if hit.start_byte < until:
            _put(b"".join(client.read(log.ref, hit.start_byte, hit.end_byte)) + b"\n")
    if args.follow:
        for line in _lines(client, log, until):
            if pattern.search(line):
                _put(line + b"\n")
    return 0


def _compiled(text: str) -> re.Pattern[bytes]:
    try:
        return re.compile(text.encode())
    except re.error as error:
        raise Invalid("--grep", f"a regular expression: look at character {error.pos or 0}", text) from error


def _lines(client: Client, log: Log, at: int) -> Iterator[bytes]:
    rest = b""
    for piece in client.follow(log.ref, at, waiting=saying()):
        *whole, rest = (rest + piece.data).split(b"\n")
        yield from whole
    if rest:
        yield rest


def _put(line: bytes) -> None:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


def tail_records(client: Client, log: Log, args: argparse.Namespace, at: int) -> int:
    """Writes an object for each line from the one at position ``at`` on: ``line``, ``start_byte``, ``end_byte``, ``text``.

    Lines count from 0, ``end_byte`` is after the newline, and what is no UTF-8 in ``text`` is U+FFFD. An unfinished last line
    is written when no more of it is waited for.
    """
    line = client.lines(log.ref, byte=at, count=1).start_line if at < log.end_byte else log.end_line
    if args.follow:
        _write_records((piece.data for piece in client.follow(log.ref, at, waiting=saying())), line, at)
    else:
        _write_records(client.read(log.ref, at, log.end_byte), line, at)
    return 0


def _write_records(pieces: Iterable[bytes], line: int, at: int) -> None:
    waiting = b""
    for piece in pieces:
        *whole, waiting = (waiting + piece).split(b"\n")
        for text in whole:
            _put_record(line, at, at + len(text) + 1, text)
            line, at = line + 1, at + len(text) + 1
        sys.stdout.flush()
    if waiting:
        _put_record(line, at, at + len(waiting), waiting)


def _put_record(line: int, start_byte: int, end_byte: int, text: bytes) -> None:
    record = {"line": line, "start_byte": start_byte, "end_byte": end_byte, "text": text.decode("utf-8", "replace")}
    sys.stdout.write(json.dumps(record) + "\n")
