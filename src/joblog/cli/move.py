"""``joblog move``."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import fields

from joblog.core.settings import STORED, Settings
from joblog.errors import Missing

_SAID_S = 1.0


def move(args: argparse.Namespace) -> int:
    """Carries everything over; returns 1 when something is left to carry, and says what to do."""
    from joblog.objects.credentials import prefixed
    from joblog.upkeep import move_command

    source, target, files = _places(args)
    done = move_command.move(source, target, files=files, say=_Progress(), own=prefixed("JOBLOG_TO_", os.environ))
    if args.json:
        counts = {name: getattr(done.move, name) for name in ("logs", "bytes", "carried", "problems")}
        states = {name: getattr(done, name) for name in ("whole", "served", "needs_key")}
        sys.stdout.write(json.dumps(counts | states) + "\n")
        return 0 if done.whole else 1
    for problem in done.move.problems:
        sys.stdout.write(f"{problem}\n")
    if done.needs_key:
        sys.stdout.write("access keys: give every node the source's secret key, as JOBLOG_SECRET_KEY\n")
    carried = f"{done.move.logs} logs, {done.move.bytes} bytes, {done.move.carried} carried, {len(done.move.problems)} problems"
    if done.served:
        sys.stdout.write(f"{carried}; the source is being served: stop it and say this again\n")
    elif not done.whole and not done.move.problems:
        sys.stdout.write(f"{carried}; the source goes on changing: stop it and say this again\n")
    else:
        sys.stdout.write(f"{carried}\n")
    return 0 if done.whole else 1


def _places(args: argparse.Namespace) -> tuple[Settings, Settings, bool]:
    """Returns the settings of both places, and whether the files beside the one catalog go beside the other."""
    source = Settings.load(_given(args, ""))
    named = {f"JOBLOG_{name.upper()}": os.environ.get(f"JOBLOG_TO_{name.upper()}") for name in STORED}
    environ = {name: value for name, value in named.items() if value is not None}
    given, key = _given(args, "to_"), os.environ.get("JOBLOG_SECRET_KEY")
    to_data = "data" in given or "JOBLOG_DATA" in environ
    if not to_data:
        if "catalog" not in given and "JOBLOG_CATALOG" not in environ:
            raise Missing("--to-data or --to-catalog", "where the catalog is to go")
        if "objects" not in given and "JOBLOG_OBJECTS" not in environ:
            raise Missing("--to-data or --to-objects", "where the objects are to go")
    target = Settings.load({"data": str(source.data / "moved"), **given, **({"secret_key": key} if key else {})}, environ)
    return source, target, to_data and (not source.catalog or args.data is not None or "JOBLOG_DATA" in os.environ)


def _given(args: argparse.Namespace, prefix: str) -> dict[str, str]:
    given = {each.name: getattr(args, f"{prefix}{each.name}", None) for each in fields(Settings)}
    return {name: text for name, text in given.items() if text is not None}


class _Progress:
    """Says on stderr, once a second, how far a pass is."""

    def __init__(self) -> None:
        self._said_s = time.monotonic()

    def __call__(self, seen: int, logs: int, carried: int) -> None:
        if time.monotonic() - self._said_s >= _SAID_S:
            self._said_s = time.monotonic()
            sys.stderr.write(f"joblog: {seen} of {logs} logs looked at, {carried} carried\n")
            sys.stderr.flush()
