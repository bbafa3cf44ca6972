"""To whom a rule's alerts go: addresses, which are secrets, since whoever knows a webhook's may write to it.

``https://...`` is a webhook of one's own, or of a chat whose addresses are known; ``slack://...``, ``mailtos://...`` and so on
are apprise's; ``command:`` is the program that the operator allows. They are stored encrypted, and shown without
what is secret.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec

from joblog.catalog.shared_key import watch_owner
from joblog.catalog.vault import Vault
from joblog.catalog.watching import DueDelivery, RuleRow
from joblog.core.settings import Settings
from joblog.errors import Damaged, Invalid
from joblog.watch.body import RuleBody, decoded
from joblog.watch.hosts import Hosts
from joblog.watch.notify import SCHEMES, check_chat, is_chat

COMMAND, STOP = "command:", "stop:"

_ALLOWED = f"https://..., http://..., command:, or an address of apprise's ({', '.join(SCHEMES)})"


class Receivers:
    """Checks, hides, encrypts and opens addresses."""

    def __init__(self, settings: Settings, vault: Vault) -> None:
        self._vault = vault
        self._command = settings.alert_command
        self.hosts = Hosts(settings.alert_hosts)

    def check(self, addresses: Sequence[str]) -> None:
        """Raises Invalid, with ``notify``, for an address that nothing could be sent to; the message does not show it."""
        for address in addresses:
            scheme = address.partition(":")[0].lower()
            if address == COMMAND:
                if not self._command:
                    raise Invalid("notify", "without command:, which this server does not allow (its setting alert_command)")
            elif scheme in ("http", "https"):
                self._check_web(address)
            elif scheme in SCHEMES:
                check_chat(address, self.hosts)
            else:
                raise Invalid("notify", _ALLOWED, f"{scheme}:..." if ":" in address else None)

    def sealed(self, project_id: str, addresses: Sequence[str]) -> bytes:
        """Returns addresses as a rule keeps them."""
        return self._vault.seal(msgspec.json.encode(list(addresses)).decode(), watch_owner(project_id))

    def addresses(self, row: RuleRow) -> list[str]:
        """Returns a rule's addresses; raises Damaged where they were encrypted with another key."""
        return msgspec.json.decode(self._vault.open(row.sealed_notify, watch_owner(row.project_id)), type=list[str])

    def shown_of(self, row: RuleRow) -> list[str]:
        """Returns a rule's addresses without what is secret in them."""
        try:
            return [shown_address(each) for each in self.addresses(row)]
        except Damaged:
            return ["(encrypted with another key)"]

    def sealed_each(self, row: RuleRow) -> list[tuple[str, bytes]]:
        """Returns a rule's receivers as deliveries keep them: what may be shown, and the address, encrypted."""
        body: RuleBody = decoded(row.body)
        also = [STOP] if body.stop else []
        try:
            addresses = [*self.addresses(row), *also]
        except Damaged:  # the alert is there all the same, and says what became of it
            return [("(encrypted with another key)", row.sealed_notify)]
        owner = watch_owner(row.project_id)
        return [(shown_address(each), self._vault.seal(each, owner)) for each in addresses]

    def open(self, due: DueDelivery) -> str:
        """Returns the address of a delivery; raises Damaged."""
        return self._vault.open(due.sealed_url, watch_owner(due.project_id))

    def secret(self, project_id: str) -> str:
        """Returns what signs a project's webhooks, as Standard Webhooks writes it."""
        return signing_secret(self._vault, project_id)

    def _check_web(self, address: str) -> None:
        try:
            parts = urlsplit(address)
            host, _ = parts.hostname or "", parts.port
        except ValueError as error:
            raise Invalid("notify", "an address that can be read, such as https://hooks.example.com/training") from error
        if not host or parts.username is not None:
            raise Invalid("notify", "an address with a host and without a user, such as https://hooks.example.com/training")
        if not address.isascii() or " " in address:
            raise Invalid("notify", "an address of ASCII without blanks, what else there is as %XX, or in a host as xn--")
        if is_chat(address):
            check_chat(address, self.hosts)
        self.hosts.check_literal(host)


def shown_address(address: str) -> str:
    """Returns an address without what is secret in it: a webhook's host, of all else the scheme."""
    if address == STOP:
        return "stop the run"
    scheme, _, _ = address.partition(":")
    if scheme.lower() in ("http", "https"):
        parts = urlsplit(address)
        port = "" if parts.port is None else f":{parts.port}"
        return f"{scheme}://{parts.hostname}{port}/\u2026"
    return address if address == COMMAND else f"{scheme}://\u2026"


def signing_secret(vault: Vault, project_id: str) -> str:
    """Returns what signs a project's webhooks: the same each time, on every node."""
    return "whsec_" + base64.b64encode(vault.derived(f"webhooks of {project_id}")).decode()
