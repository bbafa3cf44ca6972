"""The commands that run a server and watch it, those that say who may do what, and the one that helps with all."""

from __future__ import annotations

import argparse
from dataclasses import fields

from joblog.cli.flags.common import Subparsers, add, add_client
from joblog.core.settings import STORED, Settings

RETAIN_DAYS = "days that logs are kept after their bytes arrived (default: for ever)"
RETAIN_BYTES = "bytes of stored objects, compressed, that are kept of all logs together; the oldest go first (default: all)"

RIGHTS = ["read", "write", "metrics", "admin"]


def add_to(commands: Subparsers) -> None:
    _add_serving(commands)
    _add_canary(commands)
    _add_tokens(commands)
    _add_projects(commands)
    _add_users(commands)
    _add_keys(commands)
    _add_completion(commands)


def _add_tokens(commands: Subparsers) -> None:
    token = commands.add_parser("token", help="creates, lists and revokes tokens")
    tokens = token.add_subparsers(metavar="ACTION", required=True)
    create = add_client(tokens, "create", "admin:create_token", "creates a token and prints it")
    create.add_argument("--right", action="append", choices=RIGHTS, required=True, help="repeatable")
    create.add_argument("--all-projects", action="store_true", help="for every project, not for --project only")
    create.add_argument("--job", metavar="NAME", help="for this job of the project only; it is made if there is none")
    create.add_argument("--label", help="what it is for")
    create.add_argument("--expires", metavar="TIME", help="how long it lives, as 90s, 12h or 30d (default: for ever)")
    create.add_argument("--local", action="store_true", help="writes to the data directory ($JOBLOG_DATA) on this machine")
    add_client(tokens, "list", "admin:list_tokens", "lists tokens")
    revoke = add_client(tokens, "revoke", "admin:revoke_token", "makes a token worthless")
    revoke.add_argument("id", type=int, metavar="ID", help="as listed")


def _add_projects(commands: Subparsers) -> None:
    project = commands.add_parser("project", help="creates and lists projects")
    projects = project.add_subparsers(metavar="ACTION", required=True)
    create = add_client(projects, "create", "admin:create_project", "creates a project, or sets its name or its retention")
    create.add_argument("id", metavar="ID", help="1 to 64 letters, digits and hyphens")
    create.add_argument("--name", help="as clients of ModelArts name it, often a region (default: the id)")
    create.add_argument("--domain", help="the domain it is in, which is made if there is none (default: 'default')")
    create.add_argument("--retain-days", type=int, metavar="N", help=RETAIN_DAYS)
    create.add_argument("--retain-bytes", type=int, metavar="N", help=RETAIN_BYTES)
    add_client(projects, "list", "admin:list_projects", "lists the projects that the token may see")


def _add_users(commands: Subparsers) -> None:
    user = commands.add_parser("user", help="creates and deletes users, and says what they may do in a project")
    users = user.add_subparsers(metavar="ACTION", required=True)
    create = _add_for_user(users, "create", "users:create_user", "creates a user and prints its id")
    create.add_argument("--right", action="append", choices=RIGHTS, help="in the project; repeatable (default: none)")
    passwd = _add_for_user(users, "passwd", "users:set_password", "sets a password, which ends the user's tokens")
    for parser in (create, passwd):
        parser.allow_abbrev = False  # --password is not a way to say --password-file, least of all with the password behind it
        about = "its first line is the password; - is stdin (default: asked for on a terminal, else stdin)"
        parser.add_argument("--password-file", metavar="FILE", help=about)
    ls = add_client(users, "list", "users:list_users", "lists users")
    ls.add_argument("--members", action="store_true", help="those of the project, with their rights")
    _add_for_user(users, "delete", "users:delete_user", "deletes a user, its tokens and its access keys")
    grant = _add_for_user(users, "grant", "users:grant", "gives a user these rights, and no others, in the project")
    grant.add_argument("--right", action="append", choices=RIGHTS, required=True, help="repeatable")
    _add_for_user(users, "revoke", "users:revoke", "takes a user's rights in the project")


def _add_keys(commands: Subparsers) -> None:
    key = commands.add_parser("key", help="creates, lists and deletes access keys, with which programs sign requests")
    keys = key.add_subparsers(metavar="ACTION", required=True)
    create = _add_for_user(keys, "create", "users:create_key", "creates an access key and prints it and its secret")
    create.add_argument("--label", help="what it is for")
    _add_for_user(keys, "list", "users:list_keys", "lists a user's access keys")
    drop = _add_for_user(keys, "delete", "users:delete_key", "makes an access key worthless")
    drop.add_argument("access", metavar="ACCESS_KEY", help="as listed")


def _add_for_user(commands: Subparsers, name: str, command: str, help: str) -> argparse.ArgumentParser:
    parser = add_client(commands, name, command, help)
    parser.add_argument("name", metavar="USER", help="the user's name")
    parser.add_argument("--domain", default="default", help="the user's domain (default: 'default')")
    return parser


def _add_serving(commands: Subparsers) -> None:
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


def _add_canary(commands: Subparsers) -> None:
    about = "writes known lines through an agent, reads them back, counts what is wrong; exit status 1 when something was"
    canary = add_client(commands, "canary", "canary:canary", about)
    length = canary.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=float, metavar="N", help="ends after N minutes (default: never)")
    length.add_argument("--seconds", type=float, metavar="N", help="ends after N seconds")
    canary.add_argument("--rate", type=float, default=10.0, metavar="N", help="lines a second (default: 10)")
    canary.add_argument("--size", type=int, default=100, metavar="N", help="bytes of a line (default: 100)")
    canary.add_argument("--late", type=float, default=30.0, metavar="S", help="a line is late after S seconds (default: 30)")
    canary.add_argument("--round", type=float, default=600.0, metavar="S", help="a run lasts S seconds (default: 600)")
    canary.add_argument("--job", default="joblog-canary", metavar="NAME", help="the job's name (default: joblog-canary)")
    canary.add_argument("--metrics-port", type=int, metavar="PORT", help="serves metrics there, on 127.0.0.1; 0: a free one")
    canary.add_argument("--metrics-file", metavar="FILE", help="writes its metrics there every five seconds")


def _add_completion(commands: Subparsers) -> None:
    completion = add(commands, "completion", "completion:completion", "prints what makes a shell complete joblog's commands")
    completion.add_argument("shell", choices=["bash", "zsh"], help="the shell that is to read it")
