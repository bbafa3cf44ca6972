"""Tokens: made at random, shown once, kept as their SHA-256."""

from __future__ import annotations

import hashlib
import secrets

from joblog.errors import Invalid, NotFound
from joblog.model import Token
from joblog.storage.database import Database

RIGHTS = ("read", "write", "admin")

_PREFIX = "jl_"


class Tokens:
    """The catalog's tokens. All methods block."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def make(
        self, project_id: str | None, rights: list[str], label: str, now_ms: int, expires_ms: int | None
    ) -> tuple[Token, str]:
        """Makes a token and returns it with its secret, which nobody can be told again; raises Invalid."""
        if not rights or not set(rights) <= set(RIGHTS):
            raise Invalid("rights", f"a list of some of {', '.join(RIGHTS)}", rights)
        if len(label) > 200:
            raise Invalid("label", "at most 200 characters")
        secret = _PREFIX + secrets.token_urlsafe(32)
        held = ",".join(right for right in RIGHTS if right in rights)
        with self._db.transaction() as tx:
            number = int(tx.rows("next_id", name="token")[0][0])
            tx.rows(
                "token_put",
                id=number,
                sha256=_hash(secret),
                project_id=project_id,
                rights=held,
                label=label,
                now_ms=now_ms,
                expires_ms=expires_ms,
            )
        return Token(number, project_id, held, label, now_ms, expires_ms), secret

    def find(self, secret: str) -> Token | None:
        """Returns the token of that secret. It is looked up by its hash, so timing tells nothing about others."""
        rows = self._db.rows("token_by_hash", sha256=_hash(secret))
        return Token(*rows[0]) if rows else None

    def all(self, after: int, limit: int) -> list[Token]:
        """Lists tokens by id."""
        return [Token(*row) for row in self._db.rows("tokens", after=after, limit=limit)]

    def revoke(self, token_id: int) -> None:
        """Removes a token; raises NotFound."""
        with self._db.transaction() as tx:
            if not tx.rows("token_drop", id=token_id):
                raise NotFound("token", token_id)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
