"""The SDK's lists for people: jobs and runs at a glance, newest first, and the notes on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from joblog.api.answers import value
from joblog.api.refs import status_of
from joblog.api.transport import Transport, project_path
from joblog.api.values.overview import JobPage, JobSummary, RunPage, RunSummary, WrittenNote

Page = TypeVar("Page", JobPage, RunPage)

_PAGE_ITEMS = 100
"""For each item the server reads a log's end."""


class Lists(Transport):
    """What ``Client`` has for lists."""

    def overview(
        self, project_id: str = "default", *, states: Sequence[str] = (), labels: Sequence[str] = (), limit: int = 100
    ) -> list[JobSummary]:
        """Returns the project's jobs with their latest runs, the newest first, at most ``limit`` (1 to 1000).

        With ``states``, such as ``failed``, those whose latest run is so; with ``labels`` as in ``jobs``.
        """
        return self.listed_jobs(project_id, states, labels, limit).items

    def runs(
        self,
        project_id: str = "default",
        *,
        job_id: int | None = None,
        states: Sequence[str] = (),
        labels: Sequence[str] = (),
        limit: int = 100,
    ) -> list[RunSummary]:
        """Returns the project's runs, or those of one job, the newest first, at most ``limit`` (1 to 1000)."""
        return self.listed_runs(project_id, job_id, states, labels, limit).items

    def listed_jobs(self, project_id: str, states: Sequence[str], labels: Sequence[str], limit: int) -> JobPage:
        """Returns what ``overview`` does, with how many there are."""
        return self._listed(JobPage, f"{project_path(project_id)}/overview?sort=-recent&", states, labels, limit)

    def listed_runs(
        self, project_id: str, job_id: int | None, states: Sequence[str], labels: Sequence[str], limit: int
    ) -> RunPage:
        """Returns what ``runs`` does, with how many there are."""
        job = "" if job_id is None else f"job={job_id}&"
        return self._listed(RunPage, f"{project_path(project_id)}/runs?{job}", states, labels, limit)

    def _listed(self, kind: type[Page], path: str, states: Sequence[str], labels: Sequence[str], limit: int) -> Page:
        asked: dict[str, object] = {"label": list(labels)}
        if states:
            asked["status"] = ",".join(map(status_of, states))
        items = list[Any]()
        while True:
            asked["limit"] = min(limit - len(items), _PAGE_ITEMS)
            page = value(kind, self.call("GET", path + urlencode(asked, doseq=True)))
            items += page.items
            if not page.items or len(items) >= min(limit, page.total):
                return kind(**{**vars(page), "items": items})
            asked |= {"offset": len(items)} if page.next is None else {"after": page.next}

    # Notes

    def job_note(self, project_id: str, job_id: int) -> str:
        """Returns the note on a job, empty where there is none."""
        return value(WrittenNote, self.call("GET", f"{project_path(project_id)}/jobs/{job_id}/note")).note

    def set_job_note(self, project_id: str, job_id: int, note: str) -> None:
        """Writes a note on a job, in place of the one before; empty for none."""
        self.ask("PUT", f"{project_path(project_id)}/jobs/{job_id}/note", {"note": note})

    def run_note(self, project_id: str, job_id: int, version_id: int) -> str:
        """Returns the note on a run, empty where there is none."""
        return value(WrittenNote, self.call("GET", f"{project_path(project_id)}/jobs/{job_id}/versions/{version_id}/note")).note

    def set_run_note(self, project_id: str, job_id: int, version_id: int, note: str) -> None:
        """Writes a note on a run, in place of the one before; empty for none."""
        self.ask("PUT", f"{project_path(project_id)}/jobs/{job_id}/versions/{version_id}/note", {"note": note})
