"""The tools and prompts as the Model Context Protocol has them, on its official package; all of them only read.

Source: https://modelcontextprotocol.io/specification (tools, prompts, and their annotations).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import Field

from joblog import __version__
from joblog.client.searching import Within
from joblog.errors import JoblogError
from joblog.mcp.budget import HOSTILE
from joblog.mcp.tools import (
    DEFAULT_TOKENS,
    MAX_HITS,
    MAX_LINES,
    MAX_POINTS,
    MAX_RUNS,
    MAX_TEMPLATES,
    MAX_TOKENS,
    MAX_WIDTH,
    MIN_TOKENS,
    Tools,
)

INSTRUCTIONS = f"""joblog keeps every byte that training jobs print. A run is named JOB (its latest run), JOB#2 or \
JOB/V0002; one rank's log is JOB/V0002/3. Lines count from 0.
For a run that died, begin with why: it names the rank that failed first and the lines that say so. Then lines with \
around=, search, metrics. Answers are short; each says what it left out and how to ask for it. {HOSTILE}"""

_READS = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)

_Run = Annotated[str | None, Field(description="JOB, JOB#2 or JOB/V0002; without it the project's latest run", max_length=200)]
_Log = Annotated[
    str | None, Field(description="JOB/V0002/3 or JOB#2/3 for rank 3; JOB for the latest run's first rank", max_length=200)
]
_Ranks = Annotated[str | None, Field(description="only these ranks, such as 3,7-9", max_length=4000)]
_Tokens = Annotated[int, Field(ge=MIN_TOKENS, le=MAX_TOKENS, description="limits the answer, in tokens")]


def server(tools_of: Callable[[Context[Any]], Tools]) -> MCPServer[Any]:
    """Returns a server whose tools are those that ``tools_of`` gives for a call; a tool runs in a thread."""
    made = MCPServer("joblog", version=__version__, instructions=INSTRUCTIONS, log_level="ERROR", subscriptions=False)
    questions = _Questions(tools_of)
    for each in (
        questions.runs, questions.why, questions.ranks, questions.lines, questions.search, questions.metrics,
        questions.compare, questions.templates,
    ):  # fmt: skip
        made.add_tool(each, annotations=_READS, structured_output=False)
    made.prompt(title="Why did this run fail?")(why_did_this_run_fail)
    made.prompt(title="Is this run healthy?")(is_this_run_healthy)
    made.prompt(title="Compare with the last good run")(compare_with_the_last_good_run)
    return made


def _answered(answer: Callable[[], str]) -> str:
    """Returns the answer; an error of joblog's is the tool's error, in its own words."""
    try:
        return answer()
    except JoblogError as error:
        raise ToolError(str(error)) from error


_States = Annotated[
    Sequence[str], Field(description="only runs in these: running, completed, failed, killed, lost, ended", max_length=10)
]
_Labels = Annotated[Sequence[str], Field(description="only of jobs with these, as team=vision", max_length=4)]


class _Questions:
    """The tools: what an assistant is told of each, its parameters and their bounds are its name, text and annotations."""

    def __init__(self, tools_of: Callable[[Context[Any]], Tools]) -> None:
        self._tools_of = tools_of

    def runs(
        self,
        ctx: Context[Any],
        job: Annotated[str | None, Field(description="only this job's runs", max_length=200)] = None,
        states: _States = (),
        labels: _Labels = (),
        limit: Annotated[int, Field(ge=1, le=MAX_RUNS)] = 20,
        max_tokens: _Tokens = DEFAULT_TOKENS,
    ) -> str:
        """List runs, the newest first, with state, size, duration and last line."""
        return _answered(lambda: self._tools_of(ctx).runs(job, states, labels, limit, max_tokens))

    def why(self, ctx: Context[Any], run: _Run = None, ranks: _Ranks = None, max_tokens: _Tokens = DEFAULT_TOKENS) -> str:
        """Explain why a run died: the rank that failed first, the lines that say so, how the ranks ended, earlier runs that
        died of the same. Of a run that hangs: where its ranks stand."""
        return _answered(lambda: self._tools_of(ctx).why(run, ranks, max_tokens))

    def ranks(self, ctx: Context[Any], run: _Run = None, max_tokens: _Tokens = DEFAULT_TOKENS) -> str:
        """Show how the ranks of a run ended or are, those that are alike together."""
        return _answered(lambda: self._tools_of(ctx).ranks(run, max_tokens))

    def lines(  # noqa: PLR0913 - each is a choice of its own
        self,
        ctx: Context[Any],
        log: _Log = None,
        start: Annotated[int | None, Field(description="first line; negative counts from the end")] = None,
        count: Annotated[int, Field(ge=1, le=MAX_LINES)] = 40,
        around: Annotated[int | None, Field(ge=0, description="a line to show with those before and after it")] = None,
        width: Annotated[int, Field(ge=20, le=MAX_WIDTH, description="cut lines after so many characters")] = 400,
        max_tokens: _Tokens = DEFAULT_TOKENS,
    ) -> str:
        """Read lines of one rank's log as a terminal shows them: the last ones, from a number on, or around a line."""
        return _answered(lambda: self._tools_of(ctx).lines(log, start, count, around, width, max_tokens))

    def search(  # noqa: PLR0913 - each is a choice of its own
        self,
        ctx: Context[Any],
        pattern: Annotated[str, Field(min_length=1, max_length=1000)],
        where: Annotated[
            str | None, Field(description="a run, or one rank's log; without it the project", max_length=200)
        ] = None,
        regex: Annotated[bool, Field(description="pattern is a regular expression (RE2)")] = False,
        ignore_case: bool = False,
        backwards: Annotated[bool, Field(description="from the end, the newest run first")] = False,
        context: Annotated[int, Field(ge=0, le=20, description="lines before and after each match")] = 0,
        limit: Annotated[int, Field(ge=1, le=MAX_HITS)] = 20,
        cursor: Annotated[str | None, Field(description="of the answer before, to go on", max_length=1000)] = None,
        ranks: _Ranks = None,
        since: Annotated[
            str, Field(description="only what arrived then or later: 10m, 2h, 7d ago, or a time", max_length=40)
        ] = "",
        until: Annotated[str, Field(description="only what arrived before", max_length=40)] = "",
        states: _States = (),
        labels: _Labels = (),
        max_tokens: _Tokens = DEFAULT_TOKENS,
    ) -> str:
        """Search one log, all ranks of a run, or all runs of the project; each match with its permanent link."""
        within = Within(since, until, ranks or "", tuple(states), tuple(labels))
        asked = pattern, where, regex, ignore_case, backwards, context, limit, cursor, within, max_tokens
        return _answered(lambda: self._tools_of(ctx).search(*asked))

    def metrics(
        self,
        ctx: Context[Any],
        run: _Run = None,
        names: Annotated[Sequence[str], Field(description="only these series, with their points", max_length=50)] = (),
        ranks: _Ranks = None,
        points: Annotated[int, Field(ge=3, le=MAX_POINTS, description="points of each series")] = 20,
        max_tokens: _Tokens = DEFAULT_TOKENS,
    ) -> str:
        """Show the numbers that a run printed (loss, learning rate, speed), as series over its steps."""
        return _answered(lambda: self._tools_of(ctx).metrics(run, names, ranks, points, max_tokens))

    def compare(
        self,
        ctx: Context[Any],
        run: _Run = None,
        other: Annotated[str | None, Field(description="the run to compare with, in place of against", max_length=200)] = None,
        against: Annotated[
            Literal["good", "earlier", "ranks"],
            Field(description="the job's last good run, the run before, or this run's ranks with each other"),
        ] = "good",
        count: Annotated[int, Field(ge=1, le=MAX_TEMPLATES, description="lines that are new, and as many that are gone")] = 10,
        max_tokens: _Tokens = DEFAULT_TOKENS,
    ) -> str:
        """Show what a run printed that another did not, what it no longer prints, and values that changed (versions,
        arguments, world size). The line that names a failure comes first."""
        return _answered(lambda: self._tools_of(ctx).compare(run, other, against, count, max_tokens))

    def templates(
        self,
        ctx: Context[Any],
        run: _Run = None,
        ranks: _Ranks = None,
        count: Annotated[int, Field(ge=1, le=MAX_TEMPLATES)] = 40,
        max_tokens: _Tokens = DEFAULT_TOKENS,
    ) -> str:
        """Show what a log is made of: lines that are alike but for numbers, times and ids, counted; the most frequent first."""
        return _answered(lambda: self._tools_of(ctx).templates(run, ranks, count, max_tokens))


def why_did_this_run_fail(run: str) -> str:
    """Find the cause of a failure, with the lines that prove it."""
    return (
        f"Find out why the run {run} failed. Ask joblog's why first, then look at the lines around the place it names, and"
        " search other ranks for what came before it. Answer with the cause, the rank, the permanent link to the line that"
        " proves it, and what to change. Say what you are not sure of."
    )


def is_this_run_healthy(run: str) -> str:
    """Judge a run that goes on."""
    return (
        f"Judge whether the run {run} is healthy: how its ranks are (ranks), whether its losses go down and hold no nan"
        " (metrics), whether it still prints (lines, from the end), and which warnings it prints (search). Answer in five"
        " sentences, with links to the lines that you go by."
    )


def compare_with_the_last_good_run(run: str) -> str:
    """Find what is different this time."""
    return (
        f"Compare the run {run} with the last good run of its job (compare), and their metrics at equal steps (metrics of"
        " both). Look at the lines around what is new (lines). Answer with the differences that may matter, the likely cause"
        " first, each with its link."
    )
