"""The object store, by obstore: local directories here, S3 and its kin by the same calls. The one door to obstore.

Objects are whole, immutable and uniquely named; nothing is ever overwritten and nothing depends on conditional writes. The
only addition to obstore is that a local put is fsynced, as the rows that rely on it are.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, ObjectStore

from joblog.errors import Damaged, Unavailable
from joblog.model import Log

# obstore raises the one or the other, by store and call.
_MISSING = (FileNotFoundError, NotFoundError)


class Objects:
    """A store of objects. Methods block and raise Unavailable when the store fails."""

    def __init__(self, store: ObjectStore, directory: Path | None = None) -> None:
        self._store = store
        self._directory = directory

    @property
    def local_directory(self) -> bool:
        """Whether the objects are files of this machine."""
        return self._directory is not None

    @classmethod
    def local(cls, directory: Path) -> Objects:
        """Opens, or makes, a directory of objects."""
        directory.mkdir(parents=True, exist_ok=True)
        return cls(LocalStore(directory), directory)

    def put(self, key: str, data: bytes) -> None:
        """Stores an object durably, by one plain write."""
        with _unavailable():
            obstore.put(self._store, key, data, use_multipart=False)
            if self._directory is not None:
                _sync(self._directory / key, self._directory)

    def ranges(self, key: str, starts: Sequence[int], ends: Sequence[int]) -> list[bytes]:
        """Reads the byte ranges ``[start, end)``; raises Damaged when the object is not there."""
        with _unavailable():
            try:
                return [bytes(part) for part in obstore.get_ranges(self._store, key, starts=starts, ends=ends)]
            except _MISSING as error:
                raise Damaged(f"object {key} is missing") from error

    def get(self, key: str) -> bytes:
        """Reads a whole object; raises Damaged when it is not there."""
        with _unavailable():
            try:
                return bytes(obstore.get(self._store, key).bytes())
            except _MISSING as error:
                raise Damaged(f"object {key} is missing") from error

    def delete(self, key: str) -> None:
        """Removes an object; one that is not there is fine."""
        with _unavailable():
            try:
                obstore.delete(self._store, key)
            except _MISSING:
                pass  # Somebody else removed it, or a crash did not let us note that we had.

    def listing(self) -> Iterator[tuple[str, int, int]]:
        """Yields key, size in bytes and time of writing (ms) of every object; for sweeps only, never for reads."""
        with _unavailable():
            for page in obstore.list(self._store):
                for meta in page:
                    yield meta["path"], meta["size"], int(meta["last_modified"].timestamp() * 1000)


def segment_key(log: Log, start_byte: int, end_byte: int) -> str:
    """Names a new segment: readable, sorted by position, unique, so that two writers never meet on one name."""
    place = f"{log.project_id}/{log.job_id}/{log.version_id}/{log.task}"
    return f"{place}/{start_byte:020d}-{end_byte}-{secrets.token_hex(8)}.zst"


def _sync(path: Path, root: Path) -> None:
    """Makes a new file, its name, and the names of its directories durable."""
    for each in (path, *path.parents):
        descriptor = os.open(each, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if each == root:
            return


@contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except (BaseError, OSError) as error:
        raise Unavailable(f"the object store failed: {type(error).__name__}: {error}") from error
