"""Values for the tests of the pure modules."""

from __future__ import annotations

import msgspec
from hypothesis import strategies as st

from joblog.core.logs import Head

CREATED_MS = 1551252759254

_LOG = Head(
    id=1, project_id="lab", job_id=10, version_id=10, worker=0, log_file="job-log1.0", created_ms=CREATED_MS,
    appended_ms=CREATED_MS, start_byte=0, start_line=0, sealed_byte=0, sealed_line=0, end_byte=0, end_line=0,
    partial_byte=0, crc32=0, closed_ms=None, claimed_bytes=None, claimed_crc32=None, lost_bytes=0, fresh_segments=0,
)  # fmt: skip


def a_log(data: bytes = b"", **changes: int | None) -> Head:
    """Returns the head of a log of these bytes, with the changes."""
    head = msgspec.structs.replace(_LOG, end_byte=len(data), end_line=data.count(b"\n"), partial_byte=data.rfind(b"\n") + 1)
    return msgspec.structs.replace(head, **changes)


def log_bytes(pieces: list[str | bytes]) -> bytes:
    return b"".join(piece if isinstance(piece, bytes) else piece.encode() for piece in pieces)


# What logs are made of: ASCII, lines, CJK, emoji with joiners, and whatever is not UTF-8: characters cut off at either
# end, bytes that never stand in UTF-8, overlong forms, surrogates, what lies beyond U+10FFFF.
PIECES = st.one_of(
    st.text(max_size=4),
    st.sampled_from(["a", "\n", "\r\n", "训练", "é", "👩‍👩‍👧", "🚀", "\x1b[31m", "\0", "\u2028"]),
    st.sampled_from(
        [b"\xff", b"\x80", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xe0\x80\x80"]
    ),
    st.sampled_from([whole[:n] for whole in ("é".encode(), "练".encode(), "🚀".encode()) for n in range(1, len(whole))]),
    st.sampled_from([whole[n:] for whole in ("练".encode(), "🚀".encode()) for n in range(1, len(whole))]),
    st.binary(max_size=4),
)
LOG_BYTES = st.lists(PIECES, max_size=20).map(log_bytes)
