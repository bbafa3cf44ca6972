"""``--help``, completion and docs/cli.md: all three are made of the parser, and say what it does."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from joblog.cli import parser, usual
from joblog.cli.help.commands import arguments, commands, subcommands
from joblog.cli.help.examples import EXAMPLES
from joblog.cli.help.help import GROUPS
from joblog.cli.help.reference import page
from tests.agent.harness import Agent

DOCS = Path(__file__).resolve().parents[2] / "docs" / "cli.md"


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
            words = shlex.split(re.sub(r"^source <\((.*)\)$| \| source$", r"\1", line))
            assert words[: 1 + len(name.split())] == ["joblog", *name.split()]
            assert parser(words[1:]).parse_args(usual(words[1:])).command


@pytest.mark.parametrize("name", EXAMPLES)
def test_help_has_the_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parser([*name.split(), "--help"]).parse_args([*name.split(), "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"usage: joblog {name} ")
    assert shown.endswith("".join(f"  {line}\n" for line in EXAMPLES[name]))


def test_a_command_that_is_asked_for_is_made_in_full() -> None:
    """As the parser of all has it."""
    for name, whole in commands(parser([])):
        assert dict(commands(parser(name.split())))[name].format_help() == whole.format_help()


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


def test_every_command_is_in_the_help_once_by_what_it_is_for() -> None:
    """And says there what it does."""
    shown = parser(["--help"]).format_help()
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(subcommands(parser([])))
    for group, names in GROUPS.items():
        section = shown.partition(f"\n{group}:\n")[2].partition("\n\n")[0]
        assert [line.split()[0] for line in section.splitlines() if line.startswith("  ") and line[2] != " "] == list(names)


def test_help_is_where_people_look_for_it(agent: Agent) -> None:
    """Without a word, by ``help``, by ``--help``; of one command too."""
    whole = agent.run(agent.command("--help")).stdout
    assert whole.startswith(b"usage: joblog COMMAND")
    assert agent.run(agent.command()).stdout == agent.run(agent.command("help")).stdout == whole
    for words in (("cat",), ("token", "create")):
        assert agent.run(agent.command("help", *words)).stdout == agent.run(agent.command(*words, "--help")).stdout


def test_every_flag_says_something() -> None:
    """What it takes is named, and a number has its default or says when it is not."""
    for name, command in commands(parser([])):
        for action in arguments(command):
            assert action.help, (name, action.dest)
            assert action.metavar != "VALUE", (name, action.dest)
            if action.type in (int, float) and action.option_strings and not action.required and name != "serve":
                assert "(default" in action.help or "stop after" in action.help or "limit" in action.help, (name, action.dest)


def test_two_words_are_enough() -> None:
    """Run and rank: nobody who reads the help needs ModelArts' words, but where a name has one in it.

    ``serve --workers`` is what servers call their processes.
    """
    for name, command in commands(parser([])):
        told = re.sub(r"--workers \w+", "", command.format_help().replace("worker-3", ""))
        assert not re.search(r"\b(task|worker)s?\b", told, re.IGNORECASE), name
        assert not re.search(r"\bversions?\b", told) or name == "version", name


BASH = """
source <(joblog completion bash)
COMP_WORDS=({words}) COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_joblog
printf '%s\\n' "${{COMPREPLY[@]}}"
"""

ZSH = """
autoload -U +X compinit && compinit -u -d "$DUMP"
source <(joblog completion zsh)
emulate sh
setopt kshglob noshglob braceexpand
COMP_WORDS=({words})
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_joblog
printf '%s\\n' "${{COMPREPLY[@]}}"
"""

FISH = """
joblog completion fish | source
complete -C {line} | string replace -r '\\t.*' ''
true
"""


class Typed:
    """Asks a shell what completes words."""

    def __init__(self, shell: str, home: Path, environ: dict[str, str]) -> None:
        found = shutil.which(shell)
        if found is None:
            if os.environ.get("CI"):
                pytest.fail(f"{shell} is not installed, and in CI nothing is skipped")
            pytest.skip(f"{shell} is not installed")
        self._options = {"bash": [found, "--norc"], "zsh": [found, "-f"], "fish": [found, "--no-config"]}[shell]
        self._shell = shell
        (home / "bin").mkdir()
        program = home / "bin" / "joblog"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m joblog "$@"\n')
        program.chmod(0o755)
        paths = f"{home / 'bin'}:{Path(found).parent}:/usr/bin:/bin"
        self._environ = environ | {"PATH": paths, "DUMP": str(home / "dump"), "HOME": str(home)}

    def completed(self, *words: str) -> set[str]:
        """Returns what may stand in place of the last word."""
        typed = ["joblog", *words]
        line = shlex.quote(" ".join(typed))
        code = {"bash": BASH, "zsh": ZSH, "fish": FISH}[self._shell].format(words=" ".join(map(shlex.quote, typed)), line=line)
        ran = subprocess.run(
            [*self._options, "-c", code], env=self._environ, capture_output=True, text=True, check=True, timeout=120
        )
        assert ran.stderr == ""
        return {word for word in ran.stdout.split() if word.startswith(words[-1])}  # which zsh leaves to its compadd


SHELLS = ["bash", "zsh", "fish"]


@pytest.mark.parametrize("shell", SHELLS)
def test_completion(shell: str, agent: Agent, tmp_path: Path) -> None:
    """Commands, actions, options and choices; where no server is, no names and no message."""
    completed = Typed(shell, tmp_path, agent.environ).completed
    assert completed("s") == {"sync", "spool", "search", "serve", "stop"}
    assert {"run", "cat", "token", "completion"} <= completed("")
    assert completed("token", "") == {"create", "list", "revoke"}
    assert completed("token", "create", "--r") == {"--right"}
    assert completed("token", "create", "--right", "") == {"read", "write", "metrics", "admin"}
    assert completed("tail", "-f", "resnet", "--gr") == {"--grep"}
    assert completed("search", "x", "--color", "a") == {"auto", "always"}
    assert completed("completion", "") == {"bash", "zsh", "fish"}
    if shell != "fish":  # which offers options everywhere
        assert completed("run", "--job", "--w") == set()
        assert completed("run", "--", "--w") == set()
    assert completed("cat", "") == set()


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_of_names(shell: str, joblog: Agent, tmp_path: Path) -> None:
    """Of jobs, then of runs, then of ranks; of the ranks and the metrics of the run that is named."""
    for rank in ("0", "1"):
        (tmp_path / f"{rank}.log").write_bytes(b"step=1 loss=0.5\nstep=2 loss=0.25\n")
    joblog.said("import", "--job", "resnet", str(tmp_path / "0.log"), str(tmp_path / "1.log"))
    joblog.said("import", "--job", "other", str(tmp_path / "0.log"))
    completed = Typed(shell, tmp_path, joblog.environ).completed
    assert completed("cat", "") == {"resnet", "other"}
    assert completed("tail", "-f", "re") == {"resnet"}
    assert completed("label", "o") == {"other"}
    assert completed("cat", "resnet/") == {"resnet/V0001"}
    assert completed("why", "resnet/V0001/") == {"resnet/V0001/worker-0", "resnet/V0001/worker-1"}
    assert completed("why", "resnet", "--rank", "") == {"0", "1"}
    assert completed("why", "other/V0001", "--rank", "") == {"0"}
    until = time.monotonic() + 240
    while completed("metrics", "resnet", "--names", "l") != {"loss"}:  # a loaded machine takes longer than people wait
        assert time.monotonic() < until
    assert completed("run", "--job", "res") == {"resnet"}


def test_completion_is_silent(agent: Agent) -> None:
    """Whatever is wrong: no server, no such kind of name, an address that is none."""
    for words in (("log", ""), ("log", "a/b/c"), ("nothing", "x"), ("rank",), ()):
        ran = agent.run(agent.command("_complete", *words))
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b""), words
    agent.environ["JOBLOG_URL"] = "nonsense"
    assert agent.run(agent.command("_complete", "log", "")).stderr == b""
