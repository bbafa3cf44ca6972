"""``--help``, completion and docs/cli.md: all three are made of the parser, and say what it does."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from joblog.cli import parser
from joblog.cli.commands import arguments, commands
from joblog.cli.examples import EXAMPLES
from joblog.cli.reference import page
from tests.agent.harness import Agent

DOCS = Path(__file__).resolve().parents[2] / "docs" / "cli.md"

BASH = """
source <("$PYTHON" -m joblog completion bash)
COMP_WORDS=({words}) COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_joblog
printf '%s\\n' "${{COMPREPLY[@]}}"
"""

ZSH = """
autoload -U +X compinit && compinit -u -d "$DUMP"
source <("$PYTHON" -m joblog completion zsh)
emulate sh
setopt kshglob noshglob braceexpand
COMP_WORDS=({words})
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_joblog
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def test_the_page_is_what_the_parser_says() -> None:
    """docs/cli.md is made of the parser: make reference."""
    assert DOCS.read_text("utf-8") == page()


def test_every_command_and_option_is_on_the_page() -> None:
    for name, command in commands(parser([])):
        section = page().partition(f"\n## joblog {name}\n")[2].partition("\n## ")[0]
        assert section, name
        flags = [flag for action in arguments(command) for flag in action.option_strings]
        assert [flag for flag in flags if f"`{flag}" not in section] == [], name


def test_every_example_is_one() -> None:
    """Each command has some, and the parser takes each for that command."""
    assert set(EXAMPLES) == {name for name, _ in commands(parser([]))}
    for name, lines in EXAMPLES.items():
        for line in lines:
            words = shlex.split(re.sub(r"^source <\((.*)\)$", r"\1", line))
            assert words[: 1 + len(name.split())] == ["joblog", *name.split()]
            assert parser(words[1:]).parse_args(words[1:]).command


@pytest.mark.parametrize("name", EXAMPLES)
def test_help_has_the_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parser([*name.split(), "--help"]).parse_args([*name.split(), "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"usage: joblog {name} ")
    assert shown.endswith("".join(f"  {line}\n" for line in EXAMPLES[name]))


def test_exit_statuses_are_those_of_the_page(joblog: Agent, tmp_path: Path) -> None:
    """Those of errors, of searches, of a reader that leaves, of run; Ctrl-C's has a test of its own."""
    (tmp_path / "a.log").write_bytes(b"words\n" * 100_000)
    joblog.said("import", str(tmp_path / "a.log"))

    def status(*arguments: str) -> int:
        return joblog.run(joblog.command(*arguments)).returncode

    assert (status("search", "words", "a", "-m", "1"), status("search", "absent", "a")) == (0, 1)
    assert (status("cat", "nothing"), status("cat", "--nothing"), status("nothing")) == (2, 2, 2)
    assert joblog.run(joblog.job("sh", "-c", "kill -9 $$", options=())).returncode == 137
    assert joblog.run(joblog.job("/nowhere/program", options=())).returncode == 127
    assert joblog.run(joblog.job(str(tmp_path), options=())).returncode == 126
    left = shlex.join(joblog.command("cat", "a")) + " | head -n 1; exit ${PIPESTATUS[0]}"
    assert joblog.run(["bash", "-c", left]).returncode == 141
    assert re.findall(r"^\| (\d+) \|", page(), re.MULTILINE) == ["0", "1", "2", "130", "141"]


@pytest.mark.parametrize(("shell", "program"), [("bash", BASH), ("zsh", ZSH)])
def test_completion(shell: str, program: str, tmp_path: Path) -> None:
    """Commands, actions, options and choices; nothing of ours behind -- or where a value stands."""
    found = shutil.which(shell)
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(f"{shell} is not installed, and in CI nothing is skipped")
        pytest.skip(f"{shell} is not installed")

    def completed(*words: str) -> set[str]:
        code = program.format(words=" ".join(map(shlex.quote, ["joblog", *words])))
        options = ["--norc"] if shell == "bash" else ["-f"]
        environ = {"PYTHON": sys.executable, "PATH": "/usr/bin:/bin", "DUMP": str(tmp_path / "dump"), "HOME": str(tmp_path)}
        ran = subprocess.run(
            [found, *options, "-c", code], env=environ, capture_output=True, text=True, check=True, timeout=120
        )
        assert ran.stderr == ""
        return {word for word in ran.stdout.split() if word.startswith(words[-1])}  # which zsh leaves to its compadd

    assert completed("s") == {"sync", "spool", "search", "serve"}
    assert {"run", "cat", "token", "completion"} <= completed("")
    assert completed("token", "") == {"create", "list", "revoke"}
    assert completed("token", "create", "--r") == {"--right"}
    assert completed("token", "create", "--right", "") == {"read", "write", "metrics", "admin"}
    assert completed("tail", "-f", "resnet", "--gr") == {"--grep"}
    assert completed("search", "x", "--color", "a") == {"auto", "always"}
    assert completed("completion", "") == {"bash", "zsh"}
    assert completed("run", "--job", "--w") == set()
    assert completed("run", "--", "--w") == set()
    assert completed("cat", "") == set()
