"""Writers: ``python -m bench.load`` keeps several connections appending, each to a log of its own.

One process, one epoll, requests made beforehand but for their position: so that what is measured is the server. Reads a
``Plan`` as JSON from stdin and writes a ``Result`` to stdout.
"""

from __future__ import annotations

import selectors
import socket
import subprocess
import sys
import time
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parents[1]


class Plan(msgspec.Struct, frozen=True):
    """Where to append (the paths of logs, one a writer), what (``bodies``, a file of bodies of one size), how long."""

    host: str
    port: int
    token: str
    paths: list[str]
    bodies: str
    body_bytes: int
    seconds: float


class Result(msgspec.Struct, frozen=True):
    """What was acknowledged, within how long; ``ends`` are the logs' ends by the last acknowledgements."""

    acknowledged: int
    elapsed_s: float
    median_ms: float
    p99_ms: float
    ends: list[int]

    @property
    def rate(self) -> float:
        """Acknowledgements a second."""
        return self.acknowledged / self.elapsed_s


def run(plan: Plan) -> Result:
    """Runs the writers in a process of their own."""
    command = [sys.executable, "-m", "bench.load"]
    output = subprocess.run(command, cwd=ROOT, input=msgspec.json.encode(plan), stdout=subprocess.PIPE, check=True).stdout
    return msgspec.json.decode(output, type=Result)


class _Writer:
    """One connection, one log, one append at a time."""

    def __init__(self, plan: Plan, path: str, bodies: list[bytes]) -> None:
        self.end = 0
        self.waits_s: list[float] = []
        self._head = (
            f"POST {path}/append?at=%d HTTP/1.1\r\nHost: {plan.host}\r\nX-Auth-Token: {plan.token}\r\n"
            f"Content-Type: application/octet-stream\r\nContent-Length: {plan.body_bytes}\r\n\r\n"
        ).encode()
        self._bodies = bodies
        self._rest = memoryview(b"")
        self._answer = b""
        self._sent_s = 0.0
        self.socket = socket.create_connection((plan.host, plan.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        self.socket.setblocking(False)

    def begin(self) -> bool:
        """Begins the next append; returns whether all of it is sent."""
        body = self._bodies[len(self.waits_s) % len(self._bodies)]
        self._rest = memoryview(self._head % self.end + body)
        self._sent_s = time.perf_counter()
        return self.send()

    def send(self) -> bool:
        """Sends what the connection takes; returns whether all is sent."""
        try:
            while self._rest:
                self._rest = self._rest[self.socket.send(self._rest) :]
        except BlockingIOError:
            return False
        return True

    def receive(self) -> bool:
        """Takes what has come; returns whether the append is acknowledged; raises RuntimeError when it is refused."""
        part = self.socket.recv(65536)
        if not part:
            raise RuntimeError(f"the server closed the connection: {self._answer!r}")
        self._answer += part
        head, blank, body = self._answer.partition(b"\r\n\r\n")
        if not blank or len(body) < _content_length(head):
            return False
        end = self.end + len(self._bodies[0])
        if not head.startswith(b"HTTP/1.1 200") or b'"end_byte":%d,' % end not in body:
            raise RuntimeError(f"an append was not taken: {self._answer!r}")
        self.end, self._answer = end, b""
        self.waits_s.append(time.perf_counter() - self._sent_s)
        return True


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    raise RuntimeError(f"an answer without its length: {head!r}")


def _drive(writers: list[_Writer], seconds: float) -> float:
    """Keeps each writer busy for so long, then takes the last answers; returns how long that was."""
    selector = selectors.DefaultSelector()
    begun = time.perf_counter()
    for writer in writers:
        selector.register(writer.socket, _interest(writer.begin()), writer)
    busy = len(writers)
    while busy:
        for key, ready in selector.select():
            writer = key.data
            if ready & selectors.EVENT_WRITE:
                if writer.send():
                    selector.modify(writer.socket, selectors.EVENT_READ, writer)
            elif writer.receive():
                if time.perf_counter() - begun >= seconds:
                    selector.unregister(writer.socket)
                    busy -= 1
                elif not writer.begin():
                    selector.modify(writer.socket, selectors.EVENT_WRITE, writer)
    return time.perf_counter() - begun


def _interest(sent: bool) -> int:
    return selectors.EVENT_READ if sent else selectors.EVENT_WRITE


def main() -> None:
    """Runs the plan on stdin."""
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    content = Path(plan.bodies).read_bytes()
    bodies = [content[at : at + plan.body_bytes] for at in range(0, len(content), plan.body_bytes)]
    writers = [_Writer(plan, path, bodies) for path in plan.paths]
    elapsed_s = _drive(writers, plan.seconds)
    waits_s = sorted(wait_s for writer in writers for wait_s in writer.waits_s)
    median_ms, p99_ms = (waits_s[int(len(waits_s) * part)] * 1000 for part in (0.5, 0.99))
    result = Result(len(waits_s), elapsed_s, median_ms, p99_ms, [writer.end for writer in writers])
    sys.stdout.buffer.write(msgspec.json.encode(result))


if __name__ == "__main__":
    main()
