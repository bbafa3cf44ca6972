"""The commands that write logs."""

from __future__ import annotations

import argparse

from joblog.cli.flags.common import LOG_HELP, Subparsers, add, add_client, add_named, seconds

COMMANDS = ("run", "sync", "spool", "import", "follow", "close", "label")


def add_to(commands: Subparsers) -> None:
    """Adds the commands."""
    _add_run(commands)
    _add_spool(commands)

    load = add_client(commands, "import", "load:load", "loads existing log files; run again after an interruption")
    load.add_argument("--job", help="job name for all files, which become its workers (default: a job per file)")
    load.add_argument("--task", help="worker that a single file is of (default: worker-0)")
    about = "labels the job with it; repeatable"
    load.add_argument("--label", action="append", default=[], metavar="NAME=VALUE", help=about)
    load.add_argument("--tree", metavar="DIR", help="all files below a directory, named as follow names them")
    load.add_argument("files", nargs="*", metavar="FILE")
    _add_redacting(load)

    _add_following(commands)

    close = add_client(commands, "close", "label:close", "closes a log: nothing more will come")
    add_named(close, "log", "LOG", LOG_HELP)

    label = add_client(commands, "label", "label:label", "sets and removes a job's labels, and shows what it has then")
    add_named(label, "job", "JOB", "the job's name or id")
    label.add_argument("changes", nargs="*", metavar="CHANGE", help="NAME=VALUE sets a label, NAME- removes one")


def _add_run(commands: Subparsers) -> None:
    run = add_client(commands, "run", "run:run", "runs a command and keeps what it prints")
    run.add_argument("--job", help="job name (default: from the command)")
    run.add_argument(
        "--run-id", help="all that name the same run id write to one version (default: the scheduler's, or a new one)"
    )
    run.add_argument("--task", help="this worker of the run (default: the rank that the environment says, or worker-0)")
    about = "labels the job with it, beside what $JOBLOG_LABELS says (NAME=VALUE,NAME=VALUE); repeatable"
    run.add_argument("--label", action="append", default=[], metavar="NAME=VALUE", help=about)
    run.add_argument("--tty", action="store_true", help="gives the command a terminal to write to")
    about = "lets Python buffer its output as without joblog, rather than set PYTHONUNBUFFERED"
    run.add_argument("--buffered", action="store_true", help=about)
    run.add_argument(
        "--spool-limit",
        metavar="SIZE",
        help="most that is kept on disk of what the server "
        "does not have, as 500M or 2G (default: $JOBLOG_SPOOL_LIMIT_BYTES, or 2G)",
    )
    run.add_argument(
        "--wait",
        type=seconds,
        default=30.0,
        metavar="S",
        help="seconds to wait for the last bytes' way to "
        "the server after the command has ended (default: 30); what is left then is kept on disk",
    )
    grace = "seconds between SIGTERM and SIGKILL when the server is asked to stop the run (default: 30)"
    run.add_argument("--grace", type=seconds, default=30.0, metavar="S", help=grace)
    about = "seconds after the command's end for which what processes that it left behind write is kept (default: 86400)"
    run.add_argument("--linger", type=seconds, default=86400.0, metavar="S", help=about)
    run.add_argument(
        "--flood-limit",
        metavar="RATE",
        help="bytes a second, as 64K or 1M, over which repetitive output is counted rather than sent (default: none)",
    )
    _add_redacting(run)
    run.add_argument("-v", "--verbose", action="store_true", help="says on stderr where the log is")
    run.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- CMD ...", help="the command")


def _add_following(commands: Subparsers) -> None:
    follow = add_client(commands, "follow", "follow:follow", "sends files as they grow, whatever writes them")
    follow.add_argument("--job", help="job name for all files, which become its workers (default: from the paths)")
    follow.add_argument("--run-id", help="run id for all files (default: from where they are)")
    end = follow.add_mutually_exclusive_group()
    end.add_argument("--once", action="store_true", help="sends what is there, closes the logs and ends")
    end.add_argument("--until-idle", type=seconds, metavar="S", help="the same, once nothing has come for S seconds")
    wait = "seconds to wait at the end for a server that is away (default: 30)"
    follow.add_argument("--wait", type=seconds, default=30.0, metavar="S", help=wait)
    rotated = "seconds that a renamed file must be quiet, as long as it is open for writing, before the next one is read"
    follow.add_argument("--rotate-wait", type=seconds, default=60.0, metavar="S", help=f"{rotated} (default: 60)")
    _add_redacting(follow)
    follow.add_argument("paths", nargs="+", metavar="PATH|GLOB", help="files, directories, or patterns in quotes")


def _add_redacting(parser: argparse.ArgumentParser) -> None:
    about = "masks tokens and passwords with *, byte by byte, before anything is sent (default: no)"
    parser.add_argument("--redact", action="store_true", help=about)
    about = "masks what this regular expression, or its group 1, matches, too; repeatable"
    parser.add_argument("--redact-pattern", action="append", default=[], metavar="RE", help=about)


def _add_spool(commands: Subparsers) -> None:
    sync = add_client(commands, "sync", "spool:sync", "sends the logs that were left in the spool while the server was away")
    sync.add_argument(
        "spools", nargs="*", metavar="SPOOL", help="as spool ls names them (default: all that no running job uses)"
    )
    about = "which log the one SPOOL is, if its own notes are damaged"
    sync.add_argument("--as", dest="as_log", metavar="JOB/RUN/RANK", help=about)
    spool = commands.add_parser("spool", help="shows what is kept on this machine")
    spools = spool.add_subparsers(metavar="ACTION", required=True)
    ls = add(spools, "ls", "spool:ls", "lists the logs, or parts of logs, that are kept on this machine")
    ls.add_argument("--json", action="store_true", help="an object on each line")
