"""What an answer that nobody reads has in memory, and that nothing is missing of it when somebody does."""

from __future__ import annotations

import asyncio
import ctypes
import random
from collections.abc import AsyncGenerator

import pytest

from joblog.server.http.packed import GZIP_PART_BYTES, gzipped
from joblog.server.http.read_ahead import FIRST_BYTES, MAX_BYTES, ReadAhead

DATA = b"".join(b"line %d\n" % number for number in range(500_000))


class Reads:
    """A log that counts what is read of it."""

    def __init__(self) -> None:
        self.sizes = list[int]()

    def __call__(self, low: int, high: int) -> list[bytes]:
        """In parts, the second of which is large."""
        self.sizes.append(high - low)
        return [each for each in (DATA[low : min(low + 7000, high)], DATA[low + 7000 : high]) if each]


def test_pieces_grow_for_who_takes_them() -> None:
    """From the first to the largest, each byte once."""
    reads = Reads()

    async def read() -> bytes:
        return b"".join([part async for part in ReadAhead(reads, 7, len(DATA) - 5).parts()])

    assert asyncio.run(read()) == DATA[7:-5]
    assert reads.sizes[:3] == [FIRST_BYTES, 2 * FIRST_BYTES, 4 * FIRST_BYTES]
    assert max(reads.sizes) == MAX_BYTES


def test_nothing_is_held_of_what_is_not_taken() -> None:
    """Wherever its client stops: what was read ahead is let go of, and read again, a little first."""
    reads = Reads()

    async def read() -> bytes:
        ahead, data = ReadAhead(reads, 0, len(DATA)), bytearray()
        taken = 0
        async for part in ahead.parts(untaken_s=3600):
            data += part
            taken += 1
            if taken % 20 == 0:
                ahead.look()
                ahead.look()
                assert ahead.held_bytes == 0
        return bytes(data)

    assert asyncio.run(read()) == DATA
    assert reads.sizes.count(FIRST_BYTES) > 2


def test_it_is_looked_at_by_itself() -> None:
    """While nobody takes anything, and no more when the answer has ended."""

    async def read() -> None:
        ahead = ReadAhead(Reads(), 0, len(DATA))
        parts = ahead.parts(untaken_s=0.001)
        await anext(parts)
        async with asyncio.timeout(60):
            while ahead.held_bytes:  # noqa: ASYNC110 - nobody is told of it
                await asyncio.sleep(0.001)
        await parts.aclose()
        with pytest.raises(StopAsyncIteration):
            await anext(parts)

    asyncio.run(read())


class _Mallinfo(ctypes.Structure):
    """What the C library has given out: mallinfo2(3)."""

    _names = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")
    _fields_ = tuple((name, ctypes.c_size_t) for name in _names)


def given_bytes() -> int:
    """How many bytes of the C library's memory are in use."""
    mallinfo2 = ctypes.CDLL(None).mallinfo2
    mallinfo2.restype = _Mallinfo
    given = mallinfo2()
    return int(given.uordblks + given.hblkhd)


@pytest.mark.parametrize("data", [DATA, random.Random(1).randbytes(len(DATA))], ids=["lines", "noise"])
def test_what_compresses_is_small(data: bytes) -> None:
    """With the five parts that the HTTP server holds, and the 64 KiB that it writes, a quarter of a mebibyte."""
    times = 64

    async def stalled() -> AsyncGenerator[bytes, None]:
        parts = gzipped(ReadAhead(lambda low, high: [data[low:high]], 0, len(data), GZIP_PART_BYTES).parts(untaken_s=0.01))
        for _ in range(3):
            assert len(await anext(parts)) <= 8192
        return parts

    async def measure() -> int:
        first, before = await stalled(), given_bytes()
        others = [await stalled() for _ in range(times)]
        deadline = asyncio.get_running_loop().time() + 60
        while (most := (given_bytes() - before) // times) > 144 * 1024 and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110  # nobody is told
            await asyncio.sleep(0.02)
        for each in (first, *others):
            await each.aclose()
        return most

    assert asyncio.run(measure()) <= 144 * 1024
