"""Lists of jobs, in every order and however they are narrowed, are those of a plain sort of all jobs."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from joblog.catalog.database import Database
from joblog.catalog.job_lists import FEW, KEYS, NONE, JobFilter, JobLists, ListedJob, PageOf, Place
from joblog.catalog.modelarts_jobs import Jobs, JobSearch, RunSearch
from joblog.catalog.overview import Overview, Wanted
from joblog.catalog.runs import Runs
from joblog.catalog.states import Report, States
from joblog.core.status import Status
from joblog.engine.opening import open_database
from tests.backends import Backend, both_catalogs

pytestmark = both_catalogs

NOW_MS = 1_700_000_000_000
PROJECT = "lab"
NAMES = ("llama", "LLaMA_70b", "res-net", "resnet_50", "a_b", "axb", "z-Z", "zz_9")
JOBS = 60


@pytest.fixture
def database(backend: Backend, tmp_path: Path) -> Iterator[Database]:
    database = open_database(backend.settings(tmp_path))
    yield database
    database.close()


@pytest.fixture
def jobs(database: Database) -> list[ListedJob]:
    """Jobs of two workspaces in several states, with up to three runs, of which some were deleted; and another project's."""
    chance = random.Random(7)
    runs, states, modelarts = Runs(database), States(database), Jobs(database)
    for project in (PROJECT, "other"):
        runs.put_project(project, NOW_MS)
        for number in range(JOBS):
            name, at_ms = f"{chance.choice(NAMES)}-{number}", NOW_MS + chance.randrange(10**6)
            workspace = "7" if number % 9 == 0 else "0"
            job, _ = modelarts.create(project, name, at_ms, description=f"d{number % 5}", workspace_id=workspace, request=None)
            if number % 4 == 0:
                runs.label(project, job.id, {"team": chance.choice(("vision", "text_1")), "x": str(number)})
            made = [runs.put_version(project, job.id, f"run-{each}", at_ms) for each in range(chance.randrange(4))]
            for version in made:
                how = chance.choice((None, Status.RUNNING, Status.COMPLETED, Status.FAILED))
                if how is not None:
                    states.report(version, 0, Report(Status.RUNNING), at_ms)
                    states.report(version, 0, Report(how), at_ms + chance.randrange(10**6))
            if made and chance.random() < 0.3:
                modelarts.delete_version(made[chance.choice((0, -1))], at_ms)
    return [ListedJob(*row) for row in database.rows("jobs_by_made", **_all(PROJECT))]


def _all(project_id: str) -> dict[str, Any]:
    """What the statements of lists take, narrowed by the project alone."""
    labels = {f"label_{number}": "" for number in range(1, 5)}
    return {
        "project_id": project_id,
        "workspace_id": "",
        "like": "",
        "statuses": "",
        "key": 0,
        "limit": 10**6,
        "offset": 0,
        **labels,
    }


def expected(jobs: list[ListedJob], wanted: JobFilter, workspaces: dict[int, str]) -> list[ListedJob]:
    """The jobs that a filter is true of, its states aside."""
    return [
        job
        for job in jobs
        if wanted.text.lower() in job.name.lower()
        and wanted.workspace_id in ("", workspaces[job.id])
        and all(f"\n{label}\n" in job.labels or f"\n{label}=" in job.labels for label in wanted.labels)
    ]


FILTERS = (
    JobFilter(PROJECT),
    JobFilter(PROJECT, text="llama"),
    JobFilter(PROJECT, text="LLAMA_"),
    JobFilter(PROJECT, text="a_b"),
    JobFilter(PROJECT, text="z"),
    JobFilter(PROJECT, text="nowhere"),
    JobFilter(PROJECT, text="%"),
    JobFilter(PROJECT, text="\\"),
    JobFilter(PROJECT, statuses=(Status.FAILED, NONE)),
    JobFilter(PROJECT, text="net", statuses=(Status.COMPLETED,)),
    JobFilter(PROJECT, labels=("team=vision",)),
    JobFilter(PROJECT, labels=("team=text_1", "x")),
    JobFilter(PROJECT, text="e", labels=("team",)),
    JobFilter(PROJECT, workspace_id="0"),
    JobFilter(PROJECT, workspace_id="7", statuses=(Status.COMPLETED, Status.RUNNING, Status.INIT)),
    JobFilter(PROJECT, workspace_id="8"),
    JobFilter("other", text="llama"),
)


@pytest.mark.parametrize("few", [0, 2, FEW])
def test_every_page_of_every_list(database: Database, jobs: list[ListedJob], few: int) -> None:
    """Whether the rows are read and sorted or found in an index: the same pages, totals and counts, by offset and by place."""
    lists, later_ms = JobLists(database, few), NOW_MS + 10**9
    workspaces = {
        row[0]: row[5] for project in (PROJECT, "other") for row in database.rows("jobs", **_all(project), after=0, name="")
    }
    others = [ListedJob(*row) for row in database.rows("jobs_by_made", **_all("other"))]
    keys = {
        "recent": lambda job: (job.latest_id, job.id),
        "name": lambda job: (job.name,),
        "status": lambda job: (job.latest_status, job.latest_id, job.id),
        "runs": lambda job: (job.runs, job.id),
        "made": lambda job: (job.id,),
        "duration": lambda job: (job.duration_ms(later_ms), job.id),
        "description": lambda job: (job.description, job.id),
    }
    for wanted in FILTERS:
        matching = expected(jobs if wanted.project_id == PROJECT else others, wanted, workspaces)
        chosen = [job for job in matching if not wanted.statuses or job.latest_status in wanted.statuses]
        counts = {
            status: sum(job.latest_status == status for job in matching) for status in {job.latest_status for job in matching}
        }
        for sort, count in KEYS.items():
            for descending in (False, True):
                ordered = sorted(chosen, key=keys[sort], reverse=descending)
                page = lists.page(wanted, PageOf(sort, descending, 7, 5), later_ms)
                assert page == (ordered[5:12], len(chosen), counts), (wanted, sort, descending)
                place: Place | None = None
                glued = list[ListedJob]()
                while count and (page := lists.page(wanted, PageOf(sort, descending, 13, 0, place), later_ms)).jobs:
                    glued += page.jobs
                    place = lists.place(sort, page.jobs[-1])
                assert not count or glued == ordered, (wanted, sort, descending)


def test_a_job_keeps_what_its_runs_are(database: Database, jobs: list[ListedJob]) -> None:
    """However they were begun, reported, stopped and deleted."""
    assert jobs
    assert list(Runs(database).kept_wrong()) == []
    with database.transaction() as tx:
        tx.rows("job_latest_set", id=jobs[0].id, version_id=jobs[0].latest_id, status=21, started_ms=None, ended_ms=None)
    assert list(Runs(database).kept_wrong()) == [(PROJECT, jobs[0].id)]


def test_runs_page_by_page(database: Database, jobs: list[ListedJob]) -> None:
    """Of all states, of some, of one job, of jobs with a label; by place and by offset, and as ModelArts searches them."""
    overview = Overview(database)
    rows = [(row[0], row[1], row[2]) for row in database.rows("runs_labelled", **_all(PROJECT))]
    newest = [each for _, each, _ in sorted(rows, reverse=True)]
    failed = [each for _, each, status in sorted(rows, reverse=True) if status in (Status.FAILED, Status.INIT)]
    assert newest

    def glued(**asked: object) -> list[int]:
        ids, place, total = list[int](), None, -1
        while (page := overview.runs(PROJECT, None, Wanted(limit=11, after=place, **asked))).runs:  # type: ignore[arg-type]  # of any of its fields
            ids += [row.run.id for row in page.runs]
            total, place = page.total, page.end
            if place is None:
                break
        assert total in (-1, len(ids))
        return ids

    assert glued() == newest
    assert glued(statuses=[Status.FAILED, Status.INIT]) == failed
    labelled = {job.id for job in jobs if "\nteam=vision\n" in job.labels}
    of_label = [
        each
        for each in newest
        if each in {row.run.id for row in overview.runs(PROJECT, None, Wanted(limit=10**6, labels=["team=vision"])).runs}
    ]
    assert glued(labels=["team=vision"]) == of_label
    assert {row.job_id for row in overview.runs(PROJECT, None, Wanted(limit=10**6, labels=["team=vision"])).runs} <= labelled
    page = overview.runs(PROJECT, None, Wanted(offset=4, limit=3))
    assert ([row.run.id for row in page.runs], page.total) == (newest[4:7], len(newest))


def test_training_jobs_as_modelarts_searches_them(database: Database, jobs: list[ListedJob]) -> None:
    """By workspace, state and the names of their jobs, in both orders."""
    overview, modelarts = Overview(database), Jobs(database)
    rows = [(row[0], row[1], row[2]) for row in database.rows("runs_labelled", **_all(PROJECT))]
    newest = [each for _, each, _ in sorted(rows, reverse=True)]
    failed = {each for _, each, status in rows if status in (Status.FAILED, Status.INIT)}

    def searched(**asked: object) -> list[int]:
        total, runs = modelarts.runs(PROJECT, RunSearch(limit=10**6, **asked))  # type: ignore[arg-type]  # of any of its fields
        assert total == len(runs)
        return [run.version.id for run in runs]

    of = {run.run.id: run.job_name for run in overview.runs(PROJECT, None, Wanted(limit=10**6)).runs}
    workspace = {job.name for job in jobs} - {job.name for job in modelarts_jobs(modelarts, "7")}
    in_0 = [each for each in newest if of[each] in workspace]
    assert searched() == in_0
    assert searched(descending=False) == in_0[::-1]
    assert searched(statuses=[Status.FAILED, Status.INIT]) == [each for each in in_0 if each in failed]
    assert searched(statuses=[]) == []
    for text in ("llama", "z", "a_b"):
        assert searched(likes=[[text]]) == [each for each in in_0 if text in of[each].lower()]
        assert searched(likes=[[text, "net"]], statuses=list(Status)) == [
            each for each in in_0 if text in of[each].lower() or "net" in of[each].lower()
        ]
    name = of[in_0[0]]
    assert searched(names=[name]) == [each for each in in_0 if of[each] == name]
    assert searched(not_names=[name]) == [each for each in in_0 if of[each] != name]


def modelarts_jobs(jobs: Jobs, workspace_id: str) -> list[ListedJob]:
    """The jobs that ModelArts lists of a workspace."""
    return jobs.search(PROJECT, JobSearch(workspace_id=workspace_id, limit=10**6), NOW_MS)[1]  # type: ignore[return-value]  # both have a name
