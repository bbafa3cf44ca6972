"""The templates of stored logs, read once as they grow, and what two runs have not in common.

What was read is kept, for each log that was asked about lately, in memory that is bounded by MAX_LOGS and MAX_ENTRIES; the next
question reads on from there. What is forgotten is read again. Methods block and may be called by many threads.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from joblog.core.logs import Head
from joblog.core.timeline import Timeline
from joblog.engine.compute import compute
from joblog.engine.read import PageReader
from joblog.engine.scan import Scan
from joblog.engine.times import second_of
from joblog.views.compare.difference import difference, odd_ranks
from joblog.views.compare.merging import step_before, template_list
from joblog.views.compare.ranking import ranked
from joblog.views.compare.reader import Entry, TemplateReader, read_templates
from joblog.views.compare.values import Difference, Template, Templates

MAX_LOGS = 4096
"""Logs whose templates are kept."""

MAX_ENTRIES = 200_000
"""Templates that are kept of all logs together, of some 400 bytes each."""

READ_S = 5.0
"""A question reads no further after so long; the next one goes on there."""

_APART_BYTES = 32 * 1024 * 1024
"""Of so much that is still to be read of a run, another one is read at the same time."""

_BEFORE_BYTES = 32 * 1024
_MAX_TIMED = 60


@dataclass
class _State:
    reader: TemplateReader
    lock: threading.Lock = field(default_factory=threading.Lock)
    entries: int = 0


class RunTemplatesView:
    """See the module."""

    def __init__(self, reader: PageReader, scan: Scan, timeline: Timeline, *, max_entries: int = MAX_ENTRIES) -> None:
        self._max_entries = max_entries
        self._reader, self._scan = reader, scan
        self._lock = threading.Lock()
        self._states: OrderedDict[int, _State] = OrderedDict()
        self._entries = 0
        timeline.forgets(self._forget)

    def templates(self, logs: Sequence[Head], limit: int) -> Templates:
        """Returns the templates of a run that were printed most often, ``limit`` at most."""
        read = self._read(logs, time.monotonic() + READ_S)
        listed: Templates = compute(template_list, [(log.worker, entries) for log, entries, _ in read], limit)
        others = sum(other for _, _, other in read)
        read_bytes, unread = self._reached(logs)
        lines = listed.lines + others
        return replace(listed, other_lines=others, lines=lines, read_bytes=read_bytes, unread_bytes=unread)

    def difference(self, before: Sequence[Head], after: Sequence[Head], limit: int) -> Difference:
        """Returns what the logs of a run have that another one's have not; the runs' names are left out."""
        until_s = time.monotonic() + READ_S
        left = [sum(log.end_byte - self._state(log).reader.at for log in logs) for logs in (before, after)]
        if min(left) > _APART_BYTES:
            with ThreadPoolExecutor(1) as other:
                coming = other.submit(contextvars.copy_context().run, self._read, before, until_s)
                now = self._read(after, until_s)
                was = coming.result()
        else:
            was, now = self._read(before, until_s), self._read(after, until_s)
        sides = [(False, log.worker, entries) for log, entries, _ in was] + [
            (True, log.worker, entries) for log, entries, _ in now
        ]
        made: Difference = compute(difference, sides, limit)
        read_bytes, unread = self._reached([*before, *after])
        return replace(self._timed(made, before, after), read_bytes=read_bytes, unread_bytes=unread)

    def odd_ranks(self, logs: Sequence[Head], limit: int) -> Difference:
        """Returns what few ranks of a run print, and what all but few do."""
        read = self._read(logs, time.monotonic() + READ_S)
        made: Difference = compute(odd_ranks, [(log.worker, entries) for log, entries, _ in read], limit)
        read_bytes, unread = self._reached(logs)
        return replace(self._timed(made, logs, logs), read_bytes=read_bytes, unread_bytes=unread)

    def _timed(self, made: Difference, before: Sequence[Head], after: Sequence[Head]) -> Difference:
        """Says of what is shown first when it came, and at which step; what came first leads what is as telling."""
        new = ranked([*self._with_times(made.new[:_MAX_TIMED], after), *made.new[_MAX_TIMED:]])
        gone = [*self._with_times(made.gone[:_MAX_TIMED], before), *made.gone[_MAX_TIMED:]]
        parted = made.parted
        if parted is not None:
            known = [each for each in new if each.at_ms is not None and each.weight <= max(parted.weight, 1)] or [parted]
            parted = min(known, key=lambda each: (each.at_ms or 0, each.first.start_byte))
            parted = replace(parted, step=self._step(parted, after))
        return replace(made, new=new, gone=gone, parted=parted)

    def _with_times(self, templates: Sequence[Template], logs: Sequence[Head]) -> list[Template]:
        by_task = {log.task: log for log in logs}
        seconds = dict[tuple[str, int], int]()
        for task in {each.first.task for each in templates}:
            places = [each.first.start_byte for each in templates if each.first.task == task]
            times = second_of(self._reader.logs, by_task[task], places)
            seconds.update({(task, place): second for place, second in zip(places, times, strict=True)})
        return [replace(each, at_ms=1000 * seconds[each.first.task, each.first.start_byte]) for each in templates]

    def _step(self, template: Template, logs: Sequence[Head]) -> int | None:
        log = next(log for log in logs if log.task == template.first.task)
        high = template.first.start_byte
        low = max(high - _BEFORE_BYTES, log.start_byte)
        data = self._reader.read(log, lambda _: (low, high)).data
        step: int | None = compute(step_before, [data])
        return step

    def _read(self, logs: Sequence[Head], until_s: float) -> list[tuple[Head, Mapping[str, Entry], int]]:
        """Reads on, of each log what is new; returns the templates so far, and how many lines are of others."""
        return [(log, *self._read_log(log, until_s)) for log in logs]

    def _read_log(self, log: Head, until_s: float) -> tuple[Mapping[str, Entry], int]:
        state = self._state(log)
        with state.lock:
            reader = state.reader
            grew = reader.at < log.end_byte
            if reader.at < log.start_byte or (reader.young and grew):
                reader = state.reader = TemplateReader(log.start_byte, log.start_line)
            if (grew or (log.closed and not reader.ended)) and time.monotonic() < until_s:
                pieces = self._pieces(log, reader.at, log.end_byte, until_s)
                state.reader = compute(read_templates, pieces, reader, closed_at=log.end_byte if log.closed else -1)
                self._grew(state)
            return state.reader.entries, state.reader.others

    def _pieces(self, log: Head, low: int, high: int, until_s: float) -> Iterator[bytes]:
        for piece in self._scan.forwards(log.id, low, high):
            if piece.start_byte != low or time.monotonic() > until_s:  # retention may have taken what comes next
                return
            yield piece.data
            low = piece.end_byte

    def _reached(self, logs: Sequence[Head]) -> tuple[int, int]:
        """Returns how many bytes of logs were read, and how many were not."""
        size = sum(log.end_byte - log.start_byte for log in logs)
        unread = sum(max(log.end_byte - max(self._state(log).reader.at, log.start_byte), 0) for log in logs)
        return size - unread, unread

    def _grew(self, state: _State) -> None:
        with self._lock:
            self._entries += len(state.reader.entries) - state.entries
            state.entries = len(state.reader.entries)
            while self._entries > self._max_entries and len(self._states) > 1:
                self._entries -= self._states.popitem(last=False)[1].entries

    def _forget(self) -> None:
        with self._lock:
            self._states.clear()
            self._entries = 0

    def _state(self, log: Head) -> _State:
        with self._lock:
            state = self._states.get(log.id)
            if state is None:
                state = self._states[log.id] = _State(TemplateReader(log.start_byte, log.start_line))
                if len(self._states) > MAX_LOGS:
                    self._entries -= self._states.popitem(last=False)[1].entries
            else:
                self._states.move_to_end(log.id)
            return state
