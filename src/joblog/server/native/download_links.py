"""Links to logs that need no credentials: made for whoever may read the log, good for five minutes.

What a link stands for is sealed in it with the server's secret key, for the name that it ends in: nothing is kept, every node
can answer, and a link of which any character was changed is none.
"""

from __future__ import annotations

import base64
import binascii

import msgspec

from joblog.catalog.vault import Vault
from joblog.core.logs import Head
from joblog.errors import BadLink, Damaged
from joblog.server.http.answers import Answer
from joblog.server.http.routes import OPEN, Call, Calls
from joblog.server.native.logs import download
from joblog.server.state import State

calls = Calls("/links", "ModelArts v2")

LIVES_MS = 300_000

CONTENT_TYPES = ("text/plain", "application/octet-stream")

_MAX_LINK = 1000


class SealedLink(msgspec.Struct, array_like=True):
    """What is sealed in a link."""

    project_id: str
    job_id: int
    version_id: int
    worker: int
    content_type: str
    until_ms: int


def link_path(vault: Vault, log: Head, name: str, content_type: str, now_ms: int) -> str:
    """Returns the path of a link to the log, under which it is saved as ``name``."""
    link = SealedLink(log.project_id, log.job_id, log.version_id, log.worker, content_type, now_ms + LIVES_MS)
    return f"/links/{_text(vault.seal(msgspec.json.encode(link).decode(), _owner(name)))}/{name}"


def opened(vault: Vault, text: str, name: str, now_ms: int) -> SealedLink:
    """Returns what a link to a log of that name stands for; raises BadLink for one that was changed or whose time is over."""
    try:
        if len(text) > _MAX_LINK:
            raise BadLink
        sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        if _text(sealed) != text:  # the last character may have bits that stand for nothing
            raise BadLink
        link = msgspec.json.decode(vault.open(sealed, _owner(name)), type=SealedLink)
    except (binascii.Error, ValueError, Damaged) as error:
        raise BadLink from error
    if link.until_ms < now_ms:
        raise BadLink
    return link


def _text(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def _owner(name: str) -> str:
    return f"link {name}"


@calls.get(
    "/{link}/{name}", OPEN, "A log's bytes, by a link that a ModelArts call gave", head="head_link The headers of the same"
)
async def read_link(joblog: State, call: Call, link: str, name: str) -> Answer:
    """Streams the log, or the part that ``Range`` asks for, as the type that the link was made for."""
    linked = opened(joblog.engine.vault, link, name, joblog.engine.clock_ms())
    log = await joblog.reading(joblog.engine.log, linked.project_id, linked.job_id, linked.version_id, linked.worker)
    charset = "; charset=utf-8" if linked.content_type.startswith("text/") else ""
    answer = await download(joblog, call, log, (linked.content_type + charset).encode(), may_pack=False)
    answer.headers.append((b"content-disposition", f'attachment; filename="{name}"'.encode()))
    return answer
