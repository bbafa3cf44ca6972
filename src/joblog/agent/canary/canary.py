"""A canary: known lines through a real agent, followed and queried back, round after round.

Each round is a run of its own: ``joblog run`` starts a program that prints, a thread follows its log, now and then a line is
asked for by its number, and when the log is closed all of it is read back and its proof is looked at. So a round goes through
all that a log goes through, and an outage in the middle of it must leave no trace but delay.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from joblog.agent.canary.lines import Judge, Totals, parsed
from joblog.client import Client, LogRef
from joblog.errors import JoblogError

_PAUSE_S = 1.0

_GRACE_S = 30.0
"""How long what was printed may take to be read, beyond what counts as late."""


@dataclass(frozen=True)
class CanaryPlan:
    """What a canary writes: ``rate`` lines a second of ``size_bytes`` each, in rounds of ``round_s``, in all for ``whole_s``.

    A line that comes later than ``late_s`` after it was printed is late. ``whole_s`` None: for ever.
    """

    project_id: str
    job_name: str
    rate: float
    size_bytes: int
    late_s: float
    round_s: float
    whole_s: float | None


class Canary:
    """Runs the rounds. ``connect`` makes a client; ``environ`` is what the agent gets."""

    def __init__(
        self, plan: CanaryPlan, connect: Callable[[], Client], environ: Mapping[str, str], say: Callable[[str], None]
    ) -> None:
        self.totals = Totals()
        self._plan = plan
        self._connect = connect
        self._environ = dict(environ)
        self._say = say
        self._stop = threading.Event()

    def stop(self) -> None:
        """Ends the round that runs, which is then not judged."""
        self._stop.set()

    def run(self) -> None:
        """Runs rounds until the time is over or somebody stops it."""
        began_s = time.monotonic()
        while not self._stop.is_set():
            left_s = self._plan.round_s
            if self._plan.whole_s is not None:
                left_s = min(left_s, began_s + self._plan.whole_s - time.monotonic())
            count = int(left_s * self._plan.rate)
            if count <= 0:
                return
            self._round(count)

    def _round(self, count: int) -> None:
        run_id = f"canary-{os.urandom(8).hex()}"
        with self._connect() as client, self._connect() as following:
            ref = self._log(client, run_id)
            if ref is None:
                self.totals.round("interrupted")
                return
            judge = Judge("follow", self.totals, count, self._plan.late_s)
            follower = threading.Thread(target=self._follow, args=(following, ref, judge), name="canary-follower", daemon=True)
            follower.start()
            command = self._command(run_id, count)
            agent = subprocess.Popen(command, env=self._environ, stdout=subprocess.DEVNULL)  # noqa: S603  # joblog itself
            try:
                self._look(client, ref, judge, agent)
            finally:
                if agent.poll() is None:
                    agent.terminate()
                agent.wait()
            if self._stop.is_set():
                self.totals.round("interrupted")
                return
            follower.join(self._plan.late_s + _GRACE_S)
            judge.finish()
            self.totals.round("complete" if self._read_back(client, ref, count) else "incomplete")

    def _log(self, client: Client, run_id: str) -> LogRef | None:
        while not self._stop.is_set():
            try:
                return client.run(self._plan.project_id, self._plan.job_name, run_id=run_id).log.ref
            except JoblogError as error:
                self._say(f"{error}; will be tried again")
            self._stop.wait(_PAUSE_S)
        return None

    def _command(self, run_id: str, count: int) -> list[str]:
        joblog = [sys.executable, "-m", "joblog", "run", "--job", self._plan.job_name, "--run-id", run_id, "--task", "worker-0"]
        wait = ["--wait", str(int(self._plan.late_s + _GRACE_S))]
        lines = ["-m", "joblog.agent.canary.lines", str(self._plan.rate), str(count), str(self._plan.size_bytes)]
        return [*joblog, *wait, "--", sys.executable, *lines]

    def _follow(self, client: Client, ref: LogRef, judge: Judge) -> None:
        try:
            for piece in client.follow(ref, patience_s=self._plan.late_s + _GRACE_S):
                judge.take(piece.data, time.time_ns() // 1_000_000)
        except JoblogError as error:
            self._say(f"the log cannot be followed any more: {error}")

    def _look(self, client: Client, ref: LogRef, judge: Judge, agent: subprocess.Popen[bytes]) -> None:
        """Asks, while the round runs, for lines that were seen: line number N of the log is the canary's number N."""
        while not self._stop.is_set():
            try:
                agent.wait(_PAUSE_S)
                return
            except subprocess.TimeoutExpired:
                pass
            if judge.highest < 0:
                continue
            number = random.randint(0, judge.highest)  # noqa: S311  # which one is no secret
            try:
                record = parsed(client.lines(ref, number, 1).content.encode())
            except JoblogError as error:
                self._say(f"{error}; will be tried again")
                continue
            if record is None or record[0] != number:
                self.totals.fault("wrong", "query")

    def _read_back(self, client: Client, ref: LogRef, count: int) -> bool:
        """Reads the whole log, and looks at its proof; whether it is complete."""
        judge, until_s = Judge("query", self.totals, count), time.monotonic() + self._plan.late_s + _GRACE_S
        while True:
            try:
                proof, data = client.verify(ref), b"".join(client.read(ref))
                break
            except JoblogError as error:
                self._say(f"{error}; will be tried again")
                if time.monotonic() > until_s or self._stop.wait(_PAUSE_S):
                    judge.finish()
                    return False
        judge.take(data, 0)
        judge.finish()
        for problem in proof.problems:
            self._say(problem)
        return proof.complete
