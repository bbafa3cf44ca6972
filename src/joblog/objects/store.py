"""The object store, by obstore: directories, S3 and its kin, by the same calls. The one door to obstore.

A file of a local directory is read by the system's own calls, as most reads are of it.

Objects are whole, immutable and uniquely named; nothing is ever overwritten and nothing depends on conditional writes. A put
whose answer was lost is repeated, or leaves an object that no row names, whose name the catalog has noted. The only addition to
obstore is that a local put is fsynced, as the rows that rely on it are.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import AzureStore, GCSStore, LocalStore, MemoryStore, ObjectStore, S3Store

from joblog.core.logs import Head
from joblog.errors import Damaged, Invalid, Unavailable

# obstore raises the one or the other, by store and call.
_MISSING = (FileNotFoundError, NotFoundError)

# A segment is some megabytes. A store that does not answer within these is said to be unavailable; what is on the way of a
# user's request is then refused with 503, and what the background loop does is tried again in its next round.
_CLIENT = {"connect_timeout": "5s", "timeout": "30s", "pool_idle_timeout": "60s"}
_RETRY: dict[str, Any] = {
    "max_retries": 10,
    "retry_timeout": timedelta(seconds=10),
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=2), "base": 2},
}

# Directories that are known to be durable: some 300 bytes each.
_SYNCED = 10_000

_MARKS = ".joblog/"
"""What begins so says which catalog the objects are of, and is no object of a log: no project's id begins with a dot."""

_SEGMENT_KEY = re.compile(r"[^/]+/(?:\d+/\d+/worker-\d+|packs)/\d{20}-\d+-[0-9a-f]{16}\.zst", re.ASCII)
"""Objects of one log, and packs."""

_MARK = re.compile(re.escape(_MARKS) + r"(\d{20})-(\d+)", re.ASCII)

_SCHEMES = "s3://bucket/prefix, gs://bucket/prefix, az://container/prefix, file:///directory or memory://"


class Objects:
    """A store of objects. Methods block and raise Unavailable when the store fails."""

    def __init__(self, store: ObjectStore, directory: Path | None = None) -> None:
        self._store = store
        self._directory = directory
        self._path = None if directory is None else f"{directory}/"
        self._synced: set[Path] = set()
        """Directories whose names, up to the store's own, are durable."""
        self._observer: Callable[[str, bool, float], None] = lambda *_: None

    def watch(self, observer: Callable[[str, bool, float], None]) -> None:
        """Has ``observer`` called for each call: its name, whether the store failed it, how long it took in seconds."""
        self._observer = observer

    @contextmanager
    def _calling(self, call: str) -> Iterator[None]:
        began_s, failed = time.perf_counter(), True
        try:
            with _unavailable():
                yield
            failed = False
        except Damaged:  # the store answered; that the object is not there is not its failure
            failed = False
            raise
        finally:
            self._observer(call, failed, time.perf_counter() - began_s)

    @property
    def local_directory(self) -> bool:
        """Whether the objects are files of this machine."""
        return self._directory is not None

    @classmethod
    def local(cls, directory: Path) -> Objects:
        """Opens, or makes, a directory of objects."""
        directory.mkdir(parents=True, exist_ok=True)
        return cls(LocalStore(directory), directory)

    @classmethod
    def at(cls, url: str, *, endpoint: str = "", region: str = "", virtual_hosted: bool = False) -> Objects:
        """Opens what a URL names; what it does not say (credentials above all) comes from the store's usual environment.

        ``endpoint`` is an S3-compatible store's own address, ``virtual_hosted`` whether the bucket stands in its host's name
        rather than in the path. Raises Invalid.
        """
        parts = urlsplit(url)
        prefix = parts.path.strip("/")
        common: dict[str, Any] = {"client_options": dict(_CLIENT), "retry_config": _RETRY, "prefix": prefix or None}
        if parts.scheme == "file" and parts.netloc in ("", "localhost") and prefix:
            return cls.local(Path(unquote(parts.path)))
        if parts.scheme == "memory" and not parts.netloc and not prefix:
            return cls(MemoryStore())
        if parts.scheme not in ("s3", "gs", "az") or not parts.netloc or parts.query or parts.fragment:
            raise Invalid("objects", f"like {_SCHEMES}", url)
        try:
            if parts.scheme == "gs":
                return cls(GCSStore(parts.netloc, **common))
            if parts.scheme == "az":
                return cls(AzureStore(parts.netloc, **common))
            return cls(_s3(parts.netloc, endpoint, region, virtual_hosted, common))
        except BaseError as error:
            raise Invalid("objects", f"the address of a store that can be used ({_reason(error)})", url) from error

    def reachable(self) -> None:
        """Asks for an object that is not there; raises Unavailable when the store does not say so."""
        with _unavailable():
            try:
                obstore.head(self._store, "joblog-is-here")
            except _MISSING:
                pass

    def put(self, key: str, data: bytes) -> None:
        """Stores an object durably, by one plain write."""
        with self._calling("put"):
            if self._directory is None:
                obstore.put(self._store, key, data, use_multipart=False)
                return
            place = (self._directory / key).parent
            for each in (place, *place.parents):
                if each.is_dir():
                    break
                self._synced.discard(each)  # it was there, and somebody has removed it
            obstore.put(self._store, key, data, use_multipart=False)
            _sync(self._directory / key)
            self._sync_names(place)

    def _sync_names(self, place: Path) -> None:
        """Makes a new file's name in its directory durable, and that directory's own name, unless it is known to be."""
        _sync(place)
        known = [place]
        while known[-1] != self._directory and known[-1] not in self._synced:
            known.append(known[-1].parent)
            _sync(known[-1])
        if len(self._synced) > _SYNCED:
            self._synced.clear()
        self._synced.update(known)

    def ranges(self, key: str, starts: Sequence[int], ends: Sequence[int]) -> list[bytes]:
        """Reads the byte ranges ``[start, end)``, which lie near each other, by one request.

        Raises Damaged when the object is not there, or ends before them.
        """
        low, high = min(starts), max(ends)
        with self._calling("ranges"):
            try:
                data = self._range(key, low, high) if self._path is None else _read(self._path + key, low, high)
            except _MISSING as error:
                raise Damaged(f"object {key} is missing") from error
            if len(data) != high - low:
                raise Damaged(f"object {key} ends before byte {high}")
            return [data[start - low : end - low] for start, end in zip(starts, ends, strict=True)]

    def _range(self, key: str, low: int, high: int) -> bytes:
        """Reads bytes of an object by obstore; none where it ends before them."""
        try:
            # Not get_ranges, which ends the thread's call in a panic where an object is shorter than it must be.
            return bytes(obstore.get_range(self._store, key, start=low, end=high))
        except _MISSING:
            raise
        except BaseError:
            if int(obstore.head(self._store, key)["size"]) >= high:
                raise
            return b""  # stores have no common name for a range that is not there

    def get(self, key: str) -> bytes:
        """Reads a whole object; raises Damaged when it is not there."""
        with self._calling("get"):
            try:
                return bytes(obstore.get(self._store, key).bytes())
            except _MISSING as error:
                raise Damaged(f"object {key} is missing") from error

    def delete(self, key: str) -> None:
        """Removes an object; one that is not there is fine."""
        with self._calling("delete"):
            try:
                obstore.delete(self._store, key)
            except _MISSING:
                pass  # Somebody else removed it, or a crash did not let us note that we had.

    def size(self, key: str) -> int | None:
        """Returns an object's size in bytes, None when it is not there."""
        with self._calling("head"):
            try:
                return int(obstore.head(self._store, key)["size"])
            except _MISSING:
                return None

    def listing(self) -> Iterator[tuple[str, int, int]]:
        """Yields key, size in bytes and time of writing (ms) of every object; for sweeps only, never for reads."""
        with _unavailable():
            for page in obstore.list(self._store):
                for meta in page:
                    if not meta["path"].startswith(_MARKS):
                        yield meta["path"], meta["size"], int(meta["last_modified"].timestamp() * 1000)

    def segments(self) -> Iterator[tuple[str, int, int]]:
        """Yields the same of all that ``segment_key`` or ``pack_key`` may have named: what else there is, is not joblog's."""
        return (each for each in self.listing() if _SEGMENT_KEY.fullmatch(each[0]))

    def marks(self) -> list[tuple[int, int]]:
        """Returns epoch and catalog of each mark (see ownership.py), the newest last."""
        with _unavailable():
            keys = [meta["path"] for page in obstore.list(self._store, prefix=_MARKS) for meta in page]
        return sorted((int(match[1]), int(match[2])) for match in map(_MARK.fullmatch, keys) if match)

    def put_mark(self, epoch: int, catalog: int) -> None:
        """Marks the store: another object for each epoch, as nothing is ever overwritten."""
        self.put(_mark_key(epoch, catalog), b"which catalog these objects are of, and since when; see joblog's architecture\n")

    def drop_mark(self, epoch: int, catalog: int) -> None:
        """Removes a mark behind which there is a newer one."""
        self.delete(_mark_key(epoch, catalog))


def _read(path: str, low: int, high: int) -> bytes:
    """Reads bytes of a file, fewer where it ends before them: an eighth of what the library takes for it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = os.pread(descriptor, high - low, low)
        while data and len(data) < high - low:
            part = os.pread(descriptor, high - low - len(data), low + len(data))
            if not part:
                break
            data += part
        return data
    finally:
        os.close(descriptor)


def _mark_key(epoch: int, catalog: int) -> str:
    return f"{_MARKS}{epoch:020d}-{catalog}"


def segment_key(log: Head, start_byte: int, end_byte: int) -> str:
    """Names a new segment: readable, sorted by position, unique, so that two writers never meet on one name."""
    return f"{log_place(log)}/{start_byte:020d}-{end_byte}-{secrets.token_hex(8)}.zst"


def pack_key(log_ids: Sequence[int], project_id: str) -> str:
    """Names a new pack: by the project and the ids of the first and the last of its logs, and unique."""
    return f"{project_id}/packs/{log_ids[0]:020d}-{log_ids[-1]}-{secrets.token_hex(8)}.zst"


def is_pack(object_key: str) -> bool:
    """Whether an object is a pack, by its name."""
    return object_key.split("/")[-2:-1] == ["packs"]


def log_place(log: Head) -> str:
    """Names where the objects of a log are."""
    return f"{log.project_id}/{log.job_id}/{log.version_id}/{log.task}"


def environment_endpoint() -> str:
    """Returns the address of the S3-compatible store that the environment names, if it does."""
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""


def _s3(bucket: str, endpoint: str, region: str, virtual_hosted: bool, common: dict[str, Any]) -> S3Store:
    endpoint = endpoint or environment_endpoint()
    if endpoint:
        common["endpoint"] = _in_host(bucket, endpoint) if virtual_hosted else endpoint.rstrip("/")
        common["client_options"]["allow_http"] = endpoint.startswith("http://")
    if region:
        common["region"] = region
    return S3Store(bucket, virtual_hosted_style_request=virtual_hosted, **common)


def _in_host(bucket: str, endpoint: str) -> str:
    """Puts the bucket before the endpoint's host, where obstore wants it; an endpoint that has it already stays as it is."""
    scheme, _, host = endpoint.rstrip("/").partition("://")
    return f"{scheme}://{host}" if host.startswith(f"{bucket}.") else f"{scheme}://{bucket}.{host}"


def _sync(path: Path) -> None:
    """Makes a new file, or the names in a directory, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except (BaseError, OSError) as error:
        raise Unavailable(f"the object store failed: {type(error).__name__}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """Returns the first line, which is all that is meant for users of obstore."""
    return str(error).partition("\n")[0].strip()
