"""Following a log: pieces as they come, through cut connections and restarted servers, each byte once."""

from __future__ import annotations

import binascii
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from joblog.api.answers import failure
from joblog.api.backoff import Backoff
from joblog.api.refs import LogRef
from joblog.api.transport import Transport
from joblog.errors import Busy, JoblogError, Unavailable, Unreachable

HEARTBEAT_S = 10.0
"""A server that has nothing to say says so every 10 seconds; one that is silent for three times that is not there."""

FIRST_PAUSE_S, MAX_PAUSE_S = 0.1, 5.0
"""Between two attempts: at once after a cut, seldom while a server is away."""

_EVENT_BYTES = 1024 * 1024
"""No event is longer: pieces are of 64 KiB at most."""

_READ_BYTES = 256 * 1024


@dataclass(frozen=True)
class Piece:
    """Bytes of a log, from position ``start_byte`` up to, not including, ``end_byte``."""

    start_byte: int
    data: bytes

    @property
    def end_byte(self) -> int:
        """The position after the last of the bytes: where to go on."""
        return self.start_byte + len(self.data)


def _quiet(_: JoblogError) -> None:
    """Tells nobody."""


class Follow(Transport):
    """What ``Client`` has for following."""

    def follow(
        self,
        log: LogRef,
        start: int = 0,
        *,
        from_end: bool = False,
        tail: int | None = None,
        patience_s: float | None = None,
        waiting: Callable[[JoblogError], None] = _quiet,
    ) -> Iterator[Piece]:
        """Yields the log's bytes from position ``start`` on as they come, until the log is closed; blocks in between.

        Begins at the log's present end with ``from_end``, with its last ``tail`` lines with that (an unfinished line counts).
        Each piece begins where the one before ended, but for bytes that retention has removed. A cut connection or
        a server that is away is waited out, for ``patience_s`` at most (None: for ever); ``waiting`` is told why.

        Raises:
            Unreachable, Busy, Unavailable: there was no answer for ``patience_s``.
            BeyondEnd: ``start`` is after the log's end, ``expected``.
        """
        query = {"from": "end" if from_end else str(start)} if tail is None else {"tail": str(tail)}
        backoff, away_since = Backoff(FIRST_PAUSE_S, MAX_PAUSE_S), time.monotonic()
        while True:
            try:
                for name, at, encoded in self._events(log, query):
                    if at is not None:
                        query, away_since = {"from": str(at)}, time.monotonic()
                    if name == "bytes" and at is not None:
                        backoff.reset()
                        yield _piece(at, encoded)
                    elif name == "end":
                        return
                    elif name == "shutdown":
                        raise Unavailable(f"{self.url} is being stopped")
                    elif name == "error":
                        raise failure(500, encoded)
                error: JoblogError = Unreachable(f"{self.url} has ended the stream before the log's end")
            except (Unreachable, Busy, Unavailable) as reason:
                error = reason
            if patience_s is not None and time.monotonic() - away_since > patience_s:
                raise error
            waiting(error)
            time.sleep(max(backoff.pause_s(), error.retry_after_s or 0.0))

    def _events(self, log: LogRef, query: dict[str, str]) -> Iterator[tuple[str, int | None, bytes]]:
        """Yields name, position and data of the events of one connection; raises Unreachable when it is cut.

        The position is None until an event has told one: an error may be the first event, and says nothing of where to go on.
        """
        path = f"{log.path}/follow?{urlencode(query)}"
        events = {"Accept": "text/event-stream"}
        answer = self.send("GET", path, headers=events, silence_s=3 * HEARTBEAT_S, retry_s=0.0)
        at = int(query["from"]) if query.get("from", "").isdigit() else None
        try:
            for name, position, encoded in parsed(answer.stream(_READ_BYTES)):
                if name == "bytes" and (position is None or (at is not None and _piece(position, encoded).start_byte != at)):
                    raise Unreachable("the answer is not a joblog stream: bytes do not join up")
                at = position
                yield name, position, encoded
        finally:
            answer.close()


def parsed(parts: Iterator[bytes]) -> Iterator[tuple[str, int | None, bytes]]:
    """Yields name, id and data of server-sent events, as joblog makes them: one line of each, the last id being kept.

    The id is None as long as there was none.

    Raises:
        Unreachable: it is not joblog's.
    """
    waiting, at = bytearray(), None
    for part in parts:
        waiting += part
        *events, rest = bytes(waiting).split(b"\n\n")
        if len(rest) > _EVENT_BYTES:
            raise Unreachable("the answer is not a joblog stream: an event has no end")
        waiting = bytearray(rest)
        for event in events:
            fields = dict(line.partition(b": ")[::2] for line in event.split(b"\n"))
            number = fields.get(b"id", b"")
            at = int(number) if number.isdigit() else at
            if b"event" in fields:
                yield fields[b"event"].decode("latin-1"), at, fields.get(b"data", b"")


def _piece(end_byte: int, encoded: bytes) -> Piece:
    try:
        data = binascii.a2b_base64(encoded, strict_mode=True)
    except binascii.Error as error:
        raise Unreachable("the answer is not a joblog stream: bytes are not in base64") from error
    return Piece(end_byte - len(data), data)
