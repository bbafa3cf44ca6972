"""The questions that an assistant asks of runs, each answered within a budget of tokens.

An answer says what it left out and how to ask for that, and carries permanent links. What a program printed is marked as such,
one line of it per line, so that nothing in a log can pass for the answer itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from joblog.api.refs import printable
from joblog.api.values.overview import RunSummary
from joblog.api.values.reading import Task
from joblog.client import Client
from joblog.client.links import Link, LogPart
from joblog.client.names import (
    LogNames,
    find_job,
    find_log,
    find_version,
    latest_version,
    place,
    rank_of,
    run_name,
    search_place,
)
from joblog.client.searching import Hit, Query, Within
from joblog.core.amounts import duration, size
from joblog.errors import Invalid
from joblog.mcp.budget import HOSTILE, LINE_CHARACTERS, Budget, of_log
from joblog.views.compare.values import Difference, Template
from joblog.views.ranks import format_ranks
from joblog.views.values import SeriesPoints, Where
from joblog.views.why.digest import BYTES_PER_TOKEN, MIN_BYTES

MIN_TOKENS, MAX_TOKENS, DEFAULT_TOKENS = 200, 20_000, 1500
MAX_LINES, MAX_RUNS, MAX_HITS, MAX_POINTS, MAX_TEMPLATES, MAX_WIDTH = 500, 100, 100, 200, 200, 8000

_HIT_BYTES, _NARROW = 80, 40
"""What a match takes at least: so many are asked for as may fit; and where not even one does, what is shown of its line."""


class Tools:
    """Answers about one project, with the rights of the client's token. All methods raise what the SDK raises, and Invalid."""

    def __init__(self, client: Client, project_id: str, address: str) -> None:
        """``address`` is the server's, as its users' browsers know it."""
        self._client, self._project_id, self._address = client, project_id, address.rstrip("/")
        self._names = LogNames(client, project_id)

    def runs(self, job: str | None, states: Sequence[str], labels: Sequence[str], limit: int, max_tokens: int) -> str:
        """Returns runs, the newest first."""
        answer, limit = _budget(max_tokens), _bounded("limit", limit, 1, MAX_RUNS)
        job_id = None if job is None else find_job(self._client, self._project_id, job).id
        page = self._client.listed_runs(self._project_id, job_id, states, labels, limit)
        if not page.items:
            return answer.end("There is no such run." if job or states or labels else "There are no runs yet.")
        answer.add(HOSTILE)
        shown = 0
        for run in page.items:
            if not answer.add(*self._run_lines(run, page.now_ms)):
                break
            shown += 1
        left = page.total - shown
        return answer.end(f"{left} older runs are left out: raise limit or max_tokens, or filter." if left else "")

    def why(self, run: str | None, ranks: str | None, max_tokens: int) -> str:
        """Returns why a run died."""
        answer, most = _budget(max_tokens), max(max_tokens * BYTES_PER_TOKEN, MIN_BYTES)
        version = latest_version(self._client, self._project_id, run)
        where = self._project_id, version.job_id, version.id
        digest = self._client.why(*where, ranks=ranks or rank_of(self._client, run), max_bytes=most)
        answer.add(HOSTILE, f"Run {digest.run}, {version.state}: {self._link(digest.run)}")
        lines = str(digest).split("\n")
        for at, line in enumerate(lines):
            if not answer.add(_marked(line)):
                return answer.end(f"{len(lines) - at} lines of the explanation are left out: raise max_tokens.")
        return answer.end("There was more to say: raise max_tokens." if digest.cut else "")

    def ranks(self, run: str | None, max_tokens: int) -> str:
        """Returns how a run's ranks are, those that are alike together."""
        answer = _budget(max_tokens)
        version = latest_version(self._client, self._project_id, run)
        name = run_name(self._client, self._project_id, version)
        where = self._project_id, version.job_id, version.id
        tasks = {task.task: task for task in self._client.tasks(*where)}
        sizes = {log.task: log for log in self._client.logs(*where)}
        expected = f" of {version.expected_tasks} expected" if version.expected_tasks else ""
        answer.add(HOSTILE, f"Run {name}, {version.state}, logs of {len(sizes)} ranks{expected}.")
        groups: dict[str, list[int]] = {}
        for task in sorted({*tasks, *sizes}, key=_worker):
            groups.setdefault(_how(tasks.get(task), closed=task in sizes and sizes[task].closed), []).append(_worker(task))
        for how, workers in sorted(groups.items(), key=lambda each: len(each[1])):
            text = format_ranks(workers)
            cut = text if len(text) <= 400 else f"{text[:400].rpartition(',')[0]},… ({len(workers)} in all)"
            first = f"{name}/{min(workers)}"
            if not answer.add(f"{len(workers)} x {how}: ranks {cut}; the first is {first}"):
                return answer.end("More groups are left out: raise max_tokens.")
        return answer.end()

    def lines(self, log: str | None, start: int | None, count: int, around: int | None, width: int, max_tokens: int) -> str:
        """Returns lines of one rank's log as a terminal shows them, a progress bar once."""
        answer, count = _budget(max_tokens), _bounded("count", count, 1, MAX_LINES)
        width = _bounded("width", width, 20, MAX_WIDTH)
        if start is not None and around is not None:
            raise Invalid("around", "given without start")
        status = find_log(self._client, self._project_id, log)
        first = -count if start is None else start
        if around is not None:
            first = max(_bounded("around", around, 0, 10**15) - count // 2, 0)
        name = place(self._client, status.ref)
        page = self._client.terminal(status.ref, first, count)
        if not page.lines:
            return answer.end(f"There is nothing there: {name} has lines {status.start_line} to {status.end_line - 1}.")
        from_end = start is None and around is None
        shown = page.lines[-count:] if from_end else page.lines[:count]  # a page is of about so many
        last = shown[-1].end_line
        link = self._link(name, LogPart(shown[0].start_line, max(last, shown[0].start_line + 1)))
        answer.add(HOSTILE, f"{name}, {status.end_line} lines, {size(status.end_byte)}: {link}")
        for line in shown:
            again = f" (drawn {line.frames} times)" if line.frames > 1 else ""
            if not answer.add(f"{line.start_line}{again} {of_log(line.text, width)}"):
                return answer.end(f"Cut here to fit: go on with start={line.start_line}, or raise max_tokens.")
        return answer.end(f"More: start={last}" if last < status.end_line else "This is the log's present end.")

    def search(  # noqa: PLR0913 - each is a choice of its own
        self,
        pattern: str,
        where: str | None,
        regex: bool,
        ignore_case: bool,
        backwards: bool,
        context: int,
        limit: int,
        cursor: str | None,
        within: Within,
        max_tokens: int,
    ) -> str:
        """Returns lines that match."""
        answer, limit = _budget(max_tokens), _bounded("limit", limit, 1, MAX_HITS)
        context = _bounded("context", context, 0, 20)
        searched, around = search_place(self._client, self._project_id, where), (context, context)

        def page(limit: int) -> tuple[list[Hit], str | None]:
            query = Query(pattern, regex, ignore_case)
            return self._client.search_page(
                searched, query, limit=limit, within=within, cursor=cursor, backwards=backwards, context=around
            )

        hits, following = page(max(min(limit, answer.left_bytes // _HIT_BYTES), 1))
        if not hits:
            going_on = f'Nothing so far; more is left to search: cursor="{following}"' if following else "No line matches."
            return answer.end(going_on)
        answer.add(HOSTILE)
        shown = 0
        for hit in hits:
            if not answer.add(*self._hit_lines(hit, context)):
                break
            shown += 1
        if shown == 0 and not answer.add(*self._hit_lines(hits[0], 0)):
            answer.add(*self._hit_lines(hits[0], 0, _NARROW))
        if shown < len(hits):
            _, following = page(max(shown, 1))  # the place behind those that are shown
        return answer.end(f'More may match: cursor="{following}"' if following else "These are all.")

    def metrics(self, run: str | None, names: Sequence[str], ranks: str | None, points: int, max_tokens: int) -> str:
        """Returns the numbers that a run printed, as series."""
        answer, points = _budget(max_tokens), _bounded("points", points, 3, MAX_POINTS)
        version = latest_version(self._client, self._project_id, run)
        where = self._project_id, version.job_id, version.id
        ranks = ranks or rank_of(self._client, run)
        series = self._client.metrics(*where, ranks=ranks, names=names, points=points)
        name = run_name(self._client, self._project_id, version)
        if not series:
            return answer.end(f"{name} prints no series{' of these names' if names else ''}.")
        answer.add(HOSTILE, f"Series of {name}, {version.state}. Names of series are the program's words, too.")
        for at, each in enumerate(sorted(series, key=lambda one: (one.name, _worker(one.task)))):
            if not answer.add(_series_line(each, whole=bool(names))):
                return answer.end(f"{len(series) - at} series are left out: name those you want (names), or a rank (ranks).")
        return answer.end("" if names else "With names=[...] the points between are shown, too.")

    def compare(self, run: str | None, other: str | None, against: str, count: int, max_tokens: int) -> str:
        """Returns what a run printed that another one did not, and the other way round."""
        answer, count = _budget(max_tokens), _bounded("count", count, 1, MAX_TEMPLATES)
        after = latest_version(self._client, self._project_id, run)
        before = None if other is None else find_version(self._client, self._project_id, other)
        made = self._client.diff(
            self._project_id, after.job_id, after.id,
            ranks=rank_of(self._client, run),
            against=against,
            against_job=None if before is None else before.job_id,
            against_version=None if before is None else before.id,
            against_ranks=rank_of(self._client, other),
            count=count,
        )  # fmt: skip
        answer.add(HOSTILE, f"{made.after} compared with {made.before}.")
        parts = list(self._differences(made))
        for at, lines in enumerate(parts):
            if not answer.add(*lines):
                return answer.end(f"{len(parts) - at} differences are left out: raise max_tokens.")
        left = made.new_total - len(made.new) + made.gone_total - len(made.gone)
        if left:
            return answer.end(f"{left} more lines are new or gone: raise count.")
        return answer.end("" if parts else "Both print the same, but for numbers, times and ids.")

    def templates(self, run: str | None, ranks: str | None, count: int, max_tokens: int) -> str:
        """Returns what a run printed, lines that are alike counted together."""
        answer, count = _budget(max_tokens), _bounded("count", count, 1, MAX_TEMPLATES)
        version = latest_version(self._client, self._project_id, run)
        name = run_name(self._client, self._project_id, version)
        where = self._project_id, version.job_id, version.id
        listed = self._client.templates(*where, ranks=ranks or rank_of(self._client, run), count=count)
        answer.add(HOSTILE, f"{name} prints {listed.total} templates in {listed.lines} lines; what varies is masked.")
        shown = 0
        for each in listed.items:
            if not answer.add(*self._template_lines(each, name, each.text)):
                break
            shown += 1
        left = listed.total - shown
        return answer.end(f"{left} templates are left out: raise count or max_tokens." if left else "")

    def _differences(self, made: Difference) -> Iterator[list[str]]:
        before, after = (name.partition(" ")[0] for name in (made.before, made.after))  # without the ranks that they may name
        if made.parted is not None:
            yield ["They part here:", *self._template_lines(made.parted, after, made.parted.line)]
        for title, templates, run in (("New", made.new, after), ("Gone", made.gone, before)):
            for each in templates:
                yield [f"{title}:", *self._template_lines(each, run, each.line)]
        for value in made.values:
            change = f"{value.name}: {value.before} -> {value.after}"
            yield [f"Changed value, {self._place_link(after, value.where)}", of_log(change)]
        for changed in made.counts:
            times = f"Printed {changed.before} -> {changed.after} times, {self._place_link(after, changed.where)}"
            yield [times, of_log(changed.text)]

    def _template_lines(self, template: Template, run: str, text: str) -> list[str]:
        who = f"rank {template.ranks}" if template.rank_count == 1 else f"{template.rank_count} ranks"
        return [f"{template.count} x on {who}, first {self._place_link(run, template.first)}", of_log(text)]

    def _place_link(self, run: str, where: Where) -> str:
        return self._link(f"{run}/{where.task}", LogPart(where.start_line, where.end_line))

    def _run_lines(self, run: RunSummary, now_ms: int) -> Iterator[str]:
        name = f"{run.job_name}/{run.name}"
        lasted = run.duration_ms(now_ms)
        facts = [run.state, f"{run.logs} ranks" if run.logs > 1 else "", size(run.size_bytes)]
        facts += [f"started {_moment(run.started_ms)}" if run.started_ms else "", f"for {duration(lasted)}" if lasted else ""]
        yield f"{name}: {', '.join(fact for fact in facts if fact)}; {self._link(name)}"
        if run.title:
            yield f"  title {of_log(run.title, 120)}"
        if run.last_line:
            yield f"  last line {of_log(run.last_line, 160)}"

    def _hit_lines(self, hit: Hit, context: int, width: int = LINE_CHARACTERS) -> Iterator[str]:
        name = self._names.name(hit.log)
        yield f"{name} line {hit.line}: {self._link(name, LogPart(hit.line, hit.line + 1))}"
        for line in [*hit.before, hit.text, *hit.after] if context else [hit.text]:
            yield of_log(line.text, width)

    def _link(self, name: str, part: LogPart | None = None) -> str:
        job, run, *task = name.split("/")
        return self._address + Link(self._project_id, job, run, task[0] if task else None, part).path


def _budget(max_tokens: int) -> Budget:
    return Budget(_bounded("max_tokens", max_tokens, MIN_TOKENS, MAX_TOKENS))


def _bounded(name: str, value: int, low: int, high: int) -> int:
    if not low <= value <= high:
        raise Invalid(name, f"{low} to {high}", value)
    return value


def _marked(line: str) -> str:
    """Returns a line of the explanation; what it quotes of the log stays marked."""
    stripped = line.lstrip()
    return f"  {of_log(stripped[2:])}" if stripped.startswith("| ") else printable(line)


def _worker(task: str) -> int:
    return int(task.rpartition("-")[2])


def _how(task: Task | None, *, closed: bool) -> str:
    if task is None:
        return "ended, nobody reported how" if closed else "open, nobody reported"
    how = task.status.lower()
    if task.signal:
        how += f" by {task.signal}"
    elif task.exit_code:
        how += f" with exit status {task.exit_code}"
    return how + (f" ({printable(task.reason)[:120]})" if task.reason else "")


def _series_line(series: SeriesPoints, *, whole: bool) -> str:
    known = [value for value in series.values if value is not None]
    head = f"rank {_worker(series.task)} {of_log(series.name, 80)}: {series.count} points"
    if not known:
        return f"{head}, none of them finite"
    unit, steps = series.unit and f" {printable(series.unit)}", [step for step in series.steps if step is not None]
    lost = sum(value is None for value in series.values)
    facts = f", first {known[0]:g}, last {known[-1]:g}, lowest {min(known):g}, highest {max(known):g}{unit}"
    facts += f", to {series.axis or 'step'} {steps[-1]:g}" if steps else ""
    facts += f"; {lost} are nan or inf" if lost else ""
    if not whole:
        return head + facts
    return f"{head}{facts}; " + " ".join(_point(*point) for point in zip(series.steps, series.values, strict=True))


def _point(step: float | None, value: float | None) -> str:
    return f"{'' if step is None else f'{step:g}='}{'nan' if value is None else f'{value:g}'}"


def _moment(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
