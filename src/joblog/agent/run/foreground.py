"""``joblog run``: starts the job, keeps what it prints, passes it on, and sends it; the job needs none of it.

The foreground process starts a keeper and the job, passes signals on, and exits with the job's status. It reads nothing,
but holds the pipes' ends: when the keeper is killed the job's writes go on into the pipes, and a new keeper reads them.
It has one thread and waits in one place, for signals, the end of either process among them.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from joblog.agent.run import signals
from joblog.agent.run.keeper import EXITED, HURRY, STARTED, Keeper
from joblog.agent.run.kept_log import KeptLog, Options
from joblog.agent.run.oom import OomKills
from joblog.agent.run.pass_on import (
    SharedMark,
    close_all,
    close_input,
    inherited_descriptors,
    open_standard_descriptors,
    pass_on_all,
    say,
)
from joblog.agent.run.pipes import Child, Streams
from joblog.agent.run.program import Handling, become
from joblog.agent.run.stop import Stopper
from joblog.agent.spool import files, places
from joblog.agent.spool.files import Meta, Outcome
from joblog.agent.spool.parts import MEMORY_BYTES
from joblog.api.refs import RUN_LOG

if TYPE_CHECKING:
    from joblog.api.writer import Writer

__all__ = ["Options", "run"]

SI_KERNEL = 0x80
"""``si_code`` of a signal that the terminal raised; ``kill`` has another one."""

KEEPERS, KEEPER_S = 20, 60.0
"""Keepers, none of which lived so long, after which the output is read in this process, without a spool: something
ends each of them, and the job must not wait for what."""


def run(command: Sequence[str], meta: Meta, connect: Callable[[], Writer], options: Options) -> int:
    """Runs ``command`` and keeps what it prints as the log that ``meta`` names; returns its exit status.

    ``connect`` gives the client, when it is needed. Unless told to be verbose, joblog itself prints nothing, or one line
    on stderr when something is wrong.
    """
    ignored = signals.ignored_by_caller()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # whoever called may ignore it, and no exit status would be told
    blocked_before = signal.pthread_sigmask(signal.SIG_BLOCK, signals.WAITED_FOR)
    handling = Handling(signals.WAITED_FOR - blocked_before, ignored)
    try:
        open_standard_descriptors()
        foreground = _Foreground(meta, connect, options)
        child = foreground.begin(command, handling)
    except Exception as error:  # noqa: BLE001 - the job runs, whatever it is
        say(f"the command runs without joblog, and its output is not kept: {error}")
        return become(command, handling)
    return foreground.wait_for(child)


class _Foreground:
    def __init__(self, meta: Meta, connect: Callable[[], Writer], options: Options) -> None:
        self._pid = os.getpid()
        self._stops = False
        self._connect = connect
        self._variables = {RUN_LOG: f"{meta.project_id} {meta.job_name} {meta.run_id} {meta.task}"}
        self._options = options
        self._streams = Streams(tty=options.tty, attached=options.attached)
        self._inherited = inherited_descriptors()
        self._spool: Path | None = None
        self._in_memory: Meta | None = None  # where there is no place for a spool
        self._keepers = 0
        self._keeper_since_s = time.monotonic()
        self._keeper = 0
        self._control = -1
        self._outcome: Outcome | None = None
        self._kept = False
        self._writing_ends_open = True
        self._mark = SharedMark()
        try:
            if options.filtering is not None:
                options.filtering.prepare()
            # The lock is this process's and its keepers': it is held until the last of them ends.
            self._spool, self._lock, why = places.make_first(options.spool_roots, meta)
            if why is not None:
                say(f"the log is kept in {self._spool.parent}: {why}")
        except Exception as error:  # noqa: BLE001 - the job goes on, whatever it is
            self._in_memory = meta
            say(f"the log is kept in memory alone, {MEMORY_BYTES >> 20} MiB of it at most: {error}")

    def begin(self, command: Sequence[str], handling: Handling) -> Child:
        """Starts the keeper and the command; raises where there is no process, thread or descriptor for them to be had."""
        # The keeper first: from its first byte on, the child has two who hold the other end of its pipes.
        self._start_keeper()
        self._oom_kills = OomKills()
        try:
            child = Child(command, self._streams, handling, self._environment())
        except OSError:
            self._end_keeper()
            raise
        self._streams.close_writing_ends()
        self._writing_ends_open = False
        close_input()  # it is the job's alone: whoever writes to it must see that nobody reads any more
        if child.status is not None:
            self._outcome = child.outcome(out_of_memory=False)
        self._tell_of(child)
        return child

    def _end_keeper(self) -> None:
        """Takes back what was set up, before anything was written."""
        if self._keeper:
            os.kill(self._keeper, signal.SIGKILL)
            os.waitpid(self._keeper, 0)
        if self._spool is not None:
            files.remove(self._spool)

    def wait_for(self, child: Child) -> int:
        """Waits for the command and its log; returns the command's status."""
        while not (self._kept and child.status is not None):
            info = signal.sigwaitinfo(signals.WAITED_FOR)
            # Whatever the signal: one that comes as the child ends is taken before SIGCHLD is, its number being smaller.
            if self._outcome is None and child.poll() is not None:
                self._outcome = child.outcome(out_of_memory=self._oom_kills.happened() is True)
                self._tell_of(child)
            if info.si_signo == signal.SIGCHLD:
                self._look_after_keeper(child)
            elif info.si_pid != self._pid:  # the rest is what a write of this process's own raised
                self._forward(child, info)
            if self._stops and child.poll() is None and child.has_stopped():
                self._stop()
        return child.status or 0

    def _environment(self) -> dict[str, str]:
        """Returns the job's environment: the caller's, which log this is, and that a Python is not to keep words back."""
        unbuffered = {} if self._options.buffered else {"PYTHONUNBUFFERED": "1"}
        return {**unbuffered, **os.environ, **self._variables}

    def _forward(self, child: Child, info: signal.struct_siginfo) -> None:
        if child.poll() is not None:
            if info.si_signo in signals.STOPPING:
                self._stop()
            elif info.si_signo in signals.ENDING and not signals.is_ignored(info.si_signo):
                self._tell(HURRY)
            return
        if info.si_signo in signals.STOPPING:
            self._stops = True
        by_terminal = info.si_code == SI_KERNEL
        if info.si_signo == signal.SIGWINCH and self._options.tty:
            self._streams.resize()
            by_terminal = False  # it came for joblog's terminal; the child's has its new size only now
        # What the terminal raised, by Ctrl-C say, the child has already: it is in the same process group.
        if not by_terminal:
            child.send(info.si_signo)

    def _stop(self) -> None:
        """Stops this process, as the signal would that has stopped the job, until its caller has it go on."""
        self._stops = False
        os.kill(self._pid, signal.SIGSTOP)

    def _look_after_keeper(self, child: Child) -> None:
        """Sees whether the keeper has ended: all is kept, or, if it was killed, another one goes on; or needs nobody."""
        self._kept = self._kept or self._mark.may_leave
        if self._kept or not self._keeper:
            return
        pid, status = os.waitpid(self._keeper, os.WNOHANG | os.WUNTRACED)
        if pid == 0:
            return
        if os.WIFSTOPPED(status):
            os.kill(self._keeper, signal.SIGKILL)  # before the pipe is full; when it has ended another one goes on
            return
        os.close(self._control)
        if status == 0:
            self._kept = True
        else:
            self._start_keeper()
            self._tell_of(child)

    def _start_keeper(self) -> None:
        hearing, self._control = os.pipe()
        lived_s = time.monotonic() - self._keeper_since_s
        self._keepers = 1 if lived_s > KEEPER_S else self._keepers + 1
        self._keeper_since_s += lived_s
        try:
            if self._keepers > KEEPERS:
                raise OSError("one keeper after the other has ended")
            self._keeper = os.fork()
        except OSError as error:
            say(f"the log is kept no further: {error}")
            self._keeper, self._spool, self._in_memory = 0, None, None
            try:
                threading.Thread(target=self._keep_here, args=(hearing,), daemon=True).start()
            except RuntimeError:
                if self._writing_ends_open:
                    raise  # the command is still to be started
                self._keep_here(hearing)
            return
        if self._keeper:
            os.close(hearing)
            return
        status = 1
        try:
            self._become_keeper(hearing)
            status = 0
        except BaseException as error:  # noqa: BLE001 - the process's edge: another keeper goes on
            if self._keepers in (1, KEEPERS):
                say(f"unexpected {type(error).__name__}: {error}")
        finally:
            os._exit(status)

    def _become_keeper(self, hearing: int) -> None:
        os.setsid()
        _give_way()
        os.close(self._control)
        if self._writing_ends_open:
            self._streams.close_writing_ends()
        close_input()
        self._keeper_of(self._spool, hearing).run()

    def _keeper_of(self, spool: Path | None, hearing: int) -> Keeper:
        stopper, foreground = Stopper(self._options.grace_s), self._pid

        def let_leave() -> None:
            if os.getpid() != foreground:
                close_all(self._inherited)  # the job's, who knows what for: locks are held by who has them open
            self._mark.let_leave()
            if foreground in (os.getpid(), os.getppid()):
                os.kill(foreground, signal.SIGCHLD)

        log = KeptLog(spool, self._connect, self._options, self._mark, stop=stopper.stop, meta=self._in_memory)
        return Keeper(self._streams, log, hearing, stopper, linger_s=self._options.linger_s, let_leave=let_leave)

    def _keep_here(self, hearing: int) -> None:
        """Passes on what the job writes, in a thread of this process."""
        try:
            self._keeper_of(None, hearing).run()
        except OSError:
            pass_on_all(self._streams.reading)  # there is not even a descriptor for it: the job must not wait
        finally:
            self._kept = True
            os.kill(os.getpid(), signal.SIGCHLD)

    def _tell_of(self, child: Child) -> None:
        if self._outcome is not None:
            self._tell(EXITED + json.dumps(self._outcome._asdict()).encode())
        elif child.pid:
            self._tell(STARTED + b"%d" % child.pid)

    def _tell(self, word: bytes) -> None:
        try:
            os.write(self._control, word + b"\n")
        except OSError:
            pass  # the keeper has ended, which is looked after


def _give_way() -> None:
    """Has the kernel let a job that writes go on, rather than let this process, which that wakes up, go first."""
    try:
        if os.sched_getscheduler(0) == os.SCHED_OTHER:
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    except (OSError, AttributeError):
        pass  # a sandbox, or no Linux
