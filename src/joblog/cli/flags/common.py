"""What the commands' flags have in common."""

from __future__ import annotations

import argparse
from typing import Any, TypeAlias

LOG_HELP = "JOB (its latest run, rank 0), JOB/RUN or JOB/RUN/RANK, such as resnet/V0002/worker-3 or resnet/2/3, or a link"

RUN_HELP = "JOB (its latest run), JOB/RUN, such as resnet/V0002 or resnet/2, or a link"

MAX_S = 1e9
"""More than any wait; what threads can wait for is bounded."""

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


class Unasked(argparse.ArgumentParser):
    """A command that nobody has asked for: what takes it needs its name and what it is for, which others have.

    A parser of all the flags of all commands takes longer to make than the rest of a start.
    """

    def __init__(self, **_: Any) -> None:
        self._actions = []

    def _nothing(self, *_: Any, **__: Any) -> Any:
        return self

    add_argument = add_argument_group = add_mutually_exclusive_group = add_subparsers = add_parser = set_defaults = _nothing


def seconds(text: str) -> float:
    """Returns a number of seconds; raises ArgumentTypeError, also for what is no number but a ``float``."""
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 <= number <= MAX_S:
        raise argparse.ArgumentTypeError(f"must be a number of seconds, 0 or more, not {text!r}")
    return number


def add(commands: Subparsers, name: str, command: str, help: str) -> argparse.ArgumentParser:
    """Adds a command: ``command`` is ``module:function`` within ``joblog.cli``, loaded when the command is asked for."""
    parser = commands.add_parser(name, help=help, description=f"{name}: {help}.")
    parser.set_defaults(command=command)
    return parser


def add_client(commands: Subparsers, name: str, command: str, help: str) -> argparse.ArgumentParser:
    """Adds a command that asks a server."""
    parser = add(commands, name, command, help)
    server = parser.add_argument_group("server")
    server.add_argument("--url", help="the server's address (default: $JOBLOG_URL, or the server on this machine)")
    about = "read the token from FILE's first line, - for stdin (default: $JOBLOG_TOKEN or $JOBLOG_TOKEN_FILE)"
    server.add_argument("--token-file", metavar="FILE", help=about)
    server.add_argument("--project", metavar="ID", help="the project's id (default: $JOBLOG_PROJECT, or 'default')")
    return parser


def add_shown(commands: Subparsers, name: str, command: str, help: str) -> argparse.ArgumentParser:
    """Adds a command that asks a server and writes what people read: on a terminal through a pager, free of escapes."""
    parser = add_client(commands, name, command, help)
    parser.set_defaults(on_screen=True)
    return parser


def add_named(parser: argparse.ArgumentParser, name: str, metavar: str, help: str, *, optional: bool = False) -> None:
    """Adds the argument that names a log or a run, as JOB/V0002/worker-3 or by a link."""
    if optional:
        parser.add_argument(name, metavar=metavar, nargs="?", help=help)
    else:
        parser.add_argument(name, metavar=metavar, help=help)
    parser.set_defaults(link_in=name)
