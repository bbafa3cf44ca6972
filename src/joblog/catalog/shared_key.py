"""The one secret key of all nodes on one catalog, of which the catalog keeps a mark: the first node's, to compare others' with.

Nodes with different keys look well until a client that has an access key, or a signed link, of the one comes to the other.
"""

from __future__ import annotations

from joblog.catalog.database import Database
from joblog.catalog.vault import Vault
from joblog.errors import Damaged, Invalid

_NAME = "secret-key"

_ALLOWED = (
    "the one that the first node on the catalog has: give all nodes the same JOBLOG_SECRET_KEY "
    "(where the first was given none, it is in its secret.key)"
)


def agree(database: Database, vault: Vault) -> None:
    """Makes this node's key that of all, or finds that it is; raises Invalid when it is another one, Unavailable."""
    rows = database.rows("counter", name=_NAME)
    if not rows and not _opens_any(database, vault):
        raise Invalid("secret_key", _ALLOWED)
    with database.transaction() as tx:
        ((mark,),) = tx.rows("counter_or", name=_NAME, value=vault.mark)
    if mark != vault.mark:
        raise Invalid("secret_key", _ALLOWED)


def sealed_secrets(database: Database) -> list[tuple[bytes, str]]:
    """Returns what the catalog keeps encrypted, and to whom each belongs: secrets of access keys, addresses of rules."""
    keys = [(bytes(row[2]), str(row[0])) for row in database.rows("access_key_rows")]
    return keys + [(bytes(row[4]), watch_owner(row[1])) for row in database.rows("watch_rules") if len(row[4])]


def watch_owner(project_id: str) -> str:
    """Returns to whom the addresses of a project's rules belong."""
    return f"watch {project_id}"


def _opens_any(database: Database, vault: Vault) -> bool:
    """Whether a catalog without a mark, which may be from elsewhere, has no secrets, or some that this key can open."""
    sealed = sealed_secrets(database)
    for secret, access in sealed:
        try:
            vault.open(bytes(secret), access)
        except Damaged:
            continue
        return True
    return not sealed
