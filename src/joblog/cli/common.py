"""What the commands that ask a server share: the client, finding a log by its name, tables."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any, cast

from joblog.api import settings
from joblog.api.refs import printable
from joblog.api.values import Value
from joblog.client import Client
from joblog.client.links import LogPart, is_link, parsed_link, split_part
from joblog.errors import Invalid


def connected(args: argparse.Namespace) -> tuple[Client, str]:
    """Returns the client and the project that the arguments and the environment name; a link names its project itself."""
    connection = settings.load(os.environ, url=args.url, project_id=args.project, token_file=args.token_file)
    named = getattr(args, getattr(args, "link_in", ""), None)
    project_id = parsed_link(named, connection.url).project_id if named and is_link(named) else connection.project_id
    return Client(connection.url, connection.token, retry_s=0), project_id


def part_of(name: str | None) -> LogPart | None:
    """Returns the part of a log that stands behind ``#`` in its name, or in a link to it; raises Invalid."""
    return split_part(name or "")[1]


def span(flag: str, text: str) -> tuple[int, int | None]:
    """Returns the borders ``[A, B + 1)`` of ``A``, ``A-B``, ``A-`` or ``-B``, where both ends are meant; raises Invalid."""
    low, dash, high = text.partition("-")
    ends = [end for end in (low, high) if end]
    if not ends or not all(end.isascii() and end.isdigit() and len(end) < 19 for end in ends):
        raise Invalid(flag, "A, A-B, A- or -B", text)
    if high and int(high) < int(low or 0):
        raise Invalid(flag, "A-B, where B is not less than A", text)
    last = high if dash else low
    return int(low or 0), int(last) + 1 if last else None


def note(line: str) -> None:
    """Tells a person something on stderr."""
    if sys.stderr is not None:
        sys.stderr.write(f"joblog: {printable(line)}\n")
        sys.stderr.flush()


def show_json(value: object) -> None:
    """Writes one JSON document: of dataclasses and named tuples, or an iterable of them."""
    one = hasattr(value, "_asdict") or is_dataclass(value) or isinstance(value, dict | Value)
    sys.stdout.write(json.dumps(plain(value if one else list(cast(Iterable[object], value)))) + "\n")


def plain(value: Any) -> Any:
    """Returns what JSON has for a value: objects for those with named fields, however deep."""
    if isinstance(value, Value):
        return {name: plain(getattr(value, name)) for name in value.FIELDS}
    if hasattr(value, "_asdict"):
        return {name: plain(each) for name, each in value._asdict().items()}
    if is_dataclass(value):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list | tuple) else value


def show_table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Writes a table whose columns are as wide as what is in them."""
    lines = [list(heads), *([printable(str(cell)) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    for line in lines:
        sys.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n")


def shown_time(time_ms: int | None) -> str:
    """Returns a moment in local time, to the second."""
    if time_ms is None:
        return "-"
    return datetime.fromtimestamp(time_ms / 1000).isoformat(sep=" ", timespec="seconds")
