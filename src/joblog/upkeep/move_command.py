"""``joblog move``: opens what is moved and where it goes to, sees that nobody serves either, and carries all of it over."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from joblog.catalog.database import Database
from joblog.catalog.handover import Turn, is_partial
from joblog.catalog.shared_key import sealed_secrets
from joblog.catalog.vault import Vault
from joblog.core.settings import Settings
from joblog.engine.opening import lock, open_database, open_objects
from joblog.errors import Conflict, Invalid
from joblog.objects import credentials
from joblog.objects.store import Objects, environment_endpoint
from joblog.upkeep.move import Move
from joblog.upkeep.move_log import MoveEnd


@dataclass(frozen=True)
class Moved:
    """What has become of it. ``whole``: the other place has all, and may be served. ``served``: somebody serves the source."""

    move: Move
    whole: bool
    served: bool
    needs_key: bool
    """Whether there are access keys, whose secrets can be read with the source's secret key only, which was not copied."""


def move(
    source: Settings,
    target: Settings,
    *,
    files: bool,
    say: Callable[[int, int, int], None],
    own: Mapping[str, str] | None = None,
) -> Moved:
    """Carries a catalog and its objects over to others; again goes on where it was, or finds nothing to do.

    ``files``: both have a data directory, of which the other one gets the files beside the catalog: secret key, admin token.
    ``own``: what the other object store is to find in the environment (``AWS_ACCESS_KEY_ID`` ...), where it is not to find what
    the source's does. Raises Invalid, Conflict when the target is in use or not this source's, Unavailable.
    """
    if not source.catalog and not source.catalog_path.exists():
        raise Invalid("data", "a directory that joblog has served", str(source.data))
    if _address(source) == _address(target):
        raise Invalid("to_catalog and to_data", "another place than the one that is moved")
    with ExitStack() as stack:
        served = not _locked(source, stack)
        if files or not target.catalog:
            target.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not target.catalog:
            stack.callback(os.close, lock(target))
        # Before the databases, which have threads of their own: the environment is another one meanwhile.
        from_objects, from_store = _opened_store(source, {})
        to_objects, to_store = _opened_store(target, own or {})
        ours = stack.enter_context(_opened(source))
        if is_partial(ours):
            raise Conflict("the catalog to move is itself only partly copied: finish that move first")
        theirs = stack.enter_context(_opened(target))
        turn = Turn(theirs, _address(source))
        places = MoveEnd(ours, from_objects), MoveEnd(theirs, to_objects)
        moving = Move(*places, turn, same_objects=from_store == to_store, clock_ms=theirs.clock_ms)
        if files:
            _copy(_secret_key(source), target.secret_key_path)
            _copy(_content(source.admin_token_path), target.admin_token_path)
        whole = moving.run(say) and not served
        if whole:
            turn.done()
        return Moved(moving, whole, served, needs_key=not _reads_keys(theirs, target))


def _locked(source: Settings, stack: ExitStack) -> bool:
    """Keeps others from serving an embedded source; False when one does. Who uses a PostgreSQL database nobody can tell."""
    if source.catalog:
        return True
    try:
        stack.callback(os.close, lock(source))
    except Invalid:
        return False
    return True


@contextmanager
def _opened(settings: Settings) -> Iterator[Database]:
    database = open_database(settings)
    try:
        yield database
    finally:
        database.close()


def _address(settings: Settings) -> str:
    """Names a catalog, without its user's name, password and options."""
    if not settings.catalog:
        return str(settings.catalog_path.resolve())
    parts = urlsplit(settings.catalog)
    return f"postgresql://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _opened_store(settings: Settings, own: Mapping[str, str]) -> tuple[Objects, tuple[str, ...]]:
    """Opens an object store; returns what tells it from others, too: two that are told apart may still be one."""
    with credentials.environment(own):
        objects = open_objects(settings)
        url = (settings.objects or f"file://{settings.objects_path.resolve()}").rstrip("/")
        if url.startswith("s3:"):
            return objects, (url, (settings.objects_endpoint or environment_endpoint()).rstrip("/"))
        return objects, (url, *sorted(f"{name}={value}" for name, value in own.items()))


def _secret_key(settings: Settings) -> bytes:
    return f"{settings.secret_key}\n".encode() if settings.secret_key else _content(settings.secret_key_path)


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def _copy(content: bytes, to: Path) -> None:
    """Writes a small secret file, for its owner only; raises Conflict when there is another one."""
    there = _content(to)
    if not content or there.strip() == content.strip():
        return
    if there:
        raise Conflict(f"{to} belongs to another joblog: name an empty directory")
    part = to.with_name(f"{to.name}.{os.getpid()}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(to)


def _reads_keys(database: Database, target: Settings) -> bool:
    """Whether who serves the target can read what is encrypted; raises Damaged when it has a wrong key for it."""
    secrets = sealed_secrets(database)
    if not secrets:
        return True
    if not target.secret_key and not target.secret_key_path.exists():
        return False
    vault = Vault.load(target.secret_key, target.secret_key_path)
    for sealed, owner in secrets:
        vault.open(sealed, owner)
    return True
