"""docs/modelarts.md is the whole reference: every call, every field of an answer and every code of a refusal is in it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from joblog.server.http.answers import STATUSES, full_code, status_of
from tests.server.calls import Web
from tests.server.ops.described import operations
from tests.server.people import made_person


@cache
def page() -> str:
    return (Path(__file__).resolve().parents[3] / "docs" / "modelarts.md").read_text()


def names_in(answer: Any, hidden: tuple[str, ...] = ()) -> Iterator[str]:
    """The names of all fields, but for those below ``hidden`` ones: what is in there is the client's own."""
    if isinstance(answer, list):
        for each in answer:
            yield from names_in(each, hidden)
    elif isinstance(answer, dict):
        for name, value in answer.items():
            yield name
            if name not in hidden:
                yield from names_in(value, hidden)


def test_every_call_is_there(web: Web) -> None:
    """By its method and its path."""
    described = [each for each in operations(web) if each.path.startswith(("/v1", "/v2", "/v3"))]
    assert [each.name for each in described if f"`{each.method} {each.path}`" not in page()] == []


def test_every_field_is_there(web: Web) -> None:
    """In the answers for a run that has run: each name, as code."""
    person = made_person(web)
    log = person.log
    version, uuid = log.version, web.get(log.version).json["uuid"]
    for status in ("RUNNING", "COMPLETED"):
        assert web.post(f"{version}/tasks/worker-0/report", {"status": status, "exit_code": 0}).status == 200
    config = {"flavor": {"code": "c"}, "parameter": [{"label": "l", "value": "v"}]}
    made = web.post(f"/v1/{log.project_id}/training-jobs", {"job_name": "reference", "config": config})
    jobs, job = f"/v1/{log.project_id}/training-jobs", f"/v2/{log.project_id}/training-jobs/{uuid}"
    asked = {"log_file": log.log_file}
    answers = [
        *(made, web.get(jobs), web.get(f"{jobs}/{log.job_id}/versions"), web.get(log.v1)),
        *(web.get(f"{jobs[:-14]}/job/resource-specs"), web.get(f"{jobs[:-14]}/job/ai-engines")),
        *(web.get(f"{log.v1}/log/file-names"), web.get(f"{log.v1}/log", **asked), web.get(f"{log.v1}/aom-log", **asked)),
        *(web.get(job), web.get(f"{job}/tasks"), web.get(f"{job}/events"), web.get(f"{job}/logs/worker-0")),
        *(web.get(f"{job}/tasks/worker-0/logs/preview"), web.get(f"{job}/tasks/worker-0/logs/url")),
        web.post(f"/v2/{log.project_id}/training-job-searches", {}),
    ]
    assert {reply.status for reply in answers} == {200}
    found = {name for reply in answers for name in names_in(reply.json, ("algorithm", "spec", "endpoints"))}
    assert len(found) > 90
    assert sorted(name for name in found if f"`{name}`" not in page() and f'"{name}"' not in page()) == []


def test_every_code_is_there() -> None:
    """In full, or its number behind another one's."""
    codes = {full_code(status_of(kind, path)[1]) for kind in STATUSES for path in ("/v1/", "/v2/")}
    assert sorted(code for code in codes if code not in page() and f"`{code[-5:]}`" not in page()) == []
