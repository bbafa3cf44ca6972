"""The commands, read from the parser: what help, completion and docs/cli.md are made of."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

SERVER = ("url", "token_file", "project")
"""What every command takes that asks a server."""


def commands(parser: argparse.ArgumentParser, above: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yields each command by its name, ``token create``, in the parser's order; groups such as ``token`` are left out."""
    for name, below in subcommands(parser).items():
        path = f"{above} {name}".strip()
        if subcommands(below):
            yield from commands(below, path)
        else:
            yield path, below


def subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Returns what may stand behind the words that the parser is for."""
    for action in parser._actions:  # argparse has no other way to what it was told
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def arguments(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Returns a command's arguments and options, the server's last, but for ``--help`` and those that are for old scripts."""
    wordless = (argparse._SubParsersAction, argparse._HelpAction)
    named = [action for action in parser._actions if not isinstance(action, wordless) and action.help != argparse.SUPPRESS]
    return sorted(named, key=lambda action: action.dest in SERVER)
