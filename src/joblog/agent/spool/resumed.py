"""A log that goes on behind bytes which the server had acknowledged, and has lost: its database went back in time.

What the spool still has is sent again, at the positions that it had. Where that does not reach back to the server's end, a line
stands for the bytes between, as for all that is lost, and what follows has other positions on the server than in the spool.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import NamedTuple

from joblog.api.refs import Gap

LOST_THERE = "lost by the server"
"""Why bytes are missing that the server had acknowledged."""

_POLYNOMIAL = 0xEDB88320
_ONE, _BYTE = 1 << 31, 1 << 23  # x**0 and x**8, as CRC-32 has them: the highest power is the lowest bit


def notice(size_bytes: int, reason: str) -> bytes:
    """Returns the line that stands for lost bytes."""
    return f"[joblog] {size_bytes} bytes were not kept here ({reason})\n".encode()


class Resumption(NamedTuple):
    """On the server a line begins at ``at``, behind ``newlines`` that end the one before; then the spool's ``spool_byte``.

    ``difference`` is by what the CRC-32 of all before that byte differs, there and here.
    """

    at: int
    spool_byte: int
    lost_bytes: int
    newlines: int
    difference: int

    @property
    def text(self) -> bytes:
        """What stands for the lost bytes."""
        return b"\n" * self.newlines + notice(self.lost_bytes, LOST_THERE)

    @property
    def gap(self) -> Gap:
        """What is recorded of them."""
        return Gap(self.at + self.newlines, self.lost_bytes, LOST_THERE)

    @property
    def shift(self) -> int:
        """By how much a position is less on the server than in the spool."""
        return self.spool_byte - self.at - len(self.text)


def resumed_at(end_byte: int, crc32: int, *, in_line: bool, lost_bytes: int, spool: tuple[int, int]) -> Resumption:
    """Goes on at the server's end, whose CRC-32 is known; ``spool``: the first byte that is left, and the CRC-32 before it."""
    known = Resumption(end_byte, spool[0], lost_bytes, int(in_line), 0)
    return known._replace(difference=spool[1] ^ zlib.crc32(known.text, crc32))


def place_here(end_byte: int, resumed: Resumption | None) -> int:
    """Returns the spool's position whose byte follows on the server's end; a line that is not all there comes first."""
    if resumed is None or end_byte < resumed.at:
        return end_byte
    return max(end_byte + resumed.shift, resumed.spool_byte)


def place_there(at: int, resumed: Resumption | None) -> int:
    """Returns the server's position for one of the spool's."""
    return at if resumed is None or at < resumed.spool_byte else at - resumed.shift


def crc32_there(at: int, crc32: int, resumed: Resumption | None) -> int:
    """Returns the CRC-32 of what the server has, up to the spool's position ``at``, whose own is ``crc32``."""
    if resumed is None or at < resumed.spool_byte:
        return crc32
    return crc32 ^ _moved(resumed.difference, at - resumed.spool_byte)


def gaps_there(gaps: Iterable[Gap], resumed: Resumption | None) -> tuple[Gap, ...]:
    """Returns what is missing, by the server's positions; gaps whose lines are lost, too, are part of that loss."""
    if resumed is None:
        return tuple(gaps)
    there, lost = list[Gap](), resumed.gap
    for gap in gaps:
        if gap.reason == LOST_THERE:
            there += [gap] if gap.at_byte < resumed.at else []
        elif resumed.at <= gap.at_byte < resumed.spool_byte:
            lost = lost._replace(size_bytes=lost.size_bytes + gap.size_bytes)
        else:
            there.append(gap._replace(at_byte=place_there(gap.at_byte, resumed)))
    return (*there, lost)


def _moved(difference: int, size_bytes: int) -> int:
    """Returns by what two CRC-32 differ when so many bytes, the same for both, have followed: times x**(8 * size)."""
    power, square = _ONE, _BYTE
    while size_bytes:
        if size_bytes & 1:
            power = _product(power, square)
        square, size_bytes = _product(square, square), size_bytes >> 1
    return _product(power, difference)


def _product(one: int, other: int) -> int:
    """Multiplies two polynomials, as CRC-32 has them, modulo its own."""
    product = 0
    for bit in range(31, -1, -1):
        if one >> bit & 1:
            product ^= other
        other = other >> 1 ^ (_POLYNOMIAL if other & 1 else 0)
    return product
