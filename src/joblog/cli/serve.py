"""``joblog serve``, ``check``, ``repair`` and the like, which need ``joblog[server]``: it is loaded here only."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from joblog.core.settings import Settings


def serve(args: argparse.Namespace) -> int:
    """Serves until told to end."""
    from joblog.server import process

    process.serve(_settings(args))
    return 0


def check(args: argparse.Namespace) -> int:
    """Writes each problem that is found; returns 1 when there is any."""
    from joblog.upkeep.check import check

    checked, problems = check(_settings(args)), 0
    for problem in checked.problems():
        sys.stdout.write(f"{problem}\n")
        problems += 1
    sys.stdout.write(f"{checked.logs} logs, {checked.bytes} bytes, {problems} problems\n")
    return 1 if problems else 0


def migrate(args: argparse.Namespace) -> int:
    """Opens the catalog, which brings it up to date."""
    from joblog.engine.opening import open_database

    open_database(_settings(args)).close()
    return 0


def rebuild(args: argparse.Namespace) -> int:
    """Makes a new catalog from the objects; returns 1 when some of them cannot be read."""
    from joblog.upkeep.rebuild import rebuild

    done = rebuild(_settings(args))
    for each in done.unreadable:
        sys.stdout.write(f"{each}\n")
    sys.stdout.write(f"{done.logs} logs, {done.bytes} bytes; {len(done.unreadable)} unreadable, {done.unused} objects unused\n")
    return 1 if done.unreadable else 0


def repair(args: argparse.Namespace) -> int:
    """Makes a catalog agree with its objects; writes what was found and done."""
    from joblog.upkeep.repair import repair

    done = repair(_settings(args), read=args.read)
    return _repaired(done.lines, done.logs, done.mended)


def restore(args: argparse.Namespace) -> int:
    """Puts a copy of the catalog in its place and makes it agree with the objects; writes what was found and done."""
    from joblog.upkeep.repair import restore

    done = restore(_settings(args), Path(args.catalog_from))
    return _repaired(done.lines, done.logs, done.mended)


def confirm_clock(args: argparse.Namespace) -> int:
    """Has what is kept for a time only deleted again, after the clock seemed to jump."""
    from joblog.upkeep.clock import confirm_clock

    confirm_clock(_settings(args))
    return 0


def _repaired(lines: Sequence[str], logs: int, mended: int) -> int:
    for each in lines:
        sys.stdout.write(f"{each}\n")
    sys.stdout.write(f"{logs} logs, {mended} mended\n")
    return 0


def _settings(args: argparse.Namespace) -> Settings:
    given = {each.name: getattr(args, each.name, None) for each in fields(Settings)}
    return Settings.load({name: text for name, text in given.items() if text is not None})
