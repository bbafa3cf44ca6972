"""Where the server is, which token to show it and where to spool: found once, at the start.

First found wins: a flag; the environment; what ``joblog serve`` left in its data directory on this machine; a default.
``JOBLOG_URL``, ``JOBLOG_TOKEN`` or ``JOBLOG_TOKEN_FILE``, ``JOBLOG_PROJECT``, ``JOBLOG_DATA`` (the server's data
directory) and ``JOBLOG_SPOOL`` are what is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from joblog.errors import Invalid

DEFAULT_URL = "http://127.0.0.1:8470"
DEFAULT_PROJECT = "default"


@dataclass(frozen=True)
class Settings:
    """What a client needs to know; ``token`` is empty when none was found."""

    url: str
    token: str = field(repr=False)
    project_id: str
    spool_root: Path


def load(environ: Mapping[str, str], *, url: str | None = None, project_id: str | None = None) -> Settings:
    """Finds the settings; ``url`` and ``project_id`` are flags, None where not given.

    Raises:
        Invalid: ``JOBLOG_TOKEN_FILE`` names a file that cannot be read.
    """
    data = _data_directory(environ)
    served_url = _first_line(data / "url")
    url = url or environ.get("JOBLOG_URL") or served_url or DEFAULT_URL
    return Settings(
        url=url,
        # The local server's admin token is shown to the local server only, never to one named otherwise.
        token=_token(environ) or (_first_line(data / "admin.token") if url in (served_url, DEFAULT_URL) else ""),
        project_id=project_id or environ.get("JOBLOG_PROJECT") or DEFAULT_PROJECT,
        spool_root=_spool_root(environ),
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
