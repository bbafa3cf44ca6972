"""The command line. A command's module is loaded when it is the one asked for: ``joblog run`` must start at once.

Errors are one line on stderr and exit status 2, as wrong usage is; there is never a traceback.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from importlib import import_module
from typing import TypeAlias, cast

from joblog import __version__
from joblog.cli import redact
from joblog.config import Settings
from joblog.errors import JoblogError

ERROR, INTERRUPTED, BROKEN_PIPE = 2, 128 + 2, 128 + 13

_LOG_HELP = "JOB, JOB/V0002 or JOB/V0002/worker-3; JOB is a name or an id; the latest version and worker-0 by default"
_SPAN_HELP = "from A up to, not including, B, both counted from 0; either may be left out"

Command = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command that ``arguments`` (the process's own by default) ask for; returns the exit status."""
    args = _parser().parse_args(arguments)
    module, _, function = args.command.partition(":")
    try:
        command = cast(Command, getattr(import_module(f"joblog.cli.{module}"), function))
        status = command(args)
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
        return _complain(str(error))
    except Exception as error:  # noqa: BLE001 - the process's edge: people get a line, not a traceback
        return _complain(f"unexpected {type(error).__name__}: {error}")


def _complain(line: str) -> int:
    if sys.stderr is not None:
        sys.stderr.write(f"joblog: {line}\n")
    return ERROR


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="joblog", description="Keeps every byte a training job prints.")
    parser.add_argument("--version", action="version", version=f"joblog {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_writing(commands)
    _add_reading(commands)
    _add_serving(commands)
    _add_administration(commands)
    return parser


Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def _add(commands: Subparsers, name: str, command: str, help: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=help, description=f"{name}: {help}.")
    parser.set_defaults(command=command)
    return parser


def _add_client(commands: Subparsers, name: str, command: str, help: str) -> argparse.ArgumentParser:
    parser = _add(commands, name, command, help)
    parser.add_argument("--url", help="the server (default: $JOBLOG_URL, or the one on this machine)")
    parser.add_argument("--project", help="project id (default: $JOBLOG_PROJECT, or 'default')")
    return parser


def _add_writing(commands: Subparsers) -> None:
    run = _add_client(commands, "run", "run:run", "runs a command and keeps what it prints")
    run.add_argument("--job", help="job name (default: from the command)")
    run.add_argument(
        "--run-id", help="all that name the same run id write to one version (default: the scheduler's, or a new one)"
    )
    run.add_argument("--task", help="this worker of the run (default: the rank that the environment says, or worker-0)")
    run.add_argument("--tty", action="store_true", help="gives the command a terminal to write to")
    run.add_argument(
        "--spool-limit",
        metavar="SIZE",
        help="most that is kept on disk of what the server "
        "does not have, as 500M or 2G (default: $JOBLOG_SPOOL_LIMIT_BYTES, or 2G)",
    )
    run.add_argument(
        "--wait",
        type=float,
        default=30.0,
        metavar="S",
        help="seconds to wait for the last bytes' way to "
        "the server after the command has ended (default: 30); what is left then is kept on disk",
    )
    run.add_argument("-v", "--verbose", action="store_true", help="says on stderr where the log is")
    _add_spool(commands)
    run.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- CMD ...", help="the command")

    load = _add_client(commands, "import", "load:load", "loads existing log files; run again after an interruption")
    load.add_argument("--job", help="job name for all files, which become its workers (default: a job per file)")
    load.add_argument("--task", help="worker that a single file is of (default: worker-0)")
    load.add_argument("--tree", metavar="DIR", help="all files below a directory, named as follow names them")
    load.add_argument("files", nargs="*", metavar="FILE")
    redact.add_flags(load)

    _add_following(commands)

    close = _add_client(commands, "close", "write:close", "closes a log: nothing more will come")
    close.add_argument("log", metavar="LOG", help=_LOG_HELP)


def _add_following(commands: Subparsers) -> None:
    follow = _add_client(commands, "follow", "follow:follow", "sends files as they grow, whatever writes them")
    follow.add_argument("--job", help="job name for all files, which become its workers (default: from the paths)")
    follow.add_argument("--run-id", help="run id for all files (default: from where they are)")
    end = follow.add_mutually_exclusive_group()
    end.add_argument("--once", action="store_true", help="sends what is there, closes the logs and ends")
    end.add_argument("--until-idle", type=float, metavar="S", help="the same, once nothing has come for S seconds")
    wait = "seconds to wait at the end for a server that is away (default: 30)"
    follow.add_argument("--wait", type=float, default=30.0, metavar="S", help=wait)
    redact.add_flags(follow)
    follow.add_argument("paths", nargs="+", metavar="PATH|GLOB", help="files, directories, or patterns in quotes")


def _add_spool(commands: Subparsers) -> None:
    sync = _add_client(commands, "sync", "spool:sync", "sends the logs that were left in the spool while the server was away")
    sync.add_argument(
        "spools", nargs="*", metavar="SPOOL", help="as spool ls names them (default: all that no running job uses)"
    )
    spool = commands.add_parser("spool", help="shows what is kept on this machine")
    spools = spool.add_subparsers(metavar="ACTION", required=True)
    ls = _add(spools, "ls", "spool:ls", "lists the logs, or parts of logs, that are kept on this machine")
    ls.add_argument("--json", action="store_true", help="an object on each line")


def _add_reading(commands: Subparsers) -> None:
    cat = _add_client(commands, "cat", "read:cat", "writes a log, or a part of it, to stdout")
    cat.add_argument("log", metavar="LOG", help=_LOG_HELP)
    part = cat.add_mutually_exclusive_group()
    part.add_argument("--bytes", metavar="A-B", help=_SPAN_HELP)
    part.add_argument("--lines", metavar="A-B", help=_SPAN_HELP)

    tail = _add_client(commands, "tail", "read:tail", "writes a log's last lines to stdout")
    tail.add_argument("log", metavar="LOG", help=_LOG_HELP)
    tail.add_argument("-n", type=int, default=10, dest="count", metavar="N", help="lines (default: 10)")
    tail.add_argument("-f", "--follow", action="store_true", help="goes on until the log is closed")

    jobs = _add_client(commands, "jobs", "read:jobs", "lists the project's jobs")
    logs = _add_client(commands, "logs", "read:logs", "lists the logs of a job's version")
    logs.add_argument("job", metavar="JOB[/VERSION]", help="job name or id; its latest version by default")
    for listing in (jobs, logs):
        listing.add_argument("--json", action="store_true", help="an object on each line")


def _add_serving(commands: Subparsers) -> None:
    serve = _add(commands, "serve", "serve:serve", "runs the server")
    check = _add(commands, "check", "serve:check", "looks whether all that is stored is sound")
    for setting in fields(Settings):
        flag, about = f"--{setting.name.replace('_', '-')}", setting.metadata["help"]
        serve.add_argument(flag, metavar="VALUE", help=about)
        if setting.name == "data":
            check.add_argument(flag, metavar="VALUE", help=about)


def _add_administration(commands: Subparsers) -> None:
    token = commands.add_parser("token", help="creates, lists and revokes tokens")
    tokens = token.add_subparsers(metavar="ACTION", required=True)
    create = _add_client(tokens, "create", "admin:create_token", "creates a token and prints it")
    create.add_argument("--right", action="append", choices=["read", "write", "admin"], required=True, help="repeatable")
    create.add_argument("--all-projects", action="store_true", help="for every project, not for --project only")
    create.add_argument("--label", help="what it is for")
    create.add_argument("--expires", metavar="TIME", help="how long it lives, as 90s, 12h or 30d (default: for ever)")
    create.add_argument("--local", action="store_true", help="writes to the data directory ($JOBLOG_DATA) on this machine")
    _add_client(tokens, "list", "admin:list_tokens", "lists tokens")
    revoke = _add_client(tokens, "revoke", "admin:revoke_token", "makes a token worthless")
    revoke.add_argument("id", type=int, metavar="ID", help="as listed")

    project = commands.add_parser("project", help="creates and lists projects")
    projects = project.add_subparsers(metavar="ACTION", required=True)
    create = _add_client(projects, "create", "admin:create_project", "creates a project, or sets its retention")
    create.add_argument("id", metavar="ID", help="1 to 64 letters, digits and hyphens")
    create.add_argument("--retain-days", type=int, metavar="N", help="how long logs are kept (default: for ever)")
    create.add_argument("--retain-bytes", type=int, metavar="N", help="how much is kept (default: all)")
    _add_client(projects, "list", "admin:list_projects", "lists the projects that the token may see")
