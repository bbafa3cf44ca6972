"""What to do about an error that a setting mends: who shows no token, or a wrong one, and who asks where nobody is."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping

from joblog.api import settings
from joblog.errors import ExpiredToken, Invalid, NoCredentials, NotFound, UnknownToken, Unreachable

_NAMED = {"version": "run", "task": "rank"}
"""Kinds of things as users call them."""


def message(error: Exception, args: argparse.Namespace) -> str:
    """Returns the line that stands on stderr for an error of a command."""
    if isinstance(error, NotFound) and getattr(error, "kind", "") in _NAMED:
        return str(error).replace(f"no {error.kind}", f"no {_NAMED[error.kind]}", 1)
    if hasattr(args, "token_file") and isinstance(error, NoCredentials | UnknownToken | ExpiredToken | Unreachable):
        return _advised(error, args, os.environ)
    return str(error)


def _advised(error: Exception, args: argparse.Namespace, environ: Mapping[str, str]) -> str:
    try:
        url = settings.load(environ, url=args.url).url
    except Invalid:  # a file that cannot be read has been read before
        return str(error)
    if isinstance(error, Unreachable):
        return str(error) if error.late else f"{error}; {_where(args, environ)}"
    if isinstance(error, NoCredentials):
        return f"{url} wants a token: set JOBLOG_TOKEN, or JOBLOG_TOKEN_FILE or --token-file to a file that has it"
    return f"{url} does not take {_whence(args, environ)}: {error}; joblog token create makes one for who has the right admin"


def _where(args: argparse.Namespace, environ: Mapping[str, str]) -> str:
    if args.url or environ.get("JOBLOG_URL"):
        return f"is {'--url' if args.url else 'JOBLOG_URL'} right, and does joblog serve run there?"
    return "start a server with joblog serve, or set JOBLOG_URL, or --url, to the address of one"


def _whence(args: argparse.Namespace, environ: Mapping[str, str]) -> str:
    """Returns where the token came from that was shown."""
    if args.token_file is not None:
        return "the token of --token-file"
    for name in ("JOBLOG_TOKEN", "JOBLOG_TOKEN_FILE"):
        if environ.get(name):
            return f"the token of {name}"
    return "the token of this machine's server"
