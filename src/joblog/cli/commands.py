"""The commands, read from the parser: what help, completion and docs/cli.md are made of."""

from __future__ import annotations

import argparse
from collections.abc import Iterator


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
    """Returns a command's arguments and options, but for ``--help``."""
    wordless = (argparse._SubParsersAction, argparse._HelpAction)
    return [action for action in parser._actions if not isinstance(action, wordless)]
