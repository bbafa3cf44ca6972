"""The commands that run the server, and those that look at what it keeps."""

from __future__ import annotations

from dataclasses import fields

from joblog.cli.flags.common import Subparsers, add
from joblog.core.settings import STORED, Settings


def add_to(commands: Subparsers) -> None:
    serve = add(commands, "serve", "serve:serve", "runs the server")
    repair = add(commands, "repair", "serve:repair", "makes a catalog agree with its objects: one that was restored, or damage")
    restore = add(commands, "restore", "serve:restore", "puts a copy of catalog.db in its place, and repairs it")
    repair.add_argument("--read", action="store_true", help="reads every object; else that it is there, of its size, is enough")
    restore.add_argument("--catalog-from", metavar="FILE", required=True, help="the copy; what is there now stays beside it")
    clock = add(commands, "confirm-clock", "serve:confirm_clock", "says that the clock is right, so that retention goes on")
    others = [
        repair,
        restore,
        clock,
        add(commands, "check", "serve:check", "looks whether all that is stored is sound"),
        add(commands, "rebuild", "serve:rebuild", "makes a new catalog from the objects, when the old one is lost"),
        add(commands, "migrate", "serve:migrate", "brings the catalog's tables up to date, as serve does when it starts"),
    ]
    move = add(commands, "move", "move:move", "carries catalog and objects over to another place, and verifies them there")
    for setting in fields(Settings):
        if setting.metadata.get("secret"):
            continue
        flag, about = f"--{setting.name.replace('_', '-')}", setting.metadata["help"]
        serve.add_argument(flag, metavar="VALUE", help=about)
        if setting.name in STORED:
            for other in (*others, move):
                other.add_argument(flag, metavar="VALUE", help=about)
            move.add_argument(f"--to-{flag[2:]}", metavar="VALUE", help=f"of the other place: {about}")
    move.add_argument("--json", action="store_true", help="one object: counts, problems, whether the other place has all")
