"""Where a log may speak of a failure: found in bytes, before any line of it is looked at.

The filter before ``kinds.py``: a line that has none of the words and codes below is never looked at.

Lines of a log are alike but for their numbers. So a piece of it is cut into lines without digits, in lower case, each of which
is looked at once, however often it comes: hundreds of megabytes a second of a log as training writes it, on one core.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import accumulate

MAX_SHAPES = 768
"""Shapes of lines that are kept as known; more than so many are not forgotten one by one, but all at once."""

SHAPE_BYTES = 256
"""Of a longer line this much makes its shape; the words are looked for in all of it."""

_FOLDED = bytes(10 if code == 13 else code + 32 if 65 <= code <= 90 else code for code in range(256))
_LINES = bytes(10 if code == 13 else code for code in range(256))
_DIGITS = b"0123456789\0"

# Some of these stands in every line that speaks of a failure, in lower case and without digits.
_WORDS = (
    *(
        b"err",
        b"exception",
        b"traceback",
        b"out of memory",
        b"oom",
        b"fail",
        b"fatal",
        b"critical",
        b"severe",
        b"sig",
        b" fault",
    ),
    *(b"nan", b"non-finite", b"=inf", b": inf", b"-inf", b"nccl warn", b"timed out", b"timeout", b"xid", b"ecc", b"terminate"),
    *(b"what()", b"abort", b"refused", b"reset by", b"no space", b"quota", b"enospc", b"killed", b"cancel", b"preempt"),
    *(b"alloc", b"free()", b"corrupt", b"smash", b"panic", b"assert", b"illegal", b"_status_", b"broken pipe", b"no route"),
    *(b"resolution", b"not known", b"mpirun", b"mpiexec", b"primary job", b"exit", b"prte", b"not found", b"can't open"),
    *(b"no such file", b"low on resource", b"evicted", b"exhausted", b"interrupt", b"non-zero", b"caused by", b"unable to"),
    *(
        b"to reserve",
        b"heartbeat",
        b"incarnation",
        b"got stuck",
        b"denied",
        b"unbound",
        b"closed by",
        b"by signal",
        b"execution halted",
    ),
    *(
        b"** (",
        b"can't ",
        b".lua:",
        b"memory limit",
        b"exceeded",
        b"term_",
        b"paging file",
        b"lost communication",
        b"longer than",
    ),
    *(
        b"segfault",
        b"bad terminat",
        b"exit string",
        b"traps: ",
        b"with code",
        b"with status",
        b"marked dead",
        b"has died",
        b"nicht gefunden",
        b"keine berechtigung",
        b"aucun fichier",
    ),
    *(b"introuvable", b"permission non", b"no existe el", b"no encontrada", b"denegado", b"dst tensor", b"mpi_"),
    *(
        b"off the bus",
        b"fata[",
        b"cannot",
        b"could not",
        b"not complete",
        b"unavailable",
        b"insufficient",
        b"rejected",
        b"undefined",
    ),
)
_CODES = (re.compile(rb"E[A-Z]?\d{4,5}: "), re.compile(rb"E[A-Z]\d{4}  "), re.compile(rb"F\d{4} \d\d:"), re.compile(rb": F \S"))
"""Each begins with a byte that is looked for fast."""
_CHINESE = tuple(
    word.encode(encoding)
    for word in (
        "错误",
        "失败",
        "异常",
        "不足",
        "无法",
        "报错",
        "溢出",
        "超时",
        "已满",
        "终止",
        "不存在",
        "没有那个",
        "未找到",
        "权限不够",
        "未绑定",
        "已杀死",
        "已放弃",
    )
    for encoding in ("utf-8", "gb18030")
) + tuple(
    word.encode() for word in ("ありません", "見つかりません", "Нет такого", "не найдена", "Отказано", "없습니다", "없음")
)


@dataclass
class Shapes:
    """Shapes of lines seen so far: those that speak of nothing, and those that may speak of a failure."""

    quiet: set[bytes] = field(default_factory=set)
    loud: set[bytes] = field(default_factory=set)

    def of(self, piece: bytes) -> list[bytes]:
        """Returns the shapes of a piece's lines, in order; takes those that are new."""
        shapes = piece.translate(_FOLDED, _DIGITS).split(b"\n")
        new = set(shapes) - self.quiet - self.loud
        if new:
            self._take(new, piece)
        return shapes

    def _take(self, new: set[bytes], piece: bytes) -> None:
        if len(self.quiet) + len(self.loud) > MAX_SHAPES:
            self.quiet.clear()
            self.loud.clear()
        text = b"\n".join(new)
        loud = {word for word in _WORDS if word in text}
        foreign = () if text.isascii() else tuple(word for word in _CHINESE if word in text)
        if not loud and not foreign and not any(code.search(piece) for code in _CODES):
            self.quiet |= {shape for shape in new if len(shape) < SHAPE_BYTES}
            return
        words = (*loud, *foreign)
        coded = {each.translate(_FOLDED, _DIGITS) for each in _coded(piece)}
        for shape in new:
            speaks = shape in coded or any(word in shape for word in words)
            if speaks or len(shape) < SHAPE_BYTES:
                (self.loud if speaks else self.quiet).add(shape)


def _coded(piece: bytes) -> list[bytes]:
    codes, at = list[bytes](), 0
    for match in sorted((codes for code in _CODES for codes in code.finditer(piece)), key=re.Match.start):
        if match.start() < at:
            continue
        start = max(piece.rfind(b"\n", 0, match.start()), piece.rfind(b"\r", 0, match.start())) + 1
        ends = [end for end in (piece.find(b"\n", match.end()), piece.find(b"\r", match.end())) if end >= 0]
        at = min(ends, default=len(piece))
        codes.append(piece[start:at])
    return codes


def is_epilogue(shape: bytes) -> bool:
    """Whether a line is of a program that says its last words after the one that failed."""
    return shape.startswith((b"wandb: ", b"srun: ", b"slurmstepd: "))


def lines_of(piece: bytes) -> tuple[list[bytes], list[int]]:
    """Returns a piece's lines, without their ends, and where each begins; there is one more of these."""
    lines = piece.translate(_LINES).split(b"\n")
    return lines, [0, *accumulate(len(line) + 1 for line in lines)]
