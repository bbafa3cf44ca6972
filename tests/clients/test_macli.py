"""modelarts-macli's API class, unmodified: jobs, events, tasks, links to logs, copies."""

from __future__ import annotations

from typing import Any

import pytest

from tests.clients.conftest import LINES
from tests.clients.remote import Remote
from tests.server.people import Person, made_person


@pytest.fixture
def macli_api(macli: Remote, person: Person) -> Remote:
    macli.call("connect", url=person.web.url, token=person.token(), project_id=person.project_id)
    return macli


@pytest.fixture
def uuid(person: Person) -> str:
    """The training job that has the log."""
    return str(person.web.get(person.log.version).json["uuid"])


@pytest.mark.slow  # a hundred jobs are made
def test_every_job_is_found(macli: Remote, person: Person) -> None:
    """It counts jobs, not pages, from where it has come to: more than one page, none missing, none twice."""
    other = made_person(person.web)
    for number in range(102):
        body = {"metadata": {"name": f"job-{number}"}, "spec": {"resource": {"node_count": 1}}}
        assert person.web.post(f"/v2/{other.project_id}/training-jobs", body).status == 201
    macli.call("connect", url=person.web.url, token=other.token(), project_id=other.project_id)
    answer = macli.call("every_job")
    assert len(answer) == len(set(answer)) == 103


def test_job_tasks_and_events(macli_api: Remote, uuid: str) -> None:
    """As its commands ask for them."""
    job = macli_api.call("api", method="get_job", job_id=uuid)
    assert (job["kind"], job["metadata"]["id"]) == ("job", uuid)
    assert [each["task"] for each in macli_api.call("api", method="get_job_tasks", job_id=uuid)] == ["worker-0"]
    events = macli_api.call("api", method="get_job_events", job_id=uuid, limit=1, order="asc")
    assert (events["limit"], [each["level"] for each in events["events"]]) == (1, ["Info"])


def test_log_is_downloaded_by_its_link(macli_api: Remote, uuid: str) -> None:
    """With the type that was asked for, and without a token."""
    for content_type in ("text/plain", "application/octet-stream"):
        answer = macli_api.call("download", job_id=uuid, task_id="worker-0", content_type=content_type)
        text = "".join(LINES)
        assert (answer["status"], answer["body"], answer["length"]) == (200, text, str(len(text)))
        assert answer["type"].partition(";")[0] == content_type


def test_copy_stop_delete(macli_api: Remote) -> None:
    """A job is copied by posting its description back, changed where macli changes it."""
    body: dict[str, Any] = {"kind": "job", "metadata": {"name": "original"}, "algorithm": {"command": "python a.py"}}
    body["spec"] = {"resource": {"flavor_id": "modelarts.pool.visual.xlarge", "node_count": 1, "pool_id": "pool"}}
    made = macli_api.call("create", body=body)
    uuid = made["metadata"]["id"]
    copied = macli_api.call("api", method="copy_job", job_id=uuid, new_gpu_count=8, new_name="copied", command="python b.py")
    assert (copied["metadata"]["name"], copied["algorithm"]["command"]) == ("copied", "python b.py")
    assert copied["spec"]["resource"] == body["spec"]["resource"] | {"flavor_id": "modelarts.pool.visual.8xlarge"}
    assert copied["metadata"]["id"] != uuid
    assert macli_api.call("api", method="stop_job", job_id=uuid) is True
    assert macli_api.call("api", method="get_job", job_id=uuid)["status"]["phase"] == "Terminated"
    assert macli_api.call("api", method="stop_job", job_id=uuid) is False, "it is over"
    assert macli_api.call("api", method="delete_job", job_id=uuid) is True
    assert macli_api.call("api", method="get_job", job_id=uuid) == {}
