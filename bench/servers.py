"""What is measured and what it is measured with: joblog, nginx and wrk, each a process of its own."""

from __future__ import annotations

import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, TypeVar

import msgspec

from joblog.client import Client

START_S = 30.0
STOP_S = 20.0
"""Ends a server that is in the middle of merging 64 MiB, a step that joblog finishes first."""

SETTINGS = {"seal_quiet_s": 10**6, "pack_after_s": 5}
"""Nothing is sealed because it is quiet, so that what is to be read from the tail stays there; and nobody waits for packs."""

LUA = Path(__file__).with_name("cycle.lua")

_TOOLS = ("wrk", "nginx")


def install_tools() -> None:
    """Installs what is missing, with apt when that is allowed; raises SystemExit with the command when it is not."""
    missing = [name for name in _TOOLS if _found(name) is None]
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise SystemExit(
            f"the benchmarks need {' and '.join(missing)}; on Debian and Ubuntu: sudo apt-get install {' '.join(missing)}"
        )
    print(f"installing {' '.join(missing)}", file=sys.stderr)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "-qq", "update"], check=True, env=environment, stdout=sys.stderr)
    command = ["apt-get", "-qq", "install", "--yes", "--no-install-recommends", *missing]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)


def tool_versions() -> list[str]:
    """Says which nginx and wrk these are."""
    nginx = subprocess.run([_tool("nginx"), "-v"], capture_output=True, text=True, check=True).stderr
    wrk = subprocess.run([_tool("wrk"), "-v"], capture_output=True, text=True, check=False).stdout
    return [nginx.partition("nginx version: ")[2].strip(), " ".join(wrk.split()[:2])]


class Stoppable(Protocol):
    """A process that is ended when the benchmark is."""

    def stop(self) -> None:
        """Ends it; again does nothing."""


S = TypeVar("S", bound=Stoppable)


class Running:
    """Ends what was started, whatever happens, the last one first."""

    def __init__(self) -> None:
        self._all: list[Stoppable] = []

    def __enter__(self) -> Running:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        while self._all:
            self._all.pop().stop()

    def started(self, one: S) -> S:
        """Takes care of one more."""
        self._all.append(one)
        return one


class Memory(msgspec.Struct, frozen=True):
    """Resident memory of a process: now, and the most since the peak was last reset."""

    now_bytes: int
    peak_bytes: int


class Joblog:
    """A ``joblog serve`` on a data directory; ``sealing``: as it does by itself, not by SETTINGS."""

    def __init__(self, data: Path, *, sealing: bool = False, workers: int = 1) -> None:
        data.mkdir(parents=True, exist_ok=True)
        (data / "url").unlink(missing_ok=True)
        self._log = data.with_name("joblog.log")
        command = [sys.executable, "-m", "joblog", "serve", "--data", str(data), "--port", "0", "--workers", str(workers)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, env=_environment({} if sealing else SETTINGS), stdout=log, stderr=log)
        try:
            self._wait(data / "url")
        except BaseException:
            self.stop()
            raise
        self.url = (data / "url").read_text().strip()
        self.token = (data / "admin.token").read_text().strip()
        self.client = Client(self.url, self.token, timeout_s=120)

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._process.pid

    def get(self, path: str) -> bytes:
        """Returns the body of an answer, which must be 200."""
        return self.client.ask("GET", path)

    def memory(self) -> Memory:
        """Returns the server's memory and resets its peak."""
        process = Path(f"/proc/{self.pid}")
        lines = (line.split() for line in (process / "status").read_text().splitlines())
        kib = {line[0]: int(line[1]) for line in lines if line[0] in ("VmRSS:", "VmHWM:")}
        (process / "clear_refs").write_text("5")
        return Memory(kib["VmRSS:"] * 1024, kib["VmHWM:"] * 1024)

    def cpu_s(self) -> float:
        """Returns the seconds that all processors together have worked for it."""
        words = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """Ends the server, and prints what it complained of."""
        _end(self._process)
        said = [line for line in self._log.read_text().splitlines(keepends=True) if " INFO " not in line]
        if said:
            print(f"the server said:\n{''.join(said)}", file=sys.stderr)

    def _wait(self, url: Path) -> None:
        deadline = time.monotonic() + START_S
        while not url.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(self._log.read_text())
            time.sleep(0.01)


class Nginx:
    """An nginx with one worker that serves files of any size."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self._directory = directory
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        configuration = directory / "nginx.conf"
        configuration.write_text(_NGINX.format(directory=directory, port=port, user="user root;" if os.geteuid() == 0 else ""))
        command = [_tool("nginx"), "-e", str(directory / "error.log"), "-c", str(configuration)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._wait(port)

    @property
    def pid(self) -> int:
        """The master's process; the worker is its child."""
        return self._process.pid

    def file(self, size: int) -> str:
        """Makes a file of ``size`` bytes and returns its path on the server."""
        (self._directory / f"{size}.json").write_bytes(b"x" * size)
        return f"/{size}.json"

    def stop(self) -> None:
        """Ends nginx."""
        _end(self._process)

    def _wait(self, port: int) -> None:
        deadline = time.monotonic() + START_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    raise
                time.sleep(0.01)


_NGINX = """
{user}
worker_processes 1;
daemon off;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    keepalive_requests 1000000000;
    default_type application/json;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen 127.0.0.1:{port};
        root {directory};
    }}
}}
"""


@dataclass(frozen=True)
class Load:
    """What wrk saw."""

    rate: float
    median_ms: float
    p99_ms: float


class Wrk:
    """A load of reads."""

    def __init__(self, directory: Path) -> None:
        self._paths = directory / "paths"

    def run(self, url: str, paths: Iterable[str], *, token: str = "", connections: int = 16, seconds: float = 5.0) -> Load:
        """Asks for the paths in turn; raises RuntimeError when an answer is not a success."""
        self._paths.write_text("\n".join(paths) + "\n")
        headers = ["-H", f"X-Auth-Token: {token}"] if token else []
        options = ["-t1", f"-c{connections}", f"-d{max(round(seconds), 1)}s", *headers, "-s", str(LUA)]
        output = _output([_tool("wrk"), *options, url, "--", str(self._paths)])
        seen = msgspec.json.decode(output.strip().rpartition("\n")[2], type=dict[str, int])
        if seen["bad"] or not seen["requests"]:
            raise RuntimeError(f"of {seen['requests']} requests {seen['bad']} failed:\n{output}")
        return Load(seen["requests"] / seen["us"] * 1e6, seen["median_us"] / 1e3, seen["p99_us"] / 1e3)


def machine() -> str:
    """Says what this runs on."""
    model = "unknown CPU"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return f"{os.cpu_count()} cores of {model}, {platform.system()} {platform.release()}"


def _environment(settings: dict[str, int]) -> dict[str, str]:
    """Returns this process' environment without what tells joblog anything, and with the settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("JOBLOG_")}
    return kept | {f"JOBLOG_{name.upper()}": str(value) for name, value in settings.items()}


def _output(command: Sequence[str]) -> str:
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def _found(name: str) -> str | None:
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def _tool(name: str) -> str:
    found = _found(name)
    if found is None:
        raise FileNotFoundError(name)
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
