"""What speaks of a failure, and what only has its words."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joblog.views.failures import MOST, TEXT_LINES, Failure, find_failures
from joblog.views.kinds import KINDS

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
    assert len(found(b"OSError: No space left on device\nfine\n" * 2 * MOST)) == MOST
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
