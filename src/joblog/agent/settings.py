"""Where the server is, which token to show it and where to spool: found once, at the start.

First found wins: a flag; the environment; what ``joblog serve`` left in its data directory on this machine; a default.
``JOBLOG_URL``, ``JOBLOG_TOKEN`` or ``JOBLOG_TOKEN_FILE``, ``JOBLOG_PROJECT``, ``JOBLOG_DATA`` (the server's data
directory), ``JOBLOG_SPOOL`` and ``JOBLOG_SPOOL_LIMIT_BYTES`` are what is read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from joblog.agent.spool import LIMIT_BYTES
from joblog.errors import Invalid

DEFAULT_URL = "http://127.0.0.1:8470"
DEFAULT_PROJECT = "default"

SMALLEST_LIMIT_BYTES = 64 << 10
"""Smallest limit of a spool: less is not room for a single read."""

_SHIFTS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}


@dataclass(frozen=True)
class Settings:
    """What a client needs to know; ``token`` is empty when none was found."""

    url: str
    token: str = field(repr=False)
    project_id: str
    spool_root: Path
    spool_limit_bytes: int = LIMIT_BYTES


def load(
    environ: Mapping[str, str], *, url: str | None = None, project_id: str | None = None, spool_limit: str | None = None
) -> Settings:
    """Finds the settings; ``url``, ``project_id`` and ``spool_limit`` are flags, None where not given.

    Raises:
        Invalid: ``JOBLOG_TOKEN_FILE`` names a file that cannot be read, or a size is none.
    """
    data = _data_directory(environ)
    served_url = _first_line(data / "url")
    url = url or environ.get("JOBLOG_URL") or served_url or DEFAULT_URL
    limit = spool_limit or environ.get("JOBLOG_SPOOL_LIMIT_BYTES") or str(LIMIT_BYTES)
    return Settings(
        url=url,
        # The local server's admin token is shown to the local server only, never to one named otherwise.
        token=_token(environ) or (_first_line(data / "admin.token") if url in (served_url, DEFAULT_URL) else ""),
        project_id=project_id or environ.get("JOBLOG_PROJECT") or DEFAULT_PROJECT,
        spool_root=_spool_root(environ),
        spool_limit_bytes=size_bytes("--spool-limit", limit, SMALLEST_LIMIT_BYTES),
    )


def _token(environ: Mapping[str, str]) -> str:
    token = environ.get("JOBLOG_TOKEN", "").strip()
    path = environ.get("JOBLOG_TOKEN_FILE")
    if token or not path:
        return token
    try:
        return Path(path).read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        raise Invalid("JOBLOG_TOKEN_FILE", "a file with a token", path) from error


def size_bytes(name: str, size: str, smallest: int) -> int:
    """Returns a number of bytes, as in ``1000000``, ``500M`` or ``2G`` (powers of 1024); ``name`` is the parameter's.

    Raises:
        Invalid: it is none, or less than ``smallest``.
    """
    found = re.fullmatch(r"([0-9]{1,15})([KMGT]?)", size, re.ASCII | re.IGNORECASE)
    given = int(found[1]) << _SHIFTS[found[2].upper()] if found else 0
    if given < smallest:
        shown = f"{smallest >> 10}K" if smallest >= 1 << 10 else str(smallest)
        raise Invalid(name, f"a number of bytes from {shown} on, as in 500M or 2G", size)
    return given


def _data_directory(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("JOBLOG_DATA") or _xdg(environ, "XDG_DATA_HOME", ".local/share") / "joblog")


def _spool_root(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("JOBLOG_SPOOL") or _xdg(environ, "XDG_STATE_HOME", ".local/state") / "joblog" / "spool")


def _xdg(environ: Mapping[str, str], name: str, under_home: str) -> Path:
    return Path(environ.get(name) or Path(environ.get("HOME") or "/") / under_home)


def _first_line(path: Path) -> str:
    """Returns the file's first line, or nothing where there is no such file to read."""
    try:
        return path.read_text("utf-8").strip().partition("\n")[0]
    except (OSError, ValueError):
        return ""
