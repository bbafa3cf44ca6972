"""How often somebody may call: buckets that fill with time, one for each token or address, bounded in number."""

from __future__ import annotations

import math
from ipaddress import IPv6Address, ip_address

from joblog.core.settings import Settings
from joblog.errors import TooMany
from joblog.server.http.asgi import HTTPScope

_MAX_NUMBER = 10_000
"""Callers remembered; beyond it those are forgotten who may call as often as anybody new, then the first."""

_IPV6_HOST_BITS = 64
"""What one caller of IPv6 can choose by itself."""


class Buckets:
    """``rate_s`` calls a second for each key, and up to ``burst`` at once. Used from the event loop."""

    def __init__(self, rate_s: float, burst: float) -> None:
        self._rate_s = rate_s
        self._burst = burst
        self._levels: dict[str, tuple[float, float]] = {}

    def take(self, key: str, now_s: float) -> None:
        """Counts a call; raises TooMany, with the time to wait, when there were too many."""
        left = self._left(key, now_s)
        if left < 1:
            raise TooMany(math.ceil((1 - left) / self._rate_s))
        self._put(key, left - 1, now_s)

    def give_back(self, key: str, now_s: float) -> None:
        """Takes back a call that does not count after all."""
        self._put(key, self._left(key, now_s) + 1, now_s)

    def _left(self, key: str, now_s: float) -> float:
        left, at_s = self._levels.get(key, (self._burst, now_s))
        return min(left + (now_s - at_s) * self._rate_s, self._burst)

    def _put(self, key: str, left: float, now_s: float) -> None:
        if key not in self._levels and len(self._levels) >= _MAX_NUMBER:
            self._levels = {known: level for known, level in self._levels.items() if self._left(known, now_s) < self._burst}
            for oldest in list(self._levels)[: max(len(self._levels) - _MAX_NUMBER * 9 // 10, 0)]:
                del self._levels[oldest]
        self._levels[key] = left, now_s


def address_of(scope: HTTPScope, settings: Settings) -> str:
    """Returns whence a request came: the peer, or where a trusted proxy says that it got it from."""
    client = scope.get("client")
    peer = client[0] if client else ""
    trusted = [each.strip() for each in settings.trusted_proxies.split(",") if each.strip()]
    if "*" in trusted or peer in trusted:
        addresses = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
        last = addresses[-1].decode("latin-1").rpartition(",")[2].strip() if addresses else ""
        try:
            return str(ip_address(last))
        except ValueError:
            pass
    return peer


def network_of(address: str) -> str:
    """Returns what an address is counted under: itself, or its network where a caller has as many as it likes."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)  # the same caller, who came by a socket for both
        return str(IPv6Address(int(parsed) >> _IPV6_HOST_BITS << _IPV6_HOST_BITS))
    return str(parsed)
