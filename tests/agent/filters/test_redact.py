"""Masking: the same whatever the pieces, as long as before, and of what is no secret nothing."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joblog.agent.filters.redact import READY, WINDOW_BYTES, Redactor

TOKEN = b"hf_" + b"Ab1" * 11
KEY = b"0123456789abcdef0123456789abcdef01234567"

words = st.sampled_from(
    [TOKEN, b"hf_short", b"\n", b"\r", b" ", b"loss=0.1", b"ghp_" + b"x" * 36, b"Bearer ", b"abcdefgh.ij", b"://", b"u:pw@h"]
)
texts = st.lists(st.one_of(words, st.binary(max_size=8), st.just(b"-" * (WINDOW_BYTES // 2 - 20))), max_size=24).map(b"".join)


def masked(data: bytes, cuts: list[int] | None = None) -> bytes:
    redactor = Redactor(READY)
    borders = [0, *sorted(min(cut, len(data)) for cut in cuts or []), len(data)]
    return b"".join(redactor.feed(data[start:end]) for start, end in pairwise(borders)) + redactor.flush()


@given(texts, st.lists(st.integers(0, 100_000), max_size=12))
def test_pieces_do_not_matter_and_length_is_kept(data: bytes, cuts: list[int]) -> None:
    """Any chunking gives the same bytes, as many as there were, and each is its own or a ``*``."""
    whole = masked(data)
    assert masked(data, cuts) == whole
    assert len(whole) == len(data)
    assert all(one == other or one == ord("*") for one, other in zip(whole, data, strict=True))


@given(st.integers(0, 3 * WINDOW_BYTES), st.integers(1, 5000))
def test_secret_is_found_anywhere_in_a_long_line(before: int, size: int) -> None:
    """Whatever the windows' borders are."""
    data = b"-" * before + b" " + TOKEN + b" " + b"-" * WINDOW_BYTES
    expected = data.replace(TOKEN, b"*" * len(TOKEN))
    assert masked(data, list(range(0, len(data), size))) == expected


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        (b"token=" + TOKEN, TOKEN),
        (b"git clone https://ghp_%b@github.com/a/b" % (b"a" * 36), b"ghp_" + b"a" * 36),
        (b"aws_access_key_id = AKIAIOSFODNN7EXAMPLE", b"AKIAIOSFODNN7EXAMPLE"),
        (b"WANDB_API_KEY=" + KEY, KEY),
        (b"wandb login --relogin " + KEY, KEY),
        (b"'wandb_api_key': '" + KEY + b"'", KEY),
        (b"Authorization: Bearer eyJhbGciOi.J9-_x==", b"eyJhbGciOi.J9-_x=="),
        (b"postgres://user:s3cr:t%21@db:5432/x", b"s3cr:t%21"),
    ],
)
def test_ready_patterns(line: bytes, secret: bytes) -> None:
    """What each of them masks: the secret, and nothing around it."""
    assert masked(line + b"\n") == line.replace(secret, b"*" * len(secret)) + b"\n"


def test_what_is_no_secret_stays() -> None:
    """Commit ids, URLs without passwords, numbers."""
    data = b"commit %b\nhttp://127.0.0.1:8470/x@y\nhf_model bearer of news\nstep 10%%\r20%%\r" % KEY
    assert masked(data) == data


def test_whole_lines_are_given_at_once_and_little_is_held() -> None:
    """A line's end lets it go; of a line without end a window is held."""
    redactor = Redactor(READY)
    assert redactor.feed(b"one\ntwo\rthr") == b"one\ntwo\r"
    assert redactor.feed(b"ee\n") == b"three\n"
    given = sum(len(redactor.feed(b"x" * 1000)) for _ in range(1000))
    assert 1_000_000 - given <= WINDOW_BYTES
    assert redactor.flush() == b"x" * (1_000_000 - given)


@given(texts, st.lists(st.integers(0, 100_000), max_size=12))
def test_released_early_nothing_is_lost_or_unmasked_that_was_whole(data: bytes, cuts: list[int]) -> None:
    """As many bytes, each its own or a ``*``; masked is at least what was whole, in a line, when it was released."""
    redactor, out = Redactor(READY), b""
    for start, end in pairwise([0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]):
        out += redactor.feed(data[start:end]) + redactor.release()
        assert len(out) == end
        assert not redactor.holds
    assert all(one == other or one == ord("*") for one, other in zip(out, data, strict=True))
    assert out + redactor.flush() == out


def test_secret_that_is_cut_by_a_release_loses_its_rest() -> None:
    """What was let go of is gone; what comes after it is masked, as far as the pattern goes."""
    redactor = Redactor(READY)
    assert redactor.feed(b"key " + TOKEN[:10]) + redactor.release() == b"key " + TOKEN[:10]
    assert redactor.feed(TOKEN[10:30]) == b""
    resumed = Redactor(READY)
    resumed.resume(redactor.state)
    assert resumed.release() == b"*" * 20
    assert resumed.feed(TOKEN[30:] + b" on\n") == b"*" * (len(TOKEN) - 30) + b" on\n"
