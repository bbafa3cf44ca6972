"""``joblog label`` and ``joblog close``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from joblog.cli.common import connected
from joblog.client.names import find_job, find_log
from joblog.core.labels import checked_labels
from joblog.errors import Invalid


def label(args: argparse.Namespace) -> int:
    """Changes a job's labels as ``kubectl label`` does, ``NAME-`` removing one, and writes those that it has then."""
    change = _change(args.changes)
    client, project_id = connected(args)
    with client:
        job = find_job(client, project_id, args.job)
        if change:
            job = client.label_job(project_id, job.id, change)
    sys.stdout.write("".join(f"{name}={value}\n" for name, value in sorted(job.labels.items())))
    return 0


def _change(words: Sequence[str]) -> dict[str, str | None]:
    change: dict[str, str | None] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals and not word.endswith("-"):
            raise Invalid("CHANGE", "NAME=VALUE or NAME-", word)
        name = name if equals else word[:-1]
        if name in change:
            raise Invalid("CHANGE", "either NAME=VALUE or NAME-, not both, of one name", word)
        change[name] = value if equals else None
    return checked_labels(change, "CHANGE")


def close(args: argparse.Namespace) -> int:
    """Closes a log, without a proof that it is complete: only who wrote it can give one."""
    client, project_id = connected(args)
    with client:
        client.close_log(find_log(client, project_id, args.log).ref)
    return 0
