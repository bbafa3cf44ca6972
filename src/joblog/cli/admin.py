"""``joblog token`` and ``joblog project``."""

from __future__ import annotations

import argparse
import os
import re
import sys
import time

from joblog.api import settings
from joblog.cli.common import connected, show_table, shown_time
from joblog.core.settings import Settings
from joblog.errors import Invalid

_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def create_token(args: argparse.Namespace) -> int:
    """Creates a token; it alone goes to stdout, for ``$(...)``."""
    expires_s = None if args.expires is None else _seconds(args.expires)
    if args.job is not None and (args.local or args.all_projects):
        raise Invalid("--job", "without --all-projects and --local: the job is one of a project, and the server makes it")
    number, secret = _create_locally(args, expires_s) if args.local else _create(args, expires_s)
    sys.stderr.write(f"token {number}, shown this once:\n")
    sys.stderr.flush()
    sys.stdout.write(f"{secret}\n")
    return 0


def _create(args: argparse.Namespace, expires_s: int | None) -> tuple[int, str | None]:
    client, project_id = connected(args)
    with client:
        project = None if args.all_projects else project_id
        made = client.create_token(args.right, project_id=project, job_name=args.job, label=args.label, expires_s=expires_s)
    return made.id, made.token


def _create_locally(args: argparse.Namespace, expires_s: int | None) -> tuple[int, str]:
    """Creates a token in the catalog itself, for whoever has lost them all; the server may be running."""
    from joblog.catalog.tokens import Tokens
    from joblog.engine.opening import open_database

    serving = Settings.load({})
    if not serving.catalog and not serving.catalog_path.exists():
        raise Invalid("JOBLOG_DATA", "a directory that joblog has served", str(serving.data))
    project = None if args.all_projects else settings.load(os.environ, project_id=args.project).project_id
    now_ms = time.time_ns() // 1_000_000
    expires_ms = None if expires_s is None else now_ms + 1000 * expires_s
    database = open_database(serving)
    try:
        token, secret = Tokens(database).make(project, args.right, args.label or "", now_ms, expires_ms)
    finally:
        database.close()
    return token.id, secret


def list_tokens(args: argparse.Namespace) -> int:
    """Lists tokens, without their secrets."""
    client, _ = connected(args)
    with client:
        rows = [
            (
                token.id,
                token.project_id or "all",
                token.job_id or "all",
                ",".join(token.rights),
                shown_time(token.expires_ms),
                token.label or "",
            )
            for token in client.tokens()
        ]
    show_table(("ID", "PROJECT", "JOB", "RIGHTS", "EXPIRES", "LABEL"), rows)
    return 0


def revoke_token(args: argparse.Namespace) -> int:
    """Makes a token worthless."""
    client, _ = connected(args)
    with client:
        client.revoke_token(args.id)
    return 0


def create_project(args: argparse.Namespace) -> int:
    """Creates a project, or sets the name or the retention of one."""
    client, _ = connected(args)
    with client:
        client.create_project(
            args.id, name=args.name, domain=args.domain, retain_days=args.retain_days, retain_bytes=args.retain_bytes
        )
    return 0


def list_projects(args: argparse.Namespace) -> int:
    """Lists the projects that the token may see."""
    client, _ = connected(args)
    with client:
        rows = [
            (project.id, shown_time(project.created_ms), project.retain_days or "-", project.retain_bytes or "-", project.name)
            for project in client.projects()
        ]
    show_table(("ID", "CREATED", "RETAIN DAYS", "RETAIN BYTES", "NAME"), rows)
    return 0


def _seconds(text: str) -> int:
    match = re.fullmatch(r"([0-9]{1,9})([smhd])", text)
    if match is None:
        raise Invalid("--expires", "a number with s, m, h or d behind it", text)
    return int(match[1]) * _UNIT_S[match[2]]
