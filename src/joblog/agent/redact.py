"""Secrets masked before they leave the machine, each byte by one ``*``: positions and line numbers stay what they are.

Bytes come in pieces of any size, and the result does not depend on how they were cut: a line is masked as a whole, so
its unfinished end is held back until its end comes (``\\n`` or ``\\r``). Of a line longer than a window only a window
is held; a secret in it is found wherever it lies, as windows overlap by half.

Pure. A pattern is a regular expression for bytes; what its group 1 matches is masked, or all of it if it has none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

WINDOW_BYTES = 16 << 10
"""What is looked at at once of a longer line; a secret is found if it is at most half as long."""

PATTERNS = (
    rb"\bhf_[A-Za-z0-9]{20,}",
    rb"\bgh[opusr]_[A-Za-z0-9]{20,}",
    rb"\bgithub_pat_[A-Za-z0-9_]{20,}",
    rb"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    rb"\bwandb_v1_[A-Za-z0-9_-]{20,}",
    # An old wandb key is 40 hexadecimal digits, as a git commit is: only where it is said to be a key.
    rb"(?i)(?:wandb[_ -]?api[_ -]?key|wandb login(?: --\w+)*)\W{1,8}([0-9a-f]{40})\b",
    rb"(?i)\bbearer[ \t]{1,8}([A-Za-z0-9._~+/-]{8,}=*)",
    rb"[a-zA-Z][a-zA-Z0-9+.-]{0,30}://[^\s/:@]{0,255}:([^\s/@]{1,255})@",
)
"""Hugging Face, GitHub, AWS, Weights & Biases, bearer tokens, passwords in URLs."""

_LINE_END = re.compile(rb"[\r\n]")


class Redactor:
    """Masks one stream of bytes."""

    def __init__(self, patterns: Iterable[re.Pattern[bytes]]) -> None:
        """``patterns`` are those that ``compiled`` gives."""
        self._patterns = tuple(patterns)
        self._line = b""  # the unfinished line's bytes that are not given out yet
        self._masked = 0  # how many of them belong to a secret that the window before has found

    def feed(self, data: bytes) -> bytes:
        """Returns what is certain after ``data``: whole lines, and of an unfinished one what a window does not hold."""
        out, rest = [], self._line + data
        # What was held back has no line end; so look for the last one in what is new only.
        ends = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        at = 0
        if ends:
            for end in self._line_ends(rest, len(self._line) + ends):
                out.append(self._finish(rest[at:end]))
                at = end
        self._line = rest[at:]
        out.extend(self._windows())
        return b"".join(out)

    def flush(self) -> bytes:
        """Returns what was held back, at the stream's end."""
        last, self._line = self._line, b""
        return self._finish(last)

    def _line_ends(self, data: bytes, last: int) -> Iterator[int]:
        for found in _LINE_END.finditer(data, 0, last):
            yield found.end()

    def _finish(self, line: bytes) -> bytes:
        """Returns a whole line, or its rest, masked."""
        self._line = line
        out = [*self._windows(), self._mask(self._line)[0]]
        self._line, self._masked = b"", 0
        return b"".join(out)

    def _windows(self) -> Iterator[bytes]:
        """Gives out the first halves of the windows that the line is longer than."""
        half = WINDOW_BYTES // 2
        while len(self._line) > WINDOW_BYTES:
            masked, carried = self._mask(self._line[:WINDOW_BYTES], half)
            yield masked[:half]
            self._line, self._masked = self._line[half:], carried

    def _mask(self, text: bytes, half: int = 0) -> tuple[bytes, int]:
        """Returns ``text`` masked, and how far behind ``half`` a secret goes that begins before it."""
        masked, carried = bytearray(text), max(self._masked - half, 0)
        masked[: self._masked] = b"*" * min(self._masked, len(text))
        for pattern in self._patterns:
            for found in pattern.finditer(text):
                start, end = found.span(1 if pattern.groups else 0)
                if start < 0:
                    continue
                masked[start:end] = b"*" * (end - start)
                if start < half < end:
                    carried = max(carried, end - half)
        return bytes(masked), carried


def compiled(patterns: Iterable[bytes]) -> tuple[re.Pattern[bytes], ...]:
    """Returns the patterns ready for use; raises re.error."""
    return tuple(re.compile(pattern) for pattern in patterns)
