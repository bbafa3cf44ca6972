"""A joblog whose clock the test sets: runs that print, what watches them, and whom it tells, all of it real."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from joblog.catalog.states import Report
from joblog.catalog.watching import AlertRow
from joblog.core.logs import Head
from joblog.core.settings import Settings
from joblog.core.status import Status
from joblog.engine.engine import Engine
from joblog.watch.alert_sender import AlertSender
from joblog.watch.body import RuleBody, encoded
from joblog.watch.receivers import Receivers
from joblog.watch.rules import rule_of
from joblog.watch.watcher import ROUND_S, Watcher

BEGIN_MS = 1_700_000_000_000
MINUTE_MS = 60_000

BASE = "https://logs.example"


class Lab:
    """One node. ``at_ms`` is the time."""

    def __init__(self, data: Path | Settings, at_ms: int = BEGIN_MS) -> None:
        self.at_ms = at_ms
        settings = data if isinstance(data, Settings) else Settings(data=data)
        self.settings = replace(settings, alert_hosts=settings.alert_hosts or "127.0.0.1")
        self.why: str | None = None
        self.open()

    def open(self) -> None:
        """Starts, as a process does."""
        self.engine = Engine(self.settings, clock_ms=lambda: self.at_ms)
        self.engine.runs.put_project("lab", self.at_ms)
        self.receivers = Receivers(self.settings, self.engine.vault)
        self.begin_watching()

    def begin_watching(self) -> None:
        """Forgets what a process remembers of watching, as one that was killed does."""
        self.watcher = Watcher(self.engine, self.receivers)
        self.sender = AlertSender(self.engine, self.receivers, self.watcher.fired, why=lambda _: self.why, base=BASE)

    def close(self) -> None:
        self.engine.close()

    def rule(self, kind: str, *notify: str, **given: Any) -> int:
        """Makes a rule; returns its id."""
        body = RuleBody(kind=kind, notify=list(notify), **given)
        rule_of(body)
        self.receivers.check(body.notify)
        sealed = self.receivers.sealed("lab", body.notify)
        return self.engine.watching.put_rules("lab", [(body.name, encoded(body), sealed)], self.at_ms)[0].id

    def run(self, name: str = "train", run_id: str | None = None, ranks: int = 1) -> list[Head]:
        """Begins a run of so many workers; returns their logs."""
        first = self.engine.runs.put_run("lab", name, run_id, 0, self.at_ms)
        logs = [first[2]]
        for rank in range(1, ranks):
            logs.append(self.engine.runs.put_log("lab", first[0].id, first[1].id, rank, self.at_ms))
        for rank in range(ranks):
            self.report(logs[rank], Status.RUNNING, tasks=ranks)
        return logs

    def prints(self, log: Head, text: bytes) -> None:
        head = self.engine.logs.head(log.id)
        self.engine.appender.append(log.id, head.end_byte, text)

    def report(self, log: Head, status: Status, **given: Any) -> None:
        version = self.engine.runs.version("lab", log.job_id, log.version_id)
        self.engine.states.report(version, log.worker, Report(status, **given), self.at_ms)

    def ends(self, log: Head, status: Status = Status.COMPLETED, **given: Any) -> None:
        """Closes the log, and says how its worker ended."""
        self.engine.logs.close(self.engine.logs.head(log.id), None, None, self.at_ms)
        self.report(log, status, **given)

    def round(self) -> None:
        """Looks until nothing is left."""
        while self.watcher.round():
            pass

    def passes(self, ms: int) -> None:
        """Lets time pass, with a round every few seconds: as late as one may be, where much passes."""
        until_ms, step_ms = self.at_ms + ms, int(ROUND_S * 1000) if ms <= MINUTE_MS else 15_000
        while self.at_ms < until_ms:
            self.at_ms = min(self.at_ms + step_ms, until_ms)
            self.round()

    def trains(self, logs: list[Head], minutes: float, *, every_s: float = 10, step: int = 0) -> int:
        """Prints a step every few seconds; returns the last step."""
        until_ms = self.at_ms + int(minutes * MINUTE_MS)
        while self.at_ms < until_ms:
            step += 1
            for log in logs:
                self.prints(log, b"step %d loss=%.3f\n" % (step, 10 / (step + 1)))
            self.passes(int(every_s * 1000))
        return step

    def alerts(self) -> list[AlertRow]:
        """Returns what fired, the oldest first."""
        return self.engine.watching.alerts("lab")[::-1]

    def sends(self) -> None:
        """Sends what is due, one after the other."""
        for due in self.engine.watching.due_deliveries(self.at_ms, 100):
            self.sender.send(due)

    def delivered(self) -> list[tuple[str, int]]:
        """Returns what became of each delivery, and in how many tries."""
        watching = self.engine.watching
        rows = watching.deliveries([alert.id for alert in self.alerts()])
        return [(each.state, each.tries) for deliveries in rows.values() for each in deliveries]


class Receiver:
    """A web server that keeps what it is sent; ``status`` is what it answers, 0: nothing, it hangs up."""

    def __init__(self) -> None:
        self.status, self.headers = 204, dict[str, str]()
        self.requests: list[tuple[dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.requests.append(({name.lower(): value for name, value in self.headers.items()}, body))
                if not receiver.status:
                    self.close_connection = True
                    return
                self.send_response(receiver.status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.end_headers()

            do_GET = do_POST

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}/hook/very-secret"
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(body) for _, body in self.requests]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def lab_in(path: Path) -> Iterator[Lab]:
    """Yields a lab, and closes it."""
    lab = Lab(path)
    try:
        yield lab
    finally:
        lab.close()
