"""OpenStack Swift with its S3 interface, from PyPI, in an environment of its own that ``make test-engines`` makes.

One device and one copy: what differs from other stores is in the gateway, not in the copies.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.engines import DOMAIN, SECRET_KEY, START_S, WITH_US, NotInstalled, free_ports
from tests.stores.calls import StoreCalls

PROGRAMS = Path(__file__).resolve().parents[2] / ".venv-swift" / "bin"

_ACCOUNT, _USER = "test", "joblog"

_KINDS = ("object", "container", "account")

_SWIFT_CONF = """
[swift-hash]
swift_hash_path_prefix = joblog
swift_hash_path_suffix = joblog
[storage-policy:0]
name = default
default = yes
[swift-constraints]
"""

_STORAGE_CONF = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {directory}
devices = {directory}/devices
mount_check = false
log_level = WARNING
log_address = {directory}/nolog
disable_fallocate = true
fallocate_reserve = 0
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
recon_cache_path = {directory}/recon
allow_versions = true
"""

_PROXY_CONF = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {directory}
log_level = WARNING
log_address = {directory}/nolog
[pipeline:main]
pipeline =
    catch_errors gatekeeper proxy-logging listing_formats bulk s3api tempauth
    copy slo dlo versioned_writes symlink proxy-logging proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:proxy-logging]
use = egg:swift#proxy_logging
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
storage_domain = {domain}
s3_acl = false
min_segment_size = 1
[filter:tempauth]
use = egg:swift#tempauth
user_{account}_{name} = {secret} .admin
[filter:copy]
use = egg:swift#copy
[filter:symlink]
use = egg:swift#symlink
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_versioned_writes = true
allow_object_versioning = true
"""


class SwiftServer:
    """An S3-compatible object store with one bucket."""

    name = "swift"

    def __init__(self) -> None:
        if not (PROGRAMS / "swift-proxy-server").exists():
            raise NotInstalled(f"OpenStack Swift is not installed in {PROGRAMS.parent} (make test-engines does it)")
        self._directory = Path(tempfile.mkdtemp(prefix="joblog-swift-"))
        (self._directory / "devices" / "d").mkdir(parents=True)
        (self._directory / "recon").mkdir()
        (self._directory / "swift.conf").write_text(_SWIFT_CONF)
        self._processes: list[subprocess.Popen[bytes]] = []
        ports = dict(zip((*_KINDS, "proxy"), free_ports(4), strict=True))
        self.endpoint = f"http://127.0.0.1:{ports['proxy']}"
        values = {"directory": self._directory, "user": Path.home().owner(), "domain": DOMAIN}
        try:
            for kind in _KINDS:
                self._ring(f"{kind}.builder", "create", "6", "1", "0")
                self._ring(f"{kind}.builder", "add", f"r1z1-127.0.0.1:{ports[kind]}/d", "1")
                self._ring(f"{kind}.builder", "rebalance")
                self._spawn(f"swift-{kind}-server", _STORAGE_CONF.format(kind=kind, port=ports[kind], **values))
            account = {"account": _ACCOUNT, "name": _USER, "secret": SECRET_KEY}
            self._spawn("swift-proxy-server", _PROXY_CONF.format(port=ports["proxy"], **account, **values))
            StoreCalls(self.endpoint, self.credentials).make_bucket(START_S)
        except BaseException as error:
            said = self._said()
            self.close()
            raise RuntimeError(f"Swift does not start: {said}") from error

    @property
    def credentials(self) -> dict[str, str]:
        """What a client of it has in its environment."""
        return {"AWS_ACCESS_KEY_ID": f"{_ACCOUNT}:{_USER}", "AWS_SECRET_ACCESS_KEY": SECRET_KEY}

    def close(self) -> None:
        for process in reversed(self._processes):
            process.kill()
            process.wait()
        shutil.rmtree(self._directory)

    def _ring(self, *words: str) -> None:
        subprocess.run([PROGRAMS / "swift-ring-builder", *words], cwd=self._directory, check=True, capture_output=True)

    def _spawn(self, program: str, configuration: str) -> None:
        path = self._directory / f"{program}.conf"
        path.write_text(configuration)
        with (self._directory / "out").open("ab") as out:
            command = [*WITH_US, str(PROGRAMS / program), str(path)]
            self._processes.append(subprocess.Popen(command, cwd=self._directory, stdout=out, stderr=out))

    def _said(self) -> str:
        out = self._directory / "out"
        return out.read_text(errors="replace")[-2000:] if out.exists() else ""
