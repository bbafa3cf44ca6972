"""The commands that write logs."""

from __future__ import annotations

import argparse

from joblog.cli.flags.common import LOG_HELP, Subparsers, add, add_client, add_named, seconds

COMMANDS = ("run", "sync", "spool", "import", "follow", "close", "label")


def add_to(commands: Subparsers) -> None:
    """Adds the commands."""
    _add_run(commands)
    _add_spool(commands)

    load = add_client(commands, "import", "imports.load:load", "import existing log files; run it again after an interruption")
    load.add_argument("--job", metavar="NAME", help="put all files into this job, one rank each (default: a job per file)")
    load.add_argument("--rank", dest="task", metavar="RANK", help="the rank that a single file is of, such as 3 (default: 0)")
    load.add_argument("--task", help=argparse.SUPPRESS)
    about = "label the job; may be repeated"
    load.add_argument("--label", action="append", default=[], metavar="NAME=VALUE", help=about)
    load.add_argument("--tree", metavar="DIR", help="import all logs below DIR, one run per path, and show the runs first")
    load.add_argument("--dry-run", action="store_true", help="show which runs would be made, and make none")
    load.add_argument("files", nargs="*", metavar="FILE", help="log files; .gz and .zst are unpacked; - is standard input")
    _add_redacting(load)

    _add_following(commands)

    close = add_client(commands, "close", "label:close", "close a log: nothing more will come")
    add_named(close, "log", "LOG", LOG_HELP)

    label = add_client(commands, "label", "label:label", "set and remove a job's labels, and print the result")
    add_named(label, "job", "JOB", "a job's name or id")
    label.add_argument("changes", nargs="*", metavar="CHANGE", help="NAME=VALUE to set a label, NAME- to remove one")


def _add_run(commands: Subparsers) -> None:
    run = add_client(commands, "run", "run:run", "run a command and keep its output")
    run.add_argument("--job", metavar="NAME", help="the job's name (default: from the command)")
    about = "ranks with the same run id belong to one run (default: the scheduler's id, or a new run)"
    run.add_argument("--run-id", metavar="ID", help=about)
    about = "this rank of the run, such as 3 (default: from the environment, or 0)"
    run.add_argument("--rank", dest="task", metavar="RANK", help=about)
    run.add_argument("--task", help=argparse.SUPPRESS)
    _add_described(run)
    run.add_argument("--tty", action="store_true", help="give the command a terminal to write to")
    about = "let Python buffer its output as it does without joblog: do not set PYTHONUNBUFFERED"
    run.add_argument("--buffered", action="store_true", help=about)
    run.add_argument(
        "--spool-limit",
        metavar="SIZE",
        help="keep at most SIZE on disk of what the server does not have yet, such as 500M or 2G "
        "(default: $JOBLOG_SPOOL_LIMIT_BYTES, or 2G)",
    )
    run.add_argument(
        "--wait",
        type=seconds,
        default=30.0,
        metavar="S",
        help="after the command has ended, wait at most S seconds for the last bytes to reach the server "
        "(default: 30); joblog keeps the rest on disk",
    )
    grace = "seconds from SIGTERM to SIGKILL when somebody stops the run (default: 30)"
    run.add_argument("--grace", type=seconds, default=30.0, metavar="S", help=grace)
    about = "keep the output of processes that the command left behind for S seconds (default: 86400)"
    run.add_argument("--linger", type=seconds, default=86400.0, metavar="S", help=about)
    run.add_argument(
        "--flood-limit",
        metavar="RATE",
        help="above RATE bytes a second, such as 64K or 1M, count repetitive output instead of sending it (default: no limit)",
    )
    _add_redacting(run)
    run.add_argument(
        "-v", "--verbose", action="store_true", help="print the run's address on stderr, also where that is no terminal"
    )
    run.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- CMD ...", help="the command")


def _add_described(run: argparse.ArgumentParser) -> None:
    # For joblog.capture and joblog.handler: pipes that the program writes to, each with where its bytes go on to.
    run.add_argument("--attached", metavar="PIPES", help=argparse.SUPPRESS)
    about = "label the job, besides $JOBLOG_LABELS (NAME=VALUE,NAME=VALUE); may be repeated"
    run.add_argument("--label", action="append", default=[], metavar="NAME=VALUE", help=about)
    run.add_argument("--title", metavar="TEXT", help="what to call this run, such as 'lr 3e-4, warm-up'")
    about = "do not record the command, host, user and git commit (also: JOBLOG_ORIGIN=no)"
    run.add_argument("--no-origin", action="store_true", help=about)


def _add_following(commands: Subparsers) -> None:
    follow = add_client(commands, "follow", "follow:follow", "send files as they grow, whatever writes them")
    follow.add_argument("--job", metavar="NAME", help="put all files into this job, one rank each (default: from the paths)")
    follow.add_argument("--run-id", metavar="ID", help="the run id of all files (default: from the paths)")
    end = follow.add_mutually_exclusive_group()
    end.add_argument("--once", action="store_true", help="send what is there, close the logs and exit")
    end.add_argument("--until-idle", type=seconds, metavar="S", help="do the same once nothing has come for S seconds")
    wait = "at the end, wait S seconds for a server that is away (default: 30)"
    follow.add_argument("--wait", type=seconds, default=30.0, metavar="S", help=wait)
    rotated = "read the next file only when a renamed one, still open for writing, has been quiet for S seconds"
    follow.add_argument("--rotate-wait", type=seconds, default=60.0, metavar="S", help=f"{rotated} (default: 60)")
    about = "close a log when nothing has come for S seconds and nobody has its file open for writing (default: 600; 0: never)"
    follow.add_argument("--ended-wait", type=seconds, default=600.0, metavar="S", help=about)
    _add_redacting(follow)
    follow.add_argument("paths", nargs="+", metavar="PATH|GLOB", help="files, directories, or patterns in quotes")


def _add_redacting(parser: argparse.ArgumentParser) -> None:
    about = "mask tokens and passwords with *, byte by byte, before anything is sent (default: no)"
    parser.add_argument("--redact", action="store_true", help=about)
    about = "mask what this regular expression, or its group 1, matches too; may be repeated"
    parser.add_argument("--redact-pattern", action="append", default=[], metavar="RE", help=about)


def _add_spool(commands: Subparsers) -> None:
    sync = add_client(commands, "sync", "spool:sync", "send the logs that were left in the spool while the server was away")
    sync.add_argument(
        "spools", nargs="*", metavar="SPOOL", help="what to send, as spool ls names it (default: all that no running job uses)"
    )
    about = "the log that SPOOL belongs to, if its own notes are damaged"
    sync.add_argument("--as", dest="as_log", metavar="JOB/RUN/RANK", help=about)
    spool = commands.add_parser("spool", help="show the logs kept on this machine")
    spools = spool.add_subparsers(metavar="ACTION", required=True)
    ls = add(spools, "ls", "spool:ls", "list the logs, or parts of logs, kept on this machine")
    ls.add_argument("--json", action="store_true", help="print one JSON array")
