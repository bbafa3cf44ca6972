"""The commands that watch runs."""

from __future__ import annotations

import argparse

from joblog.cli.flags.common import RUN_HELP, Subparsers, add_client, add_named

_TIME = "such as 90s, 10m, 12h or 2d"


def add_to(commands: Subparsers) -> None:
    """Adds the commands."""
    watch = commands.add_parser("watch", help="be told when a run hangs, fails or prints something")
    actions = watch.add_subparsers(metavar="ACTION", required=True)
    add = add_client(actions, "add", "watch:add", "watch the project's runs: without an option for what most want to know")
    about = "whom to tell: https://..., slack://..., mailtos://... and so on; may be repeated (default: nobody)"
    add.add_argument("urls", metavar="URL", nargs="*", help=about)
    add.add_argument(
        "--file", metavar="FILE", help="rules in TOML, or a HyperPod job with logMonitoringConfiguration; - for stdin"
    )
    _add_rule(add)
    add.add_argument("--name", help="the rule's name; replace the one that has it (default: its kind)")
    add.add_argument("--job", metavar="NAME", help="only runs of this job (default: all of the project)")
    add.add_argument("--label", metavar="NAME[=VALUE]", action="append", default=[], help="only jobs with it; may be repeated")
    add.add_argument("--quiet", metavar="HOURS", help="tell nobody then, but after: 22:00-07:00 Europe/Berlin (default: UTC)")
    add.add_argument("--stop", action="store_true", help="ask the run to stop, too")
    ls = add_client(actions, "ls", "watch:list_rules", "list what is watched")
    ls.add_argument("--json", action="store_true", help="print one JSON list")
    alerts = add_client(actions, "alerts", "watch:alerts", "list what fired, the newest first")
    add_named(
        alerts, "run", "RUN", f"only of JOB or {RUN_HELP.partition(', ')[2]} (default: all of the project)", optional=True
    )
    alerts.add_argument("-n", "--limit", type=int, default=20, metavar="N", help="at most N (default: 20)")
    alerts.add_argument("--json", action="store_true", help="print one JSON list")
    rm = add_client(actions, "rm", "watch:remove", "watch for something no longer")
    rm.add_argument("rules", metavar="RULE", nargs="+", help="a rule's name, as the list shows it")
    mute = add_client(actions, "mute", "watch:mute", "have a rule tell nobody for a while; what it finds is listed")
    mute.add_argument("rule", metavar="RULE", help="the rule's name")
    length = mute.add_mutually_exclusive_group()
    length.add_argument("--for", dest="lasting", metavar="TIME", help=f"for so long, {_TIME} (default: for ever)")
    length.add_argument("--off", action="store_true", help="have it tell again")
    secret = add_client(actions, "secret", "watch:secret", "print what signs the project's webhooks")
    secret.set_defaults(json=False)
    test = add_client(actions, "test", "watch:test", "run a rule over a run as it is, and print when it would have fired")
    test.add_argument(
        "rule", metavar="RULE", nargs="?", help="the name of a rule that there is (default: the one of the options)"
    )
    add_named(test, "run", "RUN", RUN_HELP)
    _add_rule(test)
    test.add_argument("--json", action="store_true", help="print one JSON object")


def _add_rule(parser: argparse.ArgumentParser) -> None:
    """Adds the parameters of a rule, all but who is told and for which runs."""
    kind = parser.add_argument_group("what to watch for, one of").add_mutually_exclusive_group()
    kind.add_argument("--match", metavar="RE", help="a line that matches")
    kind.add_argument("--absent", metavar="RE", help="no line that matches within --start, or --every")
    kind.add_argument("--stall", action="store_true", help="no output, or no step, for longer than the run's own pace explains")
    kind.add_argument("--metric", metavar="NAME", help="a number behind this name, such as loss")
    kind.add_argument("--value", metavar="RE", help="the number in the one group of RE")
    kind.add_argument("--state", metavar="STATE", action="append", help="such as failed or lost; may be repeated")
    kind.add_argument("--ranks", action="store_true", help="a rank that is silent while others go on")
    more = parser.add_argument_group("more of it")
    more.add_argument("-F", "--fixed", action="store_true", help="take RE as plain text")
    more.add_argument("-i", "--ignore-case", action="store_true", help="ignore upper and lower case")
    more.add_argument("--count", type=int, metavar="N", help="only when N lines match (default: 1)")
    more.add_argument("--within", metavar="TIME", help=f"so many in TIME, {_TIME} (default: ever)")
    more.add_argument("--until", metavar="RE", help="look no further once a line matches this")
    more.add_argument("--start", metavar="TIME", help="the first line must come in TIME after the start")
    more.add_argument("--every", metavar="TIME", help="the next line must come in TIME after the last")
    more.add_argument("--silent", metavar="TIME", help="how long is too long without output (default: learnt from the run)")
    more.add_argument(
        "--no-step", metavar="TIME", help="how long is too long without a new step (default: learnt from the run)"
    )
    for flag, about in (("above", "more than"), ("at-least", "at least"), ("below", "less than"), ("at-most", "at most")):
        more.add_argument(f"--{flag}", type=float, metavar="X", help=f"the number is {about} X (default: no such bound)")
    more.add_argument("--nan", action="store_true", help="the number is nan or inf")
    more.add_argument(
        "--no-better", type=int, metavar="N", help="the number is not better for N steps (default: it need not be)"
    )
    more.add_argument("--goal", choices=["low", "high"], help="what is better (default: low)")
    more.add_argument("--points", type=int, metavar="N", help="only when N in a row are so (default: 1)")
    more.add_argument("--longer", metavar="TIME", help="the run takes longer than TIME")
