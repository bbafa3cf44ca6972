"""``joblog completion``: for bash, zsh and fish, made of the parser, so that it knows what this joblog knows.

zsh reads the same as bash through bashcompinit. Names of jobs, runs, ranks and metrics are asked for while somebody types, of
``joblog _complete`` (``candidates.py``).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from joblog import cli
from joblog.cli.help.commands import arguments, subcommands
from joblog.cli.help.fish import fish_script
from joblog.cli.help.kinds import kind_of, named_kind

_BASH = """\
# joblog's completion for {shell}. In ~/.{shell}rc: {how}
{before}_joblog() {{
    local cur="${{COMP_WORDS[COMP_CWORD]}}" prev="${{COMP_WORDS[COMP_CWORD-1]}}"
    local at="" word options="" names="" kind="" typed=() i
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        word="${{COMP_WORDS[i]}}"
        [ "$word" = -- ] && return
        case "$at $word" in
            {steps}) at="${{at:+$at }}$word" ;;
            *" -"*) ;;
            *) typed+=("$word") ;;
        esac
    done
    case "$at $prev" in
{values}
    esac
    case "$at" in
{words}
    esac
    case "$cur" in
        -*) COMPREPLY=($(compgen -W "$options" -- "$cur")) ;;
        *) COMPREPLY=($(compgen -W "$names $(_joblog_names "$kind" "$cur")" -- "$cur")) ;;
    esac
    [ "$kind" = log ] && compopt -o nospace 2>/dev/null
    return 0
}}
_joblog_names() {{
    [ -z "$1" ] || "${{COMP_WORDS[0]}}" _complete "$@" 2>/dev/null
}}
complete -o default -F _joblog joblog
"""

_ZSH = """\
(( $+functions[compdef] )) || { autoload -U +X compinit && compinit; }
autoload -U +X bashcompinit && bashcompinit
"""


def completion(args: argparse.Namespace) -> int:
    """Prints the completion for a shell."""
    sys.stdout.write(script(cli.parser([]), args.shell))
    return 0


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """Returns what ``shell``, bash, zsh or fish, is to read."""
    if shell == "fish":
        return fish_script(parser)
    described = list(_described(parser, ""))
    steps = "|".join(f'"{at} {name}"' for at, below in described for name in subcommands(below))
    values = "\n".join(f"        {line}" for at, below in described for line in _values(at, below))
    words = "\n".join(f'        "{at}") {_words(below)} ;;' for at, below in described)
    zsh = shell == "zsh"
    before = _ZSH if zsh else ""
    return _BASH.format(
        shell=shell, how=f"source <(joblog completion {shell})", before=before, steps=steps, values=values, words=words
    )


def _described(parser: argparse.ArgumentParser, at: str) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    yield at, parser
    for name, below in subcommands(parser).items():
        yield from _described(below, f"{at} {name}".strip())


def _words(parser: argparse.ArgumentParser) -> str:
    """Returns the options, and what else may stand there; of files the shell knows more."""
    options = ["--help", *(flag for action in arguments(parser) for flag in action.option_strings)]
    named = [str(each) for action in arguments(parser) if not action.option_strings for each in action.choices or ()]
    kind = named_kind(parser)
    return f'options="{" ".join(options)}" names="{" ".join([*subcommands(parser), *named])}"' + (
        f" kind={kind}" if kind else ""
    )


def _values(at: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    """Yields what comes behind an option that takes a value: one of its choices, a name, or what the shell finds by itself."""
    for action in arguments(parser):
        if not action.option_strings or action.nargs == 0:
            continue
        cases = "|".join(f'"{at} {flag}"' for flag in action.option_strings)
        choices, kind = " ".join(map(str, action.choices or ())), kind_of(action, at)
        if kind:
            choices = f'$(_joblog_names {kind} "$cur" "${{typed[@]}}")'
        offer = f'COMPREPLY=($(compgen -W "{choices}" -- "$cur")); ' if choices else ""
        yield f"{cases}) {offer}return ;;"
