"""The completion for fish, whose own words are of another kind than those of bash and zsh."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from joblog.cli.help.commands import arguments, subcommands
from joblog.cli.help.help import summaries
from joblog.cli.help.kinds import kind_of, named_kind

_HEAD = """\
# joblog's completion for fish. In ~/.config/fish/config.fish: joblog completion fish | source
complete -c joblog -f
function __joblog_names
    set -l words (commandline -opc)
    $words[1] _complete $argv[1] (commandline -ct) (string match -v -- '-*' $words[3..-1]) 2>/dev/null
end
"""


def fish_script(parser: argparse.ArgumentParser) -> str:
    """Returns what fish is to read."""
    none = "not __fish_seen_subcommand_from $__joblog_commands"
    lines = [f"set -g __joblog_commands {' '.join(subcommands(parser))}"]
    lines += [_command(none, name, about) for name, about in summaries(parser).items()]
    for name, below in subcommands(parser).items():
        lines += _of(name, below, f"__fish_seen_subcommand_from {name}")
    return _HEAD + "".join(f"{line}\n" for line in lines)


def _of(name: str, parser: argparse.ArgumentParser, condition: str) -> Iterator[str]:
    below = subcommands(parser)
    none = f"{condition}; and not __fish_seen_subcommand_from {' '.join(below)}"
    yield from (_command(none, action, about) for action, about in summaries(parser).items())
    for action, parser_below in below.items():
        yield from _of(f"{name} {action}", parser_below, f"{condition}; and __fish_seen_subcommand_from {action}")
    if below:
        return
    if kind := named_kind(parser):
        yield f"complete -c joblog -n {_quoted(condition)} -a {_quoted(f'(__joblog_names {kind})')}"
    for argument in arguments(parser):
        if argument.option_strings:
            yield _option(name, argument, condition)
        elif argument.choices:
            yield f"complete -c joblog -n {_quoted(condition)} -a {_quoted(' '.join(map(str, argument.choices)))}"
        elif argument.metavar in ("FILE", "PATH|GLOB", "-- CMD ..."):
            yield f"complete -c joblog -n {_quoted(condition)} -F"


def _command(condition: str, name: str, about: str) -> str:
    return f"complete -c joblog -n {_quoted(condition)} -a {name} -d {_quoted(about)}"


def _option(name: str, action: argparse.Action, condition: str) -> str:
    flags = "".join(f" -l {flag[2:]}" if flag.startswith("--") else f" -s {flag[1:]}" for flag in action.option_strings)
    kind = kind_of(action, name)
    value = f" -a {_quoted(f'(__joblog_names {kind})')}" if kind else ""
    value = f" -a {_quoted(' '.join(map(str, action.choices)))}" if action.choices else value
    takes = "" if action.nargs == 0 else " -r -F" if action.metavar in ("FILE", "DIR") else " -x"
    return f"complete -c joblog -n {_quoted(condition)}{flags}{takes}{value} -d {_quoted(str(action.help).replace('%%', '%'))}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
