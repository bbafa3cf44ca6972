"""Whether a log is complete: what its writer counted, what the server has, and what is there when it is read back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from joblog.api.answers import value
from joblog.api.refs import LogRef
from joblog.api.values import Log, RecordedGap
from joblog.api.values.reading import Proof
from joblog.client.reading import READ_BYTES, Reading
from joblog.core.log_sum import LogSum
from joblog.errors import JoblogError


@dataclass(frozen=True)
class Verified:
    """A log that was read back from where it is kept: ``read_bytes`` of it, whose CRC-32 is ``read_crc32``.

    It is complete when there are no ``problems``, which are sentences.
    """

    log: LogRef
    proof: Proof
    lines: int
    read_bytes: int
    read_crc32: int
    gaps: tuple[RecordedGap, ...]
    problems: tuple[str, ...] = field(default=())

    @property
    def complete(self) -> bool:
        """Whether nothing is missing, and all that says so agrees."""
        return not self.problems


def verified(client: Reading, ref: LogRef) -> Verified:
    """Reads a log back, past the server's memory, and compares; takes as long as reading it does.

    Raises what the server says of the log as a whole; that its bytes cannot be read is one of the problems.
    """
    status = client.status(ref)
    proof = value(Proof, client.call("GET", f"{ref.path}/proof"))
    read = LogSum()
    failed: JoblogError | None = None
    try:
        answer = client.send("GET", f"{ref.path}/stored")
        try:
            for piece in answer.stream(READ_BYTES):
                read.take(piece)
        finally:
            answer.close()
    except JoblogError as error:
        failed = error
    problems = _problems(status, proof, read, failed)
    return Verified(ref, proof, status.end_line, read.byte, read.crc32, status.gaps, tuple(problems))


def _problems(log: Log, proof: Proof, read: LogSum, failed: JoblogError | None) -> Iterator[str]:
    if not log.closed:
        yield "it is not closed: more may come"
    if proof.claimed_bytes is None or proof.claimed_crc32 is None:
        yield "its writer has not said how much it wrote"
    elif (proof.claimed_bytes, proof.claimed_crc32) != (proof.end_byte, proof.crc32):
        wrote, stored = f"{proof.claimed_bytes} bytes with CRC-32", f"{proof.end_byte} with"
        yield f"its writer counted {wrote} {proof.claimed_crc32:08x}, the server has {stored} {proof.crc32:08x}"
    for gap in log.gaps:
        yield f"{gap.size_bytes} bytes are not in it at byte {gap.at_byte}: {gap.reason}"
    if failed is not None:
        yield f"it cannot be read behind byte {proof.start_byte + read.byte}: {failed}"
    elif read.byte < proof.end_byte - proof.start_byte:
        yield f"{read.byte} bytes were read back of {proof.end_byte - proof.start_byte}"
    elif proof.start_byte:
        yield f"what was before byte {proof.start_byte} is not held any more, and so the CRC-32 of all cannot be made"
    elif read.byte == proof.end_byte and read.crc32 != proof.crc32:
        yield f"the bytes that were read back have CRC-32 {read.crc32:08x}, not {proof.crc32:08x}"
