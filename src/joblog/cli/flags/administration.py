"""The commands that run a server and watch it, those that say who may do what, and the one that helps with all."""

from __future__ import annotations

import argparse
from importlib import import_module

from joblog.cli.flags.common import Subparsers, Unasked, add, add_client

RETAIN_DAYS = "keep logs for N days after their bytes arrived (default: for ever)"
RETAIN_BYTES = "keep at most N bytes of stored objects, compressed, of all logs together; the oldest go first (default: all)"

RIGHTS = ["read", "write", "metrics", "admin"]


def add_to(commands: Subparsers) -> None:
    _add_serving(commands)
    _add_canary(commands)
    _add_tokens(commands)
    _add_projects(commands)
    _add_users(commands)
    _add_keys(commands)
    _add_help(commands)
    _add_completion(commands)


def _add_tokens(commands: Subparsers) -> None:
    token = commands.add_parser("token", help="create, list and revoke tokens")
    tokens = token.add_subparsers(metavar="ACTION", required=True)
    create = add_client(tokens, "create", "admin:create_token", "create a token and print it")
    create.add_argument("--right", action="append", choices=RIGHTS, required=True, help="may be repeated")
    create.add_argument("--all-projects", action="store_true", help="for every project, not only for --project")
    create.add_argument("--job", metavar="NAME", help="only for this job of the project; create the job if it does not exist")
    create.add_argument("--label", metavar="TEXT", help="what it is for (default: nothing)")
    create.add_argument("--expires", metavar="TIME", help="expire after TIME, such as 90s, 12h or 30d (default: never)")
    create.add_argument(
        "--local", action="store_true", help="write to the data directory ($JOBLOG_DATA) on this machine, without a server"
    )
    add_client(tokens, "list", "admin:list_tokens", "list tokens")
    revoke = add_client(tokens, "revoke", "admin:revoke_token", "revoke a token")
    revoke.add_argument("id", type=int, metavar="ID", help="as the list shows it")


def _add_projects(commands: Subparsers) -> None:
    project = commands.add_parser("project", help="create and list projects")
    projects = project.add_subparsers(metavar="ACTION", required=True)
    create = add_client(projects, "create", "admin:create_project", "create a project, or set its name or its retention")
    create.add_argument("id", metavar="ID", help="1 to 64 letters, digits and hyphens")
    create.add_argument("--name", help="the name that ModelArts clients use, often a region (default: the id)")
    create.add_argument("--domain", help="the project's domain; create it if it does not exist (default: 'default')")
    create.add_argument("--retain-days", type=int, metavar="N", help=RETAIN_DAYS)
    create.add_argument("--retain-bytes", type=int, metavar="N", help=RETAIN_BYTES)
    add_client(projects, "list", "admin:list_projects", "list the projects that the token may see")


def _add_users(commands: Subparsers) -> None:
    user = commands.add_parser("user", help="create and delete users, and grant them rights in a project")
    users = user.add_subparsers(metavar="ACTION", required=True)
    create = _add_for_user(users, "create", "users:create_user", "create a user and print its id")
    create.add_argument(
        "--right", action="append", choices=RIGHTS, help="a right in the project; may be repeated (default: none)"
    )
    passwd = _add_for_user(users, "passwd", "users:set_password", "set a password; this ends the user's tokens")
    for parser in (create, passwd):
        parser.allow_abbrev = False  # --password is not a way to say --password-file, least of all with the password behind it
        about = "read the password from FILE's first line, - for stdin (default: ask on a terminal, else stdin)"
        parser.add_argument("--password-file", metavar="FILE", help=about)
    ls = add_client(users, "list", "users:list_users", "list users")
    ls.add_argument("--members", action="store_true", help="only members of the project, with their rights")
    _add_for_user(users, "delete", "users:delete_user", "delete a user with its tokens and access keys")
    grant = _add_for_user(users, "grant", "users:grant", "give a user exactly these rights in the project")
    grant.add_argument("--right", action="append", choices=RIGHTS, required=True, help="may be repeated")
    _add_for_user(users, "revoke", "users:revoke", "take away a user's rights in the project")


def _add_keys(commands: Subparsers) -> None:
    key = commands.add_parser("key", help="create, list and delete the access keys that programs sign requests with")
    keys = key.add_subparsers(metavar="ACTION", required=True)
    create = _add_for_user(keys, "create", "users:create_key", "create an access key; print it and its secret")
    create.add_argument("--label", metavar="TEXT", help="what it is for (default: nothing)")
    _add_for_user(keys, "list", "users:list_keys", "list a user's access keys")
    drop = _add_for_user(keys, "delete", "users:delete_key", "delete an access key")
    drop.add_argument("access", metavar="ACCESS_KEY", help="as the list shows it")


def _add_for_user(commands: Subparsers, name: str, command: str, help: str) -> argparse.ArgumentParser:
    parser = add_client(commands, name, command, help)
    parser.add_argument("name", metavar="USER", help="the user's name")
    parser.add_argument("--domain", default="default", help="the user's domain (default: 'default')")
    return parser


def _add_serving(commands: Subparsers) -> None:
    serve = add(commands, "serve", "serve:serve", "run the server")
    repair = add(commands, "repair", "serve:repair", "make a catalog and its objects agree again, after a restore or damage")
    restore = add(commands, "restore", "serve:restore", "put a copy of catalog.db in its place, and repair it")
    repair.add_argument("--read", action="store_true", help="read every object, not only its name and size")
    restore.add_argument("--catalog-from", metavar="FILE", required=True, help="the copy; today's catalog stays beside it")
    clock = add(commands, "confirm-clock", "serve:confirm_clock", "confirm that the clock is right, so that retention goes on")
    others = [
        repair,
        restore,
        clock,
        add(commands, "check", "serve:check", "check that everything stored is sound"),
        add(commands, "rebuild", "serve:rebuild", "make a new catalog from the objects when the old one is lost"),
        add(commands, "migrate", "serve:migrate", "bring the catalog's tables up to date, as serve does at its start"),
    ]
    move = add(commands, "move", "move:move", "move catalog and objects to another place, and verify them there")
    if not all(isinstance(each, Unasked) for each in (serve, move, *others)):
        import_module("joblog.cli.flags.settings").add_to(serve, move, others)
    move.add_argument(
        "--json", action="store_true", help="print one JSON object: counts, problems, whether the new place has everything"
    )


def _add_canary(commands: Subparsers) -> None:
    about = "write known lines through an agent, read them back, count what is wrong; exit with 1 if anything was"
    canary = add_client(commands, "canary", "canary:canary", about)
    length = canary.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=float, metavar="N", help="stop after N minutes (default: never)")
    length.add_argument("--seconds", type=float, metavar="N", help="stop after N seconds")
    canary.add_argument("--rate", type=float, default=10.0, metavar="N", help="write N lines a second (default: 10)")
    canary.add_argument("--size", type=int, default=100, metavar="N", help="bytes per line (default: 100)")
    canary.add_argument(
        "--late", type=float, default=30.0, metavar="S", help="count a line as late after S seconds (default: 30)"
    )
    canary.add_argument(
        "--round", type=float, default=600.0, metavar="S", help="start a new run every S seconds (default: 600)"
    )
    canary.add_argument("--job", default="joblog-canary", metavar="NAME", help="the job's name (default: joblog-canary)")
    about = "serve metrics on this port of 127.0.0.1; 0: any free port (default: none)"
    canary.add_argument("--metrics-port", type=int, metavar="PORT", help=about)
    canary.add_argument("--metrics-file", metavar="FILE", help="write metrics to FILE every five seconds (default: none)")


def _add_completion(commands: Subparsers) -> None:
    completion = add(commands, "completion", "help.completion:completion", "print a shell's completion script for joblog")
    completion.add_argument("shell", choices=["bash", "zsh", "fish"], help="your shell")


def _add_help(commands: Subparsers) -> None:
    helping = add(commands, "help", "help.usage:show", "show the commands by what they are for, or the help of one")
    helping.add_argument("words", metavar="COMMAND", nargs="*", help="such as cat, or token create (default: all commands)")
    add(commands, "version", "help.usage:version", "print the version")
