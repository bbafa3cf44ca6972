"""The names and numbers that come from outside, and what follows from a log's row."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joblog.core import names
from joblog.core.accounts import Grant
from joblog.core.jobs import VersionRow
from joblog.core.names import MAX_ID
from joblog.core.status import Status
from joblog.errors import Invalid, Missing, OutOfRange
from tests.core.values import a_log

Check = Callable[[str], object]


def check(parse: Check, accepted: dict[str, object], refused: list[str]) -> None:
    assert {text: parse(text) for text in accepted} == accepted
    for text in refused:
        with pytest.raises(Invalid):
            parse(text)


def as_they_are(*names: str) -> dict[str, object]:
    return dict(zip(names, names, strict=True))


def test_project_ids() -> None:
    """1 to 64 letters, digits and hyphens."""
    accepted = as_they_are("a", "lab-1", "-", "0" * 64, "05041fffa40025702f6dc009cc6f8f33")
    check(names.check_project_id, accepted, ["", "a" * 65, "a_b", "a b", "a/b", "..", "a\n", "é", "٣", "a\0"])


def test_job_names() -> None:
    """1 to 64 letters, digits, underscores and hyphens."""
    accepted = as_they_are("jobtest_TF", "-", "_" * 64)
    check(names.check_job_name, accepted, ["", "a" * 65, "a.b", "a b", "a/b", "a\n", "作业", "a\0"])


def test_run_ids() -> None:
    """1 to 128 printable ASCII characters."""
    accepted = as_they_are("slurm-1234.0", "~", "!" * 128, "a/b?c=d&e#f%2e")
    check(names.check_run_id, accepted, ["", "a" * 129, "a b", "a\n", "a\x7f", "é"])


def test_ids() -> None:
    """Numbers from 1 to what a signed 64-bit integer holds."""
    accepted: dict[str, object] = {"1": 1, "10": 10, "007": 7, str(MAX_ID): MAX_ID}
    refused = ["", "0", "-1", "+1", " 1", "1.0", "1e3", "abc", "٣", str(MAX_ID + 1), "1" * 5000]
    check(lambda text: names.check_id("job_id", text), accepted, refused)


def test_tasks() -> None:
    """``worker-0`` to ``worker-999999``, written in one way only."""
    accepted: dict[str, object] = {"worker-0": 0, "worker-7": 7, "worker-999999": 999_999}
    refused = ["", "worker-", "worker-01", "worker--1", "worker-1000000", "Worker-0", "worker-0\n", "worker-٣", "0"]
    check(names.worker_of_task, accepted, refused)


@given(st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True), st.integers(0, names.MAX_WORKER))
def test_log_files_are_named_and_read_back(job_name: str, worker: int) -> None:
    """By the platform's rule: in small letters, hyphens for underscores, the worker's number."""
    name = names.log_file_name(job_name, worker)
    assert name == "job-" + job_name.lower().replace("_", "-") + f".{worker}"
    assert names.worker_of_log_file(name) == worker


def test_log_file_of_the_recorded_exchange() -> None:
    """Job jobtest_TF, one worker."""
    assert names.log_file_name("jobtest_TF", 0) == "job-jobtest-tf.0"


@pytest.mark.parametrize(
    "name",
    ["", "job-a", "job-a.", "job-a.01", "job-a.-1", "job-a.1000000", "job-A.0", "job-a_b.0", "../etc/passwd", "job-a.0\n"],
)
def test_what_cannot_be_a_log_file(name: str) -> None:
    """It is not looked for."""
    assert names.worker_of_log_file(name) is None


@given(st.text(max_size=30) | st.integers(-1000, 1000).map(str) | st.integers().map(str))
def test_integer_reads_what_it_accepts_as_python_does(text: str) -> None:
    """It accepts ASCII digits with or without a minus, within the bounds."""
    digits = text.removeprefix("-")
    legal = digits.isascii() and digits.isdigit() and len(text) <= 20 and -10 <= int(text) <= 500
    try:
        results = names.integer("lines", text, -10, 500, "an integer")
    except Invalid:
        results = None
    assert results == (int(text) if legal else None)


def test_integer_tells_what_is_no_number_from_what_is_out_of_range() -> None:
    """They have codes of their own."""
    for text, error in (("abc", Invalid), ("501", OutOfRange), ("-1", OutOfRange), ("9" * 10**6, OutOfRange), ("1.0", Invalid)):
        with pytest.raises(Invalid, match=r"^lines must be an integer from 0 to 500, not ") as raised:
            names.integer("lines", text, 0, 500, "an integer from 0 to 500")
        assert type(raised.value) is error
        assert len(str(raised.value)) < 150


def test_empty_name_is_missing() -> None:
    """It is said so, with what it should be."""
    with pytest.raises(Missing, match=r"^project_id is missing; it must be 1 to 64 letters, digits and hyphens$"):
        names.check_project_id("")


def test_version_names() -> None:
    """V0001 and on, at least four digits."""
    versions = [VersionRow(1, 1, number, "", None, 0, Status.INIT, *[None] * 5) for number in (1, 42, 12345)]
    assert [version.name for version in versions] == ["V0001", "V0042", "V12345"]


def test_log_is_complete_when_the_writer_says_the_same() -> None:
    """Count and checksum, and nothing dropped; unknown until the writer has said both."""
    cases = {
        (None, None, 0): None, (10, None, 0): None, (None, 7, 0): None,
        (10, 7, 0): True, (9, 7, 0): False, (10, 8, 0): False, (10, 7, 1): False,
    }  # fmt: skip
    closed = partial(a_log, end_byte=10, crc32=7, closed_ms=1)
    results = {case: closed(claimed_bytes=case[0], claimed_crc32=case[1], lost_bytes=case[2]).complete for case in cases}
    assert results == cases


def test_rights_of_a_token() -> None:
    """admin has them all, the others only themselves."""
    rights = ("read", "write", "admin")
    may = {
        granted: [right for right in rights if Grant(1, None, granted, "", 0, None).may(right)]
        for granted in (*rights, "read,write")
    }
    assert may == {"read": ["read"], "write": ["write"], "admin": [*rights], "read,write": ["read", "write"]}
