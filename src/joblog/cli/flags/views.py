"""The commands that look at what a run says as a whole."""

from __future__ import annotations

from joblog.cli.flags.common import Subparsers, add_named, add_shown

JOB_HELP = "JOB, JOB/V0002 or a link; by default the latest run"
RANK_HELP = "these ranks alone, as 3,7-9"


def add_to(commands: Subparsers) -> None:
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
