"""``joblog tail --plain --follow``: lines when they are finished, and on a terminal those that are drawn again, in place."""

from __future__ import annotations

import io
import os
import pty
import select
import subprocess
import time
from pathlib import Path

import hypothesis.strategies as st
import pyte
from hypothesis import given

from joblog.cli.live import STANDS_S, Live
from joblog.client import Client
from joblog.views.terminal.terminal import Terminal
from tests.agent.harness import Agent
from tests.children import Child


def shown(data: bytes) -> list[str]:
    terminal = Terminal()
    return [line.text for line in [*terminal.feed(data), *terminal.finish()]]


def test_a_line_is_written_once_it_stands() -> None:
    """Not while the cursor is on it, nor for a second after a change; what is left when the log ends."""
    out = io.StringIO()
    live = Live(out, 0, colours=False, height=0, width=80)
    live.feed(b"first\nsecond\n10%\r20%")
    live.show(0)
    assert out.getvalue() == ""
    live.show(STANDS_S)
    assert out.getvalue() == "first\nsecond\n"
    live.feed(b"\r30%\n\x1b[31mred\x1b[m\n")
    live.show(10)
    live.feed(b"\x1b[2A40%\n\n")
    live.show(10 + STANDS_S / 2)
    live.show(10 + STANDS_S)  # 40% is half a second old; what stands below it waits for it
    assert out.getvalue() == "first\nsecond\n"
    live.show(11 + STANDS_S)
    assert out.getvalue() == "first\nsecond\n40%\nred\n"
    live.feed(b"\x1b[4Achanged\x1b[K\n\n\n\nlast")
    live.show(20)
    live.show(30)
    live.finish()
    assert out.getvalue() == "first\nsecond\n40%\nred\nchanged\nlast\n"


TEXTS = st.lists(
    st.sampled_from(
        [b"a", b"bc", b"\n", b"\n", b"\r", b"\x1b[A", b"\x1b[2A", b"\x1b[K", b"\x1b[31m", b"\x1b[m", "訓".encode(), b"\x1b[J"]
    ),
    max_size=60,
)


@given(TEXTS, st.integers(0, 60))
def test_what_stood_before_is_written_at_once(parts: list[bytes], history: int) -> None:
    """And with what is left at the end it is what a terminal shows; in between nothing is lost that stood."""
    out = io.StringIO()
    live = Live(out, 0, colours=False, height=0, width=80)
    live.feed(b"".join(parts))
    live.show(0, stood=True)
    live.finish()
    assert out.getvalue().splitlines() == shown(b"".join(parts))
    out = io.StringIO()
    live = Live(out, 0, colours=False, height=0, width=80)
    for number, part in enumerate(parts):
        live.feed(part)
        live.show(number)
    live.finish()
    assert set(shown(b"".join(parts))) <= set(out.getvalue().splitlines())


@given(TEXTS)
def test_a_terminal_ends_with_what_the_logs_own_would_show(parts: list[bytes]) -> None:
    """However often it was drawn in between; seen by an emulator. Lines that change after they were written stand twice."""
    screen = pyte.Screen(40, 70)
    stream = pyte.Stream(screen)
    out = io.StringIO(newline="\r\n")
    live = Live(out, 0, colours=True, height=69, width=40)
    for part in parts:
        live.feed(part)
        live.show(0)
    live.finish()
    stream.feed(out.getvalue())
    told = [line.rstrip() for line in screen.display]
    wanted = [line.rstrip() for line in shown(b"".join(parts))]
    assert told[: len(wanted)] == wanted
    assert not any(told[len(wanted) :])


def test_follows_a_bar_on_a_terminal_and_into_a_pipe(joblog: Agent, tmp_path: Path) -> None:
    """On a terminal the bar is seen while it moves; into a pipe its last state is a line; both end with the log."""
    joblog.environ |= {"TERM": "xterm", "NO_COLOR": "", "LINES": "20", "COLUMNS": "30"}
    with Client(joblog.environ["JOBLOG_URL"], joblog.environ["JOBLOG_TOKEN"]) as client:
        log = client.run(joblog.environ["JOBLOG_PROJECT"], "bars").log.ref
        client.append(log, 0, b"before\nstarts\n")
        ours, theirs = pty.openpty()
        command = joblog.command("tail", "-f", "--plain", "bars")
        with (
            Child(command, env=joblog.environ, stdin=theirs, stdout=theirs) as live,
            Child(command, env=joblog.environ, stdout=subprocess.PIPE) as piped,
        ):
            os.close(theirs)
            assert piped.stdout is not None
            got, at = b"", 14
            for data, wanted in (
                (b"", b"starts"),
                (b"\r 10%" + b"#" * 40, b" 10%#"),
                (b"\r\x1b[K 90%\x1b]0;evil\x07", b" 90%"),
                (b"\r100%\ndone\n", b"100%"),
            ):
                at = client.append(log, at, data).end_byte if data else at
                got += reading(ours, wanted, live, piped)
            client.close_log(log)
            got += reading(ours, b"done", live, piped)
            told = piped.stdout.read()
            assert told == b"before\nstarts\n100%\ndone\n"
            assert (live.wait(120), piped.wait(120)) == (0, 0)
        os.close(ours)
    assert b"evil" not in got
    assert b"#" * 27 not in got  # cut to the terminal's width, so that drawing it again finds its row
    screen = pyte.Screen(30, 20)
    pyte.ByteStream(screen).feed(got)
    assert [line.rstrip() for line in screen.display][:5] == ["before", "starts", "100%", "done", ""]


def reading(terminal: int, wanted: bytes, *programs: Child) -> bytes:
    """Reads until something was read."""
    got = b""
    until = time.monotonic() + 60
    while wanted not in got:
        if not select.select([terminal], [], [], max(until - time.monotonic(), 0))[0]:
            for program in programs:
                program.kill()
            raise AssertionError(got)
        got += os.read(terminal, 65536)
    return got
