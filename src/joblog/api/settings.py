"""Where the server is, which token to show it and where to spool: found once, at the start.

First found wins: a flag (a file's name for the token: everybody can read a process's arguments); the environment; what
``joblog serve`` left in its data directory on this machine; a default. ``JOBLOG_URL``, ``JOBLOG_TOKEN`` or
``JOBLOG_TOKEN_FILE``, ``JOBLOG_PROJECT``, ``JOBLOG_DATA`` (the server's data directory), ``JOBLOG_SPOOL`` and
``JOBLOG_SPOOL_LIMIT_BYTES`` are what is read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from joblog.errors import Invalid

DEFAULT_URL = "http://127.0.0.1:8470"
DEFAULT_PROJECT = "default"

LIMIT_BYTES, MIN_LIMIT_BYTES = 2 << 30, 64 << 10
"""Limits of a spool: the usual one, hours of any job's output and a small part of a node's disk; the smallest, as less is not
room for a single read."""

MEMORY = Path("/dev/shm")  # noqa: S108 - what is made there is checked to be this user's alone
"""Where Linux has files in memory."""

TEMPORARY = Path("/tmp")  # noqa: S108 - what is made there is checked to be this user's alone
"""Where every user of a machine may have files."""

_SHIFTS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}


class Local(NamedTuple):
    """Where the token comes from if it is the local server's: that server's addresses."""

    urls: tuple[str, ...]


class ClientSettings(NamedTuple):
    """What a client needs to know; ``token`` is empty when none was found.

    ``spool_roots`` are where spools may be: a new one is made below the first of them where it can be.
    ``said_url`` is the address if somebody said it, a flag or the environment; empty where it was found.
    """

    url: str
    token: str
    project_id: str
    spool_roots: tuple[Path, ...]
    spool_limit_bytes: int = LIMIT_BYTES
    said_url: str = ""
    local: Local | None = None

    def __repr__(self) -> str:
        """Leaves the token out."""
        return f"Settings(url={self.url!r}, project_id={self.project_id!r}, spool_root={self.spool_root!r})"

    @property
    def spool_root(self) -> Path:
        """Where spools are to be."""
        return self.spool_roots[0]

    def at(self, recorded_url: str) -> ClientSettings:
        """Returns the settings for the server that a spool recorded, unless somebody said another one."""
        if self.said_url or not recorded_url:
            return self
        # The local server's admin token is shown to the local server only.
        token = self.token if self.local is None or recorded_url in self.local.urls else ""
        return self._replace(url=recorded_url, token=token)


def load(
    environ: Mapping[str, str],
    *,
    url: str | None = None,
    project_id: str | None = None,
    spool_limit: str | None = None,
    token_file: str | None = None,
) -> ClientSettings:
    """Finds the settings; ``url``, ``project_id``, ``spool_limit`` and ``token_file`` are flags, None where not given.

    Raises:
        Invalid: a file that is to hold the token cannot be read, or has none; or a size is none.
    """
    data = _data_directory(environ)
    served_url = _first_line(data / "url")
    said_url = url or environ.get("JOBLOG_URL") or ""
    url = said_url or served_url or DEFAULT_URL
    limit = spool_limit or environ.get("JOBLOG_SPOOL_LIMIT_BYTES") or str(LIMIT_BYTES)
    token = _token(environ, token_file)
    local = None if token else Local((served_url, DEFAULT_URL))
    return ClientSettings(
        url=url,
        token=_first_line(data / "admin.token") if local and url in local.urls else token,
        project_id=project_id or environ.get("JOBLOG_PROJECT") or DEFAULT_PROJECT,
        spool_roots=_spool_roots(environ),
        spool_limit_bytes=size_bytes("--spool-limit" if spool_limit else "JOBLOG_SPOOL_LIMIT_BYTES", limit, MIN_LIMIT_BYTES),
        said_url=said_url,
        local=local,
    )


def _token(environ: Mapping[str, str], token_file: str | None) -> str:
    if token_file is not None:
        return _token_in("--token-file", token_file)
    token, path = environ.get("JOBLOG_TOKEN", "").strip(), environ.get("JOBLOG_TOKEN_FILE")
    return token if token or not path else _token_in("JOBLOG_TOKEN_FILE", path)


def _token_in(name: str, path: str) -> str:
    """Returns the first line of a file, or of standard input, of which the rest is left to whoever reads it next."""
    try:
        token = _line_of_stdin() if path == "-" else Path(path).read_text("utf-8")
    except (OSError, ValueError) as error:
        raise Invalid(name, "a file with a token", path) from error
    if not token.strip():
        raise Invalid(name, "a file with a token, not an empty one", path)
    return token.strip().partition("\n")[0].strip()


def _line_of_stdin() -> str:
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(0, 1)):
        line += byte
    return line.decode()


def size_bytes(name: str, size: str, smallest: int) -> int:
    """Returns a number of bytes, as in ``1000000``, ``500M`` or ``2G`` (powers of 1024); ``name`` is the parameter's.

    Raises:
        Invalid: it is none, or less than ``smallest``.
    """
    match = re.fullmatch(r"([0-9]{1,15})([KMGT]?)", size, re.ASCII | re.IGNORECASE)
    given = int(match[1]) << _SHIFTS[match[2].upper()] if match else 0
    if given < smallest:
        shown = f"{smallest >> 10}K" if smallest >= 1 << 10 else str(smallest)
        raise Invalid(name, f"a number of bytes from {shown} on, as in 500M or 2G", size)
    return given


def _data_directory(environ: Mapping[str, str]) -> Path:
    """Returns the directory that ``joblog serve`` has with the same environment (``core/settings.py``)."""
    if named := environ.get("JOBLOG_DATA"):
        return Path(os.path.expanduser(named))
    home = environ.get("HOME") or environ.get("USERPROFILE") or os.path.expanduser("~")
    return Path(environ.get("XDG_DATA_HOME") or Path(home) / ".local" / "share") / "joblog"


def _spool_roots(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Returns the place that is named, or the usual one, and those for when nothing can be written there.

    A container may run as a user who has no home, or one that is not this user's.
    """
    shared = (environ.get("TMPDIR") or TEMPORARY, environ.get("XDG_RUNTIME_DIR"), MEMORY)
    spared = dict.fromkeys(Path(place) / own_name() / "spool" for place in shared if place)
    if named := environ.get("JOBLOG_SPOOL"):
        return Path(named), *spared
    home = environ.get("HOME", "/")
    states = [environ.get("XDG_STATE_HOME"), f"{home}/.local/state" if home.strip("/") and _is_own_home(home) else None]
    return *dict.fromkeys(Path(state) / "joblog" / "spool" for state in states if state), *spared


def _is_own_home(home: str) -> bool:
    """Returns whether that is not another user's, to whom root would leave directories that are not that user's any more."""
    try:
        return os.geteuid() != 0 or os.stat(home).st_uid == 0
    except (OSError, AttributeError):
        return True


def own_name() -> str:
    """Returns the name of this user's directory in a place that all users share."""
    return f"joblog-{os.geteuid()}" if hasattr(os, "geteuid") else "joblog"


def _first_line(path: Path) -> str:
    """Returns the file's first line, or nothing where there is no such file to read."""
    try:
        return path.read_text("utf-8").strip().partition("\n")[0]
    except (OSError, ValueError):
        return ""
