"""The agent as its users meet it: a process, with or without a server."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import subprocess
import sys
import threading
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Protocol

import zstandard

from joblog.api.settings import MEMORY, own_name
from joblog.cli import main

NOWHERE = "http://127.0.0.1:1"  # nothing listens there: connections are refused at once


@dataclass
class Agent:
    """Starts ``joblog`` with a spool of its own."""

    spool_root: Path
    environ: dict[str, str] = field(default_factory=dict)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "joblog", *arguments]

    def job(self, *command: str, options: Sequence[str] = ("--wait", "0")) -> list[str]:
        return self.command("run", *options, "--", *command)

    def python(self, program: str, options: Sequence[str] = ("--wait", "0")) -> list[str]:
        return self.job(sys.executable, "-c", program, options=options)

    def run(self, command: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(command, env=self.environ, capture_output=True, timeout=120, check=False)

    def said(self, *arguments: str) -> bytes:
        """Runs a command, in this process, that must succeed; returns what it wrote to stdout."""
        status, out, err = self._main(arguments)
        assert (status, err) == (0, b"")
        return out

    def noted(self, *arguments: str) -> tuple[bytes, str]:
        """Runs a command, in this process, that must succeed and says something; returns stdout and what it said on stderr."""
        status, out, err = self._main(arguments)
        assert (status, err.count(b"\n")) == (0, 1)
        return out, err.decode().removeprefix("joblog: ").removesuffix("\n")

    def refused(self, *arguments: str) -> str:
        """Runs a command, in this process, that must fail with one line of joblog's; returns that line."""
        status, out, err = self._main(arguments)
        assert (status, out, err.count(b"\n")) == (2, b"", 1)
        return err.decode()

    def _main(self, arguments: Sequence[str]) -> tuple[int, bytes, bytes]:
        out, err = io.TextIOWrapper(io.BytesIO()), io.TextIOWrapper(io.BytesIO())
        was = dict(os.environ)
        os.environ.clear()
        os.environ.update(self.environ)
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                status = main(arguments)
        finally:
            os.environ.clear()
            os.environ.update(was)
        return status, _written(out), _written(err)

    def merged(self, command: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            command, env=self.environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, check=False
        )

    def spooled(self) -> bytes:
        """Returns what the one spool holds."""
        (spool,) = self.spool_root.iterdir()
        parts = [*spool.glob("*.part"), *(MEMORY / own_name() / spool.name).glob("*.part")]
        return b"".join(part.read_bytes() for part in sorted(parts, key=lambda part: part.name))


def _written(stream: io.TextIOWrapper) -> bytes:
    stream.flush()
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue()


class Served(Protocol):
    """A server that runs."""

    @property
    def url(self) -> str: ...

    @property
    def token(self) -> str: ...

    @property
    def data(self) -> Path: ...


@dataclass
class FlakyLog:
    """One run's log: what is held, and what was told when it was closed."""

    held: bytearray = field(default_factory=bytearray)
    closed: dict[str, object] | None = None


class FlakyServer:
    """A log server in memory, of one log a run, that fails its n-th call: the seam at which misbehaviour is made.

    ``failures`` maps the number of a call (from 1) to what happens to it: ``away``: the connection is closed before
    anything is done; ``deaf``: the call is done and its answer lost; ``busy``: 503; ``throttled``: 429; ``broken``: 500;
    ``proxy``: 502 with HTML; ``hangs``: no answer, for longer than the client waits; ``half``: half an answer;
    ``older``: 400, a report's ``terminal_rows`` is not known;
    ``part``: of an append only the first half is kept, and the answer says where the log ends then.
    """

    def __init__(self, failures: Mapping[int, str] | None = None, port: int = 0) -> None:
        self.failures = dict(failures or {})
        self.calls = 0
        self.logs = {"run-1": FlakyLog()}
        self.retry_after_s: int | None = None
        self.encodings = set[str | None]()
        self.reports = list[dict[str, object]]()
        self.stop_runs = self.failing_reports = False
        self.stopped = threading.Event()
        self.largest_body = 0
        self.limit_bytes = 16 << 20
        flaky = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                flaky.handle(self)

            def log_message(self, format: str, *values: object) -> None:
                """Keeps quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        """Takes one request: answers it, or fails as it is to fail."""
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        if len(body) < int(handler.headers["Content-Length"]):
            handler.close_connection = True
            return
        self.calls += 1
        failure = self.failures.get(self.calls)
        if failure in (None, "deaf", "half", "part"):
            encoding = handler.headers.get("Content-Encoding")
            if failure == "part" and "/append?" in handler.path:
                body, encoding = _decoded(body, encoding), None
                body = body[: len(body) // 2]
            status, answer = self.answer(handler.path, body, encoding)
        else:
            status, answer = _FAILURES.get(failure or "", (0, b""))
        if failure == "hangs":
            self.stopped.wait(240)
        if failure in ("away", "deaf", "hangs"):
            handler.close_connection = True
            return
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(answer)))
        if status in (429, 503) and self.retry_after_s is not None:
            handler.send_header("Retry-After", str(self.retry_after_s))
        handler.end_headers()
        handler.close_connection = handler.close_connection or failure == "half"
        handler.wfile.write(answer[: len(answer) // 2] if failure == "half" else answer)

    def stop(self) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def held(self) -> bytearray:
        """What is held of the first run's log."""
        return self.logs["run-1"].held

    @property
    def closed(self) -> dict[str, object] | None:
        """What was told when the first run's log was closed."""
        return self.logs["run-1"].closed

    def answer(self, path: str, body: bytes, encoding: str | None) -> tuple[int, bytes]:
        """Does a call; returns status and body."""
        self.largest_body = max(self.largest_body, len(body))
        if path.endswith("/runs"):
            return 200, json.dumps(self._run(json.loads(body))).encode()
        if path.endswith("/report") and self.failing_reports:
            return 500, _error("internal", "a bug")
        if path.endswith("/report"):
            self.reports.append(json.loads(body))
            return 200, json.dumps({"status": "RUNNING", "stop": self.stop_runs}).encode()
        number = int(path.partition("/versions/")[2].partition("/")[0])
        log = list(self.logs.values())[number - 1]
        if "/append?" in path:
            self.encodings.add(encoding)
        if path.endswith("/close") and (json.loads(body).get("end_byte") or 0) > len(log.held):
            return 416, _error("beyond_end", "not yet", len(log.held))
        if path.endswith("/close"):
            log.closed = claims = json.loads(body)
            complete = (claims["end_byte"], claims["crc32"], claims["gaps"]) == (len(log.held), zlib.crc32(log.held), [])
            return 200, json.dumps(_status(log, number) | {"complete": complete}).encode()
        return self._append(log, int(path.partition("?at=")[2]), _decoded(body, encoding), len(body))

    def _append(self, log: FlakyLog, at: int, data: bytes, sent_bytes: int) -> tuple[int, bytes]:
        if sent_bytes > self.limit_bytes:
            return 413, b"<html>"
        if log.closed is not None:
            return 409, _error("closed", "the log was closed", len(log.held))
        if at > len(log.held):
            return 416, _error("beyond_end", "not yet", len(log.held))
        held = log.held[at : at + len(data)]
        if held != data[: len(held)]:
            return 409, _error("different", "other bytes are held", len(log.held))
        log.held += data[len(held) :]
        return 200, json.dumps({"end_byte": len(log.held), "end_line": log.held.count(b"\n")}).encode()

    def _run(self, asked: dict[str, str]) -> dict[str, object]:
        log = self.logs.setdefault(asked["run_id"], FlakyLog())
        number = list(self.logs).index(asked["run_id"]) + 1
        job = {"id": 1, "project_id": "lab", "name": asked["job_name"], "created_ms": 1, "later": "unknown"}
        version = {"id": number, "job_id": 1, "name": "V", "number": number, "uuid": "u", "run_id": "r", "created_ms": 1}
        return {"job": job, "version": version, "log": _status(log, number)}


def _decoded(body: bytes, encoding: str | None) -> bytes:
    if encoding == "zstd":
        return zstandard.ZstdDecompressor().decompressobj().decompress(body)
    return gzip.decompress(body) if encoding == "gzip" else body


def _status(log: FlakyLog, number: int) -> dict[str, object]:
    end = {"end_byte": len(log.held), "end_line": 0, "crc32": zlib.crc32(log.held)}
    end["partial_byte"] = log.held.rfind(b"\n") + 1
    begin = {"start_byte": 0, "start_line": 0, "closed": log.closed is not None, "created_ms": 1, "gaps": []}
    return {"project_id": "lab", "job_id": 1, "version_id": number, "task": "worker-0", "log_file": "x"} | begin | end


def _error(code: str, message: str, expected: int | None = None) -> bytes:
    refusal = {"code": code, "message": message} | ({} if expected is None else {"expected": expected})
    return json.dumps({"error": refusal}).encode()


_FAILURES = {
    "busy": (503, _error("busy", "later")),
    "throttled": (429, b"slower"),
    "broken": (500, _error("internal", "a bug")),
    "proxy": (502, b"<html>"),
    "older": (400, json.dumps({"error": {"code": "invalid", "message": "unknown", "parameter": "terminal_rows"}}).encode()),
}
