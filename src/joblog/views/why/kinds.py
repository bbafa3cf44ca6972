"""What kind of failure a line speaks of, and whether it speaks of one at all.

Programs print the words of failures when nothing has failed: their configuration, the patterns of their own alarms, the
commands that they run, a metric called "error rate". Such a line is no failure: see ``kind_of_line``.

Only lines that ``hints.py`` lets through come here: a kind whose words it does not know is never found.
"""

# ruff: noqa: E501 - an expression for each program that says it is read best on its own line; Chinese has its own colon

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

PYTHON, LOGGED, EXCEPTION, LAST_WORDS = "python exception", "logged error", "exception", "last words"
KILLED, NAN, OUT_OF_MEMORY, GPU_MEMORY = "killed", "loss is not a number", "out of memory", "gpu out of memory"
CRASH, CANN, HCCL, LAUNCHER, CONNECTION = "crash", "cann", "hccl", "launcher", "connection"

# What a launcher, a scheduler or a shell says before the signal that ended a program.
_ENDED_BY = r"\b(?:[Tt]erminated|[Kk]illed|[Dd]ied|[Ee]xited|[Ee]xit(?:ed)? (?:code|status)|[Rr]eturn(?:ed)? code)\b(?:[^.\n]|\.(?=\S)){0,40}?(?<![A-Z])"

_KINDS: tuple[tuple[str, str], ...] = (
    (GPU_MEMORY, r"(?:CUDA|NPU|HIP|XPU|MUSA|MLU|MPS backend) out of memory|cuda\.OutOfMemoryError|torch\.OutOfMemoryError|OutOfGPUMemoryError"
        r"|CU(?:BLAS|DNN)_STATUS_ALLOC_FAILED|CUDA_ERROR_OUT_OF_MEMORY|CUDA error: '?out of memory|cudaMalloc failed: out of memory|cudaErrorMemoryAllocation"
        r"|Out of memory error on GPU|Out of GPU memory|OOM when allocating tensor|CUDA failed with error out of memory|\bEL0004\b|NPU memory .{0,40}insufficient"
        r"|Attempting to reserve \S+ at the bottom of memory|(?:GPU|CUDA|HIP|[Dd]evice)\w{0,12}:? (?<!ran )out of memory|Dst tensor is not initialized|OUT_OF_DEVICE_MEMORY|ErrorOutOfDeviceMemory|CL_MEM_OBJECT_ALLOCATION_FAILURE|显存(?:不足|溢出|已满|不够|耗尽)|RuntimeError: 内存不足.{0,20}(?:GPU|NPU)"),
    (OUT_OF_MEMORY, r"[Oo]ut of memory: Kill(?:ed)? process|oom-kill:|\boom[-_]kill event|\bOOMKilled\b|\bMemoryError\b|Cannot allocate memory|\b_?ArrayMemoryError\b"
        r"|(?:instance of ')?std::bad_alloc|DefaultCPUAllocator: (?:can't|not enough)|java\.lang\.OutOfMemoryError|Unable to allocate [\d.]+ [KMGTP]iB"
        r"|node running low on memory|killed due to memory pressure|low on resource: memory|task \d+: Out Of Memory|running beyond (?:physical|virtual) memory limits"
        r"|exceeded memory limit \(|Exceeded (?:job|step) memory limit(?! at some)|TERM_MEMLIMIT|\bv?mem \S{1,20} exceeded limit|paging file is too small|页面文件太小"
        r"|heap out of memory|runtime: out of memory|memory allocation of \d+ bytes failed|cannot allocate vector of size|\bbad allocation\.?\s*$|[Ii]nsufficient virtual memory"
        r"|^Out of memory!|virtual memory exhausted|\bOutOfMemoryError\(\)"
        r"|内存(?:不足|溢出|不够|耗尽)|ray\.exceptions\.OutOfMemoryError"),
    ("disk full", r"No space left on device|Disk quota exceeded|\bENOSPC\b|(?:磁盘|硬盘|存储)(?:空间)?(?:不足|已满|不够)|low on resource: ephemeral-storage"),
    (NAN, r"(?i:(?:\b[\w./-]{0,80}loss|[\"'][\w./-]{0,80}loss[\"'](?=\s*:))(?:\s*(?:[:=]|is|became|->)\s*[\"']?[+-]?(?:nan|inf)\b|\s(?:nan)(?=[,;|]|\s*$)))|(?i:\b(?:cost|objective|ppl|perplexity|xent|cross[_-]?entropy|nll)\s*[:=]\s*nan\b)|(?i:non-finite loss|nan loss (?:detected|encountered))"
        r"|(?i:loss became infinite or nan)|Minimum loss scale reached|(?i:nan or inf (?:found|detected)|found (?:a )?(?:nan|inf)s? in|(?:nan|inf)s? (?:detected|found|encountered) in)|损失(?:变为|为|是|出现)\s*(?i:nan|inf)"),
    ("nccl", r"\bNCCL (?:error|WARN|failure|Error)|\bnccl(?:System|Internal|UnhandledCuda|Remote|InvalidUsage|InvalidArgument)Error\b"
        r"|Watchdog caught collective operation timeout|DistBackendError|Horovod has been shut down|monitoredBarrier"),
    (HCCL, r"\bE[IJ]\d{4}: "),
    (CANN, r"\bE[A-HK-Z]\d{4}\b(?=: |  )|\bE[1-9]\d{4}: |\bACL(?: stream)? (?:error|synchronize failed)|\baclrt\w+ failed|\bERR\d{5} [A-Z]+\b|error code is (?:10|50)\d{4}"),
    ("cuda", r"CUDA (?:error|driver error|failure)\b|(?i:\b(?:hip|cublas|cudnn|curand|cusolver|cusparse|cufft|nvrtc|rocblas|hipblas|miopen) error(?:: | \d))|\bhipError[A-Z]\w+|CUDA_ERROR_[A-Z_]+|cudaError[A-Z]\w+|device-side assert triggered"
        r"|illegal memory access was encountered|fallen off the bus|CUDNN_STATUS_(?!SUCCESS)[A-Z_]+|CUBLAS_STATUS_(?!SUCCESS)[A-Z_]+|NVRM: Xid|[Uu]ncorrectable ECC"),
    (CRASH, r"terminate called (?:after|without)|(?<!signal: )Segmentation fault|Fatal Python error: |Bus error\b|Floating point exception"
        r"|Illegal instruction|Aborted \(core dumped\)|^\S*:? ?Aborted$|\*\*\* SIG[A-Z]+ |\*\*\* Process received signal|Signal: [A-Z]\w[\w ]{0,60} \(\d{1,3}\)"
        r"|double free or corruption|free\(\): invalid|malloc\(\): |corrupted size vs|stack smashing detected|\bASSERTION_FAILED\b|Program received signal SIG"
        r"|AddressSanitizer: |MemorySanitizer: |LeakSanitizer: |^panic: |^fatal error: |PYTORCH_INTERNAL_ASSERT|^\s+what\(\):  |Fatal signal|^forrtl: severe|SIGSEGV, segmentation fault"
        r"|Signal (?:4|5|7|8|11) \(SIG|Memory access fault by GPU|\bsegfault at [0-9a-f]+ ip |\btraps: \S{1,40}\[\d+\] |general protection fault|HSA_STATUS_ERROR_\w+|Fatal error in P?MPI_\w+|An error occurred in (?:\*{3} )?MPI_\w+|^段错误|^已放弃|^总线错误|^非法指令|^浮点数例外"
        r"|^(?:zsh: |\[\d+\] {2,}[+-]? *\d+ )(?:segmentation fault|abort|bus error|illegal hardware instruction|floating point exception)(?= {2}| \(core)"
        rf"|{_ENDED_BY}(?:signal (?:4|6|7|8|11)\b|SIG(?:SEGV|ABRT|BUS|FPE|ILL|TRAP|SYS)\b)"),
    (CONNECTION, r"Connection refused|Connection reset by peer|ConnectionRefusedError|ConnectionResetError|[Ff]ailed to connect to|couldn't connect to"
        r"|socket has (?:failed|timed out)|Broken pipe|No route to host|Name or service not known|Connection closed by peer|Temporary failure in name resolution|Max retries exceeded"
        r"|Dist(?:Network|Store)Error|Barrier timed out|heartbeat timeout|missing heartbeats|another task died|different incarnation|[Tt]ransport retry count exceeded|lost communication with a remote daemon|无法连接|连接(?:超时|失败|被拒绝|断开)|网络(?:异常|错误|超时|不可达)"),
    (KILLED, r"^(?:\S+: )*(?:line \d+: *\d+ )?Killed\b|CANCELLED AT \S+|DUE TO TIME LIMIT|signal: killed|Received (?:Signals\.)?SIG(?:TERM|KILL|INT|HUP)\b"
        r"|[Pp]reempt(?:ed\b(?!, or)|ion notice)|(?:got|received) signal:? (?:1|2|9|15)\b|Sending process \d+ closing signal|Signal (?:9|15) \(SIG|[Tt]erminated by (?:a )?signal(?: (?:\d|SIG)|\.|\s*$)|[Nn]ode failure on|was evicted\b"
        r"|被(?:系统)?(?:杀死|终止|抢占)|^已杀死|^已终止"
        r"|^(?:zsh: |\[\d+\] {2,}[+-]? *\d+ )(?:killed|terminated)\b|\bPBS: job killed|\bTERM_(?!MEMLIMIT)[A-Z]{5,20}\b|walltime .{0,40}exceeded limit"
        r"|received a shutdown signal|[Oo]peration was cancell?ed\.?\s*$|lost communication with the server|exceeded the maximum (?:execution )?time of|execution took longer than|Build timed out"
        r"|\b[Nn]ode\b.{0,160}\bhas been marked dead because"
        rf"|{_ENDED_BY}(?:signal (?:1|2|9|15)\b|SIG(?:KILL|TERM|INT|HUP|XCPU|USR[12])\b(?! by OOM))"),
    (LAUNCHER, r"ChildFailedError|ProcessExitedException|exited with (?:exit )?code [1-9]|failed \(exitcode: -?\d+\)|srun: error: |exits with return code = -?[1-9]"
        r"|mpi(?:run|exec)(?:\.real)? (?:noticed|detected)|PRTE|Primary job  terminated|returned non-zero exit status|Some processes failed|returned a failure\.|job failed, log is in|script returned exit code [1-9]"
        r"|exited with a non-zero (?:exit )?(?:status|code)|Trials did not complete|Process completed with exit code [1-9]|Command exited with non-zero status|Container failed !!!|SparkContext was shut down"
        r"|(?:command|[Tt]ask|[Pp]rocess|[Jj]ob|[Ww]orker) (?:\S{1,60} )?(?:terminated|exited) with (?:return |exit )?(?:code|status) -?[1-9]|^Exited with exit code [1-9]"
        r"|MPI_ABORT was invoked|application called MPI_Abort|BAD TERMINATION OF ONE|APPLICATION TERMINATED WITH THE EXIT STRING|ABORT!!! Out of all"),
)  # fmt: skip

# What begins with one expression and ends with another, whatever stands between: as one expression, each beginning on a line
# that never ends so would look through the rest of it.
_SPANS: dict[str, tuple[tuple[str, str], ...]] = {
    GPU_MEMORY: (("RESOURCE_EXHAUSTED: ", "[Oo]ut of memory"), ("cudaSuccess", "out of memory")),
    "nccl": (("ProcessGroupNCCL", "timed? ?out|exception|abort|got stuck|watchdog hang"),),
    HCCL: ((r"\bHCCL\b", "[Ee]rror|[Ff]ail|[Tt]imeout|timed out"), (r"\bhccl\w*\b", "fail")),
    CRASH: (("Assertion [`'(]", "failed"), ("thread '", r"' (?:\(\d+\) )?panicked at"), ("[Aa]ssertion failed: ", r"\S")),
}


# In every line that speaks of a kind stands one of these, in lower case: looking for them takes a tenth of the time that the
# expressions take, and of a log in which each line is a failure most lines speak of one kind only. None: of anything.
_WORDS: dict[str, tuple[str, ...]] = {
    GPU_MEMORY: (
        *("out of memory", "outofmemoryerror", "alloc_failed", "out_of_memory", "outofgpumemory", "errormemoryallocation"),
        *("out_of_device", "outofdevice", "dst tensor", "cl_mem_object"),
        *("of gpu memory", "oom when", "el0004", "npu memory", "attempting to reserve", "显存", "内存"),
    ),
    OUT_OF_MEMORY: (
        *("of memory", "oom", "memoryerror", "allocate memory", "bad_alloc", "defaultcpuallocator", "outofmemoryerror", "内存"),
        *("unable to allocate", "low on memory", "memory pressure", "low on resource", "memory limit", "term_memlimit"),
        *("mem ", "paging file", "页面文件", "memory allocation", "cannot allocate", "bad allocation", "virtual memory"),
    ),
    "disk full": ("no space", "disk quota", "enospc", "磁盘", "硬盘", "存储", "low on resource"),
    NAN: ("nan", "nf", "n-f", "minimum loss scale"),
    "nccl": ("nccl", "watchdog caught", "distbackenderror", "horovod has", "monitoredbarrier"),
    HCCL: ("ei", "ej", "hccl"),
    "cuda": (
        *(
            "cuda",
            "device-side assert",
            "illegal memory",
            "off the bus",
            "cudnn_status_",
            "cublas_status_",
            "nvrm: xid",
            "uncorrectable ecc",
        ),
        *("hip", "cublas", "cudnn", "curand", "cusolver", "cusparse", "cufft", "nvrtc", "rocblas", "miopen"),
    ),
    CRASH: (
        *("terminate called", "segmentation fault", "fatal python", "bus error", "floating point", "illegal instruction"),
        *("aborted", "*** ", "signal: ", "double free", "free(): ", "malloc(): ", "corrupted size", "stack smashing"),
        *("sanitizer: ", "panic", "internal_assert", "what(): ", "fatal signal", "assertion", "fatal error", "forrtl"),
        *(
            "received signal",
            "access fault",
            "segfault",
            "traps: ",
            "protection fault",
            "hsa_status",
            "mpi_",
            "段错误",
            "已放弃",
            "总线错误",
            "非法指令",
            "浮点数例外",
        ),
        *("abort", "illegal hardware", "signal", "sigsegv", "sigabrt", "sigbus", "sigfpe", "sigill", "sigtrap", "sigsys"),
    ),
    CONNECTION: (
        *(
            "connection re",
            "connection closed",
            "connectionre",
            "failed to connect",
            "socket has",
            "broken pipe",
            "no route",
            "name or service",
        ),
        *("temporary failure", "couldn't connect", "max retries", "distnetwork", "diststore", "barrier timed", "heartbeat"),
        *("another task died", "incarnation", "retry count", "lost communication"),
        *("连接", "网络"),
    ),
    KILLED: (
        *("killed", "cancelled at", "time limit", "received sig", "preempt", "signal 9", "signal 15", "closing signal"),
        *(
            "signal",
            "sigkill",
            "sigterm",
            "sigint",
            "sighup",
            "sigxcpu",
            "sigusr",
            "node failure",
            "evicted",
            "被",
            "已杀死",
            "已终止",
            "pbs: job",
            "term_",
            "terminated",
            "walltime",
        ),
        *("was cancel", "lost communication", "maximum", "took longer", "timed out", "marked dead", "has died"),
    ),
    LAUNCHER: (
        *("childfailed", "processexited", "exited with", "failed (exit", "srun: ", "mpirun", "mpiexec", "prte", "primary job"),
        *("exits with return", "returned non-zero", "some processes", "returned a failure", "job failed, log"),
        *(
            "exit code",
            "container failed",
            "was shut down",
            "non-zero",
            "not complete",
            "with code",
            "with status",
            "return code",
            "exit status",
            "mpi_abort",
        ),
        *("bad termination", "exit string", "abort!!!"),
    ),
}


class Speech:
    """What speaks of a kind. Looking through a line takes time by its length, whatever it is."""

    def __init__(self, pattern: str, spans: tuple[tuple[str, str], ...], words: tuple[str, ...]) -> None:
        self._pattern = re.compile(pattern)
        self._words = words
        self._spans = [(re.compile(first), re.compile(last)) for first, last in spans]
        self.expressions = [self._pattern, *(re.compile(f"(?:{first}).*(?:{last})") for first, last in spans)]
        """Whatever speaks of it is matched by one of these."""

    def may_be_in(self, lower: str) -> bool:
        """Whether a text, in lower case, has one of the words without which it does not speak of it."""
        for word in self._words:
            if word in lower:
                return True
        return not self._words

    def places(self, text: str) -> Iterator[tuple[int, int]]:
        """Yields where a text speaks of it."""
        yield from (match.span() for match in self._pattern.finditer(text))
        for first, last in self._spans:
            begin = first.search(text)
            while begin is not None and (end := last.search(text, begin.end())) is not None:
                yield begin.start(), end.end()
                begin = first.search(text, end.end())


KINDS = tuple((kind, Speech(pattern, _SPANS.get(kind, ()), _WORDS.get(kind, ()))) for kind, pattern in _KINDS)
"""Kinds with what speaks of them, the more particular first."""

CONSEQUENCES = frozenset(("nccl", HCCL, CONNECTION, LAUNCHER, KILLED, "interrupted", LOGGED))
"""Kinds that the ranks that did not fail show when another one has: no cause while another kind is there."""

# What shells say of a program that is not there, or may not be run, in the languages that they speak.
SHELLS = (
    "没有那个文件或目录|未找到命令|权限不够|无法执行|未绑定的变量|そのようなファイルやディレクトリはありません|コマンドが見つかりません|許可がありません"
    "|Datei oder Verzeichnis nicht gefunden|Kommando nicht gefunden\\.?|Befehl nicht gefunden|Keine Berechtigung|Aucun fichier ou dossier de ce type|commande introuvable"
    "|Permission non accordée|No existe el fichero o el directorio|orden no encontrada|Permiso denegado|Нет такого файла или каталога|команда не найдена|Отказано в доступе"
    "|그런 파일이나 디렉터리가 없습니다|명령어를 찾을 수 없음"
)

_LEVEL = re.compile(r"(?:^|[\s\[|(<])(?:ERROR|CRITICAL|FATAL|SEVERE)(?:[\]:|)>/\s-]|$)")
_SPOKEN = re.compile(
    r"^(?:[\w./+-]{1,80}(?:(?::\d+){0,2}|\(\d+\)): ){0,3}(?:fatal |FATAL )?(?:[Ee]rror|ERROR|fatal|FATAL|Fortran runtime error)(?:\[\w{1,12}\]| [A-Z]{1,4}\d{2,6}| #\d{1,6})?: (?!\s*[-+]?[\d.]+%?\s*$)\S"
    rf"|^\S{{1,80}}: (?:(?:line|行|Zeile|ligne|línea|строка|行:) ?\d+(?: 行)?: ?)?\S{{1,200}}: (?:{SHELLS})$"
    r"|^(?:\S{1,80}: )?exec:? .{1,200}: (?:executable file not found.{0,20}|no such file or directory|permission denied|exec format error)$"
    r"|^Can't \w{1,20} \S.{0,300} at \S{1,200} line \d+|^(?:\S{0,100}lua\w{0,10}: )\S{1,200}\.lua:\d+: \S"
    r"|^\S{1,80}: (?:line \d+: )?(?:can't open file '|\S{1,80}: (?:command not found|No such file or directory|Permission denied|unbound variable|cannot execute.{0,80})$)"
    r"|^\S{1,200}: (?:\S{1,300}: version [`'].{1,80}' not found\b|symbol lookup error: |error while loading shared libraries: )"
    r"|^\s*(?:\S{1,12}\s{1,12})?Warning\s{2,12}(?:Failed\w*|BackOff|Evicted|OOMKilling|NodeNotReady|\w{0,40}Error)\s{2,12}\S"
    r"|^(?:FATA|ERRO|PANI)\[\d+\] \S|^Error in rule \S+:|^npm (?:ERR!|error) \S"
    r"|^\S{1,80}: line \d+: syntax error|^(?:nvcc fatal|CMake Error|docker: Error)\b"
    r"|^\[LightGBM\] \[Fatal\] \S|.{0,160}?\blevel=(?:error|fatal|panic|critical)\b|^##\[error\]\S|^FAILED \S+::\S|^ERROR \(\S{1,80}\[\S{1,40}\]:"
    r"|^\[?(?:错误|严重错误|致命错误|报错|异常)\]?[：:]? ?\S|^\S{0,20}(?:失败|出错|报错|异常退出)[：:]\S"
)
_LEVEL_WITHIN = 160
# A record within a record: somebody passes on at level ERROR what a program wrote, which has a level of its own.
_PASSED_ON = re.compile(
    r"(?:\S{1,80}:? -?-? ?)?\d{4}[-/]\d\d[-/]\d\d[ T][\d:,.]{8,15}Z?,? {1,4}\W{0,2}(?:INFO|DEBUG|WARN|NOTICE)"
)

# A name and what it is given: configuration. The names are those that alarms, filters and searches have.
# Each repeat takes all that it can and gives nothing back: a line of them is looked through once.
_PATTERN_NAME = re.compile(
    r"(?i)(?:pattern|regex|match|rule|alert|alarm|keyword|grep|filter|trigger|expr|on_error|messages?_like)\w*+"
)
_FIRST_NAME = re.compile(r"[\s\-{(\[]*+[\"']?(\w++)[\"']?\s*+[:=]")
_GIVEN_TEXT = re.compile(r"[\"']?\s*+[:=]\s*+[\[\"']")
_COMMAND = re.compile(r"^\s*(?:\++|\$|>>>|#|//|export|grep|egrep|rg|alias|set)\s")
_SOURCE_TEXT = re.compile(r"^\s*(?:raise|assert|print|except|if|elif|logger\.\w+|log\.\w+|logging\.\w+)\b.*[(:\"']")
_OPENING = "\"'`"
_BEST = re.compile(r"(?i)(?<![A-Za-z])(?:best|lowest|min|minimum|smallest|previous|initial)(?![A-Za-z])")
"""Before the first loss the best one is infinite."""
_BEFORE = 64  # characters before words that are looked at for a quote

MAX_CHARACTERS = 16_384
"""Of a longer line this much is looked at."""


def kind_of_exception(text: str, otherwise: str = PYTHON) -> str:
    """Returns the kind of an exception by its message (``RuntimeError: CUDA error: ...``)."""
    name = text.partition(":")[0].rpartition(".")[2].strip()
    if name in ("KeyboardInterrupt", "SystemExit"):
        return "interrupted"
    text = text[:MAX_CHARACTERS]
    lower = text.lower()
    return next((kind for kind, speech in KINDS if speech.may_be_in(lower) and any(speech.places(text))), otherwise)


@lru_cache(16)  # a line is asked about twice: whether it goes on with the one before, and whether it begins something
def kind_of_line(text: str) -> str | None:
    """Returns the kind of failure that a line speaks of, None when of none: words within quotes, patterns and commands are none."""
    text = text[:MAX_CHARACTERS]
    lower = text.lower()
    for kind, speech in KINDS:
        if speech.may_be_in(lower) and any(_is_said(kind, text, *place) for place in speech.places(text)):
            return None if is_echo(text) else kind
    if (_SPOKEN.match(text) or _level(text)) and not is_echo(text):
        return LOGGED
    return None


def passes_on(text: str) -> bool:
    """Whether somebody passes on at a level of failures what a program wrote at a level of its own."""
    match = _LEVEL.search(text, 0, _LEVEL_WITHIN)
    return match is not None and _PASSED_ON.match(text[match.end() :].strip(" :=]|-")) is not None


def _level(text: str) -> bool:
    match = _LEVEL.search(text, 0, _LEVEL_WITHIN)
    if match is None or passes_on(text):
        return False
    rest = text[match.end() :].strip(" :=]|-")
    # "ERROR RATE: 0.1", "ERROR = 3": a number with a name, not a record of a level.
    return bool(rest) and not re.match(r"(?i)(?:rate|ratio|count|s)?\b[\s:=(]*[-+]?[\d.]+%?\s*\)?$", rest)


def is_echo(text: str) -> bool:
    """Whether a line is a setting, a command or a program's text."""
    return bool(_is_configured(text) or _COMMAND.match(text) or _SOURCE_TEXT.match(text))


def _is_configured(text: str) -> bool:
    name = _FIRST_NAME.match(text)
    if name is not None and _PATTERN_NAME.search(name[1]):
        return True
    return any(_GIVEN_TEXT.match(text, name.end()) for name in _PATTERN_NAME.finditer(text))


def _is_said(kind: str, text: str, start: int, end: int) -> bool:
    if kind == NAN and "inf" in text[start:end].lower() and _BEST.search(text, max(start - _BEFORE, 0), end):
        return False
    return not _is_quoted(text, start, end)


def _is_quoted(text: str, start: int, end: int) -> bool:
    """Whether the words stand right behind an opening quote, or right before a closing one, or among alternatives."""
    before = text[max(start - _BEFORE, 0) : start].rstrip()
    if before.endswith(("|", "\\b", ".*", "(?i)")) or text.startswith(("|", "\\b", ".*"), end):
        return True
    return bool(before) and before[-1] in _OPENING and text.find(before[-1], start) >= 0
