"""Output on a terminal: what a log holds cannot reach the terminal but as text and colours; long output goes to a pager."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from pathlib import Path

import pytest

from joblog.cli.screen import cleaned, pager_command
from tests.agent.harness import Agent
from tests.children import Child

HOSTILE = (
    b"\x1b]0;title\x07 \x1b[31mred\x1b[m \x1b[2J\x1b[1;1H\x1b[6n "
    b"8-bit \xc2\x9b6n \x9b \xe2\x80\xae bell \x07 del \x7f\n50%\r60%\n"
)
SHOWN = "^[]0;title^G \x1b[31mred\x1b[m ^[[2J^[[1;1H^[[6n 8-bit <9B>6n \ufffd <U+202E> bell ^G del ^?\n50%\r60%\n"

FOLDED = b" \x1b[31mred\x1b[0m\n 8-bit 6n \xef\xbf\xbd  bell  del\n60%\n\x1b[m"
"""What a terminal shows of it, on which nothing of it acts."""


@pytest.fixture
def run(joblog: Agent, tmp_path: Path) -> Agent:
    """A run whose log is after the terminal, and one that is longer than the screen of 10 lines."""
    (tmp_path / "hostile.log").write_bytes(HOSTILE)
    (tmp_path / "long.log").write_bytes(b"".join(b"line %d\n" % n for n in range(30)))
    joblog.said("import", str(tmp_path / "hostile.log"))
    joblog.said("import", str(tmp_path / "long.log"))
    for name in ("NO_COLOR", "PAGER", "LESS"):
        joblog.environ.pop(name, None)
    joblog.environ |= {"TERM": "xterm", "LINES": "10", "COLUMNS": "80", "JOBLOG_PAGER": f"cat > {tmp_path / 'paged'}"}
    return joblog


def on_terminal(run: Agent, *arguments: str) -> tuple[int, bytes]:
    """Runs a command on a terminal; returns its exit status and what the terminal got, its own line ends undone."""
    ours, theirs = pty.openpty()
    process = Child(run.command(*arguments), env=run.environ, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    got = b""
    try:
        while piece := os.read(ours, 65536):
            got += piece
    except OSError:
        pass  # how Linux says that nobody has the other end any more
    os.close(ours)
    return process.wait(120), got.replace(b"\r\n", b"\n")


def test_no_escape_but_colours_reaches_a_terminal(run: Agent) -> None:
    """Not by cat, tail, tail -f or search; colours end with the output."""
    for command in (("cat",), ("tail",)):
        assert on_terminal(run, *command, "hostile") == (0, FOLDED), command
    status, followed = on_terminal(run, "tail", "-f", "hostile")
    assert (status, not re.search(rb"\x1b(?!\[[0-9;]*[mJA])", followed), b"60%" in followed) == (0, True, True)
    assert on_terminal(run, "cat", "hostile", "--bytes", "0-") == (0, SHOWN.encode() + b"\x1b[m")
    status, found = on_terminal(run, "search", "red", "hostile")
    assert (status, b"\x1b]" in found, b"\x1b[2J" in found, b"<9B>" in found) == (0, False, False, True)
    assert b"\x1b[1;31mred" in found


def test_raw_is_raw_on_a_terminal_and_always_elsewhere(run: Agent) -> None:
    for command in (("cat", "hostile"), ("tail", "hostile")):
        assert on_terminal(run, *command, "--raw") == (0, HOSTILE)
        assert run.said(*command) == run.said(*command, "--raw") == HOSTILE


def test_no_color_is_respected(run: Agent) -> None:
    """The log's own colours too; so are terminals that have none."""
    plain = re.sub(rb"\x1b\[[0-9;]*m", b"", FOLDED)
    for setting in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        run.environ |= {"TERM": "xterm", "NO_COLOR": ""} | setting
        assert on_terminal(run, "cat", "hostile") == (0, plain)
        assert b"\x1b" not in on_terminal(run, "search", "red", "hostile")[1]


def test_a_pager_shows_what_is_longer_than_the_screen(run: Agent, tmp_path: Path) -> None:
    """And nothing else: not what fits, not what is followed, not what goes elsewhere."""
    whole = b"".join(b"line %d\n" % n for n in range(30))
    assert on_terminal(run, "cat", "long") == (0, b"")
    assert (tmp_path / "paged").read_bytes() == whole
    (tmp_path / "paged").unlink()
    assert on_terminal(run, "tail", "long", "-n", "5") == (0, whole[-40:])
    assert on_terminal(run, "tail", "-f", "long", "-n", "30") == (0, whole)
    assert run.said("cat", "long") == whole
    assert not (tmp_path / "paged").exists()
    run.environ["JOBLOG_PAGER"] = "cat"
    assert on_terminal(run, "cat", "long") == (0, whole)


def test_leaving_the_pager_ends_the_command(run: Agent) -> None:
    """As a success: who has seen enough is not in error."""
    run.environ["JOBLOG_PAGER"] = "head -n 2"
    assert on_terminal(run, "cat", "long") == (0, b"line 0\nline 1\n")


def test_errors_are_errors_on_a_terminal(run: Agent) -> None:
    status, told = on_terminal(run, "cat", "nothing")
    assert status == 2
    assert b"joblog: there is no job 'nothing'\n" in told


def test_an_escape_in_pieces_is_one(run: Agent, tmp_path: Path) -> None:
    """Wherever a job's writes cut it, as tail -f gets it; a letter of several bytes too."""
    text = "\x1b[31m訓\x1b]x".encode()
    pieces = "; ".join(f"sys.stdout.buffer.write({bytes([byte])!r}); sys.stdout.flush(); time.sleep(0.002)" for byte in text)
    job = Child(
        run.python(f"import sys, time; {pieces}", options=("--job", "pieces")), env=run.environ, stdout=subprocess.DEVNULL
    )
    job.wait(120)
    for raw in (("cat", "--bytes", "0-"), ("search", "--color", "never", "x")):
        assert "\x1b[31m訓^[]x" in on_terminal(run, *raw, "pieces")[1].decode()
    assert on_terminal(run, "tail", "-f", "pieces")[1].endswith("\x1b[31m訓\x1b[0m\n".encode())


def test_the_pager_is_the_one_that_is_named() -> None:
    """joblog's own variable first; none where it is empty or cat; less where none is named."""
    assert pager_command({"JOBLOG_PAGER": "most", "PAGER": "more"}) == "most"
    assert pager_command({"PAGER": " more -d "}) == "more -d"
    assert pager_command({"JOBLOG_PAGER": "", "PAGER": "more"}) is None
    assert pager_command({"PAGER": "cat"}) is None
    assert pager_command({}) in ("less -FRX", None)
    assert pager_command({"TERM": "dumb"}) is None


def test_every_control_character_is_shown() -> None:
    for number in [*range(0x20), *range(0x7F, 0xA0)]:
        if chr(number) not in "\t\n\r":
            assert cleaned(f"a{chr(number)}b", colours=True).isprintable()
    assert cleaned("\x1b[1;38:5:9mx\x1b[0m", colours=True) == "\x1b[1;38:5:9mx\x1b[0m"
    assert cleaned("\x1b[1;38:5:9mx\x1b[0m", colours=False) == "x"
    assert cleaned("\x1b[3" + "1" * 100 + "m", colours=True).startswith("^[[3")
