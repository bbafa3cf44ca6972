"""The commands that read logs."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser

from joblog.cli.flags.common import LOG_HELP, RUN_HELP, Subparsers, add_client, add_named, add_shown

SPAN_HELP = "A alone, or A to B, both included; from 0; A- to the end, -B from the start"

PART_HELP = "add #L120, #L120-L140 or #B100-B200 for a part: from 0, both ends included"

LATEST_HELP = f"{LOG_HELP} (default: the latest run)"

MOMENT_HELP = "90s, 10m, 2h or 7d ago, or a time as 2026-01-31T12:00:00Z"

RAW_HELP = "send the bytes unchanged to a terminal too: no pager, escapes included"

PLAIN_HELP = "fold progress bars and leave out escapes in a pipe or a file too, as on a terminal"

WRITTEN_HELP = "the logs' character encoding, such as gbk or utf-16 (default: guessed)"
ENCODING_HELP = "the log's character encoding, such as gbk or utf-16, used where bars are folded (default: guessed)"

NEW_HELP = "dim what the last good run, or the run before, printed too; in a pipe or a file: print only what is new"

JOB_HELP = f"{RUN_HELP} (default: the latest run)"
RANK_HELP = "only these ranks, such as 3,7-9 (default: all)"

LIST_HELP = "print one JSON array"
LINES_HELP = "print one JSON object per line, as it comes"

STATE_HELP = "only in this state: running, completed, failed, killed, lost, ended (nobody said how) ...; may be repeated"


LABEL_HELP = "only jobs with this label, such as team=vision, or team for any value; may be repeated, at most 4"


def add_to(commands: Subparsers) -> None:
    cat = add_shown(commands, "cat", "read:cat", "print a log, or a part of it")
    add_named(cat, "log", "LOG", f"{LATEST_HELP}; {PART_HELP}", optional=True)
    part = cat.add_mutually_exclusive_group()
    part.add_argument("--lines", metavar="A-B", help=f"only these lines: {SPAN_HELP}")
    part.add_argument("--bytes", metavar="A-B", help=f"only these bytes: {SPAN_HELP}")
    cat.add_argument("--encoding", metavar="NAME", help=ENCODING_HELP)
    cat.add_argument("--since", metavar="T", help=f"only what arrived at T or later: {MOMENT_HELP}")
    cat.add_argument("--until", metavar="T", help="only what arrived before T")
    cat.add_argument("--plain", action="store_true", help=PLAIN_HELP)
    cat.add_argument("--new", action="store_true", help=NEW_HELP)
    cat.add_argument("--raw", action="store_true", help=RAW_HELP)

    _add_tail(commands)
    _add_verify(commands)
    _add_search(commands)
    _add_links(commands)

    _add_lists(commands)
    _add_views(commands)


def _add_lists(commands: Subparsers) -> None:
    jobs = add_shown(commands, "jobs", "lists:jobs", "list jobs with their latest run, the newest first")
    runs = add_shown(commands, "runs", "lists:runs", "list runs, the newest first")
    add_named(runs, "job", "JOB", "only this job's; a name, an id or a link (default: the project's)", optional=True)
    for listing in (jobs, runs):
        listing.add_argument("--state", action="append", default=[], metavar="STATE", help=STATE_HELP)
        listing.add_argument("--label", action="append", default=[], metavar="NAME[=VALUE]", help=LABEL_HELP)
        listing.add_argument("--limit", type=int, default=30, metavar="N", help="list at most N, 1 to 1000 (default: 30)")
    logs = add_shown(commands, "logs", "lists:logs", "list the logs of a run, one for each rank")
    add_named(logs, "job", "RUN", JOB_HELP, optional=True)
    for listing in (jobs, runs, logs):
        listing.add_argument("--json", action="store_true", help=LIST_HELP)


def _add_tail(commands: Subparsers) -> None:
    tail = add_shown(commands, "tail", "read:tail", "print a log's last lines")
    add_named(tail, "log", "LOG", LATEST_HELP, optional=True)
    tail.add_argument("-n", type=int, default=10, dest="count", metavar="N", help="print N lines; also -N (default: 10)")
    tail.add_argument("-f", "--follow", action="store_true", help="keep printing until the log is closed")
    tail.add_argument("--since", metavar="T", help=f"start with what arrived at T, instead of -n: {MOMENT_HELP}")
    tail.add_argument("--grep", metavar="RE", help="only lines that match; -n counts these")
    tail.add_argument("--plain", action="store_true", help=PLAIN_HELP)
    tail.add_argument("--encoding", metavar="NAME", help=ENCODING_HELP)
    tail.add_argument("--new", action="store_true", help=NEW_HELP)
    tail.add_argument("--raw", action="store_true", help=RAW_HELP)
    tail.add_argument("--json", action="store_true", help=f"{LINES_HELP}: a line's number, bytes and text")
    tail.add_argument("--rank", metavar="RANKS", help="merge these ranks, such as 3,7-9 or all, by arrival; LOG names a run")
    about = "with --rank: print a line that several ranks print within S seconds only once (default: 0, print each)"
    tail.add_argument("--collapse", type=int, default=0, metavar="S", help=about)


def _add_verify(commands: Subparsers) -> None:
    verify = add_client(
        commands, "verify", "verify:verify", "print the proof that logs are complete; exit with 1 if one is not"
    )
    add_named(verify, "log", "LOG", f"JOB/RUN/RANK for one rank; for all: {RUN_HELP}")
    verify.add_argument("--run", dest="version", metavar="RUN", help="the run, such as 2, if LOG does not name it")
    verify.add_argument("--rank", dest="task", metavar="RANK", help="only this rank, such as 3")
    _add_old(verify, "--version", "--task")
    verify.add_argument("--json", action="store_true", help=LINES_HELP)


def _add_old(parser: ArgumentParser, *flags: str) -> None:
    """Adds flags that scripts know from before there were two words for users, run and rank."""
    for flag in flags:
        parser.add_argument(flag, help=SUPPRESS)


def _add_search(commands: Subparsers) -> None:
    search = add_shown(commands, "search", "search:search", "print the lines that match; exit with 1 if none does")
    search.add_argument("pattern", metavar="PATTERN", help="an RE2 regular expression; it matches within one line")
    add_named(
        search,
        "log",
        "LOG",
        f"JOB/RUN/RANK for one rank; for all: {RUN_HELP} (default: the whole project)",
        optional=True,
    )
    search.add_argument("-F", "--fixed", action="store_true", help="take PATTERN as plain text")
    search.add_argument("-i", "--ignore-case", action="store_true", help="ignore upper and lower case")
    search.add_argument("-c", "--count", action="store_true", help="print only how many lines match")
    search.add_argument("--since", metavar="T", help=f"only what arrived at T or later: {MOMENT_HELP}")
    search.add_argument("--until", metavar="T", help="only what arrived before T")
    search.add_argument("--rank", metavar="RANKS", help=RANK_HELP)
    search.add_argument("--state", action="append", default=[], metavar="STATE", help=STATE_HELP)
    search.add_argument("--label", action="append", default=[], metavar="NAME[=VALUE]", help=LABEL_HELP)
    about = "print each run that has a match, the newest first: how many lines, and the first one"
    search.add_argument("--runs", action="store_true", help=about)
    search.add_argument("-m", type=int, dest="limit", metavar="N", help="stop after N lines, or runs (default: never)")
    about = "print N lines {} each match too, 0 to 100 (default: -C's)"
    search.add_argument("-B", type=int, dest="before", metavar="N", help=about.format("before"))
    search.add_argument("-A", type=int, dest="after", metavar="N", help=about.format("after"))
    about = "print N lines before and after each match, 0 to 100 (default: 0)"
    search.add_argument("-C", type=int, dest="context", default=0, metavar="N", help=about)
    search.add_argument("-r", "--reverse", action="store_true", help="start at the end: the newest match first")
    search.add_argument("--raw", action="store_true", help=RAW_HELP)
    search.add_argument(
        "--color", choices=["auto", "always", "never"], default="auto", help="colour matches; auto: on a terminal (default)"
    )
    search.add_argument("--json", action="store_true", help=LINES_HELP)


def _add_links(commands: Subparsers) -> None:
    link = add_client(
        commands, "link", "links:open_log", "print the permanent link to a log, or to a part of it, as open --print does"
    )
    opened = add_client(
        commands, "open", "links:open_log", "open a log, or a part of it, in a browser, and print the link to it"
    )
    for command in (link, opened):
        add_named(command, "log", "LOG", f"{LATEST_HELP}; {PART_HELP}", optional=True)
        part = command.add_mutually_exclusive_group()
        part.add_argument("--lines", metavar="A-B", help="only these lines: A alone, or A to B, both included; from 0")
        part.add_argument("--bytes", metavar="A-B", help="only these bytes, likewise")
    link.set_defaults(print=True, one_time=False)
    how = opened.add_mutually_exclusive_group()
    how.add_argument("--print", action="store_true", help="only print it, for a colleague")
    about = "print a link that logs in a browser on another machine, once and within ten minutes"
    how.add_argument("--one-time", action="store_true", help=about)


def _add_views(commands: Subparsers) -> None:
    why = add_shown(
        commands, "why", "why:why", "explain why a run died: the first failure, the last words, how each rank ended"
    )
    why.add_argument("--max-bytes", type=int, metavar="N", help="limit the answer to N bytes, 1000 to 1000000 (default: 16384)")
    about = "limit the answer to about N tokens of a language model, instead of --max-bytes"
    why.add_argument("--max-tokens", type=int, metavar="N", help=about)
    why.add_argument(
        "--silent", type=int, metavar="S", help="count an open log as silent after S seconds without output (default: 300)"
    )
    add_client(commands, "mcp", "mcp:mcp", "answer an assistant's questions about runs on stdin and stdout (MCP), read-only")
    progress = add_shown(commands, "progress", "measure:progress", "show how far a run is, from the progress bars it draws")
    metrics = add_shown(commands, "metrics", "measure:metrics", "list the numbers that a run prints, as series over its steps")
    metrics.add_argument("--names", nargs="+", metavar="NAME", help="only these series (default: all)")
    metrics.add_argument("--plot", action="store_true", help="draw the series")
    metrics.add_argument(
        "--points", type=int, default=500, metavar="N", help="show about N points per series, 3 to 5000 (default: 500)"
    )
    metrics.add_argument(
        "--pattern",
        action="append",
        metavar="RE",
        help="read numbers with this expression instead: (?P<loss>...), or (?P<name>...) and (?P<value>...)",
    )
    for command in (progress, metrics):
        command.add_argument("--encoding", metavar="NAME", help=WRITTEN_HELP)
    templates = add_shown(commands, "templates", "compare:templates", "count the lines that a run prints, by kind of line")
    templates.add_argument("-n", type=int, default=100, dest="count", metavar="N", help="print N templates (default: 100)")
    for command in (why, progress, metrics, templates):
        add_named(command, "job", "RUN", JOB_HELP, optional=True)
        command.add_argument("--rank", metavar="RANKS", help=RANK_HELP)
        about = "print one JSON object" if command in (why, templates) else LIST_HELP
        command.add_argument("--json", action="store_true", help=about)
    _add_diff(commands)


def _add_diff(commands: Subparsers) -> None:
    diff = add_shown(commands, "diff", "compare:diff", "show what a run prints that another one does not, and what is gone")
    about = "JOB/RUN, or JOB/RUN/RANK; two: the first is what the second is compared with (default: the latest run)"
    diff.add_argument("runs", metavar="RUN", nargs="*", help=f"{about}; one: with the job's last good run, else the run before")
    diff.add_argument("--earlier", action="store_true", help="with the run before, good or not")
    diff.add_argument("--ranks", action="store_true", help="with each other: the ranks of one run, the odd ones out")
    diff.add_argument("-n", type=int, default=20, dest="count", metavar="N", help="print N new and N gone lines (default: 20)")
    about = "compare metrics in logs of more than 32 MiB too, which takes minutes"
    diff.add_argument("--metrics", action="store_true", help=about)
    diff.add_argument("--json", action="store_true", help="print one JSON object")
