"""Tokens: made at random, shown once, kept as their SHA-256."""

from __future__ import annotations

import hashlib
import secrets

from joblog.catalog.database import Database, Transaction
from joblog.core.accounts import Grant, check_label, check_rights
from joblog.errors import BadLink, NotFound, WrongPassword

_PREFIX = "jl_"

USER_TOKEN_MS = 24 * 3600 * 1000
"""How long a user's token lives: ModelArts' own 24 hours."""

LOGIN_CODE_MS = 600_000
"""How long a link logs in, if nobody has used it: as long as somebody needs to come back to the terminal that shows it."""

_LABEL_ROOM = 180


class Tokens:
    """The catalog's tokens. All methods block."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def make(
        self,
        project_id: str | None,
        rights: list[str],
        label: str,
        now_ms: int,
        expires_ms: int | None,
        job_id: int | None = None,
    ) -> tuple[Grant, str]:
        """Makes a token and returns it with its secret, which nobody can be told again; raises Invalid."""
        granted, label = check_rights(rights), check_label(label)
        with self._db.transaction() as tx:
            return _put(tx, Grant(_next_id(tx), project_id, granted, label, now_ms, expires_ms, job_id))

    def make_for_user(
        self, user_id: str, project_id: str | None, password_hash: str | None, now_ms: int, expires_ms: int
    ) -> tuple[Grant, str]:
        """Makes a token of a user, for a project or (None) for the domain.

        Raises WrongPassword when the user is gone or, where a hash is given, no longer has that password.
        """
        with self._db.transaction() as tx:
            rows = tx.rows("account_hold", id=user_id)
            if not rows or password_hash not in (None, rows[0][0]):
                raise WrongPassword
            # Those that have just expired are kept for a while, to be told as such.
            tx.rows("tokens_drop_expired", user_id=user_id, before_ms=now_ms - USER_TOKEN_MS)
            return _put(tx, Grant(_next_id(tx), project_id, "", "", now_ms, expires_ms, None, user_id))

    def make_login_code(self, token_id: int, now_ms: int) -> tuple[str, int]:
        """Returns what begins one session of a token, and until when (ms); it is kept as its hash."""
        code, expires_ms = secrets.token_urlsafe(32), now_ms + LOGIN_CODE_MS
        with self._db.transaction() as tx:
            tx.rows("login_codes_drop_over", before_ms=now_ms)
            tx.rows("login_code_put", sha256=_hash(code), token_id=token_id, expires_ms=expires_ms)
        return code, expires_ms

    def use_login_code(self, code: str, now_ms: int, lasts_ms: int) -> str:
        """Returns the secret of a new token that reads what the code's token may read, and ends with it.

        Raises BadLink for a code that is used, over or none, or whose token is gone or may not read.
        """
        if not self._db.rows("login_code", sha256=_hash(code)):
            raise BadLink  # strangers who guess cost a look
        with self._db.transaction() as tx:
            taken = tx.rows("login_code_take", sha256=_hash(code))
            rows = tx.rows("token_by_id", id=taken[0][0]) if taken and taken[0][1] > now_ms else []
            # What is refused is taken all the same: nobody tries it twice.
            made = _session_of(tx, Grant(*rows[0]), now_ms, now_ms + lasts_ms) if rows else None
        if made is None:
            raise BadLink
        return made

    def find(self, secret: str) -> Grant | None:
        """Returns the token of that secret. It is looked up by its hash, so timing tells nothing about others."""
        rows = self._db.rows("token_by_hash", sha256=_hash(secret))
        return Grant(*rows[0]) if rows else None

    def all(self, after: int, limit: int) -> list[Grant]:
        """Lists tokens by id, but for those that users got by logging in."""
        return [Grant(*row) for row in self._db.rows("tokens", after=after, limit=limit)]

    def revoke(self, token_id: int) -> None:
        """Removes a token; raises NotFound."""
        with self._db.transaction() as tx:
            if not tx.rows("token_drop", id=token_id):
                raise NotFound("token", token_id)


def _session_of(tx: Transaction, parent: Grant, now_ms: int, until_ms: int) -> str | None:
    over = parent.expires_ms is not None and parent.expires_ms <= now_ms
    if over or not (parent.user_id is not None or parent.may("read")):
        return None
    tx.rows("tokens_drop_over", before_ms=now_ms)
    expires_ms = until_ms if parent.expires_ms is None else min(parent.expires_ms, until_ms)
    rights = "" if parent.user_id is not None else "read"
    label = f"{parent.label} (browser)" if len(parent.label) < _LABEL_ROOM else parent.label
    child = Grant(_next_id(tx), parent.project_id, rights, label, now_ms, expires_ms, parent.job_id, parent.user_id)
    return _put(tx, child, parent.id)[1]


def _next_id(tx: Transaction) -> int:
    return int(tx.rows("next_id", name="token")[0][0])


def _put(tx: Transaction, token: Grant, parent_id: int | None = None) -> tuple[Grant, str]:
    secret = _PREFIX + secrets.token_urlsafe(32)
    tx.rows(
        "token_put",
        id=token.id,
        sha256=_hash(secret),
        project_id=token.project_id,
        job_id=token.job_id,
        user_id=token.user_id,
        rights=token.rights,
        label=token.label,
        now_ms=token.created_ms,
        expires_ms=token.expires_ms,
        parent_id=parent_id,
    )
    return token, secret


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
