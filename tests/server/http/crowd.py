"""One caller who takes all that it can get, and another who goes on working meanwhile."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

from tests.conftest import Server
from tests.server.calls import MadeLog, Web
from tests.server.people import Person, made_person

ROUNDS = 3
"""What others do is done so often while an attack runs."""


class Other:
    """Somebody in a project of its own, who must notice nothing: no refusal, and every call is answered."""

    def __init__(self, server: Server) -> None:
        web = Web(server.url, server.token)
        self._person = made_person(web)
        self._web = Web(server.url, self._person.token())
        log = self._person.log
        self._log = MadeLog(self._web, log.job_id, log.version_id, log.log_file, log.project_id)
        self._at = log.status()["end_byte"]

    def go_on(self) -> None:
        """Appends, reads, searches and logs in, several times."""
        for _ in range(ROUNDS):
            assert self._web.as_(None).get("/healthz").status == 200
            line = b"a line, and a needle\n" * 100
            reply = self._log.append(self._at, line)
            assert reply.status == 200, reply
            self._at += len(line)
            assert self._log.lines_page(lines=10)["end_line"]
            reply = self._web.get(f"{self._log.api}/bytes")
            assert (reply.status, len(reply.body)) == (200, self._at)
            reply = self._web.get(f"{self._log.api}/search", pattern="needle", count="true")
            assert (reply.status, b'"reason":"done"' in reply.body) == (200, True), reply
            assert self._web.get(f"{self._log.api}/terminal").status == 200
            assert self._person.login().status == 201

    def close(self) -> None:
        self._web.close()
        self._person.web.close()


class Attacker:
    """Somebody in another project, whose calls go on until ``end``, whatever is answered."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._admin = Web(server.url, server.token)
        self.person: Person = made_person(self._admin)
        self.token = self.person.token()
        self._over = threading.Event()
        self._stack = ExitStack()

    def log(self, name: str, data: bytes = b"", *, closed: bool = False) -> MadeLog:
        """Makes a log in the attacker's project."""
        project_id = self.person.project_id
        run = self._admin.post(f"/api/projects/{project_id}/runs", {"job_name": name}).json
        web = self._admin.as_(self.token)
        log = MadeLog(web, run["job"]["id"], run["version"]["id"], run["log"]["log_file"], project_id)
        log.write(data)
        if closed:
            assert log.close().status == 200
        return log

    def call(self, times: int, call: Callable[[Web], object]) -> None:
        """Has so many threads make a call again and again; returns when each has begun."""
        begun = threading.Barrier(times + 1)
        for _ in range(times):
            thread = threading.Thread(target=self._calls, args=(call, begun))
            thread.start()
            self._stack.callback(thread.join)
        begun.wait()

    def open(self, request: bytes) -> socket.socket:
        """Sends the beginning of a request on a connection of its own, which has room for little of an answer."""
        connection = self._stack.enter_context(contextlib.closing(socket.socket()))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(60)
        connection.connect((self._admin.host, self._admin.port))
        connection.sendall(request)
        return connection

    def request(self, method: str, path: str, *headers: str) -> bytes:
        """Returns the head of a request."""
        lines = (f"{method} {path} HTTP/1.1", "Host: x", f"X-Auth-Token: {self.token}", *headers)
        return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n"

    def end(self) -> None:
        self._over.set()
        self._stack.close()
        self._admin.close()

    def _calls(self, call: Callable[[Web], object], begun: threading.Barrier) -> None:
        web = Web(self._server.url, self.token)
        begun.wait()
        while not self._over.is_set():
            try:
                call(web)
            except (OSError, http.client.HTTPException):
                web.close()
                self._over.wait(0.1)  # it may have been stopped
        web.close()


@contextlib.contextmanager
def attacked(server: Server) -> Iterator[tuple[Attacker, Other]]:
    """Gives an attacker and another; then ends the server, under attack, as an operator does."""
    other, attacker = Other(server), Attacker(server)
    try:
        yield attacker, other
        assert server.stop() == 0
        assert "Traceback" not in (server.data / "server.log").read_text()
    finally:
        server.kill()
        attacker.end()
        other.close()
