"""The client that openapi-python-client makes of the API's description: jobs, lines, a search, bytes, an append, a refusal."""

from __future__ import annotations

import io
import json
import sys
from typing import Any

from joblog_api import AuthenticatedClient
from joblog_api.api.jobs import create_run, get_job, list_jobs, list_versions
from joblog_api.api.logs import append_log, read_bytes, read_lines
from joblog_api.api.search import search_log
from joblog_api.models import RunRequest
from joblog_api.types import File


def used(url: str, token: str, project: str) -> dict[str, Any]:
    """Returns what the calls answered."""
    client = AuthenticatedClient(base_url=url, token=token)
    jobs = list_jobs.sync(project, client=client).items
    job = jobs[0].id
    version = list_versions.sync(project, job, client=client).items[0].id
    log = (project, job, version, "worker-0")
    lines = read_lines.sync(*log, client=client, start=-2)
    answer = search_log.sync(*log, client=client, pattern="line 7", limit=1)
    run = create_run.sync(project, client=client, body=RunRequest(job_name="another"))
    other = (project, run.job.id, run.version.id, run.log.task)
    appended = append_log.sync(*other, client=client, body=File(payload=io.BytesIO(b"ten bytes\n")), at=0)
    missing = get_job.sync(project, 999_999, client=client)
    return {
        "jobs": [[type(each).__name__, each.id] for each in jobs],
        "last": [type(lines).__name__, lines.content],
        "matches": [json.loads(line)["type"] for line in answer.splitlines()],
        "bytes": read_bytes.sync(*log, client=client).payload.read().decode(),
        "appended": [appended.end_byte, appended.end_line],
        "refused": [type(missing).__name__, missing.error.code],
    }


if __name__ == "__main__":
    print(json.dumps(used(*sys.argv[1:])))
