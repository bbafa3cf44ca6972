"""Which of many failures was the first, and how much of them is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace

import pytest

from joblog.views.values import Digest, Where
from joblog.views.why.digest import MIN_BYTES, RankEnd, digest
from joblog.views.why.failures import find_failures

NOW = 1_700_000_000_000
BOOM = b'Traceback (most recent call last):\n  File "t.py", line 3, in <module>\n    main()\nRuntimeError: boom\n'
TIMEOUT = b"[E ProcessGroupNCCL.cpp:1] Watchdog caught collective operation timeout: 600000 ms\n"


def rank(worker: int, data: bytes, at_s: int, status: str | None = "FAILED", signal: str | None = None) -> RankEnd:
    """Returns a rank whose whole log came ``at_s`` seconds after the first's."""
    found = [(failure, NOW + at_s * 1000) for failure in find_failures(data)]
    code = None if signal or status is None else int(status == "FAILED")
    last = data.decode("utf-8", "replace").splitlines()[-2:]
    where = Where(f"worker-{worker}", 0, data.count(b"\n"), 0, len(data))
    return RankEnd(
        worker, status, code, signal, None, NOW + at_s * 1000, status is None, NOW + at_s * 1000, last, where, found, len(data)
    )


def told(ranks: Sequence[RankEnd], max_bytes: int = 16_384) -> Digest:
    return digest(ranks, NOW + 10_000_000, silent_ms=300_000, max_bytes=max_bytes)


def first(*ranks: RankEnd) -> tuple[str, str] | None:
    found = told(ranks).first
    return None if found is None else (found.ranks, found.kind)


def test_the_cause_comes_before_what_follows_from_it() -> None:
    """Though the others' timeouts may arrive before it."""
    assert first(rank(0, TIMEOUT, 0), rank(1, BOOM, 5), rank(2, TIMEOUT, 9)) == ("1", "python exception")
    assert first(rank(0, BOOM, 100), rank(1, b"CUDA error: device-side assert triggered\n", 0)) == ("1", "cuda")
    assert first(rank(0, TIMEOUT, 0), rank(1, TIMEOUT, 5)) == ("0-1", "nccl")


def test_what_was_survived_is_not_the_end() -> None:
    """An exception behind which the log went on for long is told, as what it is."""
    survived = b"step done\n" * 9 + BOOM + b"step done\n" * 60
    assert first(rank(0, survived, 0, "COMPLETED"), rank(1, survived + BOOM.replace(b"boom", b"late"), 9)) == (
        "1",
        "python exception",
    )
    found = told([rank(0, survived, 0)])
    assert (found.first, [each.final for each in found.failures]) == (None, [False])
    assert found.verdict == "No failure was found in what was read. It ended with exit status 1."


def test_a_run_that_ended_well() -> None:
    """Says so, whatever it printed in its last lines."""
    found = told([rank(number, BOOM, 0, "COMPLETED") for number in range(3)])
    assert (found.first, found.verdict) == (None, "Nothing failed: ranks 0-2 ended with exit status 0.")


def test_a_signal_and_last_words_of_one_rank_are_one_death() -> None:
    """The words say more than the signal; a signal alone is what there is."""
    crash = b"terminate called after throwing an instance of 'c10::Error'\n  what():  bad pointer\n"
    assert first(rank(0, b"x\n", 0, "KILLED", "SIGTERM"), rank(1, crash, 1, "KILLED", "SIGABRT")) == ("1", "crash")
    assert first(rank(0, TIMEOUT, 0), rank(1, b"x\n", 3, "KILLED", "SIGKILL")) == ("1", "signal")


def test_a_rank_that_the_kernel_killed_for_its_memory() -> None:
    """Its log says nothing of it; what the agent reported does, and the others' timeouts follow from it."""
    killed = replace(rank(3, b"step 1\n", 5, "KILLED", "SIGKILL"), reason="out of memory")
    found = told([rank(0, TIMEOUT, 0), killed])
    assert found.first is not None
    assert (found.first.kind, found.first.summary) == ("out of memory", "killed by SIGKILL (out of memory)")
    assert found.verdict.startswith("Rank 3 failed first (out of memory): killed by SIGKILL (out of memory).")


def test_a_failure_at_the_end_of_each_real_log(real_logs: Callable[[], Iterator[tuple[str, bytes]]]) -> None:
    """Among what real programs print it is the one that is found, with exactly its lines."""
    for name, data in real_logs():
        whole = data[-300_000:] + BOOM + b"Exit code: 1\n"
        found = told([rank(0, whole, 0)]).first
        assert found is not None, name
        assert (found.kind, found.summary) == ("python exception", "RuntimeError: boom"), name
        assert whole[found.where.start_byte : found.where.end_byte] == BOOM, name


def test_ranks_are_grouped_by_how_they_ended() -> None:
    """The odd one out first; the same failure of many ranks is one, numbers in it apart."""
    ranks = [rank(number, b"step %d\nRuntimeError: shard %d is bad\n" % (number, number), 0) for number in range(512)]
    ranks[37] = rank(37, b"x\n", 0, "KILLED", "SIGSEGV")
    found = told(ranks)
    assert [(each.how, each.ranks) for each in found.endings] == [
        ("killed by SIGSEGV", "37"),
        ("ended with exit status 1", "0-36,38-511"),
    ]
    assert told([]).verdict == "There is no log."


@pytest.mark.parametrize("max_bytes", [MIN_BYTES, 2000, 5000, 16_384, 10**6])
def test_size_is_kept_to(max_bytes: int) -> None:
    """Whatever there is to tell, in JSON; the verdict is always there."""
    hostile = ('\u2028\\"' * 3000).encode()
    ranks = [
        rank(n, b"CUDA error: %d " % n + hostile + b"\n" + BOOM.replace(b"boom", b"a" * (n + 1)) * 9 + b"y" * 5000, n)
        for n in range(40)
    ]
    found = told(ranks, max_bytes)
    assert len(json.dumps(asdict(found))) <= max_bytes
    assert found.verdict.startswith("Ranks 0-39 failed first (cuda)")
    assert found.cut
