"""``joblog why``: what a run died of, with the lines that say so."""

from __future__ import annotations

import argparse
import sys

from joblog.cli.common import connected, show_json
from joblog.client.names import latest_version, rank_of
from joblog.views.ranks import parse_ranks


def why(args: argparse.Namespace) -> int:
    """Writes the digest of a run."""
    parse_ranks(args.rank, "--rank")
    client, project_id = connected(args)
    with client:
        version = latest_version(client, project_id, args.job)
        digest = client.why(
            project_id, version.job_id, version.id,
            ranks=args.rank or rank_of(client, args.job),
            max_bytes=args.max_bytes, max_tokens=args.max_tokens, silent_s=args.silent,
        )  # fmt: skip
    if args.json:
        show_json(digest)
    else:
        sys.stdout.write(f"{digest}\n")
    return 0
