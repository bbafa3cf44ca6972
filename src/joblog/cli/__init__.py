"""The command line. A command's module is loaded when it is the one asked for: ``joblog run`` must start at once.

Errors are one line on stderr and exit status 2, as wrong usage is; there is never a traceback.
"""

from __future__ import annotations

import argparse
import gc
import os
import re
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, NoReturn, cast

from joblog import __version__
from joblog.api.refs import printable
from joblog.cli.flags import writing
from joblog.cli.flags.common import Unasked
from joblog.errors import JoblogError

GC_NEW_OBJECTS = 50_000
"""New objects after which garbage is looked for: nothing that is loaded at the start is any."""

ERROR, INTERRUPTED, BROKEN_PIPE = 2, 128 + 2, 128 + 13

Command = Callable[[argparse.Namespace], int]

NEEDS_LINUX = frozenset(("run", "spool", "follow", "canary", "serve", "move"))
"""Modules of commands that use what other systems do not have; whoever only reads needs none of it."""

_TAIL_COUNT = re.compile(r"-[0-9]+")


def console() -> NoReturn:
    """The program: ``main``, and the process's end.

    After ``run`` that is at once: whoever waits for the job need not wait for the interpreter to take itself apart.
    """
    status = main()
    if sys.argv[1:2] == ["run"]:
        os._exit(status)
    sys.exit(status)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command that ``arguments`` (the process's own by default) ask for; returns the exit status."""
    gc.set_threshold(GC_NEW_OBJECTS)
    given = usual(sys.argv[1:] if arguments is None else list(arguments))
    if given[0] == "_complete":  # asked by the shells' scripts while somebody types
        return cast(int, import_module("joblog.cli.help.candidates").offer(given[1:]))
    whole = parser(given)
    args, unknown = _parsed(whole, given)
    if unknown:
        return _complain(import_module("joblog.cli.help.help").unknown(whole, given, unknown))
    module, _, function = args.command.partition(":")
    if module in NEEDS_LINUX and sys.platform != "linux":
        return _complain(f"joblog {given[0]} needs Linux; what reads logs (joblog --help: Read, Diagnose) runs here too")
    try:
        command = cast(Command, getattr(import_module(f"joblog.cli.{module}"), function))
        status = _run(command, args)
        if sys.stdout is not None:
            sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our stdout has had enough; what is still buffered for it must not fail again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return BROKEN_PIPE
    except ModuleNotFoundError as error:
        return _complain(f"{error}; pip install 'joblog[server]' brings what the server needs")
    except (JoblogError, OSError) as error:
        return _complain(import_module("joblog.cli.advice").message(error, args))
    except Exception as error:  # noqa: BLE001 - the process's edge: people get a line, not a traceback
        return _complain(f"unexpected {type(error).__name__}: {error}")


def _parsed(whole: argparse.ArgumentParser, given: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    args, unknown = whole.parse_known_args(given)
    if len(unknown) == 1 and not unknown[0].startswith("-") and getattr(args, getattr(args, "link_in", "command")) is None:
        setattr(args, args.link_in, unknown.pop())  # argparse takes what may be left out for absent before an option
    return args, unknown


def usual(given: list[str]) -> list[str]:
    """Returns the arguments with what people know from others: nothing as ``--help``, ``tail -20`` as ``tail -n 20``."""
    if not given:
        return ["--help"]
    if given[0] != "tail":
        return given
    return [part for each in given for part in (("-n", each[1:]) if _TAIL_COUNT.fullmatch(each) else (each,))]


def _run(command: Command, args: argparse.Namespace) -> int:
    """Runs a command; what people read on a terminal goes through a pager, free of a log's escapes."""
    on_screen = getattr(args, "on_screen", False) and not getattr(args, "raw", False)
    # What is followed as a terminal shows it is drawn by itself, and lets no escape through.
    draws = getattr(args, "follow", False) and not (args.json or args.rank or args.grep is not None)
    if on_screen and not draws and sys.stdout is not None and sys.stdout.isatty():
        return cast(int, import_module("joblog.cli.screen").shown(command, args))
    return command(args)


def _complain(line: str) -> int:
    if sys.stderr is not None:
        sys.stderr.write(f"joblog: {printable(line)}\n")
    return ERROR


class _Formatter(argparse.HelpFormatter):
    """Finds out the width by itself: argparse asks for it with every flag, by a module that loads all ways to pack archives."""

    def __init__(self, prog: str) -> None:
        try:
            columns = int(os.environ.get("COLUMNS") or os.get_terminal_size().columns)
        except (OSError, ValueError):
            columns = 80
        super().__init__(prog, width=max(columns, 20) - 2)


class _Parser(argparse.ArgumentParser):
    """A parser, and so those of its commands, whose help ``_Formatter`` formats; wrong usage is a line as any other error."""

    def __init__(self, **given: Any) -> None:
        super().__init__(formatter_class=_Formatter, **given)

    def error(self, message: str) -> NoReturn:
        """Says what is wrong, and where the right usage is."""
        self.exit(_complain(f"{message}; see {self.prog} --help"))

    def format_help(self) -> str:
        """Returns the help: of all commands by what they are for."""
        if self.prog != "joblog":
            return super().format_help()
        return cast(str, import_module("joblog.cli.help.help").page(self))

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if isinstance(action, argparse._SubParsersAction) and value not in action.choices:
            self.error(import_module("joblog.cli.help.help").no_command(value, action.choices))
        super()._check_value(action, value)


def parser(given: Sequence[str]) -> argparse.ArgumentParser:
    """Returns the parser of all commands; of what ``given`` does not begin with, if it has any words, by name only."""
    whole: argparse.ArgumentParser = _Parser(prog="joblog", description="Keeps every byte a training job prints.")
    whole.add_argument("-v", "--version", action="version", version=f"joblog {__version__}", help="print the version")
    asked = next((word for word in given if not word.startswith("-")), "")

    def made(**about: Any) -> argparse.ArgumentParser:
        return _Parser(**about) if not given or about["prog"].endswith(f" {asked}") else Unasked(**about)

    commands = whole.add_subparsers(metavar="COMMAND", required=True, parser_class=cast(type[argparse.ArgumentParser], made))
    writing.add_to(commands)
    if not given or given[0] not in writing.COMMANDS:  # those that jobs begin with load nothing else
        for group in ("reading", "keeping", "watching", "administration"):
            import_module(f"joblog.cli.flags.{group}").add_to(commands)
    if {"-h", "--help"}.intersection(given):
        import_module("joblog.cli.help.examples").add_to(whole)
    return whole
