"""Which names stand where in the commands: ``candidates.py`` finds those of each kind."""

from __future__ import annotations

import argparse

from joblog.cli.help.commands import arguments

_WRITING = ("run", "import")


def named_kind(parser: argparse.ArgumentParser) -> str:
    """Returns the kind of the names that a command is for: ``log`` (jobs, runs and ranks), ``job``, or nothing."""
    for action in arguments(parser):
        if not action.option_strings and action.dest in ("log", "run", "runs", "job"):
            return "job" if action.metavar == "JOB" else "log"
    return ""


def kind_of(action: argparse.Action, command: str) -> str:
    """Returns the kind of the names that an option of a command takes: ``rank``, ``metric``, ``job``, or nothing."""
    if "--rank" in action.option_strings and command not in _WRITING:
        return "rank"
    if "--names" in action.option_strings:
        return "metric"
    return "job" if "--job" in action.option_strings else ""
