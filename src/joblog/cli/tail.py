"""``joblog tail --grep``: of a log's last lines, and of those that come, the ones that match."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator

from joblog.client import Client, Log, Query
from joblog.errors import Invalid, JoblogError


def saying() -> Callable[[JoblogError], None]:
    """Returns what tells a person why a follower waits, each reason once."""
    told = ""

    def say(error: JoblogError) -> None:
        nonlocal told
        if str(error) != told:
            sys.stderr.write(f"joblog: {error}; still trying\n")
        told = str(error)

    return say


def tail_matching(client: Client, log: Log, args: argparse.Namespace, at: int) -> int:
    """Writes the last lines that match, which the server finds; with ``--since`` all from ``at`` on. Then those that come.

    Lines that come are matched here, by Python's expressions, which mean the same but for what RE2 does not have.
    """
    query = Query(args.grep, regex=True)
    pattern = _compiled(args.grep)
    if args.since:
        found = list(client.search(log.ref, query, start=at))
    else:
        found = list(client.search(log.ref, query, backwards=True, limit=args.count))[::-1] if args.count else []
    # An unfinished line is matched when it is finished, if it is waited for.
    until = log.partial_byte if args.follow and not log.closed else log.end_byte
    for hit in found:
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
        raise Invalid("--grep", f"a regular expression ({error})", text) from error


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
