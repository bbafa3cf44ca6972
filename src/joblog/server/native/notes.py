"""The native API's notes: what people write on a job or a run. A job's note is its description in ModelArts' calls."""

from __future__ import annotations

import re

from msgspec import Struct

from joblog.api.values.overview import WrittenNote
from joblog.core.jobs import VersionRow
from joblog.errors import Invalid
from joblog.server.http.routes import Call, Calls
from joblog.server.state import State

calls = Calls("/api/projects/{project_id}/jobs/{job_id}", "jobs")

_NOTE = re.compile(r"[^\x00-\x08\x0b-\x1f\x7f]{0,1000}")


class NoteRequest(Struct, forbid_unknown_fields=True):
    """A note: text of at most 1000 characters, none of which controls anything; empty for none."""

    note: str

    def __post_init__(self) -> None:
        if not _NOTE.fullmatch(self.note):
            raise Invalid("note", "at most 1000 characters without control characters")


@calls.get("/note", "read", "The note on a job")
async def read_job_note(joblog: State, project_id: str, job_id: int) -> WrittenNote:
    """Returns the note, empty where there is none."""
    return WrittenNote((await joblog.reading(joblog.engine.runs.job, project_id, job_id)).description)


@calls.put("/note", "write", "Write a note on a job")
async def write_job_note(joblog: State, project_id: str, job_id: int, data: NoteRequest) -> WrittenNote:
    """Replaces the note."""
    job = await joblog.reading(joblog.engine.runs.job, project_id, job_id)
    await joblog.writing(joblog.engine.jobs.describe, job.id, data.note)
    return WrittenNote(data.note)


@calls.get("/versions/{version_id}/note", "read", "The note on a run")
async def read_run_note(joblog: State, call: Call) -> WrittenNote:
    """Returns the note, empty where there is none."""
    version = await _version(joblog, call)
    return WrittenNote(await joblog.reading(joblog.engine.jobs.note, version.id))


@calls.put("/versions/{version_id}/note", "write", "Write a note on a run")
async def write_run_note(joblog: State, call: Call, data: NoteRequest) -> WrittenNote:
    """Replaces the note."""
    version = await _version(joblog, call)
    await joblog.writing(joblog.engine.jobs.set_note, version.id, data.note)
    return WrittenNote(data.note)


async def _version(joblog: State, call: Call) -> VersionRow:
    path = call.path
    return await joblog.reading(joblog.engine.runs.version, path["project_id"], path["job_id"], path["version_id"])
