"""The pack: an object of many small logs of one project.

It is their segments, each as it would be an object of its own (see ``joblog.core.segment``), one behind the other, and at
the end a table of their sizes in a zstd skippable frame. So zstd's tools pass over all that is not log, each part says itself
which log it is of, and no frame belongs to two logs. Nothing in a pack changes: what is needed of it is copied to another.

    segment 0 | segment 1 | ... | magic, size | sizes (msgpack) | size and CRC-32 of that, "JLOGPCK1"
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

import msgspec

from joblog.core.segment import INDEX_MARK, index_of, skipped, unskipped
from joblog.errors import Damaged

_MARK = b"JLOGPCK1"

_sizes = msgspec.msgpack.Decoder(list[int])


def join(parts: Sequence[bytes]) -> bytes:
    """Makes a pack of segments' objects, which lie in it in this order, the first one at 0."""
    sizes = msgspec.msgpack.encode([len(part) for part in parts])
    return b"".join([*parts, skipped(sizes, _MARK)])


def part_spans(stored: bytes, *, walk: bool = True) -> list[tuple[int, int]]:
    """Returns where in a whole pack each part begins and ends; raises Damaged.

    ``walk``: looks for the parts themselves where the table is damaged.
    """
    try:
        sizes = _sizes.decode(unskipped(stored, _MARK))
    except (Damaged, msgspec.DecodeError) as error:
        if not walk:
            raise Damaged(f"a pack's table cannot be read: {error}") from error
        return _walked(stored)
    borders = list(accumulate(sizes, initial=0))
    if borders[-1] > len(stored) or min(sizes, default=0) < 0:
        raise Damaged("a pack is shorter than its table says")
    return list(pairwise(borders))


def _walked(stored: bytes) -> list[tuple[int, int]]:
    """Finds the parts where the table is damaged: each ends with its index, which says how long it is."""
    spans, end = list[tuple[int, int]](), stored.rfind(INDEX_MARK) + len(INDEX_MARK)
    while end > 0:
        index = index_of(stored[:end])
        start = end - sum(index.stored_bytes) - len(skipped(msgspec.msgpack.encode(index)))
        if not 0 <= start < end:
            raise Damaged("a pack's table is damaged, and its parts do not join up")
        spans.append((start, end))
        end = start
    return spans[::-1]
