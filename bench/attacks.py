"""What one caller's attacks do to the others: ``python -m bench.attacks`` runs all, or those that are named.

A server as users start it, with its defaults. Somebody in a project of their own appends small pieces, reads pages, searches
and logs in, on and on, each on a connection of its own; first alone, then while another one, with a token of another project
and from another address, makes one attack after the other. Prints, as a Markdown table, how long the calls took, how many were
refused, the most memory that the server and its processes had, and what is left some seconds after each attack. The attacker
runs on the same machine and takes its processors, too: compare with the first row.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import resource
import secrets
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from bench.attackers import ATTACKS, MIB, Attacker, contents
from bench.servers import Joblog, Running, machine

_BEGUN_S = 2.0
_SHOWN = 5
_NOTHING = "nothing"
_PIECE_BYTES = 4 * MIB
_SAMPLE_S = 0.1

_GOAL_MS = 500.0
"""What one in a hundred of the others' calls may take at most."""

_CALLS = ("append", "page", "search", "log-in")
_PAUSES_S = {"append": 0.02, "page": 0.02, "search": 0.05, "log-in": 0.2}


@dataclass
class Seen:
    """What was seen during one attack, and after it."""

    name: str
    took_ms: dict[str, list[float]] = field(default_factory=lambda: {call: [] for call in _CALLS})
    refused: list[str] = field(default_factory=list)
    peak_bytes: int = 0
    left: str = ""


class Others:
    """Somebody who must notice nothing: each kind of call in a thread of its own."""

    def __init__(self, server: Joblog) -> None:
        self._server = server
        client = server.client
        client.create_project("others")
        self._log = client.run("others", "training").log.ref
        text = (b"a line of a training, as long as most are\n" * 500 + b"a needle\n") * 50
        self._at = client.append(self._log, 0, text).end_byte
        self._headers = {"X-Auth-Token": client.create_token(["read", "write"], project_id="others").token or ""}
        password = secrets.token_hex(8)
        client.create_user("somebody", password, project_id="others", rights=["admin"])
        user = {"name": "somebody", "password": password, "domain": {"name": "default"}}
        identity = {"methods": ["password"], "password": {"user": user}}
        self._login = json.dumps({"auth": {"identity": identity, "scope": {"project": {"id": "others"}}}}).encode()
        self._seen = Seen("")
        self._over = threading.Event()

    @contextmanager
    def working(self, seen: Seen) -> Iterator[None]:
        """Calls on, and notes in ``seen`` how that goes."""
        self._seen = seen
        self._over.clear()
        threads = [threading.Thread(target=self._calls, args=(call,)) for call in _CALLS]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def _calls(self, name: str) -> None:
        address = urlsplit(self._server.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
        call = getattr(self, f"_{name.replace('-', '_')}")
        while not self._over.is_set():
            began_s = time.monotonic()
            try:
                status, said = call(connection)
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                status, said = 0, repr(error).encode()
            self._seen.took_ms[name].append((time.monotonic() - began_s) * 1000)
            if status not in (200, 201):
                self._seen.refused.append(f"{name}: {status} {said[:200].decode(errors='replace')}")
            self._over.wait(_PAUSES_S[name])
        connection.close()

    def _append(self, connection: http.client.HTTPConnection) -> tuple[int, bytes]:
        line = b"step %d loss=0.5\n" % self._at
        status, said = self._answer(connection, "POST", f"{self._log.path}/append?at={self._at}", line)
        self._at += len(line) if status == 200 else 0
        return status, said

    def _page(self, connection: http.client.HTTPConnection) -> tuple[int, bytes]:
        return self._answer(connection, "GET", f"{self._log.path}/lines?start=-50&count=50")

    def _search(self, connection: http.client.HTTPConnection) -> tuple[int, bytes]:
        status, said = self._answer(connection, "GET", f"{self._log.path}/search?pattern=needle&count=true")
        return (status if status != 200 or b'"reason":"done"' in said else 0), said

    def _log_in(self, connection: http.client.HTTPConnection) -> tuple[int, bytes]:
        connection.request("POST", "/v3/auth/tokens", self._login, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()

    def _answer(self, connection: http.client.HTTPConnection, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        connection.request(method, path, body or None, self._headers)
        answer = connection.getresponse()
        return answer.status, answer.read()


class Watcher:
    """Looks at a server and its processes from outside."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._most_bytes = 0
        self._over = threading.Event()

    @contextmanager
    def watching(self, seen: Seen) -> Iterator[None]:
        """Notes the most memory of all of them."""
        self._most_bytes = 0
        self._over.clear()
        thread = threading.Thread(target=self._watch)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()
            seen.peak_bytes = self._most_bytes

    def _watch(self) -> None:
        while not self._over.wait(_SAMPLE_S):
            self._most_bytes = max(self._most_bytes, self._resident_bytes())

    def _resident_bytes(self) -> int:
        return sum(map(_resident_bytes, (self._pid, *self._children())))

    def _children(self) -> list[int]:
        paths = Path(f"/proc/{self._pid}/task").glob("*/children")
        return [int(each) for path in paths for each in _text(path).split()]

    def left(self) -> str:
        """Says what the server has: sockets, processes, memory."""
        links = map(_link, Path(f"/proc/{self._pid}/fd").iterdir())
        sockets = sum(link.startswith("socket:") for link in links)
        return f"{sockets}, {len(self._children())}, {self._resident_bytes() / 1e6:.0f} MB"


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except FileNotFoundError:
        return ""


def _resident_bytes(pid: int) -> int:
    lines = (line.split() for line in _text(Path(f"/proc/{pid}/status")).splitlines())
    return next((int(line[1]) * 1024 for line in lines if line[0] == "VmRSS:"), 0)


def _attacker(server: Joblog) -> Attacker:
    """Makes the attacker's project, token and logs."""
    client, address = server.client, urlsplit(server.url)
    client.create_project("attackers")
    logs, versions = dict[str, str](), dict[str, str]()
    for name, text in contents().items():
        ref = client.run("attackers", name).log.ref
        for at in range(0, len(text), _PIECE_BYTES):
            client.append(ref, at, text[at : at + _PIECE_BYTES])
        logs[name], versions[name] = ref.path, ref.version_path
    token = client.create_token(["read", "write"], project_id="attackers").token or ""
    return Attacker(address.hostname or "", address.port or 0, token, logs, versions)


def _measured(name: str, server: Joblog, others: Others, attacker: Attacker, args: argparse.Namespace) -> Seen:
    seen, watcher, process = Seen(name), Watcher(server.pid), None
    before = watcher.left()
    if name in ATTACKS:
        process = multiprocessing.get_context("fork").Process(target=ATTACKS[name], args=(attacker,))
        process.start()
        time.sleep(_BEGUN_S)
    try:
        with others.working(seen), watcher.watching(seen):
            time.sleep(args.seconds)
        if process is not None and not process.is_alive():
            raise RuntimeError(f"the attack {name} has ended by itself")
    finally:
        if process is not None:
            process.kill()
            process.join()
    time.sleep(args.rest)
    seen.left = f"{before}; {watcher.left()}"
    return seen


def _part(values: Iterable[float], part: float) -> float:
    ordered = sorted(values) or [0.0]
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)]


_HEADS = ("attack", *(f"{call}: p50, p99, most" for call in _CALLS), "p99 < 0.5 s", "refused", "most memory", "before; after")


def _row(seen: Seen, alone: Seen) -> str:
    took = (", ".join(f"{_part(seen.took_ms[call], part):,.0f}" for part in (0.5, 0.99, 1)) + " ms" for call in _CALLS)
    return _line(seen.name, *took, _met(seen, alone), str(len(seen.refused)), f"{seen.peak_bytes / 1e6:.0f} MB", seen.left)


def _met(seen: Seen, alone: Seen) -> str:
    """Says whether the goal is met; ``?``: where it is not, the machine takes half of that time without an attack."""
    missed = [call for call in _CALLS if _part(seen.took_ms[call], 0.99) >= _GOAL_MS]
    if not missed:
        return "yes"
    return "?" if all(_part(alone.took_ms[call], 0.99) >= _GOAL_MS / 2 for call in missed) else "**no**"


def _line(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 1 when a call of the others' was refused."""
    parser = argparse.ArgumentParser(prog="python -m bench.attacks", description=__doc__)
    parser.add_argument("attacks", nargs="*", metavar="ATTACK", help=f"of {', '.join(ATTACKS)} (default: all of them)")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each attack (default: %(default)s)")
    parser.add_argument("--rest", type=float, default=5.0, help="seconds before it is seen what is left (default: %(default)s)")
    args = parser.parse_args(argv)
    if unknown := set(args.attacks) - ATTACKS.keys():
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory(prefix="joblog-attacks-") as name, Running() as running:
        server = running.started(Joblog(Path(name) / "data", sealing=True))
        others, attacker = Others(server), _attacker(server)
        _say(machine(), "", _line(*_HEADS), _line(*("---" for _ in _HEADS)))
        refused, alone = 0, None
        for each in (_NOTHING, *(args.attacks or ATTACKS), _NOTHING):
            seen = _measured(each, server, others, attacker, args)
            refused, alone = refused + len(seen.refused), alone or seen
            _say(_row(seen, alone))
            sys.stderr.write("".join(f"{said}\n" for said in sorted(set(seen.refused))[:_SHOWN]))
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
