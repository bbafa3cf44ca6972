"""Sends alerts, off everybody's way: a few at a time, one at a time to each receiver, each until it is taken or given up.

Every node sends: whoever claims a delivery in the catalog tries it. A node that dies between the claim and its end leaves it to
be claimed again, with the same key: told at least once, and by its key once.
"""

from __future__ import annotations

import logging
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import msgspec

from joblog.api.backoff import Backoff
from joblog.catalog.watching import AlertRow, DueDelivery
from joblog.core.counters import DELIVERIES
from joblog.engine.engine import Engine
from joblog.errors import Damaged, JoblogError, Over
from joblog.watch import message, notify, webhook
from joblog.watch.receivers import COMMAND, STOP, Receivers
from joblog.watch.webhook import NotSent

THREADS = 4

MAX_TRIES = 12
"""With these pauses it is given up after an hour."""

_FIRST_S, _MAX_PAUSE_S, _JITTER = 5.0, 900.0, 0.8

CLAIM_MS = 45_000
"""Longer than a try takes."""

COMMAND_S = 30.0

_LOOK_S = 2.0
_BATCH = 100

_log = logging.getLogger("joblog.watch")


class AlertSender:
    """Owns the threads. ``why`` returns the first words of why a run failed, None where it has not; ``base`` the address."""

    def __init__(
        self,
        engine: Engine,
        receivers: Receivers,
        fired: threading.Event,
        *,
        why: Callable[[AlertRow], str | None],
        base: str,
    ) -> None:
        self._engine, self._receivers, self._why, self._base = engine, receivers, why, base
        self._watching, self._clock_ms = engine.watching, engine.clock_ms
        self._fired = fired
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="joblog-alerts", daemon=True)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="joblog-alert")
        self._busy = set[tuple[str, str]]()
        self._lock = threading.Lock()

    def start(self) -> None:
        """Starts to send."""
        if self._engine.database.embedded:  # whoever had claims is dead: this process has the catalog to itself
            now_ms = self._clock_ms()
            self._guarded(lambda: self._watching.release(now_ms, now_ms + CLAIM_MS))
        self._thread.start()

    def close(self) -> None:
        """Ends; what is on its way is tried again by whoever comes next, if it is not taken."""
        self._stop.set()
        self._fired.set()
        if self._thread.is_alive():
            self._thread.join()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def send_due(self) -> int:
        """Begins to send what is due to receivers that are not being sent to; returns how much."""
        begun = 0
        for due in self._watching.due_deliveries(self._clock_ms(), _BATCH):
            with self._lock:
                if _whom(due) in self._busy or len(self._busy) >= THREADS:
                    continue
                self._busy.add(_whom(due))
            begun += 1
            self._pool.submit(self._sent, due)
        return begun

    def send(self, due: DueDelivery) -> None:
        """Tries a delivery once, if no other node does."""
        tries = self._watching.claim(due, self._clock_ms() + CLAIM_MS)
        if tries is None:
            return
        outcome, problem = "sent", ""
        try:
            self._send(due)
        except NotSent as error:
            problem = str(error)
            outcome = "again" if error.again and tries < MAX_TRIES else "failed"
            if outcome == "again":
                self._watching.postpone(due, self._clock_ms() + _pause_ms(tries, error.after_ms), problem)
        if outcome != "again":
            self._watching.delivered(due, outcome, self._clock_ms(), problem)
        if problem:
            _log.warning("alert %d was not sent to %s: %s", due.alert_id, due.receiver, problem)
        self._engine.tally.add(DELIVERIES, outcome)

    def _send(self, due: DueDelivery) -> None:
        """Sends it; raises NotSent."""
        try:
            self._send_to(due)
        except NotSent:
            raise
        except Exception as error:
            _log.exception("alert %d", due.alert_id)
            raise NotSent("an error of joblog's own; see its log") from error

    def _send_to(self, due: DueDelivery) -> None:
        try:
            address = self._receivers.open(due)
        except Damaged as error:
            raise NotSent("its address is encrypted with another secret key", again=False) from error
        alert = self._watching.alert(due.alert_id)
        if alert is None:  # deleted with its run, and this with it
            return
        if address == STOP:
            self._stop_run(alert)
            return
        alert, base = self._explained(alert), self._base
        if address == COMMAND:
            self._run_command(alert, base)
        elif notify.is_chat(address):
            text = message.chat_text(alert, base) if not address.lower().startswith("mailto") else message.text(alert, base)
            notify.send(address, message.title(alert), text, self._receivers.hosts)
        else:
            raw = msgspec.json.encode(message.body(alert, base))
            secret = self._receivers.secret(alert.project_id)
            webhook.post(address, raw, key=alert.key, secret=secret, now_ms=self._clock_ms(), hosts=self._receivers.hosts)

    def _explained(self, alert: AlertRow) -> AlertRow:
        """Returns the alert with the first words of why, which are kept; without them where that fails."""
        if alert.why is not None:
            return alert
        try:
            why = self._why(alert)
        except Exception as error:  # noqa: BLE001  # whatever a stranger's log does to a view, the alert is sent
            _log.warning("alert %d goes without why: %r", alert.id, error)
            return alert
        if why:
            self._watching.explain(alert.id, why)
        return alert._replace(why=why)

    def _stop_run(self, alert: AlertRow) -> None:
        engine = self._engine
        try:
            version = engine.runs.version(alert.project_id, alert.job_id, alert.version_id)
            engine.states.stop(version, self._clock_ms())
        except Over:
            pass  # it has ended by itself

    def _run_command(self, alert: AlertRow, base: str) -> None:
        program = self._engine.settings.alert_command
        if not program:
            raise NotSent("the server does not allow a command any more", again=False)
        raw = msgspec.json.encode(message.body(alert, base))
        try:
            done = subprocess.run(  # noqa: S603 - the operator's own program, without an argument of anybody else's
                [program], input=raw, capture_output=True, timeout=COMMAND_S, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise NotSent(f"the command took longer than {COMMAND_S:.0f} s") from error
        except OSError as error:
            raise NotSent(f"the command could not be run: {error.strerror}", again=False) from error
        if done.returncode:
            raise NotSent(f"the command ended with {done.returncode}")

    def _sent(self, due: DueDelivery) -> None:
        try:
            self._guarded(lambda: self.send(due))
        finally:
            with self._lock:
                self._busy.discard(_whom(due))
            self._fired.set()  # the next one to it

    def _guarded(self, step: Callable[[], object]) -> None:
        try:
            step()
        except JoblogError as error:
            _log.warning("%s; alerts will be sent later", error)
        except Exception:  # noqa: BLE001  # the edge of a background loop
            _log.exception("an alert could not be sent; it will be tried again")

    def _run(self) -> None:
        while not self._stop.is_set():
            self._fired.clear()
            self._guarded(self.send_due)
            self._fired.wait(_LOOK_S)


def _pause_ms(tries: int, after_ms: int) -> int:
    backoff = Backoff(_FIRST_S, _MAX_PAUSE_S, least=_JITTER)
    backoff.tries = tries - 1
    return max(int(backoff.pause_s() * 1000), min(after_ms, int(_MAX_PAUSE_S * 1000)))


def _whom(due: DueDelivery) -> tuple[str, str]:
    return due.project_id, due.receiver
