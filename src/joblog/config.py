"""The server's settings, each declared once: name, default, what it means. Read once, at start.

A setting ``retain_check_s`` is ``--retain-check-s`` on the command line and ``JOBLOG_RETAIN_CHECK_S`` in the environment.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from joblog.errors import Invalid

MIB = 1024 * 1024


def _setting(default: Any, help: str) -> Any:
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True)
class Settings:
    """What ``joblog serve`` can be told."""

    data: Path = _setting(Path(), "directory of the catalog, the objects and the admin token")
    host: str = _setting("127.0.0.1", "address to listen on; others can reach joblog only when this is changed")
    port: int = _setting(8470, "TCP port to listen on; 0 takes a free one, which <data>/url then names")
    append_limit_bytes: int = _setting(16 * MIB, "largest body of one append, also when decompressed")
    append_queue_bytes: int = _setting(64 * MIB, "appends in memory waiting for their commit; beyond it: 503")
    cache_bytes: int = _setting(48 * MIB, "memory for decompressed pieces of sealed logs")
    seal_bytes: int = _setting(8 * MIB, "a log's tail in the catalog is sealed into an object at this size")
    seal_quiet_s: int = _setting(60, "and when nothing was appended for so long")
    merge_calm_s: float = _setting(5.0, "merging, which compresses hard, waits until nothing was sealed for so long")
    janitor_s: float = _setting(1.0, "pause between two rounds of sealing and merging")
    retain_check_s: float = _setting(60.0, "pause between two rounds of retention and of removing objects")
    heartbeat_s: float = _setting(10.0, "a follower hears from the server so often, also when there is nothing to say")
    search_threads: int = _setting(2, "searches that run at a time; each takes a processor")
    object_grace_s: int = _setting(600, "how long an object outlives its row, so that no running read loses it")

    @property
    def catalog_path(self) -> Path:
        """The SQLite file."""
        return self.data / "catalog.db"

    @property
    def objects_path(self) -> Path:
        """The directory of sealed segments."""
        return self.data / "objects"

    @classmethod
    def load(cls, overrides: Mapping[str, str], environ: Mapping[str, str] = os.environ) -> Settings:
        """Reads the settings: ``overrides`` (the command line) before the environment before the defaults.

        Raises Invalid, naming the setting.
        """
        given = {"data": str(default_data(environ))}
        for each in fields(cls):
            value = overrides.get(each.name, environ.get(f"JOBLOG_{each.name.upper()}"))
            if value is not None:
                given[each.name] = value
        values: dict[str, Any] = {name: _parsed(name, text) for name, text in given.items()}
        return cls(**values)


def default_data(environ: Mapping[str, str]) -> Path:
    """The data directory when none is named: ``$XDG_DATA_HOME/joblog`` or ``~/.local/share/joblog``."""
    base = environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "joblog"


def _parsed(name: str, text: str) -> object:
    kind = {each.name: each.type for each in fields(Settings)}[name]
    if kind == "Path":
        return Path(text).expanduser().absolute()
    if kind == "str":
        return text
    allowed = "a number of 0 or more" if kind == "float" else "a whole number of 0 or more"
    try:
        number = float(text) if kind == "float" else int(text)
    except ValueError as error:
        raise Invalid(name, allowed, text) from error
    if not 0 <= number < 2**63:
        raise Invalid(name, allowed, text)
    return number
