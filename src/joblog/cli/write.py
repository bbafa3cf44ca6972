"""``joblog close``."""

from __future__ import annotations

import argparse

from joblog.cli.common import connected, find_log


def close(args: argparse.Namespace) -> int:
    """Closes a log, without a proof that it is complete: only who wrote it can give one."""
    client, project_id = connected(args)
    with client:
        client.close_log(find_log(client, project_id, args.log).ref)
    return 0
