"""The commands that change runs and jobs which are there."""

from __future__ import annotations

from joblog.cli.flags.common import RUN_HELP, Subparsers, add_client, add_named


def add_to(commands: Subparsers) -> None:
    """Adds the commands."""
    stop = add_client(commands, "stop", "keep:stop", "ask a run to stop: its commands get SIGTERM, and SIGKILL a little later")
    rename = add_client(
        commands, "rename", "keep:rename", "give a run a title; its name, JOB/RUN, and links to it stay the same"
    )
    rm = add_client(commands, "rm", "keep:rm", "delete runs with their logs, or a job with all its runs, for ever")
    note = add_client(commands, "note", "keep:note", "write a note on a run or a job, or print it")
    add_named(stop, "run", "RUN", RUN_HELP)
    add_named(rename, "run", "RUN", RUN_HELP)
    rename.add_argument("title", metavar="TITLE", help="such as 'lr 3e-4, warm-up', at most 100 characters; '' for none")
    rm.add_argument("runs", metavar="RUN", nargs="+", help="JOB/RUN, such as resnet/V0002 or resnet/2; with --job: JOB")
    rm.add_argument("--job", action="store_true", help="delete the whole job, with all its runs")
    rm.add_argument("-y", "--yes", action="store_true", help="do not ask (default: ask on a terminal, else refuse)")
    add_named(note, "run", "RUN", "JOB/RUN, such as resnet/V0002 or resnet/2, or a link; JOB for a note on the job")
    about = "the note, which replaces the one before; '' for none (default: print the note)"
    note.add_argument("text", metavar="TEXT", nargs="?", help=about)
