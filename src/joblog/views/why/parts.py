"""Which lines belong to a failure that has begun: the frames, the rest of a message, blocks, stacks, what it is chained to."""

from __future__ import annotations

import re
from collections.abc import Callable

from joblog.views.why import marks
from joblog.views.why.forms import LINE_CHARACTERS, Unfinished, is_group, is_header
from joblog.views.why.kinds import (
    CANN,
    CRASH,
    GPU_MEMORY,
    HCCL,
    LAUNCHER,
    LOGGED,
    NAN,
    OUT_OF_MEMORY,
    kind_of_line,
)

MESSAGE_LINES = 16
"""Lines of an exception's message that its summary is made of."""

MAX_BEHIND = 400
"""Lines that one failure may have behind the exception, in blocks and reports."""

_ITEM = ("- ", "* ", "• ")
_IPYTHON_LINES = 300
_PERHAPS, _MAY_CHAIN = 2, 8
"""Lines that belong to a failure only if one behind them does; the later of them only if it is chained to another one."""
_OWN_MISSES = 8
"""Lines that are no part of a stack that is being read, and may be another process's."""
_REASONS = frozenset((GPU_MEMORY, OUT_OF_MEMORY, "disk full", "cuda", CANN, HCCL))


def belongs(reading: Unfinished, text: str) -> bool | None:
    """Returns whether a line belongs to a failure; None: if one of the next does."""
    reading.behind += 1
    if not text.strip():
        reading.blanks += 1
        return None if reading.blanks <= _BLANKS.get(reading.state, 1) else False
    step = _STEPS[reading.state](reading, text)
    if step:
        reading.blanks = reading.perhaps = 0
    elif step is None:
        reading.perhaps += 1
        return None if reading.perhaps <= (_MAY_CHAIN if reading.state == "ended" else _PERHAPS) else False
    return step


_BLANKS = {
    "header": 2,
    "stack": 2,
    "ipython": 6,
    "block": 3,
    "sanitizer": 6,
    "stacked": 2,
    "line": 1,
    "java": 0,
    "ended": 2,
    "rule": 3,
    "cell": 6,
}


def adopt(reading: Unfinished, text: str) -> None:
    """Takes a line of which nothing was known until one behind it belonged."""
    reading.add(text)
    if text.strip() and reading.state == "ended" and reading.raised:
        _says(reading, text)


def strays(reading: Unfinished) -> bool:
    """Whether a line that is no part of a failure may be another process's, which writes between: the failure goes on."""
    reading.missed += 1
    return reading.state in ("header", "stack", "header_again", "group") and reading.missed <= _OWN_MISSES


def _after_header(reading: Unfinished, text: str) -> bool | None:
    if re.match(r"\s+(?:File \"|\[Previous line|.*\|)|> File \"", text):
        reading.state = "stack"
        return True
    raised = marks.RAISED.fullmatch(text)
    if raised is not None and _named(raised, text):  # frames were left out
        return _raise(reading, text)
    return False


def _in_stack(reading: Unfinished, text: str) -> bool | None:
    if text[:1] in (" ", "\t", "│", "└") or text.startswith(("> File", "The above", "During handling")):
        return True
    raised = marks.RAISED.fullmatch(text)
    if raised is not None and _named(raised, text):
        return _raise(reading, text)
    if not reading.raised or reading.state != "stack" or not reading.inner:
        return False
    reading.state = "ended"  # the frames were a part of the message
    return _after_end(reading, text)


def _named(raised: re.Match[str], text: str) -> bool:
    name = raised["name"]
    if name.endswith(("Error", "Exception", "Interrupt", "Exit", "Warning", "Iteration", "Group", "Empty", "Full", "Timeout")):
        return True
    if name[:1].isupper() and raised["says"] is not None:
        return True
    return (raised["says"] is not None and not marks.RECORD.match(text)) or (
        "." in text.partition(":")[0] and " " not in text.strip()
    )


def _raise(reading: Unfinished, text: str) -> bool:
    reading.raised.append([text[:LINE_CHARACTERS]])
    reading.state = "ended"
    return True


def _in_group(reading: Unfinished, text: str) -> bool:
    if not marks.IN_GROUP.match(text):
        return False
    inner = text.strip(" |+-")
    if marks.IN_GROUP_RAISED.match(inner):
        reading.raised.insert(0, [inner[:LINE_CHARACTERS]])
    return True


def _in_ipython(reading: Unfinished, text: str) -> bool:
    if text.startswith(reading.name + ":") or text.rstrip() == reading.name:
        return _raise(reading, text)
    return reading.behind < _IPYTHON_LINES


def _in_rich(reading: Unfinished, text: str) -> bool:
    if text.lstrip()[:1] in ("│", "╰", "└", "┃", "|"):
        return True
    raised = marks.RAISED.fullmatch(text)
    return raised is not None and _named(raised, text) and _raise(reading, text)


def _after_end(reading: Unfinished, text: str) -> bool | None:
    """Behind the exception: the chain to another one, or the rest of its message."""
    stripped, last = text.strip(), reading.text[-1].strip() if reading.text else ""
    if marks.CHAINED.fullmatch(stripped):
        reading.state = "chained"
        return True
    if is_header(text) or marks.IPYTHON.fullmatch(text):
        return _again(reading, stripped, last)
    if reading.perhaps >= _PERHAPS:  # a message that has paragraphs, if another exception comes of it
        return None if reading.blanks else False
    if marks.RICH.fullmatch(text) or reading.behind > MAX_BEHIND:
        return False
    if marks.WITHIN.match(stripped):
        return True
    if marks.RULE.fullmatch(text) and len(reading.raised[-1]) and not stripped.startswith("="):
        reading.state = "rule"
        return None
    if marks.FILE.match(text) and text[:1] in (" ", "\t"):
        reading.state, reading.inner = "stack", True
        return True
    task = marks.TASK_ERROR.match(reading.raised[-1][0])
    if task is not None and marks.ALONE.match(text) and text.partition(":")[0].endswith(task["name"]):
        reading.inner = True
        return _raise(reading, text)
    return _message(reading, text, stripped, last)


def _again(reading: Unfinished, stripped: str, last: str) -> bool:
    """A header right behind an exception: of what is within it, if that says so; else somebody else's."""
    if not (stripped.startswith("Original Traceback") or marks.WITHIN.match(last) or last.startswith("---")):
        return False
    reading.inner, reading.state = True, "header_again"
    ipython = marks.IPYTHON.fullmatch(stripped)
    if ipython is not None:
        reading.name, reading.state = ipython["name"], "ipython"
    return True


def _message(reading: Unfinished, text: str, stripped: str, last: str) -> bool | None:
    if text[:1] in (" ", "\t"):
        return _says(reading, text)
    if marks.CODE.match(text):
        return _says(reading, text)
    if marks.RECORD.match(stripped) and not marks.ADVICE.match(stripped):
        if re.match(r"\[(?:ERROR|Error)\].{0,80}(?:ERR\d{5}|: )", stripped) and not reading.blanks:  # torch_npu's
            return _says(reading, text)
        return False
    kind = kind_of_line(text)
    if kind == LAUNCHER or (marks.ALONE.match(text) and not last.endswith(":")):
        return False
    if kind in _REASONS or (kind == "nccl" and not reading.blanks):
        return _says(reading, text)
    listed = last.startswith(_ITEM) and (stripped.startswith(_ITEM) or stripped.endswith("."))
    if listed or marks.ADVICE.match(stripped) or last.endswith((":", ",", "(", "[", "{")):
        return _says(reading, text)
    if reading.blanks:
        return None
    if last.endswith((".", "!")) and last.count(" ") >= 3:
        return _says(reading, text)
    return None


def _says(reading: Unfinished, text: str) -> bool:
    """Takes a line of an exception's message."""
    message = reading.raised[-1]
    if len(message) < MESSAGE_LINES:
        message.append(text.strip()[:LINE_CHARACTERS])
    return True


def _after_rule(reading: Unfinished, text: str) -> bool | None:
    if marks.IPYTHON.fullmatch(text):
        return _again(reading, text.strip(), "---")
    if marks.WITHIN.match(text.strip()):
        reading.state = "ended"
        return True
    if "CellExecutionError" in reading.raised[-1][0]:
        reading.state = "cell"
        return True
    if not marks.TITLE.match(text) and not text.startswith("For simplicity"):
        reading.state = "ended"
        return False
    reading.state = "block"
    return _in_block(reading, text)


def _in_cell(reading: Unfinished, text: str) -> bool:
    """The source of a notebook's cell, up to its traceback."""
    return _again(reading, text.strip(), "---") if marks.IPYTHON.fullmatch(text) else reading.behind < _IPYTHON_LINES


def _in_block(reading: Unfinished, text: str) -> bool | None:
    stripped = text.strip()
    if marks.RULE.fullmatch(text):
        return None if reading.blanks else True
    if is_header(text) and not marks.TITLE.match(stripped) and not stripped.startswith(("TraceBack", "C++")):
        return False
    if reading.behind > MAX_BEHIND or (
        marks.RECORD.match(stripped) and not stripped.startswith(("[ERROR]", "[Error]", "# ", "paddle"))
    ):
        return False
    if kind_of_line(text) == LAUNCHER or marks.RICH.fullmatch(text):
        return False
    if len(reading.block) < MESSAGE_LINES * 3:
        reading.block.append(stripped[:LINE_CHARACTERS])
    return True


def _after_chain(reading: Unfinished, text: str) -> bool:
    if marks.RICH.fullmatch(text):
        reading.state = "rich"
        return True
    ipython = marks.IPYTHON.fullmatch(text)
    if ipython is not None:
        reading.name, reading.state = ipython["name"], "ipython"
        return True
    if is_header(text):
        reading.state = "group" if is_group(text) else "header_again"
        return True
    return marks.RULE.fullmatch(text) is not None


def _in_java(reading: Unfinished, text: str) -> bool:
    if marks.STACK.match(text) is None:
        return False
    reading.weak = 0 if reading.weak == 1 else reading.weak
    return True


def _in_sanitizer(reading: Unfinished, text: str) -> bool:
    if marks.SANITIZER_END.match(text):
        reading.state = "over"
        return True
    return reading.behind < MAX_BEHIND


def _over(_: Unfinished, text: str) -> bool:
    return marks.SANITIZER_END.match(text) is not None


def _panicked(reading: Unfinished, _: str) -> bool:
    reading.state = "stacked"
    return True


def _in_julia(reading: Unfinished, text: str) -> bool | None:
    if text.startswith("Stacktrace:"):
        reading.state, reading.weak = "stacked", 0
        return True
    if marks.STACK.match(text) or text[:1] in (" ", "\t"):
        return True
    return None if not marks.RECORD.match(text) else False


def _traced(reading: Unfinished, text: str) -> bool:
    if not text.startswith("stack traceback:"):
        return False
    reading.state, reading.weak = "stacked", 0
    return True


def _stacked(reading: Unfinished, text: str) -> bool | None:
    if marks.STACK.match(text) or (text[:1] in (" ", "\t") and reading.behind < MAX_BEHIND):
        reading.weak = 0 if reading.weak == 1 and reading.kind == CRASH else reading.weak
        return True
    if reading.text and reading.text[0].startswith("Fatal Python error") and kind_of_line(text) == CRASH:
        return True
    if any(line.startswith("[ Stack-Trace: ]") for line in reading.text) and not reading.blanks:
        return not marks.RECORD.match(text)
    return False


def _after_line(reading: Unfinished, text: str) -> bool | None:
    """Lines of the same kind, and the stack behind them, are one failure."""
    if reading.kind == LOGGED:
        if marks.ABORTED.fullmatch(text):
            reading.kind, reading.weak = CRASH, 0  # it said why
            return True
        if marks.HINTED.match(text) and text.split(" ", 1)[0] == reading.text[0].split(" ", 1)[0]:
            return True
        return text.startswith(("Caused by:", "Stack backtrace:")) or (
            text[:1] in (" ", "\t") and marks.STACK.match(text) is not None
        )
    if reading.kind != NAN and marks.STACK.match(text):
        reading.state = "stacked"
        return True
    if reading.kind in (CANN, HCCL, GPU_MEMORY) and text[:1] in (" ", "\t") and not reading.blanks:
        return True
    if reading.kind in (CANN, HCCL) and marks.CODE.match(text) and not reading.blanks:
        return True
    kind = kind_of_line(text)
    return kind is not None and kind == reading.kind and kind != LAUNCHER and not reading.blanks


_STEPS: dict[str, Callable[[Unfinished, str], bool | None]] = {
    "header": _after_header,
    "header_again": _after_header,
    "stack": _in_stack,
    "group": _in_group,
    "ipython": _in_ipython,
    "rich": _in_rich,
    "ended": _after_end,
    "rule": _after_rule,
    "block": _in_block,
    "cell": _in_cell,
    "chained": _after_chain,
    "line": _after_line,
    "java": _in_java,
    "sanitizer": _in_sanitizer,
    "over": _over,
    "panicked": _panicked,
    "julia": _in_julia,
    "stacked": _stacked,
    "traced": _traced,
}
