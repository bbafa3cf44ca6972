"""Output on a terminal: a pager for what is longer than the screen, and no escape of a log's but colours.

Logs hold whatever a program printed. Sent to a terminal as they are, they could retitle it, answer in the user's name, or hide
what they say; so control characters are shown (``^[``) rather than sent, as less and git do. What does not go to a terminal is
not touched, and ``--raw`` sends it as it is.
"""

from __future__ import annotations

import argparse
import codecs
import io
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import BinaryIO

# Colours are let through. CR is not shown: progress bars live by it. The others from U+200E on turn the text around.
_CONTROL = re.compile(r"\x1b\[[0-9;:]{0,64}m|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_BEGUN = re.compile(r"\x1b(?:\[[0-9;:]{0,64})?\Z")

_PLAIN_AGAIN = b"\x1b[m"

LESS = "FRX"
"""less's options, as git sets them: quit if one screen holds it, pass colours on, leave the text on the screen."""


def coloured() -> bool:
    """Whether stdout is to be coloured: it is a terminal that can, and NO_COLOR (no-color.org) is not set."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("NO_COLOR")


def shown(command: Callable[[argparse.Namespace], int], args: argparse.Namespace) -> int:
    """Runs a command whose stdout is a terminal; returns its exit status, 0 when the pager was left before the end."""
    sys.stdout.flush()
    was = sys.stdout
    pager = None if getattr(args, "follow", False) else pager_command(os.environ)
    screen = PagedOutput(was.buffer, pager, colours=coloured())
    sys.stdout = io.TextIOWrapper(screen, "utf-8", write_through=True)
    try:
        return command(args)
    except BrokenPipeError:
        if not screen.paging:
            raise
        return 0
    finally:
        sys.stdout.detach()
        sys.stdout = was
        screen.finish()


def pager_command(environ: Mapping[str, str]) -> str | None:
    """Returns the pager that the environment names, as a shell takes it; None where it names none (``cat``, or nothing)."""
    for name in ("JOBLOG_PAGER", "PAGER"):
        if name in environ:
            named = environ[name].strip()
            return None if named in ("", "cat") else named
    return f"less -{LESS}" if environ.get("TERM") != "dumb" and shutil.which("less") else None


def cleaned(text: str, *, colours: bool) -> str:
    """Returns a text whose control characters are shown; colours are kept or left out."""

    def instead(match: re.Match[str]) -> str:
        character = match[0]
        if len(character) > 1:
            return character if colours else ""
        number = ord(character)
        if number < 0x20 or number == 0x7F:
            return "^" + chr(number ^ 0x40)
        return f"<{number:02X}>" if number < 0x100 else f"<U+{number:04X}>"

    return _CONTROL.sub(instead, text)


class PagedOutput(io.BufferedIOBase):
    """Takes the bytes that a command writes, and brings them to the terminal, or to a pager once they fill a screen."""

    def __init__(self, terminal: BinaryIO, pager: str | None, *, colours: bool) -> None:
        self._terminal = terminal
        self._pager = pager
        self._colours = colours
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._begun = ""
        self._first = bytearray()
        self._rows = 0
        self._coloured = False
        self._columns, self._height = shutil.get_terminal_size()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def paging(self) -> bool:
        """Whether a pager was started."""
        return self._process is not None

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]  # nobody writes other buffers here
        text = self._begun + self._decoder.decode(data)
        # An escape may go on in the next piece.
        begun = _BEGUN.search(text)
        self._begun = begun[0] if begun else ""
        self._put(cleaned(text.removesuffix(self._begun), colours=self._colours))
        return len(data)

    def flush(self) -> None:
        """Does nothing: nothing is held that could be shown."""

    def finish(self) -> None:
        """Writes what is left, and waits until the pager is left."""
        try:
            self._put(cleaned(self._begun + self._decoder.decode(b"", final=True), colours=self._colours))
            if self._process is None:
                self._terminal.write(bytes(self._first) + (_PLAIN_AGAIN if self._coloured else b""))
                self._terminal.flush()
        except BrokenPipeError:
            if self._process is None:
                raise
        if self._process is not None:
            self._leave(self._process)

    def _put(self, text: str) -> None:
        data = text.encode()
        self._coloured = self._coloured or "\x1b" in text
        if self._pager is None:
            self._terminal.write(data)
            self._terminal.flush()
        elif self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(data)
            self._process.stdin.flush()
        else:
            self._first += data
            self._rows += text.count("\n") + len(text) // max(self._columns, 1)
            if self._rows >= self._height:
                self._begin(self._pager)

    def _begin(self, pager: str) -> None:
        environ = {"LESS": LESS} | os.environ
        self._process = subprocess.Popen(["/bin/sh", "-c", pager], stdin=subprocess.PIPE, env=environ)  # noqa: S603 - the user names it
        first, self._first = bytes(self._first), bytearray()
        assert self._process.stdin is not None
        self._process.stdin.write(first)
        self._process.stdin.flush()

    def _leave(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the pager's
        try:
            process.stdin.close()
        except BrokenPipeError:
            pass  # It was left before the end.
        finally:
            process.wait()
            signal.signal(signal.SIGINT, before)
