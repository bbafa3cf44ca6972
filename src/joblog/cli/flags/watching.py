"""The command that watches a joblog from outside."""

from __future__ import annotations

from joblog.cli.flags.common import Subparsers, add_client


def add_to(commands: Subparsers) -> None:
    about = "writes known lines through an agent, reads them back, counts what is wrong; exit status 1 when something was"
    canary = add_client(commands, "canary", "canary:canary", about)
    length = canary.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=float, metavar="N", help="ends after N minutes (default: never)")
    length.add_argument("--seconds", type=float, metavar="N", help="ends after N seconds")
    canary.add_argument("--rate", type=float, default=10.0, metavar="N", help="lines a second (default: 10)")
    canary.add_argument("--size", type=int, default=100, metavar="N", help="bytes of a line (default: 100)")
    canary.add_argument("--late", type=float, default=30.0, metavar="S", help="a line is late after S seconds (default: 30)")
    canary.add_argument("--round", type=float, default=600.0, metavar="S", help="a run lasts S seconds (default: 600)")
    canary.add_argument("--job", default="joblog-canary", metavar="NAME", help="the job's name (default: joblog-canary)")
    canary.add_argument("--metrics-port", type=int, metavar="PORT", help="serves metrics there, on 127.0.0.1; 0: a free one")
    canary.add_argument("--metrics-file", metavar="FILE", help="writes its metrics there every five seconds")
