"""What speaks of a failure, and what only has its words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joblog.views.why.failures import MAX_FAILURES, TEXT_LINES, Failure, FailureReader, find_failures
from joblog.views.why.kinds import KINDS
from tests.field.score import Case, cases, wrong

CHAINED = b"""\
epoch 1
Traceback (most recent call last):
  File "train.py", line 3, in load
    open("x")
    ~~~~^^^^^
FileNotFoundError: [Errno 2] No such file or directory: 'x'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "train.py", line 5, in <module>
    load()
RuntimeError: no data
bye
"""

GROUP = b"""\
  + Exception Group Traceback (most recent call last):
  |   File "train.py", line 9, in <module>
  |     raise ExceptionGroup("two", [ValueError(1), TypeError(2)])
  | ExceptionGroup: two (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | ValueError: 1
    +---------------- 2 ----------------
    | TypeError: 2
    +------------------------------------
"""


def found(data: bytes) -> list[Failure]:
    return find_failures(data)


def test_chained_exceptions_are_one_failure() -> None:
    """With the last as what it is and the first as its cause; its range is exactly its lines."""
    (failure,) = found(CHAINED)
    assert (failure.kind, failure.summary) == ("python exception", "RuntimeError: no data")
    assert failure.cause == "FileNotFoundError: [Errno 2] No such file or directory: 'x'"
    assert CHAINED[failure.start_byte : failure.end_byte] == CHAINED[8:-4]
    assert (failure.start_line, failure.end_line, failure.after) == (1, 13, 1)


def test_exception_groups() -> None:
    """All of the group's lines, its parts' names as causes."""
    (failure,) = found(GROUP)
    assert (failure.start_byte, failure.end_byte) == (0, len(GROUP))
    assert failure.summary == "ExceptionGroup: two (2 sub-exceptions)"


def test_ranks_that_share_a_log() -> None:
    """Their tracebacks, written across each other, come apart by the rank's mark."""
    parts = [
        b"Traceback (most recent call last):",
        b'  File "t.py", line 1, in <module>',
        b"    main()",
        b"ValueError: rank %d",
    ]
    lines = [b"[rank%d]: %s" % (rank, part % rank if b"%d" in part else part) for part in parts for rank in (0, 1)]
    failures = found(b"\n".join(lines))
    assert [(each.summary, each.prefix, len(each.text)) for each in failures] == [
        ("ValueError: rank 0", "[rank0]: ", 4),
        ("ValueError: rank 1", "[rank1]: ", 4),
    ]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB.", "gpu out of memory"),
        ("RuntimeError: NPU out of memory. Tried to allocate 2.00 GiB", "gpu out of memory"),
        ("[  123.4] Out of memory: Killed process 4711 (python) total-vm:1kB", "out of memory"),
        ("slurmstepd: error: Detected 1 oom_kill event in StepId=1.0. Some tasks have been OOM Killed.", "out of memory"),
        ("terminate called after throwing an instance of 'std::bad_alloc'", "out of memory"),
        ("terminate called after throwing an instance of 'c10::Error'", "crash"),
        ("Fatal Python error: Segmentation fault", "crash"),
        ("bash: line 1: 4711 Segmentation fault      (core dumped) python train.py", "crash"),
        ("[node1:4711] *** Process received signal ***", "crash"),
        ("python: ../csrc/x.cpp:3: void f(): Assertion `n > 0' failed.", "crash"),
        ("[rank3]:[E ProcessGroupNCCL.cpp:475] [Rank 3] Watchdog caught collective operation timeout: WorkNCCL(...)", "nccl"),
        ("node1:1:2 [0] init.cc:3 NCCL WARN Cuda failure 'out of memory'", "nccl"),
        ("torch.distributed.DistBackendError: NCCL error in: ../torch/csrc/x.cpp:1, unhandled system error", "nccl"),
        ("[ERROR] HCCL(4711,python):2026-11-22 [hccl_impl.cc:1] timeout", "hccl"),
        ("EI0006: Getting socket times out. Reason: Remote Rank did not send the data in time.", "hccl"),
        ("EZ9999: Inner Error!", "cann"),
        ("RuntimeError: ACL stream synchronize failed, error code:507018", "cann"),
        ("RuntimeError: CUDA error: device-side assert triggered", "cuda"),
        ("NVRM: Xid (PCI:0000:3b:00): 79, pid=1, GPU has fallen off the bus.", "cuda"),
        ("step 40: loss=nan lr=0.1", "loss is not a number"),
        ("{'loss': nan, 'step': 3}", "loss is not a number"),
        ("Loss is NaN, stopping training", "loss is not a number"),
        ("OSError: [Errno 28] No space left on device", "disk full"),
        ("tee: /x/log: No space left on device", "disk full"),
        ("ConnectionRefusedError: [Errno 111] Connection refused", "connection"),
        ("Killed", "killed"),
        ("slurmstepd: error: *** JOB 1 ON n1 CANCELLED AT 2026-11-22T00:00:00 DUE TO TIME LIMIT ***", "killed"),
        ("2026-11-22 00:00:00,123 ERROR trainer: cannot read shard 3", "logged error"),
        ("error: unrecognized arguments: --lr", "logged error"),
        ("train.py: error: the following arguments are required: --data", "logged error"),
    ],
)  # fmt: skip
def test_lines_that_speak_of_a_failure(line: str, kind: str) -> None:
    """Each kind by the words that its software has for it."""
    (failure,) = found(f"fine\n{line}\n".encode())
    assert (failure.kind, failure.start_byte, failure.end_byte) == (kind, 5, 6 + len(line.encode()))


@pytest.mark.parametrize(
    "line",
    [
        "error rate: 0.1",
        "Error rate: 0.1",
        "ERROR RATE: 0.1",
        "word error rate (WER) 5.3%",
        "error: 0.1",
        "val_error=0.25 train_error=0.1",
        "TORCH_NCCL_ASYNC_ERROR_HANDLING=1",
        "NCCL_DEBUG=WARN",
        "export NCCL_DEBUG=INFO",
        "on_error: raise",
        "stop_on_nan_loss: true",
        "nan_loss_patience=3",
        "alert_patterns: ['CUDA out of memory', 'Traceback (most recent call last):', 'loss=nan']",
        'log_rules = {"oom": "CUDA out of memory", "disk": "No space left on device"}',
        '  - "loss=nan"',
        "pattern: CUDA out of memory",
        "alert_regex: CUDA out of memory|NCCL error|Segmentation fault",
        "{'pattern': 'Connection refused', 'action': 'retry'}",
        "+ grep -q 'CUDA out of memory' train.log",
        "Traceback (most recent call last):",
        "Namespace(error_score='raise', fail_fast=True, on_oom='CUDA out of memory')",
        "XE9640:1:2 [0] NCCL INFO NET/Plugin: Failed to find ncclNetPlugin_v6 symbol.",
        "you may encounter an out-of-memory (OOM) error if your GPU does not have sufficient memory.",
        "epoch 3 information gain 0.1, financial inf",
        'raise RuntimeError("CUDA error: x")',
        "0 errors, 0 failures",
    ],
)
def test_lines_that_only_have_the_words(line: str) -> None:
    """Configuration, patterns of alarms, commands, metrics."""
    assert found(f"config:\n{line}\nepoch 1\n".encode()) == []


def test_a_crash_keeps_its_stack() -> None:
    """What follows of the same kind, and the frames, are one failure; ``what()`` says what it was."""
    data = b"""terminate called after throwing an instance of 'c10::Error'
  what():  invalid device pointer: 0x7f
Exception raised from free at ../c10/cuda.cpp:1 (most recent call first):
frame #0: c10::Error::Error(c10::SourceLocation) + 0x57 (0x7f in /x/libc10.so)
frame #1: <unknown function> + 0x1 (0x7f in /x/libc10.so)
ok
"""
    (failure,) = found(data)
    assert (failure.kind, failure.summary) == ("crash", "what():  invalid device pointer: 0x7f")
    assert (failure.start_line, failure.end_line, len(failure.text), failure.after) == (0, 5, 5, 1)


def test_memory_is_bounded() -> None:
    """Tracebacks without end, failures without end, prefixes without end."""
    (deep,) = found(
        b"Traceback (most recent call last):\n" + b'  File "x.py", line 1, in f\n' * 5000 + b"RecursionError: deep\n"
    )
    assert (len(deep.text), deep.text[-1], deep.end_line) == (TEXT_LINES, "RecursionError: deep", 5002)
    assert len(found(b"OSError: No space left on device\nfine\n" * 2 * MAX_FAILURES)) == MAX_FAILURES
    many = found(b"".join(b"[rank%d]: Traceback (most recent call last):\n" % rank for rank in range(1000)))
    assert many == []


def test_real_logs_of_runs_that_ended_well(real_logs: Callable[[], Iterator[tuple[str, bytes]]]) -> None:
    """None of the 14 speaks of a failure near its end; what they say in between was looked up by hand."""
    said = {name: found(data) for name, data in real_logs()}
    assert {name: [(f.kind, f.summary) for f in failures if f.after <= 50] for name, failures in said.items() if failures} == {}


@pytest.mark.parametrize("kind", [kind for kind, _ in KINDS])
def test_whatever_speaks_of_a_kind_has_one_of_its_words(kind: str) -> None:
    """Else its expressions would not be asked."""
    speech = dict(KINDS)[kind]

    @given(st.one_of([st.from_regex(pattern, alphabet=st.characters(max_codepoint=126)) for pattern in speech.expressions]))
    def check(text: str) -> None:
        assert speech.may_be_in(text.lower())

    check()


@pytest.mark.parametrize("size", [1, 7, 33, 1000])
def test_however_a_log_is_cut(size: int) -> None:
    """Its failures are the same; of strangers' logs, whose lines end in all ways."""
    for case in cases("why"):
        for data in case.logs.values() if case.present else ():
            reader = FailureReader()
            for at in range(0, len(data), size):
                reader.feed(data[at : at + size])
            expected = [replace(failure, went_on=0) for failure in find_failures(data)]
            assert [replace(failure, went_on=0) for failure in reader.failures] == expected, case.name


def test_any_number_of_lines_may_follow() -> None:
    """Also millions; how many of them are as those before is counted."""
    before, behind = b"step 1 loss 0.5\n" * 10, b"step 2 loss 0.4\n" * 300_000
    (failure,) = found(before + CHAINED[8:-4] + behind)
    assert (failure.summary, failure.after, failure.went_on) == ("RuntimeError: no data", 300_000, 300_000)
    (failure,) = found(before + CHAINED[8:-4] + b"wandb: loss 0.4\n" * 300_000)
    assert (failure.after, failure.went_on) == (0, 0)


def test_a_line_without_an_end() -> None:
    """Is taken when it ends, with its place; what it speaks of in its beginning is read."""
    line = b"RuntimeError: CUDA error: x " + b"y" * 300_000
    reader = FailureReader()
    for at in range(0, len(line), 1000):
        reader.feed(line[at : at + 1000])
    assert [failure.kind for failure in reader.failures] == ["cuda"]
    reader.feed(b"\nfine\n")
    (failure,) = reader.failures
    assert (failure.start_byte, failure.end_byte, failure.start_line, failure.end_line) == (0, len(line) + 1, 0, 1)


PREFIXES = {
    "kubectl": "2024-05-01T10:00:{n:02}.000001Z ", "compose": "trainer-1  | ", "pdsh": "worker-3: ", "srun": "03: ",
    "mpi": "[1,3]<stderr>:", "rank": "[rank3]: ", "ray": "(train_fn pid=4711, ip=10.0.0.3) ", "pod": "[pod/train-3/main] ",
    "journal": "May 01 10:00:{n:02} gpu01 train[4711]: ", "cri": "2024-05-01T10:00:{n:02}.000000001Z stderr F ",
    "two": "gpu07: 2024-05-01 10:00:{n:02}.123 | ", "jenkins": "10:00:{n:02}  ",
}  # fmt: skip


@pytest.mark.parametrize("name", PREFIXES)
def test_whatever_a_log_puts_before_each_line(name: str) -> None:
    """The same failures are read from strangers' logs, of a hundred of which one may be otherwise."""
    wrong_ones, count = [], 0
    for case in cases("why"):
        wanted = {key: value for key, value in case.data["why"].items() if key in ("kind", "cause", "not")}
        if not wanted or not case.present or len(case.logs) > 1 or b"\r" in case.logs[0] or b'{"log"' in case.logs[0]:
            continue
        text = case.logs[0].decode("utf-8", "replace").rstrip("\n")
        lines = ["starting", "loading data from /d", "epoch 0 loss 0.9", *text.split("\n")]
        wrapped = "".join(f"{PREFIXES[name].format(n=n % 60)}{line}\n" for n, line in enumerate(lines))
        about = {key: value for key, value in case.data.items() if key not in ("input", "log_base64")}
        count += "�" not in text and "\0" not in text
        if "�" not in text and "\0" not in text and wrong(Case(case.name, "why", about | {"log": wrapped, "why": wanted})):
            wrong_ones.append(case.name)
    assert len(wrong_ones) <= 0.02 * count, wrong_ones
