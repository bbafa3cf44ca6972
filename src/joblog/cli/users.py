"""``joblog user`` and ``joblog key``. Passwords come from the terminal, from stdin or from a file, never from a flag."""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path

from joblog.cli.common import connected, show_table, shown_time
from joblog.client import Client, User
from joblog.errors import Invalid, NotFound


def create_user(args: argparse.Namespace) -> int:
    """Creates a user; with rights it is a member of the project at once, or not made at all."""
    client, project_id = connected(args)
    password = _password(args.password_file)
    with client:
        project = project_id if args.right or args.project else None
        user = client.create_user(args.name, password, domain=args.domain, project_id=project, rights=args.right or ())
    sys.stdout.write(f"{user.id}\n")
    return 0


def list_users(args: argparse.Namespace) -> int:
    """Lists users, or with ``--members`` those of the project and their rights."""
    client, project_id = connected(args)
    with client:
        if args.members:
            rows = [(each.user_id, each.user, each.domain, ",".join(each.rights)) for each in client.members(project_id)]
            show_table(("ID", "NAME", "DOMAIN", "RIGHTS"), rows)
        else:
            rows = [(each.id, each.name, each.domain, shown_time(each.created_ms)) for each in client.users()]
            show_table(("ID", "NAME", "DOMAIN", "CREATED"), rows)
    return 0


def set_password(args: argparse.Namespace) -> int:
    """Sets a password."""
    client, _ = connected(args)
    with client:
        user = _user(client, args)
        client.set_password(user.id, _password(args.password_file))
    return 0


def delete_user(args: argparse.Namespace) -> int:
    """Deletes a user."""
    client, _ = connected(args)
    with client:
        client.delete_user(_user(client, args).id)
    return 0


def grant(args: argparse.Namespace) -> int:
    """Gives a user rights in the project."""
    client, project_id = connected(args)
    with client:
        client.grant(project_id, _user(client, args).id, args.right)
    return 0


def revoke(args: argparse.Namespace) -> int:
    """Takes a user's rights in the project."""
    client, project_id = connected(args)
    with client:
        client.revoke(project_id, _user(client, args).id)
    return 0


def create_key(args: argparse.Namespace) -> int:
    """Creates an access key; key and secret go to stdout, a line each, as they are asked for in this order."""
    client, _ = connected(args)
    with client:
        key = client.create_key(_user(client, args).id, label=args.label or "")
    sys.stderr.write("access key and secret key, shown this once:\n")
    sys.stderr.flush()
    sys.stdout.write(f"{key.access}\n{key.secret}\n")
    return 0


def list_keys(args: argparse.Namespace) -> int:
    """Lists a user's access keys, without their secrets."""
    client, _ = connected(args)
    with client:
        rows = [(key.access, shown_time(key.created_ms), key.label) for key in client.keys(_user(client, args).id)]
    show_table(("ACCESS KEY", "CREATED", "LABEL"), rows)
    return 0


def delete_key(args: argparse.Namespace) -> int:
    """Makes an access key worthless."""
    client, _ = connected(args)
    with client:
        client.delete_key(_user(client, args).id, args.access)
    return 0


def _user(client: Client, args: argparse.Namespace) -> User:
    for user in client.users(name=args.name, domain=args.domain):
        return user
    raise NotFound("user", args.name if args.domain == "default" else f"{args.name} in domain {args.domain}")


def _password(path: str | None) -> str:
    """Reads a password: a file's first line, or the terminal's, asked for twice, or stdin's first line."""
    if path is not None and path != "-":
        return _first_line(Path(path).read_text(encoding="utf-8"))
    if path is None and sys.stdin is not None and sys.stdin.isatty():
        password = getpass.getpass("Password: ")
        if getpass.getpass("Again: ") != password:
            raise Invalid("password", "the same twice")
        return password
    return _first_line(sys.stdin.readline() if sys.stdin is not None else "")


def _first_line(text: str) -> str:
    return text.partition("\n")[0].removesuffix("\r")
