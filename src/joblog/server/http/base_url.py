"""Where a client reached this server."""

from __future__ import annotations

import re

from joblog.core.settings import Settings
from joblog.server.http.asgi import HTTPScope

_HOST = re.compile(r"[A-Za-z0-9._:\[\]-]{1,255}", re.ASCII)
_WHERE = frozenset((b"host", b"x-forwarded-host", b"x-forwarded-proto"))


def base_url(scope: HTTPScope, settings: Settings) -> str:
    """Returns where the client reached joblog, or what the setting says: the URLs in an answer must lead back here."""
    if settings.public_url:
        return settings.public_url.rstrip("/")
    sent = {name: value.decode("latin-1") for name, value in scope["headers"] if name in _WHERE}
    schemes, hosts = [scope["scheme"]], [sent.get(b"host", ""), f"{settings.host}:{settings.port}"]
    client = scope.get("client")
    trusted = [each.strip() for each in settings.trusted_proxies.split(",") if each.strip()]
    if "*" in trusted or (client is not None and client[0] in trusted):
        schemes.insert(0, _first(sent.get(b"x-forwarded-proto", "")))
        hosts.insert(0, _first(sent.get(b"x-forwarded-host", "")))
    scheme = next((each for each in schemes if each in ("http", "https")), "http")
    return f"{scheme}://{next(each for each in hosts if _HOST.fullmatch(each))}"


def _first(value: str) -> str:
    return value.partition(",")[0].strip()
