"""Which hosts alerts may be sent to: whoever may write a rule must not reach what only the server can reach.

Public addresses, and what the operator allows beside them. Names are resolved, and their addresses checked, when something is
sent. A webhook connects to the address that was checked, so a name that changes its address in between gets nothing. apprise
resolves a name once more by itself: of a mail server, or a chat server of somebody's own, such a name can lead anywhere.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from joblog.errors import Invalid

_REFUSED = "a public host, or one that the server's setting alert_hosts allows"

Address = IPv4Address | IPv6Address


class Refused(Exception):
    """A host that nothing may be sent to."""


class Hosts:
    """What the setting ``alert_hosts`` allows: names, addresses, networks; ``*`` for all."""

    def __init__(self, setting: str) -> None:
        """Raises Invalid."""
        self._names = set[str]()
        self._networks = list[IPv4Network | IPv6Network]()
        parts = [part.strip().lower() for part in setting.split(",") if part.strip()]
        self._all = "*" in parts
        for part in parts:
            try:
                self._networks.append(ip_network(part, strict=False))
            except ValueError:
                if "/" in part:
                    raise Invalid("alert_hosts", "names, addresses and networks, with commas between", part) from None
                self._names.add(part)

    def check_literal(self, host: str) -> None:
        """Raises Invalid for a host that can be seen to be private; the others are checked when something is sent."""
        try:
            address = ip_address(host)
        except ValueError:
            private = host == "localhost" or host.endswith((".localhost", ".local", ".internal"))
            if private and not self._all and host.lower() not in self._names:
                raise Invalid("notify", f"an address of {_REFUSED}", host) from None
            return
        if not self._may(host, address):
            raise Invalid("notify", f"an address of {_REFUSED}", host)

    def resolved(self, host: str, port: int) -> list[tuple[str, int]]:
        """Returns where a host can be reached; raises Refused when it may not be, OSError when there is no such host."""
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except UnicodeError as error:  # a name that none can be, such as one with two dots
            raise socket.gaierror(socket.EAI_NONAME, "no name") from error
        places = [(str(each[4][0]), port) for each in infos]
        for place, _ in places:
            if not self._may(host, ip_address(place.partition("%")[0])):
                raise Refused(f"{host} is not {_REFUSED}")
        return places

    def _may(self, host: str, address: Address) -> bool:
        mapped = getattr(address, "ipv4_mapped", None) or address
        if self._all or host.lower() in self._names:
            return True
        return is_public(mapped) or any(mapped in network for network in self._networks if network.version == mapped.version)


_TRANSLATED = IPv6Network("64:ff9b::/96")
"""Behind which a network that has IPv6 alone reaches IPv4."""


def is_public(address: Address) -> bool:
    """Whether an address is of the public network, and so is the IPv4 address in it, where a gateway would lead to that."""
    if not address.is_global or address.is_multicast:
        return False
    if isinstance(address, IPv4Address):
        return True
    inner = address.sixtofour
    if address in _TRANSLATED or int(address) < 1 << 32:
        inner = IPv4Address(int(address) & 0xFFFFFFFF)
    return not address.is_site_local and (inner is None or is_public(inner))
