"""What proves a log: how many bytes there are, and their CRC-32."""

from __future__ import annotations

import zlib


class LogSum:
    """Of bytes that are taken one piece after the other: ``crc32`` of those up to position ``byte``, which grows.

    ``partial_byte`` is where the last line begins.
    """

    def __init__(self, byte: int = 0, crc32: int = 0) -> None:
        self.byte = self.partial_byte = byte
        self.crc32 = crc32

    def take(self, data: bytes) -> None:
        """Takes the bytes that follow."""
        last = data.rfind(b"\n") + 1
        self.partial_byte = self.byte + last if last else self.partial_byte
        self.byte += len(data)
        self.crc32 = zlib.crc32(data, self.crc32)
