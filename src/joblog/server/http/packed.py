"""Compressed answers, as the client's Accept-Encoding allows: zstd before gzip, nothing where neither is named.

zstd is how logs are stored (``engine/stored.py``); gzip is made on the way.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

_GZIP_LEVEL, _GZIP_BITS, _GZIP_MEMORY_LEVEL = 4, 16 + 14, 7
"""With a header of gzip's and a window of 16 KiB it takes 128 KiB, half of what is usual."""

GZIP_PART_BYTES = 32 * 1024
"""What is compressed at a time: what comes of it is in memory while nothing is taken."""

_PART_BYTES = 8 * 1024
"""What is handed on at a time, at most: the HTTP server holds five such parts of an answer that is not read."""

RAW_BYTES = 128 * 1024
"""Read of a log at a time where it becomes text: that stays in memory while nothing is taken, as what comes of it does."""


def encoding(accepted: str) -> str | None:
    """Returns ``zstd``, ``gzip`` or None for the value of an Accept-Encoding."""
    named = {}
    for part in accepted.lower().split(","):
        name, _, weight = part.partition(";")
        named[name.strip()] = weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return next((name for name in ("zstd", "gzip") if named.get(name)), None)


async def frames_sent(steps: Iterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Yields frames of zstd, some of which are read at a time."""
    while (frames := await asyncio.to_thread(next, steps, None)) is not None:
        yield frames


async def gzipped(parts: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Yields the parts, compressed as a whole. While nothing is taken, none of them is held."""
    packer = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_BITS, _GZIP_MEMORY_LEVEL)
    async with aclosing(parts):
        async for part in parts:
            packed = _cut(await asyncio.to_thread(packer.compress, part))
            del part
            while packed:
                yield packed.pop(0)
    for last in _cut(packer.flush()):
        yield last


def _cut(data: bytes) -> list[bytes]:
    return [data[at : at + _PART_BYTES] for at in range(0, len(data), _PART_BYTES)]
