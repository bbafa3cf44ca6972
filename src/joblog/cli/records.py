"""``joblog tail --json``: a log's lines as objects, for programs that want to know where each stands."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable

from joblog.cli.tail import saying
from joblog.client import Client, Log


def tail_records(client: Client, log: Log, args: argparse.Namespace, at: int) -> int:
    """Writes an object for each line from the one at position ``at`` on: ``line``, ``start_byte``, ``end_byte``, ``text``.

    Lines count from 0, ``end_byte`` is after the newline, and what is no UTF-8 in ``text`` is U+FFFD. An unfinished last line
    is written when no more of it is waited for.
    """
    line = client.lines(log.ref, byte=at, count=1).start_line if at < log.end_byte else log.end_line
    if args.follow:
        _write((piece.data for piece in client.follow(log.ref, at, waiting=saying())), line, at)
    else:
        _write(client.read(log.ref, at, log.end_byte), line, at)
    return 0


def _write(pieces: Iterable[bytes], line: int, at: int) -> None:
    waiting = b""
    for piece in pieces:
        *whole, waiting = (waiting + piece).split(b"\n")
        for text in whole:
            _put(line, at, at + len(text) + 1, text)
            line, at = line + 1, at + len(text) + 1
        sys.stdout.flush()
    if waiting:
        _put(line, at, at + len(waiting), waiting)


def _put(line: int, start_byte: int, end_byte: int, text: bytes) -> None:
    told = {"line": line, "start_byte": start_byte, "end_byte": end_byte, "text": text.decode("utf-8", "replace")}
    sys.stdout.write(json.dumps(told) + "\n")
