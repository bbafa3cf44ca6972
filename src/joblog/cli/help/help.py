"""What helps with the commands: all of them by what they are for, and the word that was meant."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterable, Mapping, Sequence

from joblog.cli.help.commands import subcommands

GROUPS: Mapping[str, tuple[str, ...]] = {
    "Run": ("run", "import", "follow", "sync", "spool", "stop", "close", "label", "note", "rename", "rm"),
    "Read": ("jobs", "runs", "logs", "cat", "tail", "search", "link", "open"),
    "Diagnose": ("why", "diff", "templates", "progress", "metrics", "watch", "verify", "mcp"),
    "Serve": ("serve", "check", "repair", "restore", "rebuild", "migrate", "move", "confirm-clock", "canary"),
    "Admin": ("token", "project", "user", "key"),
    "Help": ("help", "version", "completion"),
}
"""The commands by what they are for, in the order in which people meet them; a test has each of them once."""

_INDENT = 16


def page(parser: argparse.ArgumentParser) -> str:
    """Returns the help of all commands."""
    about, width = summaries(parser), parser._get_formatter()._width  # as wide as that of one command
    lines = [f"usage: {parser.prog} COMMAND ...", "", str(parser.description)]
    for group, names in GROUPS.items():
        lines += ["", f"{group}:", *(line for name in names if name in about for line in _row(name, about[name], width))]
    lines += ["", "options:"]
    for action in parser._actions:
        if action.option_strings:
            lines += _row(", ".join(action.option_strings), str(action.help), width)
    lines += ["", "joblog COMMAND --help, or joblog help COMMAND, says more of one command."]
    return "\n".join(lines) + "\n"


def summaries(parser: argparse.ArgumentParser) -> dict[str, str]:
    """Returns what each of a parser's commands does, by its name."""
    groups = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return {str(each.dest): str(each.help) for group in groups for each in group._choices_actions}


def _row(name: str, about: str, width: int) -> list[str]:
    return textwrap.wrap(about, width, initial_indent=f"  {name}".ljust(_INDENT), subsequent_indent=" " * _INDENT)


def no_command(word: str, names: Iterable[str]) -> str:
    """Says that there is no such command, and which one may have been meant."""
    return f"there is no command {word!r}{_meant(word, names)}"


def unknown(parser: argparse.ArgumentParser, given: Sequence[str], words: Sequence[str]) -> str:
    """Says which words no command takes, and which option may have been meant."""
    while given and given[0] in subcommands(parser):
        parser, given = subcommands(parser)[given[0]], given[1:]
    known = [flag for action in parser._actions for flag in action.option_strings if action.help != argparse.SUPPRESS]
    meant = _meant(words[0].partition("=")[0], known) if words[0].startswith("-") else ""
    return f"unrecognized arguments: {' '.join(words)}{meant}; see {parser.prog} --help"


def _meant(word: str, names: Iterable[str]) -> str:
    from difflib import get_close_matches  # which takes longer to load than the rest of the help, and is seldom needed

    bare = {name.lstrip("-"): name for name in names}
    close = get_close_matches(word.lstrip("-"), list(bare), n=1, cutoff=0.7)
    return f"; did you mean {bare[close[0]]}?" if close else ""
