"""What proves that a log is complete: the writer's own figures, where the bytes are, and the bytes as they are kept."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Controller, get
from litestar.response import Response

from joblog.core.logs import Log
from joblog.engine.read import PageReader
from joblog.objects.frame_store import FrameStore
from joblog.objects.piece_cache import PieceCache
from joblog.server.http.streams import Read
from joblog.server.native.logs import LOG, log_of, sent
from joblog.server.state import Call, State

_OCTETS = "application/octet-stream"


class ProofView(msgspec.Struct):
    """What the writer counted when it closed the log, null where it has not said; and where ``[start_byte, end_byte)`` is.

    ``segments`` objects of ``object_bytes`` in all hold the bytes before ``sealed_byte``, the catalog those behind it.
    """

    start_byte: int
    end_byte: int
    sealed_byte: int
    crc32: int
    claimed_bytes: int | None
    claimed_crc32: int | None
    segments: int
    object_bytes: int


class ProofController(Controller):
    """Whether a log is complete."""

    path = LOG
    tags = ("logs",)

    @get("/{task:str}/proof", summary="The writer's count and CRC-32, and where the bytes are")
    async def get_proof(self, joblog: State, request: Call, task: str) -> ProofView:  # noqa: ARG002  # the path's
        """Returns what a log's completeness is judged by."""
        log = await log_of(joblog, request, "read")
        return await joblog.reading(_proof, joblog, log)

    @get("/{task:str}/stored", summary="A log's bytes as they are kept, read anew", media_type=_OCTETS)
    async def read_stored(self, joblog: State, request: Call, task: str) -> Response[Any]:  # noqa: ARG002  # as above
        """Streams all bytes that are held, read from the catalog and the object store, and not from memory."""
        log = await log_of(joblog, request, "read")
        joblog.downloads.hold()
        engine = joblog.engine
        query = PageReader(
            engine.logs, PieceCache(0), FrameStore(engine.objects, engine.tally)
        )  # one that has read nothing yet
        headers = {"content-length": str(log.end_byte - log.start_byte), "cache-control": "no-store"}
        return Read(sent(query, log, (log.start_byte, log.end_byte), None), headers=headers, media_type=_OCTETS)


def _proof(joblog: State, log: Log) -> ProofView:
    segments = joblog.engine.logs.segments_by_byte(log.id, log.start_byte, log.sealed_byte)
    return ProofView(
        start_byte=log.start_byte,
        end_byte=log.end_byte,
        sealed_byte=log.sealed_byte,
        crc32=log.crc32,
        claimed_bytes=log.claimed_bytes,
        claimed_crc32=log.claimed_crc32,
        segments=len(segments),
        object_bytes=sum(each.object_bytes for each in segments),
    )
