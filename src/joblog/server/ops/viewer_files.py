"""The viewer's files and the API's page, out of the package into a browser, with headers that let nothing run but these files.

They are read once, at start. Their address holds a digest of all of them: a browser keeps what it has until a new version
of joblog is there, and never mixes two.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import re
from collections.abc import Iterable
from importlib.resources import files
from importlib.resources.abc import Traversable

from joblog.server.http.answers import Answer
from joblog.server.http.asgi import Headers

_PREFIX = "/ui/"
_DOCS = ("/api/docs", "/api/docs/")
_PAGES = ("/projects/", "/p/")
"""Where a page of the viewer may be besides ``/``: as under ``/api``, so that an address tells what it shows; and permanent
links, which the page resolves, as it has the session and a request for a page has not."""

# Scripts, styles and requests are this server's own; nothing is inline, no string becomes markup, nobody frames the page.
_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    b"form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
_APIS = re.compile(r"/(?:api|v[0-9.]+)(?:/|$)")
"""Where an unknown address gets an API's error, also in a browser."""

_SAFE: Headers = [
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
]

# Swagger UI builds markup out of strings, and has pictures in its style.
_DOCS_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_LIST = re.compile(r"/(?:projects/[^/]+/?)?")
"""Where the list of jobs is, whose modules come with it."""

_FOR_EVER = (b"cache-control", b"public, max-age=31536000, immutable")
_ASK_AGAIN = (b"cache-control", b"no-cache")

_TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml", ".txt": "text/plain"}

_STYLES = [
    f"css/{name}.css"
    for name in ("base", "jobs", "log", "rows", "found", "dialogs", "ansi", "ranks", "plots", "diff", "alerts")
]
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
        preloads = {name: f'<link rel="modulepreload" href="{self._base}{name}">\n' for name in sorted(raw)}
        modules = "".join(link for name, link in preloads.items() if _at_once(name))
        of_jobs = modules + "".join(link for name, link in preloads.items() if name.startswith("jobs/"))
        page, docs = (raw.pop(name).replace(b"{{base}}", self._base.encode()) for name in ("index.html", "docs/index.html"))
        self._page = _File("index.html", page.replace(b"{{modules}}", modules.encode()))
        self._jobs = _File("index.html", page.replace(b"{{modules}}", of_jobs.encode()))
        self._docs = _File("index.html", docs, _DOCS_POLICY)
        self._files = {name.removesuffix(".gz"): _File(name, content) for name, content in raw.items()}

    def answer(self, path: str, headers: Iterable[tuple[bytes, bytes]]) -> Answer | None:
        """Returns the page or the file at a path, None for what is not the viewer's; ``/`` is, for who wants HTML."""
        if path in _DOCS:
            return self._docs.answer(headers, _ASK_AGAIN)
        if path.startswith(_PREFIX):
            _, _, name = path.removeprefix(_PREFIX).partition("/")
            file = self._files.get(name)
            return None if file is None else file.answer(headers, _FOR_EVER if path.startswith(self._base) else _ASK_AGAIN)
        if path in ("/", "/login") or path.startswith(_PAGES):
            page = self._jobs if _LIST.fullmatch(path) else self._page
            return page.answer(headers, _ASK_AGAIN) if b"text/html" in _header(headers, b"accept") else None
        return None

    def no_page(self, path: str, headers: Iterable[tuple[bytes, bytes]]) -> Answer | None:
        """Returns the page that says that nothing is here, with status 404, for who wants HTML and asks no API."""
        if _APIS.match(path) or b"text/html" not in _header(headers, b"accept"):
            return None
        answer = self._page.answer(headers, _ASK_AGAIN)
        answer.status = 404
        return answer


class _File:
    """A file as it is sent; one whose name ends in ``.gz`` is compressed already."""

    def __init__(self, name: str, content: bytes, policy: bytes = _POLICY) -> None:
        packed, name = name.endswith(".gz"), name.removesuffix(".gz")
        suffix = name[name.rfind(".") :]
        kind = _TYPES.get(suffix) or mimetypes.types_map.get(suffix, "application/octet-stream")
        self._media_type = f"{kind}; charset=utf-8".encode()
        self._headers: Headers = [(b"content-security-policy", policy), *_SAFE, (b"vary", b"accept, accept-encoding")]
        self._plain = None if packed else content
        self._small = content if packed else gzip.compress(content, 9, mtime=0) if len(content) >= _SMALL else None

    def answer(self, headers: Iterable[tuple[bytes, bytes]], keep: tuple[bytes, bytes]) -> Answer:
        sent: Headers = [*self._headers, keep]
        if self._small is not None and b"gzip" in _header(headers, b"accept-encoding"):
            return Answer(200, self._small, [*sent, (b"content-encoding", b"gzip")], media_type=self._media_type)
        plain = gzip.decompress(self._small or b"") if self._plain is None else self._plain
        return Answer(200, plain, sent, media_type=self._media_type)


def _header(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> bytes:
    return next((value for name, value in headers if name == wanted), b"")


def _at_once(name: str) -> bool:
    """Whether a log's page needs the module; the others load when somebody goes to theirs."""
    return name.endswith(".js") and not name.startswith(("vendor/", "jobs/", "plots/", "ranks/", "diff/", "docs/"))


def _files(folder: Traversable, above: str) -> Iterable[tuple[str, bytes]]:
    for entry in folder.iterdir():
        name = above + entry.name
        if entry.is_dir():
            yield from _files(entry, name + "/")
        else:
            yield name, entry.read_bytes()
