"""The viewer's files, out of the package into a browser, with headers that let nothing run but these files.

They are read once, at start. Their address holds a digest of all of them: a browser keeps what it has until a new version
of joblog is there, and never mixes two.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from collections.abc import Iterable
from importlib.resources import files
from importlib.resources.abc import Traversable

from joblog.server.wire import Answer, Headers

_PREFIX = "/ui/"
_PAGES = ("/projects/", "/p/")
"""Where a page of the viewer may be besides ``/``: as under ``/api``, so that an address tells what it shows; and permanent
links, which the page resolves, as it has the session and a request for a page has not."""

# Scripts, styles and requests are this server's own; nothing is inline, no string becomes markup, nobody frames the page.
_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    b"form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
_SAFE: Headers = [
    (b"content-security-policy", _POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
]

_FOR_EVER = (b"cache-control", b"public, max-age=31536000, immutable")
_ASK_AGAIN = (b"cache-control", b"no-cache")

_TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml", ".txt": "text/plain"}

_STYLES = [f"css/{name}.css" for name in ("base", "jobs", "log", "rows", "found", "dialogs", "ansi", "ranks", "plots")]
_STYLES += ["vendor/uplot/uPlot.min.css"]
"""What is one file for the browser, in this order: nothing is drawn before all of them are there, and each costs it a fetch."""

_SMALL = 1024
"""What is smaller gains nothing from compression."""


class Viewer:
    """Answers what a browser asks for to show the viewer. Holds all of it in memory, plain and compressed."""

    def __init__(self) -> None:
        raw = dict(_files(files("joblog") / "ui", ""))
        digest = hashlib.sha256()
        for name in sorted(raw):
            digest.update(name.encode() + b"\0" + raw[name] + b"\0")
        self._base = f"{_PREFIX}{digest.hexdigest()[:12]}/"
        raw["style.css"] = b"\n".join(raw.pop(name) for name in _STYLES)
        page = raw.pop("index.html").replace(b"{{base}}", self._base.encode())
        modules = "".join(f'<link rel="modulepreload" href="{self._base}{name}">\n' for name in sorted(raw) if _at_once(name))
        self._page = _File("index.html", page.replace(b"{{modules}}", modules.encode()))
        self._files = {name: _File(name, content) for name, content in raw.items()}

    def answer(self, path: str, headers: Iterable[tuple[bytes, bytes]]) -> Answer | None:
        """Returns the page or the file at a path, None for what is not the viewer's; ``/`` is, for who wants HTML."""
        if path.startswith(_PREFIX):
            _, _, name = path.removeprefix(_PREFIX).partition("/")
            file = self._files.get(name)
            return None if file is None else file.answer(headers, _FOR_EVER if path.startswith(self._base) else _ASK_AGAIN)
        if path == "/" or path.startswith(_PAGES):
            return self._page.answer(headers, _ASK_AGAIN) if b"text/html" in _header(headers, b"accept") else None
        return None


class _File:
    def __init__(self, name: str, content: bytes) -> None:
        suffix = name[name.rfind(".") :]
        kind = _TYPES.get(suffix) or mimetypes.types_map.get(suffix, "application/octet-stream")
        self._media_type = f"{kind}; charset=utf-8".encode()
        self._plain = content
        self._small = gzip.compress(content, 9, mtime=0) if len(content) >= _SMALL else None

    def answer(self, headers: Iterable[tuple[bytes, bytes]], keep: tuple[bytes, bytes]) -> Answer:
        sent: Headers = [*_SAFE, keep, (b"vary", b"accept, accept-encoding")]
        if self._small is not None and b"gzip" in _header(headers, b"accept-encoding"):
            return Answer(200, self._small, [*sent, (b"content-encoding", b"gzip")], media_type=self._media_type)
        return Answer(200, self._plain, sent, media_type=self._media_type)


def _header(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> bytes:
    return next((value for name, value in headers if name == wanted), b"")


def _at_once(name: str) -> bool:
    """Whether a log's page needs the module; the others load when somebody goes to theirs."""
    return name.endswith(".js") and not name.startswith(("vendor/", "plots/", "ranks/"))


def _files(folder: Traversable, above: str) -> Iterable[tuple[str, bytes]]:
    for entry in folder.iterdir():
        name = above + entry.name
        if entry.is_dir():
            yield from _files(entry, name + "/")
        else:
            yield name, entry.read_bytes()
