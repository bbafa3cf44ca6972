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

MAX_WORKERS = 64

STORED = ("data", "catalog", "catalog_connections", "objects", "objects_endpoint", "objects_region", "objects_style")
"""The settings that say where things are kept; every command that looks at them takes these."""


CHOICES = {
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
    """The settings of ``joblog serve``."""

    data: Path = _setting(
        Path(), "directory of the admin token, and of the catalog and the objects unless other settings place them"
    )
    catalog: str = _setting("", "PostgreSQL database of the catalog, postgresql://USER@HOST/NAME (default: SQLite in <data>)")
    catalog_connections: int = _setting(16, "maximum number of connections to PostgreSQL")
    catalog_wait_s: int = _setting(60, "seconds that a start waits for PostgreSQL before it fails")
    objects: str = _setting("", "place of the sealed segments: s3://, gs://, az:// or file:// (default: <data>/objects)")
    objects_endpoint: str = _setting("", "address of an S3-compatible store, such as https://s3.example.org")
    objects_region: str = _setting("", "region of the S3 bucket")
    objects_style: str = _setting("path", "where an S3 request names its bucket: path, or host (virtual-hosted, for OBS)")
    host: str = _setting("127.0.0.1", "address to listen on; change it to let other machines reach joblog")
    port: int = _setting(8470, "TCP port to listen on; 0 takes a free one and writes it to <data>/url")
    workers: int = _setting(
        1, "processes that answer on an embedded catalog: one writes, the others read; 0: one for each core, 8 at most"
    )
    append_limit_bytes: int = _setting(16 * MIB, "largest body of one append, after decompression")
    append_queue_bytes: int = _setting(
        64 * MIB, "memory for bodies that arrive or wait for their commit, shared by the callers; beyond it: 503"
    )
    cache_bytes: int = _setting(48 * MIB, "memory for decompressed pieces of sealed logs")
    seal_bytes: int = _setting(8 * MIB, "size at which a log's tail moves from the catalog into an object")
    seal_quiet_s: int = _setting(
        60, "seconds without an append after which a log's tail moves into an object, whatever its size"
    )
    pack_after_s: int = _setting(
        60,
        "seconds that a small log, once closed, waits in the catalog for others of its project, to share an object with them",
    )
    merge_calm_s: float = _setting(5.0, "seconds without a sealed segment before segments are merged")
    compress_after_s: int = _setting(
        3600, "seconds without an append after which a log's segments are compressed again, smaller"
    )
    janitor_s: float = _setting(1.0, "seconds between two rounds of sealing and merging")
    retain_check_s: float = _setting(60.0, "seconds between two rounds of retention and of removing objects")
    public_url: str = _setting(
        "", "address where clients reach joblog, such as https://logs.example.com (default: the address in each request)"
    )
    trusted_proxies: str = _setting(
        "", "proxies whose X-Forwarded-Host and -Proto are trusted: addresses, separated by commas; * for all"
    )
    region: str = _setting("default", "region in the service catalogue")
    secret_key: str = _secret(
        "key that encrypts secret access keys, the same for all nodes of one catalog (default: <data>/secret.key)"
    )
    heartbeat_s: float = _setting(10.0, "seconds between keep-alives to a follower of a quiet log")
    search_threads: int = _setting(2, "searches that run at once; each takes a processor")
    metrics: str = _setting(
        "local", "who may read /metrics: local (processes of this machine, others with a token), token, open (everybody) or off"
    )
    log_format: str = _setting("text", "format of the server's own log: text, or json (one object per line)")
    log_requests: str = _setting("none", "requests to log: none, errors (status 400 and above) or all")
    traces: str = _setting("off", "OpenTelemetry traces: otlp (configured by OTEL_* variables; needs joblog[traces]) or off")
    rate_limit: float = _setting(
        0.0, "requests per second of one token, with bursts of ten seconds' worth; beyond it: 429; 0: no limit"
    )
    login_limit: int = _setting(60, "wrong passwords and keys per minute and address; beyond it: 429; 0: no limit")
    body_silence_s: float = _setting(
        30.0, "seconds of silence after which a request's body, or an answer that nobody reads, is given up"
    )
    audit: str = _setting(
        "acts", "calls in the audit log: acts (administrative calls), reads (calls that read as well) or none"
    )
    audit_file: str = _setting("", "file of the audit log, one JSON object per line (default: the server's log)")
    alert_hosts: str = _setting(
        "", "private hosts and networks that alerts may be sent to, with commas between; * for all (default: public ones only)"
    )
    alert_command: str = _setting("", "program that rules may have run, with the alert as JSON on stdin (default: none)")
    tls_cert: str = _setting("", "file with the server's certificate and its chain, in PEM")
    tls_key: str = _setting("", "file with the certificate's private key, in PEM, without a passphrase")
    object_grace_s: int = _setting(24 * 3600, "seconds that an object stays after retention, merging or a mistake dropped it")
    retain_share: float = _setting(
        1.0, "percent of a project's bytes that retention drops in one round at most, or one segment; 100: everything"
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
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise Invalid(name, " or ".join((", ".join(allowed[:-1]), allowed[-1])), getattr(self, name))
        if bool(self.tls_cert) != bool(self.tls_key):
            raise Invalid("tls_cert and tls_key", "both given, or neither")
        if self.catalog and not self.catalog.startswith(("postgresql://", "postgres://")):
            raise Invalid("catalog", "an address that begins with postgresql://")  # not shown: it may hold a password
        if self.workers > MAX_WORKERS:
            raise Invalid("workers", f"a whole number from 0 to {MAX_WORKERS}", self.workers)
        if self.catalog and self.workers > 1:
            raise Invalid("workers", "0 or 1 where nodes share a catalog: start more nodes instead", self.workers)
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
