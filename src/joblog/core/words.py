"""The words of a segment, by which a search knows what of it to pass over: an index that answers exactly, or not at all.

A word is a run of letters, ASCII ones in lower case, and of bytes of other characters; what stands between them is not kept, so
that numbers, of which a training's log is full, cost nothing. The segment's frames are put into groups of about GROUP_BYTES;
each word has the groups in which it stands. A string of a pattern lies in a group only if each run of letters in it does: as a
word, as the end or the beginning of one, or within one, whatever its neighbours in the string ask for.

Words are of whole lines. A group that begins or ends within a line may hold anything, and is always looked through.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import zstandard

from joblog.errors import Damaged

GROUP_BYTES = 1024 * 1024
"""Raw bytes of a group, or somewhat more: what is looked through for a word that is there takes a millisecond."""

MAX_WORD_BYTES = 512 * 1024
"""All words of a segment, at most: text that is not words, as base64, is not indexed."""

SHARE = 0.05
"""Of the stored bytes, what words take at most; where they took more, there are none."""

_MAX_BYTES = 16 * MAX_WORD_BYTES
"""The same as they are written, with their groups."""

_MAX_PLACES = 100
"""Words that hold a short run, at most: of more it is not asked in which groups they are."""

_LEVEL = 9

_LETTERS = bytes(
    code | 0x20 if code >= 0x80 or chr(code).isalpha() else 0x0A for code in range(256)
)  # folded as `engine/literals.py` folds text, so that a folded string has the same words
_SHAPES = bytes(0x30 if chr(code).isdecimal() and code < 0x80 else code for code in range(256))

Clues = tuple[tuple[bytes, ...], ...]
"""Of each string that may be looked for its runs of letters, with a newline on each side on which the word must end."""


def clues_of(strings: Sequence[bytes]) -> Clues | None:
    """Returns the clues of strings of which one is to be there; None where one of them has none, as ``404``."""
    clues = []
    for string in strings:
        runs = string.translate(_LETTERS).split(b"\n")
        bordered = [
            (b"\n" if number else b"") + run + (b"\n" if number < len(runs) - 1 else b"")
            for number, run in enumerate(runs)
            if run
        ]
        telling = tuple(run for run in bordered if len(run) > 1)
        if not telling:
            return None
        clues.append(telling)
    return tuple(clues)


class _Stored(msgspec.Struct, frozen=True, array_like=True):
    """``groups``: frames of each; ``whole``: of each, whether it is whole lines; words, in order; their groups."""

    groups: list[int]
    whole: list[bool]
    words: bytes
    masks: bytes


class Words:
    """Which groups of a segment's frames have which words."""

    def __init__(self, stored: _Stored) -> None:
        self.groups = stored.groups
        self._words = stored.words
        self._masks = stored.masks
        self._width = (len(stored.groups) + 7) // 8
        self._all = (1 << len(stored.groups)) - 1
        self._open = sum(1 << number for number, whole in enumerate(stored.whole) if not whole)
        self.size_bytes = len(stored.words) + len(stored.masks)
        """What it takes in memory, about."""

    def frames(self, clues: Clues) -> list[bool]:
        """Returns of each frame whether it may hold one of the strings that these are clues of."""
        mask = self._open
        for runs in clues:
            groups = -1
            for run in runs:
                groups &= self._groups_of(run)
                if not groups:
                    break
            mask |= groups & self._all
        if mask in (0, self._all):
            return [mask > 0] * sum(self.groups)
        return [bool(mask >> number & 1) for number, count in enumerate(self.groups) for _ in range(count)]

    def _groups_of(self, run: bytes) -> int:
        words, width, mask = self._words, self._width, 0
        at, number, counted = words.find(run), -1, 0
        for _ in range(_MAX_PLACES):
            if at < 0:
                return mask
            number += words.count(b"\n", counted, at + 1)
            counted = at + 1
            mask |= int.from_bytes(self._masks[number * width : (number + 1) * width], "little")
            at = words.find(run, at + 1)
        return -1


class WordsWriter:
    """Collects the words of frames, which come in order."""

    def __init__(self, *, line_start: bool, group_bytes: int = GROUP_BYTES, share: float = SHARE) -> None:
        """``line_start``: whether the first frame begins at a line's beginning."""
        self._group_bytes, self._share = group_bytes, share
        self._masks: dict[bytes, int] | None = {}
        self._word_bytes = 0
        self._groups: list[int] = []
        self._whole: list[bool] = []
        self._line_start = line_start
        self._begin()

    def _begin(self) -> None:
        self._frames = self._bytes = 0
        self._rest = b""
        self._shapes: set[bytes] = set()

    def add(self, raw: bytes) -> None:
        """Adds the next frame."""
        self._frames += 1
        self._bytes += len(raw)
        if self._masks is not None:
            # Most lines differ in digits only: of those that are alike otherwise one is looked at.
            lines = (self._rest + raw).translate(_SHAPES).split(b"\n")
            self._rest = lines.pop()
            self._shapes.update(lines)
        if self._bytes >= self._group_bytes:
            self._end()

    def _end(self) -> None:
        whole = self._line_start and not self._rest
        self._groups.append(self._frames)
        self._whole.append(whole)
        if self._masks is not None and whole:
            bit = 1 << (len(self._groups) - 1)
            for word in set(b"\n".join(self._shapes).translate(_LETTERS).split(b"\n")):
                if word not in self._masks:
                    self._word_bytes += len(word) + 1
                    self._masks[word] = 0
                self._masks[word] |= bit
            if self._word_bytes > MAX_WORD_BYTES:
                self._masks = None
        self._line_start = not self._rest
        self._begin()

    def finish(self, stored_bytes: int) -> bytes:
        """Returns what ``read_words`` takes; nothing if that is too much beside ``stored_bytes`` of frames."""
        if self._frames:
            self._end()
        if self._masks is None:
            return b""
        self._masks.pop(b"", None)
        words = sorted(self._masks)
        width = (len(self._groups) + 7) // 8
        masks = b"".join(self._masks[word].to_bytes(width, "little") for word in words)
        stored = _Stored(self._groups, self._whole, b"\n" + b"".join(word + b"\n" for word in words), masks)
        payload = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress(msgspec.msgpack.encode(stored))
        return payload if len(payload) <= stored_bytes * self._share else b""


def read_words(payload: bytes) -> Words:
    """Reads what a WordsWriter made; raises Damaged."""
    try:
        if not 0 <= zstandard.frame_content_size(payload) <= _MAX_BYTES:
            raise Damaged("a segment's words have no size, or too large a one")
        raw = zstandard.ZstdDecompressor().decompress(payload)
        return Words(_decoder.decode(raw))
    except (zstandard.ZstdError, msgspec.DecodeError) as error:
        raise Damaged(f"a segment's words cannot be read: {error}") from error


_decoder = msgspec.msgpack.Decoder(_Stored)
