"""JSON from outside becomes values here, and nowhere else: within bounds, and refused in joblog's own words.

Its nesting is bounded because all that works on nested values, here and in clients, does so by recursion; its integers are
because no database and few clients have more than 64 bits for one.
"""

from __future__ import annotations

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NoReturn

import msgspec

from joblog.core.lines import Bytes
from joblog.errors import Invalid, NotJson
from joblog.server.http.fields import fault, inside
from joblog.server.http.share import Share, Turns

MAX_NESTING = 64
"""Objects and lists in one another: real requests have less than ten."""

MIN_INT, MAX_INT = -(2**63), 2**63 - 1

_INLINE_BYTES = 16 * 1024
"""Parsing less than this takes less time than handing it to a thread."""

_PARSING_THREADS, _MAX_PARSING = 2, 64
"""One of the threads is for others than whoever has one."""

_REFUSED_TIMES, _REFUSED_S = 3, 1.0
"""The parser lets no other thread run: of whoever sends what is refused, on and on, it has a quarter of the time."""

_ESCAPED = re.compile(rb"\\.", re.DOTALL)
_SAME_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(each for each in range(256) if each not in b"[]{}")
_RUN, _OPEN = re.compile(rb"\[+|\]+"), ord("[")
_INNERMOST = 4
_LONG_NUMBER = re.compile(rb'(?<!["0-9])[0-9]{19}')  # that begins no string: times in nanoseconds do, in every batch

# An escape of half a character, or one that is whole; what else begins with a backslash is passed over.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)


class _Beyond:
    """A number that is not kept in 64 bits, where it stood."""

    def __init__(self, text: str) -> None:
        self.text = text


class Parsing:
    """The threads that parse large bodies: few, and their own, so that nothing else waits for them. Used from the event loop.

    A mebibyte that is refused with its reason takes a fifth of a second.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_PARSING_THREADS, thread_name_prefix="joblog-parse")
        self._places = Share(_MAX_PARSING, "too many large bodies are being parsed")
        self._turns = Turns(_PARSING_THREADS)

    async def document(self, raw: Bytes, kind: Any = Any, *, strict: bool = True) -> Any:
        """Does what ``document`` does; raises Busy, too."""
        if len(raw) <= _INLINE_BYTES:
            return document(raw, kind, strict=strict)
        with self._places.taking(1):
            return await self._turns.run(self._threads, partial(_unhurried, raw, kind, strict=strict))


def _unhurried(raw: Bytes, kind: Any, *, strict: bool) -> Any:
    """Does what ``document`` does; whoever is refused waits a few times as long as it took, and their next body behind it."""
    began_s = time.perf_counter()
    try:
        return document(raw, kind, strict=strict)
    except Invalid:
        time.sleep(min((time.perf_counter() - began_s) * _REFUSED_TIMES, _REFUSED_S))
        raise


def document(raw: Bytes, kind: Any = Any, *, strict: bool = True) -> Any:
    """Returns a body of JSON as a value of ``kind``; raises NotJson, Missing, Invalid, each with the place of the fault."""
    if _brackets(raw) > MAX_NESTING or _LONG_NUMBER.search(raw):
        bare = _bare(raw)
        if _deeper(bare, MAX_NESTING):
            raise _too_deep()
        if _LONG_NUMBER.search(bare):
            _check_sizes(raw)
    try:
        return msgspec.json.decode(raw, type=kind, strict=strict)
    except RecursionError as error:  # of brackets that have no end
        raise _too_deep() from error
    except (msgspec.DecodeError, ValueError) as error:
        raise _refused(raw, kind, strict=strict) from error


def mended_document(raw: Bytes, kind: Any) -> Any:
    """Returns what ``document`` does; of text that is none, each wrong character is replaced by U+FFFD, and the rest stays."""
    try:
        return document(raw, kind)
    except NotJson:
        mended = _ESCAPE.sub(_whole, bytes(raw).decode("utf-8", "replace").encode())
        if mended == raw:
            raise
    return document(mended, kind)


def nested_deeper(raw: Bytes, levels: int) -> bool:
    """Whether objects and lists stand in one another more than so many levels deep; what is no JSON is not judged."""
    return _brackets(raw) > levels and _deeper(_bare(raw), levels)


def _bare(raw: Bytes) -> bytes:
    """Returns JSON without its strings."""
    plain = _ESCAPED.sub(b"", raw) if b"\\" in raw else bytes(raw)
    return b"".join(plain.split(b'"')[::2])


def _brackets(raw: Bytes) -> int:
    return raw.count(b"[") + raw.count(b"{")


def _deeper(bare: bytes, levels: int) -> bool:
    """Judges JSON without its strings. Quick for any: its innermost levels go first, and with them most of what is flat."""
    brackets = bare.translate(_SAME_BRACKETS, _NO_BRACKETS)
    for _ in range(_INNERMOST):
        brackets = brackets.replace(b"[]", b"")
    depth, low = 0, levels - _INNERMOST
    for run in _RUN.finditer(brackets):
        depth += len(run[0]) if run[0][0] == _OPEN else -len(run[0])
        if depth > low:
            return True
    return False


def _too_deep() -> NotJson:
    return NotJson("body", f"JSON with at most {MAX_NESTING} levels of objects and lists in one another")


def _whole(match: re.Match[bytes]) -> bytes:
    return match[0] if match[1] is None else b"\\ufffd"


def _integer(text: str) -> int | _Beyond:
    return int(text) if len(text) <= 20 and MIN_INT <= int(text) <= MAX_INT else _Beyond(text)


def _float(text: str) -> float | _Beyond:
    number = float(text)
    return number if abs(number) != float("inf") else _Beyond(text)


def _no_constant(_: str) -> NoReturn:
    raise ValueError


def _check_sizes(raw: Bytes) -> None:
    """Raises Invalid for a number that 64 bits do not hold; what is no JSON is for others to refuse."""
    try:
        value = json.loads(bytes(raw), parse_int=_integer)
    except ValueError:
        return
    _check(value)


def _check(value: object) -> None:
    """Raises NotJson for half a character, which no message could name, Invalid for a number that 64 bits do not hold."""
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError as error:
        raise NotJson("body", "JSON whose \\u escapes are whole characters") from error
    _check_numbers(value, "")


def _check_numbers(value: object, place: str) -> None:
    """Raises Invalid with the place of a number that 64 bits do not hold."""
    if isinstance(value, _Beyond):
        raise Invalid(place or "body", f"an integer from {MIN_INT} to {MAX_INT}, or a number of 64 bits", value.text)
    if isinstance(value, dict):
        for name, each in value.items():
            _check_numbers(each, inside(place, name))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            _check_numbers(each, f"{place or 'body'}[{index}]")


def _refused(raw: Bytes, kind: Any, *, strict: bool) -> Invalid:
    """Returns why JSON was not taken."""
    refusal = None if _LONG_NUMBER.search(raw) else _fault(raw, kind, strict=strict)
    if refusal is not None:
        return refusal
    try:
        text = bytes(raw).decode()
    except UnicodeDecodeError as error:
        return NotJson("body", f"JSON in UTF-8, which it is not at byte {error.start}")
    try:
        value = json.loads(text, parse_int=_integer, parse_float=_float, parse_constant=_no_constant)
        _check(value)
    except json.JSONDecodeError as error:
        return NotJson("body", f"whole and well-formed JSON, which it is not at character {error.pos}")
    except ValueError:
        return NotJson("body", "JSON, which has no NaN and no Infinity")
    except Invalid as error:  # NotJson is one
        return error
    return fault(value, kind, strict=strict) or NotJson("body", "JSON as the API's description says")


def _fault(raw: Bytes, kind: Any, *, strict: bool) -> Invalid | None:
    """Returns why well-formed JSON was not taken, None for any other, for which a look takes ten times as long."""
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    return fault(value, kind, strict=strict)
