"""Searching: hits as they are found, through as many answers as it takes."""

from __future__ import annotations

import binascii
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from joblog.api.answers import failure
from joblog.api.refs import LogRef, status_of
from joblog.api.transport import Transport
from joblog.errors import Invalid, Unreachable

_READ_BYTES = 256 * 1024
_MAX_LIMIT = 100_000

_SILENCE_S = 30.0
"""A search that finds nothing says every second how far it is."""


@dataclass(frozen=True)
class VersionRef:
    """Names all logs of a version."""

    project_id: str
    job_id: int
    version_id: int


@dataclass(frozen=True)
class Query:
    """What is looked for: a literal, or with ``regex`` a regular expression of RE2's; within one line."""

    pattern: str
    regex: bool = False
    ignore_case: bool = False


@dataclass(frozen=True)
class Within:
    """What is searched: what arrived from ``since`` on, before ``until`` (``10m`` ago, or a time); of ranks such as ``3,7-9``.

    Of a project only runs in one of the ``states`` (``running``, ``failed`` ...) of jobs that have all ``labels``.
    """

    since: str = ""
    until: str = ""
    ranks: str = ""
    states: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


EVERYWHERE = Within()


@dataclass(frozen=True)
class Line:
    """A line, without its newline; of a long one a part, which begins at ``start_byte``."""

    line: int
    start_byte: int
    data: bytes

    @property
    def text(self) -> str:
        """The line for reading: what is not UTF-8 is U+FFFD."""
        return self.data.decode("utf-8", "replace")


@dataclass(frozen=True)
class Hit:
    """A line that matches: the bytes ``[start_byte, end_byte)`` of ``log``; ``spans`` are positions in the log."""

    log: LogRef
    line: int
    start_byte: int
    end_byte: int
    spans: tuple[tuple[int, int], ...]
    text: Line
    before: tuple[Line, ...] = ()
    after: tuple[Line, ...] = ()


class Search(Transport):
    """What ``Client`` has for searching. ``where`` is a log, a version, or a project by its id."""

    def search(  # noqa: PLR0913 - each is a choice of its own
        self,
        where: LogRef | VersionRef | str,
        query: Query,
        *,
        within: Within = EVERYWHERE,
        start: int | None = None,
        backwards: bool = False,
        context: tuple[int, int] = (0, 0),
        limit: int | None = None,
    ) -> Iterator[Hit]:
        """Yields the lines that match, in order, as they are found; all of them, or ``limit``.

        In one log from the line on that holds position ``start``, or, backwards, those before it: a hit's ``end_byte + 1``
        leads to the next one, its ``start_byte`` to the one before. ``context`` is how many lines before and after are given.

        Raises:
            Invalid: the pattern is not one, or ``within`` names what ``where`` has not.
            Busy: too many searches are running.
        """
        asked = _parameters(query, within, where) | {"direction": "backward" if backwards else "forward"}
        asked |= {"before": str(context[0]), "after": str(context[1])}
        asked |= {} if start is None else {"from": str(start)}
        left = limit
        while left is None or left > 0:
            wanted = _MAX_LIMIT if left is None else min(left, _MAX_LIMIT)
            for record in self._answer(where, asked | {"limit": str(wanted)}):
                if record["type"] == "match":
                    left = None if left is None else left - 1
                    yield _hit(where, record)
                elif record["type"] == "end":
                    asked |= {"cursor": record["cursor"] or ""}
            if not asked.get("cursor"):
                return

    def search_page(  # noqa: PLR0913 - each is a choice of its own
        self,
        where: LogRef | VersionRef | str,
        query: Query,
        *,
        limit: int,
        within: Within = EVERYWHERE,
        cursor: str | None = None,
        backwards: bool = False,
        context: tuple[int, int] = (0, 0),
    ) -> tuple[list[Hit], str | None]:
        """Returns at most ``limit`` lines that match, and the cursor that leads on from there; None at the end.

        The server ends an answer that takes long, also one without a hit. Raises as ``search`` does.
        """
        asked = _parameters(query, within, where) | {"direction": "backward" if backwards else "forward", "limit": str(limit)}
        asked |= {"before": str(context[0]), "after": str(context[1])}
        asked |= {"cursor": cursor} if cursor else {}
        hits, following = list[Hit](), None
        for record in self._answer(where, asked):
            if record["type"] == "match":
                hits.append(_hit(where, record))
            elif record["type"] == "end":
                following = record["cursor"]
        return hits, following

    def count(self, where: LogRef | VersionRef | str, query: Query, *, within: Within = EVERYWHERE) -> dict[LogRef, int]:
        """Returns for each log how many of its lines match; logs without any are left out. Raises as ``search`` does."""
        counts = dict[LogRef, int]()
        asked = _parameters(query, within, where) | {"count": "true"}
        while True:
            for record in self._answer(where, asked):
                if record["type"] == "count":
                    log = _log(where, record)
                    counts[log] = counts.get(log, 0) + int(record["lines"])
                elif record["type"] == "end":
                    asked |= {"cursor": record["cursor"] or ""}
            if not asked.get("cursor"):
                return counts

    def _answer(self, where: LogRef | VersionRef | str, asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yields the lines of one answer, the last of which says where to go on; raises what one of them says."""
        answer = self.send("GET", f"{_path(where)}/search?{urlencode(asked, doseq=True)}", silence_s=_SILENCE_S)
        ended = False
        try:
            for record in _lines(answer.stream(_READ_BYTES)):
                if record["type"] == "error":
                    raise failure(500, json.dumps(record).encode())
                ended = record["type"] == "end"
                yield record
        finally:
            answer.close()
        if not ended:
            raise Unreachable(f"{self.url} has ended the answer before the search's end")


def _lines(parts: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    waiting = b""
    for part in parts:
        *whole, waiting = (waiting + part).split(b"\n")
        for line in whole:
            try:
                record = json.loads(line)
            except ValueError as error:
                raise Unreachable("the answer is not joblog's: no JSON") from error
            if not isinstance(record, dict) or "type" not in record:
                raise Unreachable("the answer is not a joblog search")
            yield record


def _parameters(query: Query, within: Within, where: LogRef | VersionRef | str) -> dict[str, Any]:
    """Returns a search's parameters; raises Invalid for what ``where`` has not."""
    if isinstance(where, LogRef) and within.ranks:
        raise Invalid("ranks", "absent where one rank's log is searched", within.ranks)
    if not isinstance(where, str) and (within.states or within.labels):
        raise Invalid("states and labels", "absent where one run is searched")
    kind = "regex" if query.regex else "literal"
    asked: dict[str, Any] = {"pattern": query.pattern, "kind": kind, "ignore_case": "true" if query.ignore_case else "false"}
    given = {"since": within.since, "until": within.until, "ranks": within.ranks, "label": list(within.labels)}
    given["status"] = ",".join(map(status_of, within.states))
    return asked | {name: value for name, value in given.items() if value}


def _path(where: LogRef | VersionRef | str) -> str:
    if isinstance(where, LogRef):
        return where.path
    if isinstance(where, VersionRef):
        return f"/api/projects/{where.project_id}/jobs/{where.job_id}/versions/{where.version_id}"
    return f"/api/projects/{quote(where, safe='')}"


def _log(where: LogRef | VersionRef | str, record: dict[str, Any]) -> LogRef:
    project_id = where if isinstance(where, str) else where.project_id
    return LogRef(project_id, record["job_id"], record["version_id"], record["task"])


def _hit(where: LogRef | VersionRef | str, record: dict[str, Any]) -> Hit:
    try:
        spans = tuple((first, past) for first, past in record["spans"])
        around = (tuple(_line(each) for each in record[name]) for name in ("before", "after"))
        return Hit(
            _log(where, record), record["line"], record["start_byte"], record["end_byte"], spans, _line(record["text"]), *around
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Unreachable(f"the answer is not a joblog search: {error!r}") from error


def _line(record: dict[str, Any]) -> Line:
    exact = record.get("base64")
    return Line(record["line"], record["start_byte"], record["text"].encode() if exact is None else binascii.a2b_base64(exact))
