"""The forms in which programs print a failure over several lines: what begins one, what belongs to it, what it comes to.

Lines in, without what their log puts before each (see ``prefix``), in order:

    reading = opening(text, before)     a failure begins with this line, or None
    belongs(reading, text)              whether the next line is a part of it; None: only if a later one is
    said(reading)                       its kind, its message, and the message of its cause

Python's tracebacks as Python, IPython, rich, loguru, Ray and multiprocessing print them, chained, grouped, within each other,
SyntaxErrors that have no header; messages of several lines to their end, with the blocks of Paddle, MindSpore and CANN; stacks
of C++, glog, sanitizers, Java, Go, Rust, Julia, Fortran.
"""

# ruff: noqa: E501 - an expression for each program that says it is read best on its own line

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from joblog.views.kinds import (
    CANN,
    CRASH,
    EXCEPTION,
    GPU_MEMORY,
    HCCL,
    LAUNCHER,
    LOGGED,
    NAN,
    OUT_OF_MEMORY,
    PYTHON,
    kind_of_exception,
    kind_of_line,
)

TEXT_LINES = 60
LINE_CHARACTERS = 400
MESSAGE_LINES = 16
"""Lines of an exception's message that its summary is made of."""

MAX_BEHIND = 400
"""Lines that one failure may have behind the exception, in blocks and reports."""

_HEADER = "Traceback (most recent call last):"
_RICH = re.compile(r"\s*[╭┌][─ ]+Traceback \(most recent call last\)[─ ]+[╮┐]\s*")
_IPYTHON = re.compile(r"(?P<name>[A-Za-z_][\w.]*) {2,}Traceback \(most recent call last\)\s*")
_FILE = re.compile(r"\s*(?:> )?File \"[^\"]{1,400}\", line \d+")
_SYNTAX = re.compile(r"(?:SyntaxError|IndentationError|TabError): ")
_ALONE = re.compile(r"(?:[A-Za-z_]\w*\.){0,8}[A-Z]\w{0,80}(?:Error|Exception|Interrupt)(?:\([\w.]{1,80}\))?: \S")
_REMOTE = re.compile(r"(?:[\w.]{1,80}\.)?_?RemoteTraceback: *")
_RAISED = re.compile(r"(?:[A-Za-z_]\w*\.){0,12}(?P<name>[A-Za-z_]\w*)(?:\([\w.]{1,80}\))?(?P<says>:(?: .*)?)?\s*")
_CHAINED = re.compile(
    r"(?:During handling of the above exception, another exception occurred"
    r"|The above exception was the direct cause of the following exception):"
)
_WITHIN = re.compile(r"-- Process \d+ terminated with the following error:|Original Traceback|\"\"\"$|Exception encountered at")
_IN_GROUP = re.compile(r"\s*[|+]")
_IN_GROUP_RAISED = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception|Group|Interrupt|Exit): ")
_RULE = re.compile(r"\s*[-=]{10,}\s*")
_TITLE = re.compile(r"- .{1,80}|C\+\+ Traceback \(most recent call last\):|Error Message Summary:|\S.{0,80}:")
_CODE = re.compile(r"(?:^|[ :])(?P<code>E[A-Z]\d{4}|E[1-9]\d{4})(?:: |  )(?P<says>.*)")
_ADVICE = re.compile(
    r"(?i)(?:compile with|for debugging|cuda kernel errors|set [A-Z\"'`]|please|see |you can|you could|if (?:you|the|reserved|this|it)"
    r"|check(?:out)?\b|hint|note:|note that|the exit codes|since the|solution|to (?:fix|avoid|get|enable|disable|suppress|resolve|learn)|for more|the error|memory on|caused by"
    r"|this (?:can|could|may|error)|did you|try |use |consider|additional grpc|the problem|detected at|node:|full_key|full error|\[hint|\[info|\(at |0 \w+ error|arguments received)"
)
_HINT = re.compile(
    r"(?i)(?:compile with|for debugging|cuda kernel errors|set [A-Z\"'`]|please |see |you can |hint:|note:|note that|solution|to (?:fix|avoid|get|enable|disable|suppress|resolve|learn)|for more |try |use |consider )"
)
_RECORD = re.compile(
    r"\[?\(?\s{0,4}(?:\d{4}-\d\d-\d\d|\d{1,2}/\d{1,2}[/ ]|\d{1,2}:\d\d:\d\d|[IWEF]\d{4} )"
    r"|\[?(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|CRITICAL|FATAL|信息|警告|错误)\b|[A-Z]+:[\w.]+:"
    r"|\[(?:rank|default|W|E|I|F)\d|(?:epoch|step|iter(?:ation)?s?|train|valid|eval)\b[ :\[=(]+\d|\d{1,3}%\||.{0,160}\d%\|"
    r"|\{|\++ \S|[a-z][\w.-]{0,30}: |[\w./-]{1,80}\.sh: line|wandb: |Exception ignored in|Killing subprocess|LAUNCH (?:INFO|ERROR)"
    r"|#{3,}|# (?:Accounting|Ended|Finished)|\*{3} JOB|\[titan\]|第 ?\d"
)  # fmt: skip
_JAVA = re.compile(
    r"(?:Exception in thread \".{0,200}\" |Caused by: )?(?:[a-z_]\w{0,60}\.){1,12}[A-Z]\w{0,80}(?:Exception|Error|Throwable|Failure)\b(?:: .*)?"
)
_JULIA = re.compile(r"ERROR: (?:LoadError: )?\S")
_FORTRAN_PLACE = re.compile(r"At line \d+ of file ")
_SANITIZER = re.compile(r"==\d+==\s?ERROR: (?:Address|Memory|Leak|Thread)Sanitizer: |==\d+==ERROR: ")
_SANITIZER_END = re.compile(r"SUMMARY: \w+Sanitizer: |==\d+==ABORTING")
_PADDLE = re.compile(r"C\+\+ Traceback \(most recent call last\):\s*")
_FATAL = re.compile(r"(?:F\d{4} \S+ +\d+ |\[?F |(?:[\d-]+ )?[\d:.]+: F )?(?P<place>\S{1,200}:\d+\] )(?P<says>\S.*)")
_STACK = re.compile(
    r"\s*(?:frame #\d+:|#\d+ |\[\s*\d+\] |\[bt\]|Exception raised from |C10_|File \"|Current thread 0x|Thread 0x|what\(\):"
    r"|at [\w$.<>/-]{1,300}\(|Caused by: |Suppressed: |\.\.\. \d+ (?:more|common)|@ +0x|@ [~/]|PC: @|\*\*\* (?:Check failure|End of error|Aborted at)"
    r"|goroutine \d+ |created by |\[signal |exit status \d|note: |stack backtrace:|Stacktrace:|\[ Stack-Trace: \]|in expression starting at"
    r"|Backtrace for this error|Error termination\. Backtrace|Fortran runtime error: |Image +PC |\S+ +[0-9A-Fa-f]{12,16} |Signal: |Signal code: |Failing at address"
    r"|Extension modules: |Stack trace|Caused by:\s*$|\d{1,3}: +\S|[A-Za-z_][\w./*()-]{0,200}\.[\w*()]{1,80}\(.{0,200}\)$|main\.main\(\)"
    r"|Closest candidates are:|Effective GPU memory|Memory pool usage|TraceBack \(most|Possible Cause:|Solution:|Rectify the fault)"
)
_STACK_BLANKS = 2
_IPYTHON_LINES = 300
_OWN_MISSES = 8
"""Lines that are no part of a stack that is being read, and may be another process's."""


@dataclass(slots=True)
class Reading:
    """A failure that is being read."""

    state: str
    kind: str | None = None
    """Of one that begins with a line; None of an exception with a traceback."""
    text: list[str] = field(default_factory=list)
    raised: list[list[str]] = field(default_factory=list)
    """The messages of exceptions, in order."""
    inner: bool = False
    """Whether the last of them is within the first, not behind it."""
    codes: list[str] = field(default_factory=list)
    block: list[str] = field(default_factory=list)
    """The lines of Paddle's summary."""
    name: str = ""
    behind: int = 0
    blanks: int = 0
    perhaps: int = 0
    missed: int = 0
    weak: int = 0
    """0: it ends a program; 1: it may; 2: something is said to be wrong; 3: somebody says that he minds not."""
    lookback: int = 0
    """Lines before the first that are a part of it."""

    def add(self, text: str) -> None:
        """Keeps a line: of many the first, which say what, and the last, which say why."""
        if len(self.text) == TEXT_LINES:
            del self.text[TEXT_LINES // 4]
        self.text.append(text[:LINE_CHARACTERS])
        self._code(text)

    def strip(self, after: Callable[[str], int | None]) -> None:
        """Takes what each line begins with off those that were kept before it was known."""
        self.text = [text[after(text) or 0 :] for text in self.text]

    def _code(self, text: str) -> None:
        code = _CODE.search(text) if "E" in text[:120] else None
        if code is not None and len(self.codes) < 4:
            self.codes.append(f"{code['code']}: {code['says'].strip()}"[:LINE_CHARACTERS])


def is_header(text: str) -> bool:
    """Whether a line ends with the words that begin a traceback."""
    before, words, after = text.rpartition(_HEADER)
    return bool(words) and not after.strip() and before.rstrip()[-1:] not in ("'", '"', "`")


def _is_group(text: str) -> bool:
    return text.rpartition(_HEADER)[0].endswith("+ Exception Group ")


def opening(text: str, before: Sequence[str]) -> Reading | None:
    """Returns the failure that begins with a line, None when none does; ``before`` are the lines before it, the last at the end."""
    for find in _OPENINGS:
        found = find(text, before)
        if found is not None:
            return found
    return None


def _headed(text: str, before: Sequence[str]) -> Reading | None:
    if "Traceback (most recent call last)" not in text:
        return None
    ipython = _IPYTHON.fullmatch(text)
    if _PADDLE.fullmatch(text.strip()):
        return Reading("block", CRASH, lookback=_rules(before))
    if ipython is not None:
        return Reading("ipython", name=ipython["name"], lookback=_rules(before))
    if _RICH.fullmatch(text):
        return Reading("rich")
    if not is_header(text):
        return None
    return Reading("group" if _is_group(text) else "header", weak=_weak_before(before), lookback=_remote(before))


def _rules(before: Sequence[str]) -> int:
    return int(bool(before) and _RULE.fullmatch(before[-1]) is not None)


def _remote(before: Sequence[str]) -> int:
    if before and before[-1].strip() == '"""' and len(before) > 1 and _REMOTE.fullmatch(before[-2].strip()):
        return 2
    return 0


def _weak_before(before: Sequence[str]) -> int:
    last = before[-1].strip() if before else ""
    if last.startswith("Exception ignored in"):
        return 3
    if last.startswith("Exception in thread"):
        return 1
    warned = re.match(r"(?:.{0,60}[\s\[|:<(-])?(?:WARN(?:ING)?|warn(?:ing)?)(?![A-Za-z])", last[:80])
    return 2 if warned is not None and "NCCL WARN" not in last else 0


def _syntax(text: str, before: Sequence[str]) -> Reading | None:
    if not _SYNTAX.match(text):
        return None
    for back, each in enumerate(reversed(before[-5:]), 1):
        if _FILE.match(each):
            return Reading("ended", raised=[[text[:LINE_CHARACTERS]]], lookback=back)
        if each[:1] not in (" ", "\t"):
            break
    return None


def _java(text: str, before: Sequence[str]) -> Reading | None:
    if not _JAVA.fullmatch(text):
        return None
    record = (
        bool(before) and _RECORD.match(before[-1]) is not None and re.search(r"\b(?:ERROR|FATAL|SEVERE)\b", before[-1][:80])
    )
    return Reading("java", EXCEPTION, lookback=int(bool(record)), weak=_weak_before(before))


def _other(text: str, _: Sequence[str]) -> Reading | None:
    if _SANITIZER.match(text):
        return Reading("sanitizer", CRASH)
    if _FORTRAN_PLACE.match(text):
        return Reading("stacked", CRASH)
    if text.startswith("thread '") and "' panicked at" in text:
        return Reading("panicked" if text.rstrip().endswith(":") else "stacked", CRASH)
    if _JULIA.match(text):
        return Reading("julia", kind_of_exception(text, EXCEPTION), weak=1)
    return None


def _alone(text: str, _: Sequence[str]) -> Reading | None:
    """An exception without its traceback."""
    if not _ALONE.match(text) or kind_of_line(text) == LOGGED:
        return None
    return Reading("ended", raised=[[text[:LINE_CHARACTERS]]], weak=1)


def _line(text: str, _: Sequence[str]) -> Reading | None:
    kind = kind_of_line(text)
    if kind is None:
        return None
    if text.startswith("Primary job "):
        return Reading("line", kind, weak=3)
    told = "NCCL WARN" in text or "Workers (tasks / actors) killed" in text  # by somebody else than who fails
    return Reading("line", kind, weak=_WEAK_KINDS.get(kind, int(told)))


_REASONS = frozenset((GPU_MEMORY, OUT_OF_MEMORY, "disk full", "cuda", CANN, HCCL))
_WEAK_KINDS = {LOGGED: 2, LAUNCHER: 2}
_OPENINGS: tuple[Callable[[str, Sequence[str]], Reading | None], ...] = (_headed, _syntax, _java, _other, _alone, _line)


def belongs(reading: Reading, text: str) -> bool | None:
    """Returns whether a line belongs to a failure; None: if one of the next does."""
    reading.behind += 1
    if not text.strip():
        reading.blanks += 1
        return None if reading.blanks <= _BLANKS.get(reading.state, 1) else False
    found = _STEPS[reading.state](reading, text)
    if found:
        reading.blanks = reading.perhaps = 0
    elif found is None:
        reading.perhaps += 1
        return None if reading.perhaps <= 2 else False
    return found


_BLANKS = {"header": 2, "stack": 2, "ipython": 6, "block": 3, "sanitizer": 6, "stacked": 2, "line": 1, "java": 0, "ended": 2}


def adopt(reading: Reading, text: str) -> None:
    """Takes a line of which nothing was known until one behind it belonged."""
    reading.add(text)
    if text.strip() and reading.state == "ended" and reading.raised:
        _says(reading, text)


def strays(reading: Reading) -> bool:
    """Whether a line that is no part of a failure may be another process's, which writes between: the failure goes on."""
    reading.missed += 1
    return reading.state in ("header", "stack", "header_again", "group") and reading.missed <= _OWN_MISSES


def _after_header(reading: Reading, text: str) -> bool | None:
    if re.match(r"\s+(?:File \"|\[Previous line|.*\|)|> File \"", text):
        reading.state = "stack"
        return True
    raised = _RAISED.fullmatch(text)
    if raised is not None and _named(raised, text):  # frames were left out
        return _raise(reading, text)
    return False


def _in_stack(reading: Reading, text: str) -> bool | None:
    if text[:1] in (" ", "\t", "│", "└") or text.startswith(("> File", "The above", "During handling")):
        return True
    raised = _RAISED.fullmatch(text)
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
    return (raised["says"] is not None and not _RECORD.match(text)) or (
        "." in text.partition(":")[0] and " " not in text.strip()
    )


def _raise(reading: Reading, text: str) -> bool:
    reading.raised.append([text[:LINE_CHARACTERS]])
    reading.state = "ended"
    return True


def _in_group(reading: Reading, text: str) -> bool:
    if not _IN_GROUP.match(text):
        return False
    inner = text.strip(" |+-")
    if _IN_GROUP_RAISED.match(inner):
        reading.raised.insert(0, [inner[:LINE_CHARACTERS]])
    return True


def _in_ipython(reading: Reading, text: str) -> bool:
    if text.startswith(reading.name + ":") or text.rstrip() == reading.name:
        return _raise(reading, text)
    return reading.behind < _IPYTHON_LINES


def _in_rich(reading: Reading, text: str) -> bool:
    if text.lstrip()[:1] in ("│", "╰", "└", "┃", "|"):
        return True
    raised = _RAISED.fullmatch(text)
    return raised is not None and _named(raised, text) and _raise(reading, text)


def _after_end(reading: Reading, text: str) -> bool | None:
    """Behind the exception: the chain to another one, or the rest of its message."""
    stripped, last = text.strip(), reading.text[-1].strip() if reading.text else ""
    if _CHAINED.fullmatch(stripped):
        reading.state = "chained"
        return True
    if is_header(text) or _IPYTHON.fullmatch(text):
        return _again(reading, stripped, last)
    if _RICH.fullmatch(text) or reading.behind > MAX_BEHIND:
        return False
    if _WITHIN.match(stripped):
        return True
    if _RULE.fullmatch(text) and len(reading.raised[-1]) and not stripped.startswith("="):
        reading.state = "rule"
        return None
    if _FILE.match(text) and text[:1] in (" ", "\t"):
        reading.state, reading.inner = "stack", True
        return True
    return _message(reading, text, stripped, last)


def _again(reading: Reading, stripped: str, last: str) -> bool:
    """A header right behind an exception: of what is within it, if that says so; else somebody else's."""
    if not (stripped.startswith("Original Traceback") or _WITHIN.match(last) or last.startswith("---")):
        return False
    reading.inner, reading.state = True, "header_again"
    ipython = _IPYTHON.fullmatch(stripped)
    if ipython is not None:
        reading.name, reading.state = ipython["name"], "ipython"
    return True


def _message(reading: Reading, text: str, stripped: str, last: str) -> bool | None:
    if text[:1] in (" ", "\t"):
        return _says(reading, text)
    if _CODE.match(text):
        return _says(reading, text)
    if _RECORD.match(stripped) and not _ADVICE.match(stripped):
        if re.match(r"\[(?:ERROR|Error)\].{0,80}(?:ERR\d{5}|: )", stripped) and not reading.blanks:  # torch_npu's
            return _says(reading, text)
        return False
    kind = kind_of_line(text)
    if kind == LAUNCHER or (_ALONE.match(text) and not last.endswith(":")):
        return False
    if kind in _REASONS or (kind == "nccl" and not reading.blanks):
        return _says(reading, text)
    if _ADVICE.match(stripped) or last.endswith((":", ",", "(", "[", "{")):
        return _says(reading, text)
    if reading.blanks:
        return None if reading.perhaps < 1 else False
    if last.endswith((".", "!")) and last.count(" ") >= 3:
        return _says(reading, text)
    return None


def _says(reading: Reading, text: str) -> bool:
    """Takes a line of an exception's message."""
    message = reading.raised[-1]
    if len(message) < MESSAGE_LINES:
        message.append(text.strip()[:LINE_CHARACTERS])
    return True


def _after_rule(reading: Reading, text: str) -> bool | None:
    if _IPYTHON.fullmatch(text):
        return _again(reading, text.strip(), "---")
    if _WITHIN.match(text.strip()):
        reading.state = "ended"
        return True
    if not _TITLE.match(text) and not text.startswith("For simplicity"):
        reading.state = "ended"
        return False
    reading.state = "block"
    return _in_block(reading, text)


def _in_block(reading: Reading, text: str) -> bool | None:
    stripped = text.strip()
    if _RULE.fullmatch(text):
        return None if reading.blanks else True
    if is_header(text) and not _TITLE.match(stripped) and not stripped.startswith(("TraceBack", "C++")):
        return False
    if reading.behind > MAX_BEHIND or (
        _RECORD.match(stripped) and not stripped.startswith(("[ERROR]", "[Error]", "# ", "paddle"))
    ):
        return False
    if kind_of_line(text) == LAUNCHER or _RICH.fullmatch(text):
        return False
    if len(reading.block) < MESSAGE_LINES * 3:
        reading.block.append(stripped[:LINE_CHARACTERS])
    return True


def _after_chain(reading: Reading, text: str) -> bool:
    if _RICH.fullmatch(text):
        reading.state = "rich"
        return True
    ipython = _IPYTHON.fullmatch(text)
    if ipython is not None:
        reading.name, reading.state = ipython["name"], "ipython"
        return True
    if is_header(text):
        reading.state = "group" if _is_group(text) else "header_again"
        return True
    return _RULE.fullmatch(text) is not None


def _in_java(_: Reading, text: str) -> bool:
    return _STACK.match(text) is not None


def _in_sanitizer(reading: Reading, text: str) -> bool:
    if _SANITIZER_END.match(text):
        reading.state = "over"
        return True
    return reading.behind < MAX_BEHIND


def _over(_: Reading, text: str) -> bool:
    return _SANITIZER_END.match(text) is not None


def _panicked(reading: Reading, _: str) -> bool:
    reading.state = "stacked"
    return True


def _in_julia(reading: Reading, text: str) -> bool | None:
    if text.startswith("Stacktrace:"):
        reading.state, reading.weak = "stacked", 0
        return True
    if _STACK.match(text) or text[:1] in (" ", "\t"):
        return True
    return None if not _RECORD.match(text) else False


def _stacked(reading: Reading, text: str) -> bool | None:
    if _STACK.match(text) or (text[:1] in (" ", "\t") and reading.behind < MAX_BEHIND):
        return True
    if reading.text and reading.text[0].startswith("Fatal Python error") and kind_of_line(text) == CRASH:
        return True
    if any(line.startswith("[ Stack-Trace: ]") for line in reading.text) and not reading.blanks:
        return not _RECORD.match(text)
    return False


def _after_line(reading: Reading, text: str) -> bool | None:
    """Lines of the same kind, and the stack behind them, are one failure."""
    if _STACK.match(text):
        if reading.kind not in (LOGGED, NAN):
            reading.state = "stacked"
        return True
    if reading.kind in (CANN, HCCL, GPU_MEMORY) and text[:1] in (" ", "\t") and not reading.blanks:
        return True
    kind = kind_of_line(text)
    return kind is not None and kind == reading.kind and kind not in (LOGGED, LAUNCHER) and not reading.blanks


_STEPS: dict[str, Callable[[Reading, str], bool | None]] = {
    "header": _after_header,
    "header_again": _after_header,
    "stack": _in_stack,
    "group": _in_group,
    "ipython": _in_ipython,
    "rich": _in_rich,
    "ended": _after_end,
    "rule": _after_rule,
    "block": _in_block,
    "chained": _after_chain,
    "line": _after_line,
    "java": _in_java,
    "sanitizer": _in_sanitizer,
    "over": _over,
    "panicked": _panicked,
    "julia": _in_julia,
    "stacked": _stacked,
}


@dataclass(frozen=True, slots=True)
class Said:
    """What a failure comes to; ``cause`` is the message of what it follows from, None where that is itself."""

    kind: str
    summary: str
    cause: str | None = None


def said(reading: Reading) -> Said:
    """Returns what a failure comes to."""
    if reading.kind is not None and not reading.raised:
        return _said_of_lines(reading)
    messages = [_joined(message) for message in reading.raised]
    if not messages:
        return Said(PYTHON, "a traceback that was cut off")
    outer, root = (messages[0], messages[-1]) if reading.inner else (messages[-1], messages[0])
    below = _below(reading)
    kinds = [kind_of_exception(text) for text in (*below, root, outer)]
    kind = next((each for each in kinds if each not in (PYTHON, "interrupted")), kinds[-1])
    causes = [text for text in (*below, root) if text != outer]
    return Said(kind, _shortened(outer), _shortened(causes[0]) if causes else None)


def _below(reading: Reading) -> list[str]:
    """What the blocks behind an exception give as its reason."""
    found = list[str]()
    if "Error Message Summary:" in reading.block:
        found.append(_paddle(reading.block))
    if any("Pipeline Error Message" in line for line in reading.block):
        found += [line for line in reading.block if line.startswith("[ERROR]")][:1]
    codes = reading.codes
    if codes:
        inner = "Inner Error!" in codes[0] and len(codes) > 1
        found.append(f"{codes[0]} {codes[1].partition(': ')[2]}"[:LINE_CHARACTERS] if inner else codes[0])
    return [text for text in found if text]


def _paddle(block: Sequence[str]) -> str:
    rest = block[block.index("Error Message Summary:") + 1 :]
    lines = [line for line in rest if not _RULE.fullmatch(line)]
    return _joined(lines[:3])


def _joined(lines: Sequence[str]) -> str:
    """Returns a message of several lines as one: frames and source left out, the middle of a long one, too."""
    rest = (line.strip() for line in lines[1:] if line.strip() and not _FILE.match(line))
    return " ".join([lines[0].strip(), *(line for line in rest if not _HINT.match(line))])


def _shortened(text: str) -> str:
    """Returns a message without the middle of a long one."""
    half = LINE_CHARACTERS // 2
    return text if len(text) <= LINE_CHARACTERS else f"{text[:half]} … {text[-half + 3 :]}"


def _said_of_lines(reading: Reading) -> Said:
    lines = [line.strip() for line in reading.text if line.strip()]
    kind, summary = reading.kind or LOGGED, lines[0] if lines else ""
    if reading.state == "block" or "Error Message Summary:" in reading.block:
        summary = _paddle(reading.block) if "Error Message Summary:" in reading.block else summary
        return Said(kind_of_exception(summary, kind), _shortened(summary))
    what = next((line for line in lines if line.startswith("what():")), None)
    if what is not None:
        summary = what
    elif re.match(
        r"At line \d|thread '.*' panicked at .*:$|\*\*\* Process received|\S+ \[main\]|.*\b(?:ERROR|FATAL|SEVERE)\b", summary
    ):
        summary = _joined(lines[: 1 + int(len(lines) > 1)])
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    cause = causes[-1] if causes else None
    if kind in (EXCEPTION, CRASH):
        kind = kind_of_exception(f"{cause or ''} {summary}", kind)
    return Said(kind, _shortened(summary), None if cause is None else _shortened(cause))
