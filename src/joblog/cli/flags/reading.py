"""The commands that read logs."""

from __future__ import annotations

from joblog.cli.flags.common import LOG_HELP, Subparsers, add_client, add_named, add_shown

SPAN_HELP = "from A up to, not including, B, both counted from 0; either may be left out"

PART_HELP = "behind it may stand #L120, #L120-L140 or #B100-B200, from 0, both included"

LATEST_HELP = f"{LOG_HELP}; by default the latest run"

MOMENT_HELP = "90s, 10m, 2h or 7d ago, or a time as 2026-01-31T12:00:00Z"

RAW_HELP = "sends the bytes as they are to a terminal, too, escapes and all, without a pager"

PLAIN_HELP = "as a terminal shows it: progress bars folded, no escapes but colours, and these on a terminal only"

JOB_HELP = "JOB, JOB/V0002 or a link; by default the latest run"
RANK_HELP = "these ranks alone, as 3,7-9"


def add_to(commands: Subparsers) -> None:
    cat = add_shown(commands, "cat", "read:cat", "writes a log, or a part of it, to stdout")
    add_named(cat, "log", "LOG", f"{LOG_HELP}; {PART_HELP}", optional=True)
    part = cat.add_mutually_exclusive_group()
    part.add_argument("--bytes", metavar="A-B", help=SPAN_HELP)
    part.add_argument("--lines", metavar="A-B", help=SPAN_HELP)
    part.add_argument("--plain", action="store_true", help=PLAIN_HELP)
    cat.add_argument("--raw", action="store_true", help=RAW_HELP)

    cat.add_argument("--since", metavar="T", help=f"what arrived at T or later: {MOMENT_HELP}")
    cat.add_argument("--until", metavar="T", help="what arrived before T")

    tail = add_shown(commands, "tail", "read:tail", "writes a log's last lines to stdout")
    add_named(tail, "log", "LOG", LATEST_HELP, optional=True)
    tail.add_argument("-n", type=int, default=10, dest="count", metavar="N", help="lines (default: 10)")
    tail.add_argument("-f", "--follow", action="store_true", help="goes on until the log is closed")
    tail.add_argument("--since", metavar="T", help=f"from what arrived at T on, in place of -n: {MOMENT_HELP}")
    tail.add_argument("--grep", metavar="RE", help="only lines that match; the last -n of them")
    live = "; with -f each line when it is finished, bars in place"
    tail.add_argument("--plain", action="store_true", help=PLAIN_HELP + live)
    tail.add_argument("--raw", action="store_true", help=RAW_HELP)
    tail.add_argument("--json", action="store_true", help="an object for each line, which tells where it stands")
    tail.add_argument("--rank", metavar="RANKS", help="of these ranks, as 3,7-9 or all, by arrival; LOG is JOB or JOB/V0002")
    tail.add_argument(
        "--collapse", type=int, default=0, metavar="S", help="with --rank: what ranks say alike within S seconds, once"
    )

    _add_verify(commands)
    _add_search(commands)
    _add_links(commands)

    jobs = add_shown(commands, "jobs", "read:jobs", "lists the project's jobs")
    wanted = "those that have it: team=vision, or team for any value; repeatable, at most 4"
    jobs.add_argument("--label", action="append", default=[], metavar="NAME[=VALUE]", help=wanted)
    logs = add_shown(commands, "logs", "read:logs", "lists the logs of a job's version")
    add_named(logs, "job", "JOB[/VERSION]", "job name or id, or a link; the latest version by default", optional=True)
    for listing in (jobs, logs):
        listing.add_argument("--json", action="store_true", help="an object on each line")
    _add_views(commands)


def _add_verify(commands: Subparsers) -> None:
    verify = add_client(
        commands, "verify", "verify:verify", "prints the proof that logs are complete; exit status 1 when one is not"
    )
    add_named(verify, "log", "LOG", "JOB/V0002/worker-3, or all workers of JOB/V0002 or of JOB's latest, or a link")
    verify.add_argument("--version", metavar="V", help="the version, as V0002 or 2, where LOG does not name it")
    verify.add_argument("--task", metavar="TASK", help="this worker only, as worker-3")
    verify.add_argument("--json", action="store_true", help="an object on each line")


def _add_search(commands: Subparsers) -> None:
    search = add_shown(commands, "search", "search:search", "writes the lines that match; exit status 1 when none does")
    search.add_argument("pattern", metavar="PATTERN", help="a regular expression of RE2's, within one line")
    add_named(
        search,
        "log",
        "LOG",
        "JOB/V0002/worker-3, or all ranks of JOB/V0002 or of JOB's latest, or a link (default: all logs of the project)",
        optional=True,
    )
    search.add_argument("-F", "--fixed", action="store_true", help="PATTERN is the text itself")
    search.add_argument("-i", "--ignore-case", action="store_true", help="upper and lower case are the same")
    search.add_argument("-c", "--count", action="store_true", help="writes how many lines match")
    search.add_argument("-m", type=int, dest="limit", metavar="N", help="at most N lines")
    search.add_argument("-B", type=int, dest="before", metavar="N", help="also N lines before each, at most 100")
    search.add_argument("-A", type=int, dest="after", metavar="N", help="also N lines after each, at most 100")
    search.add_argument("-C", type=int, dest="context", default=0, metavar="N", help="both")
    search.add_argument("-r", "--reverse", action="store_true", help="the last ones first, as they are looked for")
    search.add_argument("--raw", action="store_true", help=RAW_HELP)
    search.add_argument("--color", choices=["auto", "always", "never"], default="auto", help="auto: on a terminal")
    search.add_argument("--json", action="store_true", help="an object on each line")


def _add_links(commands: Subparsers) -> None:
    link = add_shown(commands, "link", "links:link", "prints the permanent link to a log, or to a part of it")
    opened = add_shown(commands, "open", "links:open_log", "prints the address of a log's page in the viewer")
    for command in (link, opened):
        add_named(command, "log", "LOG", f"{LATEST_HELP}; {PART_HELP}", optional=True)
    part = link.add_mutually_exclusive_group()
    part.add_argument("--lines", metavar="A-B", help="the lines from A up to, not including, B, counted from 0")
    part.add_argument("--bytes", metavar="A-B", help="the bytes, counted in the same way")
    opened.add_argument("--browser", action="store_true", help="opens it in a browser, too")


def _add_views(commands: Subparsers) -> None:
    why = add_shown(
        commands, "why", "why:why", "tells what a run died of: the first failure, the last words, how each rank ended"
    )
    why.add_argument("--max-bytes", type=int, metavar="N", help="of the answer, 1000 to 1000000 (default: 16384)")
    why.add_argument("--max-tokens", type=int, metavar="N", help="the same, for a language model; estimated")
    why.add_argument(
        "--silent", type=int, metavar="S", help="seconds after which a log that is open counts as silent (default: 300)"
    )
    progress = add_shown(commands, "progress", "measure:progress", "tells how far a run is, by the progress bars that it draws")
    metrics = add_shown(commands, "metrics", "measure:metrics", "lists the numbers that a run prints, as series over its steps")
    metrics.add_argument("--names", nargs="+", metavar="NAME", help="these series alone")
    metrics.add_argument("--plot", action="store_true", help="draws them")
    metrics.add_argument("--points", type=int, default=500, metavar="N", help="of a series, about, 3 to 5000 (default: 500)")
    metrics.add_argument(
        "--pattern",
        action="append",
        metavar="RE",
        help="reads numbers by this instead: (?P<loss>...), or (?P<name>...) and (?P<value>...)",
    )
    for command in (why, progress, metrics):
        add_named(command, "job", "JOB", JOB_HELP, optional=True)
        command.add_argument("--rank", metavar="RANKS", help=RANK_HELP)
        command.add_argument("--json", action="store_true", help="an object on each line")
