"""Ceph from its Debian packages: a monitor, three OSDs and a gateway on loopback, without systemd and without containers."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
import uuid
from pathlib import Path

from tests.engines import ACCESS_KEY, DOMAIN, SECRET_KEY, START_S, WITH_US, NotInstalled, free_ports
from tests.stores.calls import StoreCalls

PACKAGES = ("ceph-mon", "ceph-osd", "radosgw", "postgresql")
PROGRAMS = ("ceph", "ceph-authtool", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin")

OSDS = 3

_CONF = """
[global]
fsid = {fsid}
mon host = v2:127.0.0.1:{mon}
ms bind ipv4 = true
ms bind msgr1 = false
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
auth allow insecure global id reclaim = false
keyring = {directory}/keyring
run dir = {directory}
admin socket = {directory}/$name.asok
log file = {directory}/$name.log
log to file = true
mon cluster log file = {directory}/cluster.log
crash dir = {directory}/crash
osd pool default size = {osds}
osd pool default min size = 2
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon max pg per osd = 1000
osd heartbeat grace = 5
osd heartbeat interval = 1
mon osd min down reporters = 1
mon osd adjust heartbeat grace = false
mon osd reporter subtree level = osd
osd memory target = 939524096
osd memory target cgroup limit ratio = 0
osd max object name len = 460
osd max object namespace len = 64
osd objectstore = bluestore
bluestore block size = 4294967296
bluestore block create = true

[mon.a]
mon data = {directory}/mon.a
keyring = {directory}/mon.a/keyring

[osd]
osd data = {directory}/osd.$id
keyring = {directory}/osd.$id/keyring

[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:{gateway} tcp_nodelay=1, beast endpoint=127.0.0.1:{slow}
rgw data = {directory}/rgw
rgw dns name = {domain}
rgw enable usage log = false
rgw dynamic resharding = false
rgw override bucket index max shards = 1
rgw thread pool size = 64
"""


class CephServer:
    """An S3-compatible object store with one bucket, each object three times."""

    name = "ceph"

    def __init__(self) -> None:
        missing = [program for program in PROGRAMS if shutil.which(program) is None]
        if missing:
            raise NotInstalled(f"Ceph is not installed, there is no {missing[0]} (on Debian: {' '.join(PACKAGES)})")
        self._directory = Path(tempfile.mkdtemp(prefix="joblog-ceph-"))
        self._processes: list[subprocess.Popen[bytes]] = []
        mon, gateway, slow = free_ports(3)
        self.endpoint, self.slow_endpoint = f"http://127.0.0.1:{gateway}", f"http://127.0.0.1:{slow}"
        """``slow_endpoint``: the gateway without ``tcp_nodelay``, as it is by default."""
        fsid = str(uuid.uuid4())
        values = {"fsid": fsid, "mon": mon, "gateway": gateway, "slow": slow, "osds": OSDS, "domain": DOMAIN}
        (self._directory / "ceph.conf").write_text(_CONF.format(directory=self._directory, **values))
        try:
            self._start_monitor(fsid, mon)
            self._start_osds()
            self._start_gateway()
        except BaseException:
            self.close()
            raise

    @property
    def credentials(self) -> dict[str, str]:
        """What a client of it has in its environment."""
        return {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}

    def close(self) -> None:
        for process in reversed(self._processes):
            process.kill()
            process.wait()
        shutil.rmtree(self._directory)

    def _start_monitor(self, fsid: str, port: int) -> None:
        for name in ("mon.a", "rgw", *(f"osd.{number}" for number in range(OSDS))):
            (self._directory / name).mkdir()
        self._run("monmaptool", "--create", "--fsid", fsid, "--addv", "a", f"[v2:127.0.0.1:{port}]", "monmap")
        for name, rights in {
            "mon.": {"mon": "allow *"},
            "client.admin": {"mon": "allow *", "osd": "allow *", "mgr": "allow *"},
            "client.rgw": {"mon": "allow rw", "osd": "allow rwx", "mgr": "allow rw"},
        }.items():
            create = [] if (self._directory / "keyring").exists() else ["--create-keyring"]
            caps = [word for service, right in rights.items() for word in ("--cap", service, right)]
            self._run("ceph-authtool", *create, "keyring", "--gen-key", "-n", name, *caps)
        self._run("ceph-mon", "-c", "ceph.conf", "--mkfs", "-i", "a", "--monmap", "monmap", "--keyring", "keyring")
        self._spawn("ceph-mon", "-c", "ceph.conf", "-i", "a", "-f")
        self._ceph("status")

    def _start_osds(self) -> None:
        for number in map(str, range(OSDS)):
            osd = str(uuid.uuid4())
            self._ceph("osd", "new", osd, number)
            rights = ("mon", "allow profile osd", "mgr", "allow profile osd", "osd", "allow *")
            self._ceph("auth", "get-or-create", f"osd.{number}", *rights, "-o", f"osd.{number}/keyring")
            self._run("ceph-osd", "-c", "ceph.conf", "-i", number, "--mkfs", "--osd-uuid", osd, "--no-mon-config")
            self._spawn("ceph-osd", "-c", "ceph.conf", "-i", number, "-f")
        deadline = time.monotonic() + START_S
        while json.loads(self._ceph("osd", "stat", "-f", "json"))["num_up_osds"] < OSDS:
            if time.monotonic() > deadline:
                raise RuntimeError(f"not all OSDs are up: {self._said()}")
            time.sleep(0.1)

    def _start_gateway(self) -> None:
        as_gateway = ("-c", "ceph.conf", "-n", "client.rgw", "--no-mon-config")
        self._spawn("radosgw", *as_gateway, "-f")
        keys = ("--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY)
        self._run("radosgw-admin", *as_gateway, "user", "create", "--uid", "joblog", "--display-name", "joblog", *keys)
        try:
            StoreCalls(self.endpoint, self.credentials).make_bucket(START_S)
        except TimeoutError as error:
            raise RuntimeError(f"{error}: {self._said()}") from error

    def _ceph(self, *words: str) -> bytes:
        return self._run("ceph", "-c", "ceph.conf", "--connect-timeout", "30", *words)

    def _run(self, *command: str) -> bytes:
        done = subprocess.run(command, cwd=self._directory, capture_output=True, timeout=2 * START_S)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.decode(errors='replace')[-2000:]}")
        return done.stdout

    def _spawn(self, *command: str) -> None:
        with (self._directory / "out").open("ab") as out:
            self._processes.append(subprocess.Popen([*WITH_US, *command], cwd=self._directory, stdout=out, stderr=out))

    def _said(self) -> str:
        return (self._directory / "out").read_text(errors="replace")[-2000:]
