"""The command runs, whatever joblog lacks: descriptors, processes, settings that can be used."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from tests.agent.harness import Agent

OTHER_USER = 54321


def limited(limit: str, command: list[str]) -> list[str]:
    return ["sh", "-c", f'ulimit {limit}; exec "$@"', "sh", *command]


def limited_user(limit: str, command: list[str]) -> list[str]:
    """Returns the command as a user whom the limit binds, and who may read what root may."""
    caps = ["--inh-caps", "+dac_override", "--ambient-caps", "+dac_override"]
    other = ["setpriv", "--reuid", str(OTHER_USER), "--clear-groups", *caps]
    if not shutil.which("setpriv") or subprocess.run([*other, "true"], capture_output=True, check=False).returncode:
        pytest.skip("only root may be another user")
    return [*other, *limited(limit, command)]


@pytest.mark.parametrize("descriptors", range(5, 20))
def test_command_runs_with_few_descriptors(agent: Agent, descriptors: int) -> None:
    """From as many on as a Python needs: its output comes out, once, and its status is what it was."""
    ran = agent.run(limited(f"-n {descriptors}", agent.job("sh", "-c", "echo ran; exit 3")))
    assert (ran.returncode, ran.stdout) == (3, b"ran\n"), ran.stderr
    assert ran.stderr.count(b"\n") <= 3
    assert b"Traceback" not in ran.stderr


@pytest.mark.parametrize("descriptors", [7, 10, 13])
def test_much_output_comes_out_with_few_descriptors(agent: Agent, descriptors: int) -> None:
    """More than a pipe holds."""
    ran = agent.run(limited(f"-n {descriptors}", agent.job("seq", "1", "200000")))
    assert (ran.returncode, ran.stdout) == (0, b"".join(b"%d\n" % number for number in range(1, 200_001)))


@pytest.mark.parametrize("processes", [1, 2, 3, 4, 6])
def test_command_runs_with_few_processes(agent: Agent, processes: int) -> None:
    """Also where there is none for the keeper, or for the command beside it: then it takes joblog's place."""
    ran = agent.run(limited_user(f"-p {processes}", agent.job("sh", "-c", "echo ran; exit 3")))
    assert (ran.returncode, ran.stdout) == (3, b"ran\n"), ran.stderr
    assert b"Traceback" not in ran.stderr


@pytest.mark.parametrize("command", ["sh -c 'exit 3'", "./a-script words", "a-script words", "./none", "none", "./plain", "."])
def test_command_in_joblog_s_place_is_looked_for_as_a_shell_does(agent: Agent, command: str) -> None:
    """A script without its first line, one that is not there, one that may not be run: status and output are a shell's."""
    place = agent.spool_root.parent
    (place / "a-script").write_text('echo "it ran with $1"\nexit 5\n')
    (place / "a-script").chmod(0o755)
    (place / "plain").write_text("echo never\n")
    agent.environ["PATH"] = f"{place}{os.pathsep}{agent.environ['PATH']}"
    process = agent.run(["sh", "-c", f"cd {place}; {command}" if command != "." else f"cd {place}; ./"])
    joblog = " ".join(agent.command("run", "--wait", "0", "--"))
    ours = ["sh", "-c", f"cd {place}; exec {joblog} {command if command != '.' else './'}"]
    for ran in (agent.run(ours), agent.run(limited_user("-p 1", ours))):
        assert (ran.returncode, ran.stdout) == (process.returncode, process.stdout), ran.stderr
        assert b"Traceback" not in ran.stderr


def test_variable_that_cannot_be_used_is_left_out(agent: Agent) -> None:
    """A secret that was not mounted is no reason not to train; a flag that is wrong is one."""
    bad = {"JOBLOG_TOKEN_FILE": "/none", "JOBLOG_SPOOL_LIMIT_BYTES": "much", "JOBLOG_LABELS": "no pair"}
    agent.environ |= bad
    ran = agent.run(agent.job("sh", "-c", "echo ran; exit 3"))
    assert (ran.returncode, ran.stdout, agent.spooled()) == (3, b"ran\n", b"ran\n")
    assert all(b"joblog: %b must be " % name.encode() in ran.stderr for name in bad)
    for flags in (["--label", "none"], ["--spool-limit", "1"], ["--token-file", "/none"], ["--rank", "x"]):
        assert "must be" in agent.refused("run", *flags, "--", "true")
