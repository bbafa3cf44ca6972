"""``joblog run``. The client, which takes a while to load, is loaded when the job is running already."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from joblog.agent.environment import names_in
from joblog.agent.run.foreground import Options
from joblog.agent.run.foreground import run as run_agent
from joblog.agent.run.pass_on import say
from joblog.agent.run.pipes import terminal_rows
from joblog.agent.spool.spool import Meta
from joblog.api import settings
from joblog.cli.names import TITLE_CHARACTERS, checked_job, checked_run_id, checked_task, job_of_command
from joblog.errors import Invalid, Missing

if TYPE_CHECKING:
    from joblog.agent.run.intake import Filtering
    from joblog.api.writer import Writer

T = TypeVar("T")

ATTACHED_WORDS = 4
"""Words of the command that waits for a program, before the program itself (``agent/run/attach.py``)."""

CALL_S = 10.0
"""Longest silence in one call: a dead connection is noticed well within the final wait."""


def run(args: argparse.Namespace) -> int:
    """Runs the command and returns its exit status."""
    command = args.argv[1:] if args.argv[:1] == ["--"] else args.argv
    if not command:
        raise Missing("CMD", "the command to run")
    if args.title is not None and not (0 < len(args.title) <= TITLE_CHARACTERS and args.title.isprintable()):
        raise Invalid("--title", f"1 to {TITLE_CHARACTERS} printable characters", args.title)
    environ = dict(os.environ)
    connection = _usable(environ, partial(_connection, args, environ))
    names = names_in(os.environ, launcher=f"{os.uname().nodename}-{os.getppid()}")
    meta = Meta(
        project_id=connection.project_id,
        job_name=checked_job(args.job) if args.job else names.job or job_of_command(command),
        # Chosen here, so that a repeated request for the log meets the same one.
        run_id=checked_run_id(args.run_id) if args.run_id else names.run_id or os.urandom(16).hex(),
        task=checked_task(args.task) if args.task else names.task,
        url=_recorded(connection.said_url),
        host=os.uname().nodename,
        tasks=None if args.task else names.tasks,
        labels=_usable(environ, partial(_labels, args.label, environ)),
        terminal_rows=terminal_rows() if args.tty else None,
    )

    def connect() -> Writer:
        from joblog.api.writer import Writer

        return Writer(connection.url, connection.token, timeout_s=CALL_S)

    return run_agent(command, meta, connect, _options(args, connection, meta, command))


def _connection(args: argparse.Namespace, environ: Mapping[str, str]) -> settings.ClientSettings:
    return settings.load(
        environ, url=args.url, project_id=args.project, spool_limit=args.spool_limit, token_file=args.token_file
    )


def _usable(environ: dict[str, str], read: Callable[[], T]) -> T:
    """Returns what is read of the environment, without variables that cannot be used: they are no reason not to run."""
    while True:
        try:
            return read()
        except Invalid as error:
            if error.parameter not in environ:
                raise
            say(f"{error}; it is left out")
            del environ[error.parameter]


def _options(args: argparse.Namespace, connection: settings.ClientSettings, meta: Meta, command: Sequence[str]) -> Options:
    return Options(
        connection.spool_roots,
        args.wait,
        args.verbose or (os.isatty(2) and meta.task == "worker-0"),
        args.tty,
        connection.spool_limit_bytes,
        _filtering(args),
        args.grace,
        args.linger,
        args.buffered,
        partial(_origin, args, meta, command),
        _attached(args.attached),
    )


def _origin(args: argparse.Namespace, meta: Meta, command: Sequence[str]) -> dict[str, str]:
    """Returns what the run is called and began with; what looks for it is loaded only then."""
    facts = {"title": args.title} if args.title is not None else {}
    if args.no_origin or os.environ.get("JOBLOG_ORIGIN", "").lower() in ("no", "off", "0", "false"):
        return facts
    from joblog.agent.run.origin import origin
    from joblog.cli.redact import rules

    return facts | origin(command[ATTACHED_WORDS:] if args.attached else command, meta.host, rules(args))


def _attached(text: str | None) -> dict[int, int]:
    """Returns ``8:1,9:-1`` as pipes that somebody else writes to, and where their bytes go on to; raises Invalid."""
    try:
        return {int(source): int(to) for source, to in (pair.split(":") for pair in (text or "").split(",") if pair)}
    except ValueError as error:
        raise Invalid("--attached", "pairs of descriptors, as in 8:1,9:-1", text) from error


def _labels(words: Sequence[str], environ: Mapping[str, str]) -> dict[str, str] | None:
    """Returns the environment's labels and, before these, those that were said; what reads them is loaded only then."""
    environment = environ.get("JOBLOG_LABELS", "")
    if not words and not environment:
        return None
    from joblog.core.labels import labels_of_pairs

    pairs = [pair.strip() for pair in environment.split(",") if pair.strip()]
    return labels_of_pairs(pairs, "JOBLOG_LABELS") | labels_of_pairs(words, "--label") or None


def _filtering(args: argparse.Namespace) -> Filtering | None:
    """Returns the filters that are asked for; what they need is loaded only then."""
    if not (args.redact or args.redact_pattern or args.flood_limit):
        return None
    from joblog.agent.filters.filtered_intake import Filters
    from joblog.cli.redact import rules

    rate_bytes_s = None if args.flood_limit is None else settings.size_bytes("--flood-limit", args.flood_limit, 1)
    return Filters(rules(args), rate_bytes_s)


def _recorded(url: str) -> str:
    """Returns the address as the spool keeps it: without what is secret in it."""
    scheme, separator, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return scheme + separator + host.rpartition("@")[2] + slash + path
