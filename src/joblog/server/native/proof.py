"""What proves that a log is complete: the writer's own figures, where the bytes are, and the bytes as they are kept."""

from __future__ import annotations

from joblog.api.values.reading import Proof
from joblog.core.logs import Head
from joblog.engine.read import PageReader
from joblog.objects.frame_store import FrameStore
from joblog.objects.piece_cache import PieceCache
from joblog.server.http.answers import Answer
from joblog.server.http.read_ahead import ReadAhead
from joblog.server.http.routes import Call, Calls
from joblog.server.http.streams import begun
from joblog.server.native.logs import LOG, log_of
from joblog.server.state import State

calls = Calls(LOG, "logs")


@calls.get("/{task}/proof", "read", "The writer's count and CRC-32, and where the bytes are")
async def get_proof(joblog: State, call: Call) -> Proof:
    """Returns what a log's completeness is judged by."""
    log = await log_of(joblog, call)
    return await joblog.reading(_proof, joblog, log)


@calls.get("/{task}/stored", "read", "A log's bytes as they are kept, read anew")
async def read_stored(joblog: State, call: Call) -> Answer:
    """Streams all bytes that are held, read from the catalog and the object store, and not from memory."""
    log = await log_of(joblog, call)
    joblog.downloads.hold()
    engine = joblog.engine
    # One that has read nothing yet.
    reader = PageReader(engine.logs, PieceCache(0), FrameStore(engine.objects, engine.tally))
    headers = [(b"content-length", b"%d" % (log.end_byte - log.start_byte)), (b"cache-control", b"no-store")]
    return await begun(ReadAhead(reader.reader(log), log.start_byte, log.end_byte).parts(), headers)


def _proof(joblog: State, log: Head) -> Proof:
    segments = joblog.engine.logs.segments_by_byte(log.id, log.start_byte, log.sealed_byte)
    return Proof(
        start_byte=log.start_byte,
        end_byte=log.end_byte,
        sealed_byte=log.sealed_byte,
        crc32=log.crc32,
        claimed_bytes=log.claimed_bytes,
        claimed_crc32=log.claimed_crc32,
        segments=len(segments),
        object_bytes=sum(each.object_bytes for each in segments),
    )
