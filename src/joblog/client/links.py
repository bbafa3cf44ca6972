"""Permanent links to logs, as people send them to each other: ``http://host/p/lab/resnet/V0002/worker-3#L120-L140``.

What stands behind ``#`` counts from 0, and both the first and the last line, or byte, are meant.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from joblog.core.places import part
from joblog.errors import Invalid

LATEST = "latest"

DEFAULT_TASK = "worker-0"

_NAMES = r"/p/(?P<project>[A-Za-z0-9-]{1,64})/(?P<job>[A-Za-z0-9_-]{1,64})/(?P<version>[Vv]?[0-9]{1,18}|latest)"
_PERMANENT = re.compile(_NAMES + r"(?:/(?P<task>worker-[0-9]{1,6}))?/?", re.ASCII)
_VIEWER = re.compile(
    r"/projects/(?P<project>[A-Za-z0-9-]{1,64})/jobs/(?P<job>[0-9]{1,19})/versions/(?P<version>[0-9]{1,19})"
    r"/logs/(?P<task>worker-[0-9]{1,6})/?",
    re.ASCII,
)
_PART = re.compile(r"(?P<kind>[LB])(?P<first>[0-9]{1,18})(?:-[LB]?(?P<last>[0-9]{1,18}))?", re.ASCII)
_NUMBERED = re.compile(r"^([^/#]+)/?#(?=[0-9]+(?:/|#|$))", re.ASCII)
_HOST = re.compile(r"(?:(?P<scheme>https?)://(?P<host>[^/#?]+)|(?!https?://)(?P<bare>[^/#?]*))(?P<path>/[^#?]*)", re.ASCII)

PART_ALLOWED = "#L120, #L120-L140 or #B100-B200"
LINK_ALLOWED = "/p/PROJECT/JOB/V0002/worker-0, with the server's address before it or without"

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class LogPart:
    """The lines, or with ``in_bytes`` the bytes, ``[start, end)`` of a log."""

    start: int
    end: int
    in_bytes: bool = False

    def __str__(self) -> str:
        """Returns it as it stands in a link."""
        return part(self.start, self.end, "B" if self.in_bytes else "L")


@dataclass(frozen=True)
class Link:
    """What a link names: job by name or id; version as ``V0002``, an id or ``latest``; no task where none is named."""

    project_id: str
    job: str
    version: str
    task: str | None = None
    part: LogPart | None = None

    @property
    def path(self) -> str:
        """Returns the link without a server's address."""
        task = "" if self.task is None else f"/{self.task}"
        return f"/p/{self.project_id}/{self.job}/{self.version}{task}{self.part or ''}"


def split_part(text: str) -> tuple[str, LogPart | None]:
    """Returns what stands before ``#``, and the part of the log that stands behind it; raises Invalid.

    ``resnet#2`` is a run's number, as people say it and the viewer shows it: ``resnet/2``.
    """
    name, mark, fragment = _NUMBERED.sub(r"\1/", text).partition("#")
    if not mark or not fragment:
        return name, None
    match = _PART.fullmatch(fragment)
    if match is None:
        raise Invalid("LOG", f"followed by {PART_ALLOWED}", text)
    first = int(match["first"])
    last = first if match["last"] is None else int(match["last"])
    return name, LogPart(min(first, last), max(first, last) + 1, match["kind"] == "B")


def is_link(text: str) -> bool:
    """Whether a text is meant as a link rather than as JOB/VERSION/TASK, which never begins so."""
    return text.startswith(("/", "http://", "https://")) or re.match(r"[^/#]*/(?:p|projects)/.", text) is not None


def parsed_link(text: str, server_url: str) -> Link:
    """Returns what a link names, permanent or of the viewer's page, if it is one to the server at ``server_url``.

    Raises:
        Invalid: it is no link to a log, or it is one on another server.
    """
    address, part = split_part(text)
    match = _HOST.fullmatch(address)
    if match is None:
        raise Invalid("LOG", LINK_ALLOWED, text)
    host = match["host"] or match["bare"]
    if host:
        _check_host(match["scheme"], host, server_url)
    # A server may be below a path of a proxy's.
    path = match["path"].removeprefix(urlsplit(server_url).path.rstrip("/"))
    named = _PERMANENT.fullmatch(path) or _VIEWER.fullmatch(path)
    if named is None:
        raise Invalid("LOG", LINK_ALLOWED, text)
    return Link(named["project"], named["job"], named["version"], named["task"], part)


def _check_host(scheme: str | None, host: str, server_url: str) -> None:
    """Raises Invalid for an address that is not the server's: its token is for itself only."""
    server = urlsplit(server_url)
    try:
        given = urlsplit(f"{scheme or server.scheme}://{host}")
        same = (given.hostname, given.port or _PORTS[given.scheme]) == (server.hostname, server.port or _PORTS[server.scheme])
    except ValueError:
        same = False
    if not same or "@" in host:
        raise Invalid("LOG", f"a link to the server that is asked, {server.netloc} (--url names another one)", host)
