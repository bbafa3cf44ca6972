"""The native API's calls about templates: what a run prints, and how that differs from another run. See docs/http-api.md."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from joblog.core.jobs import VersionRow
from joblog.core.names import MAX_ID
from joblog.engine.baseline import EARLIER, GOOD, NAMED, RANKS, baseline
from joblog.errors import Invalid, NotFound
from joblog.server.http.parameters import choice, number, text
from joblog.server.http.routes import Call, Calls
from joblog.server.native.ranks import Rank, logs_of_ranks
from joblog.server.state import State
from joblog.views.compare.values import Difference, Templates

calls = Calls("/api/projects/{project_id}/jobs/{job_id}/versions/{version_id}", "views")

Many = Annotated[int, number(1, 4000, "templates of the answer, 1 to 4000, 100 by default")]
Few = Annotated[int, number(1, 200, "templates of the answer, of new and of gone ones each, 1 to 200, 20 by default")]
Against = Annotated[
    str,
    choice(
        *(GOOD, EARLIER, RANKS),
        description="with what: the job's last good run (by default), the run before, or its ranks with each other",
    ),
]
OtherVersion = Annotated[int, number(1, MAX_ID, "the id of the run to compare with, instead of against")]
OtherJob = Annotated[int, number(1, MAX_ID, "the id of the job that that run is of, if it is another one")]
OtherRanks = Annotated[str, text("ranks of what it is compared with, as 3,7-9; all by default")]


@calls.get("/templates", "read", "What it prints, by template")
async def list_templates(joblog: State, call: Call, ranks: Rank = "", count: Many = 100) -> Templates:
    """Counts lines that are alike but for numbers, times, ids and paths; the most frequent first."""
    path = call.path
    logs = await logs_of_ranks(joblog, (path["project_id"], path["job_id"], path["version_id"]), ranks)
    return await joblog.viewing.run(joblog.templates.templates, logs, count)


@calls.get("/diff", "read", "How it differs from another run")
async def compare_runs(
    joblog: State,
    call: Call,
    ranks: Rank = "",
    against: Against = GOOD,
    against_version: OtherVersion | None = None,
    against_job: OtherJob | None = None,
    against_ranks: OtherRanks = "",
    count: Few = 20,
) -> Difference:
    """Says what is new, gone and changed in what a run prints, against another run, or of its ranks against each other."""
    path = call.path
    project_id, job_id, version_id = path["project_id"], path["job_id"], path["version_id"]
    logs = await logs_of_ranks(joblog, (project_id, job_id, version_id), ranks)
    version = await joblog.reading(joblog.engine.runs.version, project_id, job_id, version_id)
    if against_job is not None and against_version is None:
        raise Invalid("against_job", "given with against_version")
    if against == RANKS and against_version is None:
        if against_ranks:
            raise Invalid("against_ranks", "absent where ranks are compared with each other")
        made = await joblog.viewing.run(joblog.templates.odd_ranks, logs, count)
        name = await _name(joblog, version, project_id, ranks)
        return replace(made, before=f"{name.partition(' ')[0]} other ranks", after=name, before_version_id=version_id)
    other_job = job_id if against_job is None else against_job
    if against_version is not None:
        joblog.auth.allowed(call.headers, "read", project_id, other_job)
        other = await joblog.reading(joblog.engine.runs.version, project_id, other_job, against_version)
        chosen = NAMED
    else:
        base = await joblog.reading(baseline, joblog.engine.runs, job_id, version_id, against)
        if base is None:
            raise NotFound("earlier run of the job that is over", job_id)
        other, chosen = base
    others = await logs_of_ranks(joblog, (project_id, other_job, other.id), against_ranks)
    made = await joblog.viewing.run(joblog.templates.difference, others, logs, count)
    names = [await _name(joblog, *each) for each in ((other, project_id, against_ranks), (version, project_id, ranks))]
    return replace(made, before=names[0], after=names[1], against=chosen, before_version_id=other.id)


async def _name(joblog: State, version: VersionRow, project_id: str, ranks: str) -> str:
    job = await joblog.reading(joblog.engine.runs.job, project_id, version.job_id)
    return f"{job.name}/{version.name}" + (f" ranks {ranks}" if ranks else "")
