"""The commands that say who may do what."""

from __future__ import annotations

from joblog.cli.flags.common import Subparsers, add_client


def add_to(commands: Subparsers) -> None:
    token = commands.add_parser("token", help="creates, lists and revokes tokens")
    tokens = token.add_subparsers(metavar="ACTION", required=True)
    create = add_client(tokens, "create", "admin:create_token", "creates a token and prints it")
    create.add_argument("--right", action="append", choices=["read", "write", "admin"], required=True, help="repeatable")
    create.add_argument("--all-projects", action="store_true", help="for every project, not for --project only")
    create.add_argument("--label", help="what it is for")
    create.add_argument("--expires", metavar="TIME", help="how long it lives, as 90s, 12h or 30d (default: for ever)")
    create.add_argument("--local", action="store_true", help="writes to the data directory ($JOBLOG_DATA) on this machine")
    add_client(tokens, "list", "admin:list_tokens", "lists tokens")
    revoke = add_client(tokens, "revoke", "admin:revoke_token", "makes a token worthless")
    revoke.add_argument("id", type=int, metavar="ID", help="as listed")

    project = commands.add_parser("project", help="creates and lists projects")
    projects = project.add_subparsers(metavar="ACTION", required=True)
    create = add_client(projects, "create", "admin:create_project", "creates a project, or sets its retention")
    create.add_argument("id", metavar="ID", help="1 to 64 letters, digits and hyphens")
    create.add_argument("--retain-days", type=int, metavar="N", help="how long logs are kept (default: for ever)")
    create.add_argument("--retain-bytes", type=int, metavar="N", help="how much is kept (default: all)")
    add_client(projects, "list", "admin:list_projects", "lists the projects that the token may see")
