"""The marks by which a line is known to be a part of a failure that a program prints over several lines."""

# ruff: noqa: E501 - an expression for each program that says it is read best on its own line; Chinese has its own colon

from __future__ import annotations

import re

HEADER = "Traceback (most recent call last):"
RICH = re.compile(r"\s*[╭┌][─ ]+Traceback \(most recent call last\)[─ ]+[╮┐]\s*")
IPYTHON = re.compile(r"(?P<name>[A-Za-z_][\w.]*) {2,}Traceback \(most recent call last\)\s*")
FILE = re.compile(r"\s*(?:> )?(?:File \"[^\"]{1,400}\", line \d+|Cell In ?\[\d+\], line \d+)")
SYNTAX = re.compile(r"(?:SyntaxError|IndentationError|TabError): ")
ALONE = re.compile(r"(?:[A-Za-z_]\w*\.){0,8}[A-Z]\w{0,80}(?:Error|Exception|Interrupt)(?:\([\w.]{1,80}\))?: \S")
REMOTE = re.compile(r"(?:[\w.]{1,80}\.)?_?RemoteTraceback: *")
RAISED = re.compile(r"(?:[A-Za-z_]\w*\.){0,12}(?P<name>[A-Za-z_]\w*)(?:\([\w.]{1,80}\))?(?P<says>:(?: .*)?)?\s*")
CHAINED = re.compile(
    r"(?:During handling of the above exception, another exception occurred"
    r"|The above exception was the direct cause of the following exception):"
)
WITHIN = re.compile(r"-- Process \d+ terminated with the following error:|Original Traceback|\"\"\"$|Exception encountered at")
IN_GROUP = re.compile(r"\s*[|+]")
IN_GROUP_RAISED = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception|Group|Interrupt|Exit): ")
RULE = re.compile(r"\s*[-=]{10,}\s*")
TITLE = re.compile(r"- .{1,80}|C\+\+ Traceback \(most recent call last\):|Error Message Summary:|\S.{0,80}:")
CODE = re.compile(r"(?:^|[ :])(?P<code>E[A-Z]\d{4}|E[1-9]\d{4})(?:: |  )(?P<says>.*)")
ADVICE = re.compile(
    r"(?i)(?:compile with|\*{3} (?:begin|end) stack trace|the (?:actor|worker|node|task|process|job|trainer) |for debugging|cuda kernel errors|set [A-Z\"'`]|please|see |you can|you could|if (?:you|the|reserved|this|it)"
    r"|check(?:out)?\b|hint|note:|note that|the exit codes|since the|solution|to (?:fix|avoid|get|enable|disable|suppress|resolve|learn)|for more|the error|last error|memory on|caused by"
    r"|this (?:can|could|may|error)|did you|try |use |consider|additional grpc|the problem|detected at|node:|full_key|full error|\[hint|\[info|\(at |0 \w+ error|arguments received)"
)
HINT = re.compile(
    r"(?i)(?:compile with|for debugging|cuda kernel errors|set [A-Z\"'`]|please |see |you can |hint:|note:|note that|solution|to (?:fix|avoid|get|enable|disable|suppress|resolve|learn)|for more |try |use |consider )"
)
RECORD = re.compile(
    r"\[?\(?\s{0,4}(?:\d{4}-\d\d-\d\d|\d{1,2}/\d{1,2}[/ ]|\d{1,2}:\d\d:\d\d|[IWEF]\d{4} )"
    r"|\[?(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|CRITICAL|FATAL|信息|警告|错误)\b|[A-Z]+:[\w.]+:"
    r"|\[(?:rank|default|W|E|I|F)\d|(?:epoch|step|iter(?:ation)?s?|train|valid|eval)\b[ :\[=(]+\d|\d{1,3}%\||.{0,160}\d%\|"
    r"|\{|\++ \S|(?!nccl)[a-z][\w.-]{0,30}: |[\w./-]{1,80}\.sh: line|wandb: |Exception ignored in|Killing subprocess|LAUNCH (?:INFO|ERROR)"
    r"|#{3,}|# (?:Accounting|Ended|Finished)|\*{3} JOB|\[titan\]|第 ?\d"
)  # fmt: skip
JAVA = re.compile(
    r"(?:Exception in thread \".{0,200}\" |Caused by: )?(?:[a-z_]\w{0,60}\.){1,12}[A-Z]\w{0,80}(?:Exception|Error|Throwable|Failure)\b(?:: .*)?"
)
SPARK = re.compile(
    r".{0,120}?\bLost task [\d.]{1,12} in stage [\d.]{1,12} \(TID \d{1,12}\).{0,160}?: [\w.$]{1,160}(?:Exception|Error)\b"
)
JULIA = re.compile(r"ERROR: (?:LoadError: )?\S")
DOTNET = re.compile(r"Unhandled exception\. |Unhandled Exception: ")
R_ERROR = re.compile(r"Error in .{1,200} : *$|Error in .{1,200} : \S|Error: .{0,200} : *$")
PANICKED = re.compile(r"thread '[^']{0,200}' (?:\(\d+\) )?panicked at")
MATLAB = re.compile(r"Error using \S{1,200}(?: \(line \d+\))?\s*")
RUBY = re.compile(r"\S{1,200}\.rb:\d+:in [`'].{1,200}': .*\([A-Z]\w*(?:::\w+)*\)")
ELIXIR = re.compile(r"\*\* \((?:exit|throw|EXIT|[A-Z]\w*(?:\.\w+)*)\) ")
LUA = re.compile(r"\S{0,100}lua\w{0,10}: \S{1,200}\.lua:\d+: \S")
FORTRAN_PLACE = re.compile(r"At line \d+ of file ")
SANITIZER = re.compile(r"==\d+==\s?ERROR: (?:Address|Memory|Leak|Thread)Sanitizer: |==\d+==ERROR: ")
SANITIZER_END = re.compile(r"SUMMARY: \w+Sanitizer: |==\d+==ABORTING")
PADDLE = re.compile(r"C\+\+ Traceback \(most recent call last\):\s*")
CHECK = re.compile(r"(?:^|\s|\])\S{1,200}:\d+\]?:?\s{1,4}(?:\(\w{1,20}\)\s)?Check failed: ")
FATAL = re.compile(r"(?:F\d{4} \S+ +\d+ |\[?F |(?:[\d-]+ )?[\d:.]+: F )?(?P<place>\S{1,200}:\d+\] )(?P<says>\S.*)")
ABORTED = re.compile(r"(?:\S{1,80}: (?:line \d+: *\d+ )?)?Aborted(?: {1,40}\(core dumped\).{0,400})?")
HINTED = re.compile(r"\S{1,40}: (?i:hint|note)\b")
TASK_ERROR = re.compile(r"(?:[\w.]{1,80}\.)?RayTaskError\((?P<name>\w{1,80})\): ")
STACK = re.compile(
    r"\s*(?:frame #\d+:|#\d+ |\[\s*\d+\] |\[bt\]|Exception raised from |C10_|File \"|Current thread 0x|Thread 0x|what\(\):"
    r"|at [\w$.<>/-]{1,300}\(|Caused by: |Suppressed: |\.\.\. \d+ (?:more|common)|@ +0x|@ [~/]|PC: @|\*\*\* (?:Check failure|End of error|Aborted at)"
    r"|goroutine \d+ |created by |\[signal |exit status \d|note: |stack backtrace:|Stacktrace:|\[ Stack-Trace: \]|in expression starting at"
    r"|Backtrace for this error|Error termination\. Backtrace|Fortran runtime error: |Image +PC |\S+ +[0-9A-Fa-f]{12,16} |Signal: |Signal code: |Failing at address"
    r"|Extension modules: |Stack trace|Caused by:\s*$|(?<=\s)\d{1,3}: +\S|[A-Za-z_][\w./*()-]{0,200}\.[\w*()]{1,80}\(.{0,200}\)$|main\.main\(\)"
    r"|\S{1,300}\.so[\w.]{0,20}\(\S{0,200}\) \[0x|\*{3} Stack ?Trace|=+ ?backtrace\b|\d{1,3} +0x[0-9a-f]{8,16} |={20,}\s*$|Calls: |from \S{1,200}:\d+:in|Error in .{1,200} \(line \d+\)|Execution halted|In addition: |Backtrace:$|Closest candidates are:|Effective GPU memory|Memory pool usage|TraceBack \(most|Possible Cause:|Solution:|Rectify the fault)"
)
