"""Secret access keys: encrypted with a key that is not in the catalog. The one door to cryptography.

A signature can be checked only by whoever has the secret itself, so a hash does not do. Whoever copies the catalog alone
must not get it, so the key is in a file of its own, or in the environment where several nodes share one catalog.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from joblog.errors import Damaged, Invalid

_KEY_BYTES = 32
_NONCE_BYTES = 12

_MARKED = b"which key of joblog's this is"

_ALLOWED = f"{_KEY_BYTES} bytes in URL-safe base64"


class Vault:
    """Seals and opens short secrets: AES-256-GCM, bound to what the secret belongs to."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)
        self._derives = hmac.digest(key, b"what joblog derives other keys from", "sha256")
        self.mark = int.from_bytes(hmac.digest(key, _MARKED, "sha256")[:7])
        """Tells this key from another one, and nothing else of it; a number of 56 bits, for everybody to see."""

    @classmethod
    def load(cls, setting: str, path: Path) -> Vault:
        """Opens the vault of the key in the setting or, where that is empty, in the file, which is made if it is not there.

        Raises Invalid, which does not show the key.
        """
        if setting:
            return cls(_key("secret_key", setting))
        if not path.exists():
            _make(path)
        return cls(_key(str(path), path.read_text(encoding="ascii", errors="replace")))

    def seal(self, secret: str, owner: str) -> bytes:
        """Returns the secret, encrypted; it can be opened for the same owner only."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret.encode(), owner.encode())

    def open(self, sealed: bytes, owner: str) -> str:
        """Returns the secret; raises Damaged when it was sealed with another key or for another owner."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], owner.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise Damaged(f"the secret of {owner} cannot be decrypted: is the secret key the one it was made with?") from error

    def derived(self, purpose: str) -> bytes:
        """Returns a key of 32 bytes for a purpose, the same each time, which says nothing of this one."""
        return hmac.digest(self._derives, purpose.encode(), "sha256")


def _make(path: Path) -> None:
    """Writes a new key, whole or not at all, readable by its owner only; of two that do so at once one wins."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(base64.urlsafe_b64encode(secrets.token_bytes(_KEY_BYTES)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(part, path)
    except FileExistsError:
        pass
    finally:
        part.unlink()


def _key(parameter: str, text: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise Invalid(parameter, _ALLOWED) from error
    if len(key) != _KEY_BYTES:
        raise Invalid(parameter, _ALLOWED)
    return key
