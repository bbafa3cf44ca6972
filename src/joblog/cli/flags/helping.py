"""The commands that help with the others."""

from __future__ import annotations

from joblog.cli.flags.common import Subparsers, add


def add_to(commands: Subparsers) -> None:
    completion = add(commands, "completion", "completion:completion", "prints what makes a shell complete joblog's commands")
    completion.add_argument("shell", choices=["bash", "zsh"], help="the shell that is to read it")
