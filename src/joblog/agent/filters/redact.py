"""Secrets masked before they leave the machine, each byte by one ``*``: positions and line numbers stay what they are.

Bytes come in pieces of any size, and the result does not depend on how they were cut: a line is masked as a whole, so
its unfinished end is held back until its end comes (``\\n`` or ``\\r``). Of a line longer than a window only a window
is held; a secret in it is found wherever it lies, as windows overlap by half.

Pure. A pattern is a regular expression for bytes; what its group 1 matches is masked, or all of it if it has none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Protocol

WINDOW_BYTES = 16 << 10
"""What is looked at at once of a longer line; a secret is found if it is at most half as long."""

GROUP_BYTES = 8 << 10
"""Lines looked at at once for whether there can be anything to mask in them at all."""


class Rule:
    """Masks what ``pattern`` matches, which is looked for only where one of ``signs`` (in lower case) is, if there are any."""

    def __init__(self, pattern: re.Pattern[bytes] | bytes, signs: tuple[bytes, ...] = ()) -> None:
        """``pattern`` may be the text of one: that is compiled when a sign is seen first, which is mostly never."""
        self._pattern, self.signs = pattern, signs

    @property
    def pattern(self) -> re.Pattern[bytes]:
        """The pattern."""
        return re.compile(self._pattern)  # which remembers what it has compiled

    def may_match(self, lowered: bytes) -> bool:
        """Returns whether a text, given in lower case, can have a match."""
        return not self.signs or any(sign in lowered for sign in self.signs)


# The literal first, what may not stand before it second: so re searches for the literal.
READY = (
    Rule(rb"hf_(?<![A-Za-z0-9]hf_)[A-Za-z0-9]{20,}", (b"hf_",)),
    Rule(
        rb"gh[opusr]_(?<![A-Za-z0-9]gh[opusr]_)[A-Za-z0-9]{20,}",
        (b"gho_", b"ghp_", b"ghu_", b"ghs_", b"ghr_"),
    ),
    Rule(rb"github_pat_[A-Za-z0-9_]{20,}", (b"github_pat_",)),
    Rule(rb"A[KS]IA(?<![A-Za-z0-9]A[KS]IA)[A-Z0-9]{16}(?![A-Za-z0-9])", (b"akia", b"asia")),
    Rule(rb"wandb_v1_[A-Za-z0-9_-]{20,}", (b"wandb_v1_",)),
    # An old wandb key is 40 hexadecimal digits, as a git commit is: only where it is said to be a key.
    Rule(
        rb"(?i)(?:wandb[_ -]?api[_ -]?key|wandb login(?: --\w+)*)\W{1,8}([0-9a-f]{40})\b",
        (b"wandb",),
    ),
    Rule(rb"(?i)\bbearer[ \t]{1,8}([A-Za-z0-9._~+/-]{8,}=*)", (b"bearer",)),
    Rule(rb"://[^\s/:@]{0,255}:([^\s/@]{1,255})@", (b"://",)),
)
"""Hugging Face, GitHub, AWS, Weights & Biases, bearer tokens, passwords in URLs."""

_LINE_END = re.compile(rb"[\r\n]")


class Filter(Protocol):
    """What bytes pass through before they are sent; it keeps their number."""

    def feed(self, data: bytes) -> bytes: ...

    def flush(self) -> bytes: ...


class Unchanged:
    """The filter that leaves all as it is."""

    def feed(self, data: bytes) -> bytes:
        """Returns ``data``."""
        return data

    def flush(self) -> bytes:
        """Returns nothing."""
        return b""


class Redactor:
    """Masks one stream of bytes."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        """``rules``: ``READY``, and what ``rule`` makes of other patterns."""
        self._rules = tuple(rules)
        signs = [sign for rule in self._rules for sign in rule.signs]
        # Nothing, which stands everywhere, where a rule has no signs.
        self._sign = re.compile(b"|".join(map(re.escape, signs)) if all(rule.signs for rule in self._rules) else b"")
        self._line = b""  # the unfinished line, of a long one its last window
        self._masked = 0  # how many of its first bytes belong to a secret that the window before has found
        self._given = 0  # how many of its first bytes were given out before its end came

    def feed(self, data: bytes) -> bytes:
        """Returns what is certain after ``data``: whole lines, and of an unfinished one what a window does not hold."""
        # What was held back has no line end.
        first, last = _LINE_END.search(data), max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        out, at = [], 0
        if first:
            out.append(self._finish(self._line + data[: first.end()]))
            at = first.end()
        while at < last:
            end = self._line_end(data, min(at + GROUP_BYTES, last) - 1)
            out.append(self._group(data[at:end]))
            at = end
        self._line += data[at:]
        out.extend(self._windows())
        return b"".join(out)

    def flush(self) -> bytes:
        """Returns what was held back, at the stream's end."""
        last, self._line = self._line, b""
        return self._finish(last)

    @property
    def holds(self) -> bool:
        """Whether anything is held back."""
        return len(self._line) > self._given

    def release(self) -> bytes:
        """Returns what is held back of an unfinished line, which may go on: of a secret that is cut here the rest is masked."""
        masked, given = self._mask(self._line)[0], self._given
        self._given = len(masked)
        return masked[given:]

    @property
    def state(self) -> tuple[bytes, int, int]:
        """What another redactor of the same rules needs to go on."""
        return self._line, self._masked, self._given

    def resume(self, state: tuple[bytes, int, int]) -> None:
        """Goes on where another one of the same rules was."""
        self._line, self._masked, self._given = state

    def _line_end(self, data: bytes, at: int) -> int:
        match = _LINE_END.search(data, at)
        return match.end() if match else len(data)

    def _group(self, lines: bytes) -> bytes:
        """Returns whole lines masked."""
        lowered, out, at = lines.lower(), list[bytes](), 0
        while at < len(lines) and (sign := self._sign.search(lowered, at)):
            start = max(lines.rfind(b"\n", at, sign.start()), lines.rfind(b"\r", at, sign.start()), at - 1) + 1
            end = self._line_end(lines, sign.end())
            out += [lines[at:start], self._finish(lines[start:end])]
            at = end
        return b"".join([*out, lines[at:]])

    def _finish(self, line: bytes) -> bytes:
        """Returns a whole line, or its rest, masked."""
        self._line = line
        out = [*self._windows(), self.release()]
        self._line, self._masked, self._given = b"", 0, 0
        return b"".join(out)

    def _windows(self) -> Iterator[bytes]:
        """Gives out the first halves of the windows that the line is longer than."""
        half, line, at = WINDOW_BYTES // 2, self._line, 0
        while len(line) - at > WINDOW_BYTES:
            masked, self._masked = self._mask(line[at : at + WINDOW_BYTES], half)
            yield masked[self._given : half]
            self._given = max(self._given - half, 0)
            at += half
        self._line = line[at:]

    def _mask(self, text: bytes, half: int = 0) -> tuple[bytes, int]:
        """Returns ``text`` masked, and how far behind ``half`` a secret goes that begins before it."""
        masked, carried = bytearray(text), max(self._masked - half, 0)
        masked[: self._masked] = b"*" * min(self._masked, len(text))
        lowered = text.lower()
        for rule in self._rules:
            if not rule.may_match(lowered):
                continue
            for match in rule.pattern.finditer(text):
                start, end = match.span(1 if rule.pattern.groups else 0)
                if start < 0:
                    continue
                masked[start:end] = b"*" * (end - start)
                if start < half < end:
                    carried = max(carried, end - half)
        return bytes(masked), carried


def rule(pattern: bytes) -> Rule:
    """Returns a pattern ready for use; raises re.error."""
    return Rule(re.compile(pattern))
