"""Passwords, kept as Argon2id hashes. The one door to argon2-cffi."""

from __future__ import annotations

import secrets
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# OWASP's figures for Argon2id: 19 MiB and two passes, some 30 ms of one core. Twice of it for each check would let half as
# many people log in; the whole of RFC 9106's 64 MiB is more than the server otherwise holds.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


class Passwords:
    """Makes and checks hashes. Both block for some tens of milliseconds, without the interpreter's lock."""

    def hashed(self, password: str) -> str:
        """Returns a hash, with its salt and its figures in it."""
        return _HASHER.hash(password)

    def match(self, password: str, password_hash: str | None) -> bool:
        """Whether it is the password; for a user that does not exist (None) no answer comes sooner than for one that does."""
        nobody = self._nobody  # made by the first who logs in, whoever that is
        try:
            _HASHER.verify(nobody if password_hash is None else password_hash, password)
        except (VerificationError, InvalidHashError):
            return False
        return password_hash is not None

    @cached_property
    def _nobody(self) -> str:
        return _HASHER.hash(secrets.token_hex())
