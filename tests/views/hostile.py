"""Logs that are made to cost time: what views and filters read is a stranger's, and each of its bytes may cost so much."""

from __future__ import annotations

from itertools import cycle

_FRAMED = [
    "x",
    "err",
    "error: x",
    "RuntimeError: x",
    "1/",
    "a=1",
    "a|b=1|c=2",
    "{'a': 1}",
    "[rank1]: err",
    "5%|#| 1/2 [00:01<00:01]",
    "://a:b@",
]
_MOVES = [
    *(
        "\x1b[99A\rxx",
        "\x1b[99B\x1b[99A",
        "\x1b[99B\x1b[2J",
        "\x1b[99Bx\x1b[2J",
        "\x1b[99Bx\x1b[J",
        "\x1b[A\x1b[J",
        "\x1b[J",
        "\x1b[1J",
    ),
    *(
        "\x1b[50;50Hx\x1b[1Jx",
        "\x1b[9999Gx\n",
        "\x1b[9999Gx\x1b[2K\r",
        "\x1b[99;99H",
        "\x1b[H\x1b[99B",
        "\x1b7\x1b[99B\x1b8",
        "\x1bc",
        "\x1bM",
    ),
    *(
        "\x1bE",
        "\x1b[1;31m",
        "\x1b[38;2;1;2;3mx",
        "\x1b[0;0;0;0;0;0;0;0m",
        "\x1b[",
        "\x1b]",
        "\x1bP",
        "\x1b",
        "\x1b[?1049h",
        "\t",
        "\x08",
    ),
    *("\x0b", "\x07", "\x1b[99C", "\x1b[99Cx", "\x1b[9999@", "\x1b[9999P", "\x1b[9999X"),
]
_FULL = ["\x1b[1K", "\x1b[P\x1b[1G", "\x1b[1G\x1b[@", "\x1b[1G\x1b[9999X", "\x1b[1G\x1b[9999@", "\x1b[K\x1b[9999Gx", "\rx"]
_TEXT = ["x", "漢", "e\u0301", "\u0301", "漢\x1b[D\x1b[P\u0301", "a漢", "\u202e", "\U0001f600", "\x9b", "\ufffd"]


def _repeated(unit: str, size: int) -> bytes:
    data = unit.encode()
    return data * (size // len(data))


def _traceback_left_open(size: int) -> bytes:
    return (b'[rank0]: Traceback (most recent call last):\n[rank0]:   File "x"\n' + b"x\r" * 490) * (size // 1100)


def _many_streams(size: int) -> bytes:
    lines, data = cycle(range(200)), bytearray()
    while len(data) < size:
        number = next(lines)
        data += b"2026-11-22 10:00:00 [worker-%d] ERROR Traceback (most recent call last):\n" % number
        data += b'2026-11-22 10:00:00 [worker-%d] ERROR   File "x", line 1\n' % number
    return bytes(data)


def _endless_messages(size: int) -> bytes:
    return (b'Traceback (most recent call last):\n  File "x", line 1\nValueError: a:\n' + b"a is:\n  b\n\n" * 900) * (
        size // 9000
    )


def _many_tracebacks(size: int) -> bytes:
    lines, data = cycle(range(64)), bytearray()
    while len(data) < size:
        data += b"[rank%d]: Traceback (most recent call last):\n" % next(lines)
    return bytes(data)


def _many_characters(size: int) -> bytes:
    return "".join(chr(0x4E00 + each % 20_000) for each in range(size // 3)).encode()


def structures(size: int) -> dict[str, bytes]:
    """Returns logs of about ``size`` bytes, by what they are made of: ends of lines, moves, widths, what is not text."""
    made = {f"{unit!r} and {end!r}": _repeated(unit + end, size) for unit in _FRAMED for end in "\r\n"}
    made |= {repr(unit): _repeated(unit, size) for unit in ("\r", "\n", "\r\n", "\r\r\n", *_MOVES, *_TEXT)}
    made |= {f"a full row and {unit!r}": b"x" * 9_000 + _repeated(unit, size) for unit in _FULL}
    made["bytes that are not UTF-8"] = b"\xff" * size
    made["halves of characters"] = b"\xe6\xbc" * (size // 2)
    made["a secret among ends of lines"] = (b"://a:b@" + b"\n" * 8000) * (size // 8000)
    made["an open traceback"] = _traceback_left_open(size)
    made["many tracebacks"] = _many_tracebacks(size)
    made["many streams"] = _many_streams(size)
    made["endless messages"] = _endless_messages(size)
    made["many characters"] = _many_characters(size)
    return made


OPENERS = (
    *(
        "Assertion '",
        "Assertion `",
        "thread '",
        "RESOURCE_EXHAUSTED: ",
        "ProcessGroupNCCL",
        "HCCL ",
        "hccl ",
        "Signal: A",
        "Signal: Aa (",
    ),
    *(
        "*** SIGA",
        "CUDA_ERROR_",
        "ERR12345 A",
        "aclrt",
        "line 1: ",
        "sh: ",
        "a: ",
        "error: ",
        "failed (exitcode: 1",
        '"NCCL error ',
        "'CUDA error ",
    ),
    *(
        "loss",
        "loss ",
        "a.loss ",
        "a.",
        "a/",
        '"a-',
        "nan",
        "nan or inf ",
        "train_loss: ",
        "[ERROR]",
        "ERROR ",
        "ERROR RATE: ",
        "rule",
        "rule ",
        "rule= ",
    ),
    *(
        "match.",
        "x_rule_",
        "[rank0]: ",
        "0: ",
        "(a pid=1",
        "(a pid=1) ",
        "[1,0]<stdout>: ",
        "Traceback (most recent call last):",
        " + Exception Group ",
    ),
    *(
        "Error in a : ",
        "a.b.C.DError: ",
        "a.",
        "Caused by: a.b.CException: ",
        "Unhandled exception. ",
        "at line 1 ",
        "E39999: ",
        "E39999  ",
        "E39999: Inner Error!",
        "Lost task 0.0 in stage 1.0 (TID 1) ",
        "a.c(1): error: ",
        "F0501 10:00:00 1 a:1] ",
        "2026-11-22 10:00:00 ERROR ",
        "[W 2026",
        "worker-1: ",
        'level=error msg="',
        "level=error msg=a ",
        '{"level": "error", "msg": "',
        "ERROR (a[1]:",
        "错误",
        "失败\uff1a",
        "panic: ",
        "FAILED a::",
        "[1] ",
        "1: a",
        'a="\\',
    ),
    *(
        "frame #0:",
        "what():  ",
        "|",
        "+ ",
        "- ",
        "a| ",
        "a:| ",
        "| a: 1 ",
        "1% ",
        "1%|",
        "1%||",
        "1/",
        "1/2 ",
        "1/2 [=",
        "━",
        "━━━━ 1 ",
        "a [0:00, 1 ",
    ),
    *(
        "1a [",
        "step ",
        "step [1]",
        "step 1 ",
        "step: [1] [",
        "epoch 1/2 ",
        "eta ",
        "eta: 1",
        "12:",
        "1 days, ",
        "1",
        "1.",
        "1e",
        "-1",
        ".1e",
        "a=",
        "a= ",
    ),
    *(
        "a =1x",
        "a=1.",
        '"a": 1, ',
        "a ",
        "loss 1x ",
        "train ",
        ":::MLLOG {",
        ":::MLL {} ",
        "{",
        "{}",
        "{'a': ",
        "[",
        "{'a':'",
        "'",
        '"',
        "\\",
        "nan,",
    ),
    *(
        "hf_",
        "ghp_",
        "github_pat_",
        "AKIA",
        "wandb",
        "wandb login --a",
        "wandb_api_key  ",
        "wandb_v1_",
        "bearer ",
        "bearer aaaaaaaa=",
        "://",
        "://a",
        "://a:",
    ),
    *(
        "2026-11-22T10:00:00",
        "[2026-11-22 10:00:00",
        "rank 1",
        "[worker-1",
        " ",
        "\t",
        "=",
        ":",
        "(",
        ")",
        "a",
        "_",
        "x=inf",
        "٣",
        "²",
        "\u017f",
        "K: 1 ",
    ),
)
"""What every expression of a view or a filter begins with, for lines that begin it again and again and never end it."""


def lines_of(unit: str, size: int) -> dict[str, bytes]:
    """Returns a line that begins something again and again, and lines that begin it once and go on without an end."""
    made = {f"{unit!r}": _repeated(unit, size)}
    return made | {f"{unit!r} and {filler!r}": unit.encode() + _repeated(filler, size) for filler in ("1", " ", "a.")}
