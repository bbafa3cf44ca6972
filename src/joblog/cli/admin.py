"""``joblog token`` and ``joblog project``."""

from __future__ import annotations

import argparse
import re
import sys

from joblog.cli.common import connected, show_table, shown_time
from joblog.errors import Invalid

_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def create_token(args: argparse.Namespace) -> int:
    """Creates a token; it alone goes to stdout, for ``$(...)``."""
    expires_s = None if args.expires is None else _seconds(args.expires)
    client, project_id = connected(args)
    with client:
        made = client.create_token(
            args.right, project_id=None if args.all_projects else project_id, label=args.label, expires_s=expires_s
        )
    sys.stderr.write(f"token {made.id}, shown this once:\n")
    sys.stderr.flush()
    sys.stdout.write(f"{made.token}\n")
    return 0


def list_tokens(args: argparse.Namespace) -> int:
    """Lists tokens, without their secrets."""
    client, _ = connected(args)
    with client:
        rows = [
            (
                token.id,
                token.project_id or "all",
                ",".join(token.rights),
                shown_time(token.expires_ms),
                token.label or "",
            )
            for token in client.tokens()
        ]
    show_table(("ID", "PROJECT", "RIGHTS", "EXPIRES", "LABEL"), rows)
    return 0


def revoke_token(args: argparse.Namespace) -> int:
    """Makes a token worthless."""
    client, _ = connected(args)
    with client:
        client.revoke_token(args.id)
    return 0


def create_project(args: argparse.Namespace) -> int:
    """Creates a project, or sets the retention of one."""
    client, _ = connected(args)
    with client:
        client.create_project(args.id, retain_days=args.retain_days, retain_bytes=args.retain_bytes)
    return 0


def list_projects(args: argparse.Namespace) -> int:
    """Lists the projects that the token may see."""
    client, _ = connected(args)
    with client:
        rows = [
            (project.id, shown_time(project.created_ms), project.retain_days or "-", project.retain_bytes or "-")
            for project in client.projects()
        ]
    show_table(("ID", "CREATED", "RETAIN DAYS", "RETAIN BYTES"), rows)
    return 0


def _seconds(text: str) -> int:
    match = re.fullmatch(r"([0-9]{1,9})([smhd])", text)
    if match is None:
        raise Invalid("--expires", "a number with s, m, h or d behind it", text)
    return int(match[1]) * _UNIT_S[match[2]]
