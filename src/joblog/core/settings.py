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

STORED = ("data", "catalog", "catalog_connections", "objects", "objects_endpoint", "objects_region", "objects_style")
"""The settings that say where things are kept; every command that looks at them takes these."""


_CHOICES = {
    "objects_style": ("path", "host"),
    "metrics": ("local", "token", "open", "off"),
    "log_format": ("text", "json"),
    "audit": ("acts", "reads", "none"),
    "traces": ("off", "otlp"),
    "log_requests": ("none", "errors", "all"),
}


def _setting(default: Any, help: str) -> Any:
    return field(default=default, metadata={"help": help})


def _secret(help: str) -> Any:
    """Declares a setting that is read from the environment only: everybody on a machine sees its command lines."""
    return field(default="", repr=False, metadata={"help": help, "secret": True})


@dataclass(frozen=True)
class Settings:
    """What ``joblog serve`` can be told."""

    data: Path = _setting(
        Path(), "directory of the catalog and the objects, where these are not elsewhere, and the admin token"
    )
    catalog: str = _setting(
        "", "PostgreSQL database to use as the catalog, postgresql://USER@HOST/NAME; by default SQLite in <data>"
    )
    catalog_connections: int = _setting(16, "connections to PostgreSQL, at most")
    catalog_wait_s: int = _setting(60, "a start waits so long for a PostgreSQL that cannot be reached; then it fails")
    objects: str = _setting("", "where sealed segments are: s3://, gs://, az:// or file://; by default <data>/objects")
    objects_endpoint: str = _setting("", "address of an S3-compatible store, as https://s3.example.org")
    objects_region: str = _setting("", "region of the S3 bucket")
    objects_style: str = _setting(
        "path", "where an S3 request names its bucket: path, or host (virtual-hosted, as OBS wants it)"
    )
    host: str = _setting("127.0.0.1", "address to listen on; others can reach joblog only when this is changed")
    port: int = _setting(8470, "TCP port to listen on; 0 takes a free one, which <data>/url then names")
    append_limit_bytes: int = _setting(16 * MIB, "largest body of one append, also when decompressed")
    append_queue_bytes: int = _setting(
        64 * MIB, "memory for bodies that are on their way or wait for their commit, shared by the callers; beyond: 503"
    )
    cache_bytes: int = _setting(48 * MIB, "memory for decompressed pieces of sealed logs")
    seal_bytes: int = _setting(8 * MIB, "a log's tail in the catalog is sealed into an object at this size")
    seal_quiet_s: int = _setting(60, "and when nothing was appended for so long")
    merge_calm_s: float = _setting(5.0, "merging, which compresses hard, waits until nothing was sealed for so long")
    janitor_s: float = _setting(1.0, "pause between two rounds of sealing and merging")
    retain_check_s: float = _setting(60.0, "pause between two rounds of retention and of removing objects")
    public_url: str = _setting(
        "", "where clients reach joblog, such as https://logs.example.com; default: as each request has it"
    )
    trusted_proxies: str = _setting("", "addresses, a comma between, whose X-Forwarded-Host and -Proto are believed; * for all")
    region: str = _setting("default", "the region that the service catalogue names")
    secret_key: str = _secret("what encrypts secret access keys, for several nodes on one catalog; default: <data>/secret.key")
    heartbeat_s: float = _setting(10.0, "a follower hears from the server so often, also when there is nothing to say")
    search_threads: int = _setting(2, "searches that run at a time; each takes a processor")
    metrics: str = _setting(
        "local", "who reads /metrics: local (processes of this machine, others with a token), token, open (everybody) or off"
    )
    log_format: str = _setting("text", "what the server says of itself: text, or json (an object on each line)")
    log_requests: str = _setting("none", "requests that it tells of: none, errors (status 400 and above) or all")
    traces: str = _setting("off", "OpenTelemetry traces: otlp (sent as OTEL_* variables say; needs joblog[traces]) or off")
    rate_limit: float = _setting(
        0.0, "requests a second of one token, ten seconds' worth of them at once; beyond it: 429; 0: no limit"
    )
    login_limit: int = _setting(
        60, "passwords and keys that one address may get wrong in a minute; beyond it: 429; 0: no limit"
    )
    body_silence_s: float = _setting(
        30.0, "a body that stands still for so long is given up, and a connection whose client takes nothing of its answer"
    )
    audit: str = _setting("acts", "what the audit log has: acts (administrative ones), reads (those too) or none")
    audit_file: str = _setting("", "the audit log, an object on each line; by default it is in the server's log")
    tls_cert: str = _setting("", "file with the server's certificate, and those between it and its authority, in PEM")
    tls_key: str = _setting("", "file with the certificate's private key, in PEM, without a passphrase")
    object_grace_s: int = _setting(
        24 * 3600, "how long an object outlives its row: what retention, merging or somebody's mistake dropped is still there"
    )
    retain_share: float = _setting(
        1.0, "of what a project stores, retention drops at most so many percent in one round (at least one segment); 100: all"
    )

    @property
    def catalog_path(self) -> Path:
        """The SQLite file."""
        return self.data / "catalog.db"

    @property
    def secret_key_path(self) -> Path:
        """The file with the key that encrypts secret access keys, where no setting has it."""
        return self.data / "secret.key"

    @property
    def admin_token_path(self) -> Path:
        """The file with the token that may do everything, which the first start makes."""
        return self.data / "admin.token"

    @property
    def objects_path(self) -> Path:
        """The directory of sealed segments."""
        return self.data / "objects"

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise Invalid(name, " or ".join((", ".join(allowed[:-1]), allowed[-1])), getattr(self, name))
        if bool(self.tls_cert) != bool(self.tls_key):
            raise Invalid("tls_cert and tls_key", "both given, or neither")
        if self.catalog and not self.catalog.startswith(("postgresql://", "postgres://")):
            raise Invalid("catalog", "an address that begins with postgresql://")  # not shown: it may hold a password
        if not 2 <= self.catalog_connections <= 1000:
            raise Invalid("catalog_connections", "a number from 2 to 1000", self.catalog_connections)

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
