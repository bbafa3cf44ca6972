"""Every answer of v1 and v2, refusals too, decoded as a Go client decodes it: a string where it has an integer is an error."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.server.calls import Reply, Web
from tests.server.modelarts import go_shapes
from tests.server.modelarts.go_json import Shape, unmarshal
from tests.server.people import log_in, made_person

CONFIG = {
    **{"worker_server_num": 1, "app_url": "/b/code/", "boot_file_url": "/b/code/a.py", "flavor": {"code": "cpu.8u"}},
    **{"parameter": [{"label": "epochs", "value": "3"}], "engine_id": "4", "spec_id": 1, "core": 8, "train_url": "/b/out/"},
    "data_source": [{"type": "obs", "data_url": "/b/data/"}],
}


class GoClient:
    """A client as go-resty makes it: the token as Bearer, and nothing is decoded that is not called JSON."""

    def __init__(self, web: Web, project_id: str) -> None:
        self._web, self._token = web.as_(None), web.token
        self.v1, self.v2 = f"/v1/{project_id}", f"/v2/{project_id}"

    def call(self, method: str, path: str, shape: Shape, body: bytes = b"", status: int = 200) -> Any:
        """Calls, checks the status, decodes."""
        reply = self.send(method, path, body)
        assert reply.status == status, reply
        return unmarshal(reply.body, shape)

    def failed(self, method: str, path: str, status: int, code: str, body: bytes = b"") -> None:
        """Calls; the refusal must be decoded into the code, and into both messages."""
        error = self.call(method, path, go_shapes.FAILED, body, status)
        assert error == {**error, "error_code": f"ModelArts.{code}", "is_success": False}
        assert error["error_msg"] == error["error_message"] != ""

    def send(self, method: str, path: str, body: bytes = b"") -> Reply:
        headers = {"authorization": f"Bearer {self._token}", "content_type": "application/json"}
        reply = self._web.call(method, path, body or None, **headers)
        assert reply.headers["content-type"] == "application/json"
        return reply


@pytest.fixture
def go(web: Web, own_project: str) -> GoClient:
    return GoClient(web, own_project)


def encoded(value: object) -> bytes:
    return json.dumps(value).encode()


def run(web: Web, project_id: str, made: dict[str, Any]) -> str:
    """Lets the version run, write and end; returns where it is."""
    version = f"/api/projects/{project_id}/jobs/{made['job_id']}/versions/{made['version_id']}"
    assert web.post(f"{version}/tasks/worker-0/report", {"status": "RUNNING", "host": "node"}).status == 200
    assert web.call("PUT", f"{version}/logs/worker-0").status == 200
    assert web.call("POST", f"{version}/logs/worker-0/append?at=0", b"one\ntwo\n").status == 200
    return version


def test_v1(go: GoClient, web: Web, own_project: str) -> None:
    """From the look-ups before a job to its deletion; jobs with a version and without, running and ended."""
    go.call("GET", f"{go.v1}/job/resource-specs?job_type=train", go_shapes.SPECS)
    go.call("GET", f"{go.v1}/job/ai-engines?job_type=train", go_shapes.ENGINES)
    jobs = f"{go.v1}/training-jobs"
    made = go.call("POST", jobs, go_shapes.CREATED, encoded({"job_name": "go", "job_desc": None, "config": CONFIG}))
    assert (made["is_success"], made["status"], made["version_name"]) == (True, 1, "V0001")
    bare = {"job_name": "bare", "config": {"create_version": False}}
    assert go.call("POST", jobs, go_shapes.CREATED, encoded(bare))["version_id"] == 0
    version = f"{jobs}/{made['job_id']}/versions/{made['version_id']}"
    detail = go.call("GET", version, go_shapes.DETAIL)
    assert (detail["engine_id"], detail["core"], detail["flavor"]) == (4, "8", {"code": "cpu.8u"})
    assert (detail["parameter"], detail["model_metric_list"]) == ([{"label": "epochs", "value": "3"}], "{}")
    run(web, own_project, made)
    second = encoded({"job_id": 1, "job_name": "x", "status": 3, "config": {"pre_version_id": made["version_id"]}})
    go.call("POST", f"{jobs}/{made['job_id']}/versions/", go_shapes.CREATED, second)
    versions = go.call("GET", f"{jobs}/{made['job_id']}/versions", go_shapes.VERSIONS)
    assert [each["pre_version_id"] for each in versions["versions"]] == [made["version_id"], 0]
    listed = go.call("GET", f"{jobs}?per_page=20&page=1&sortBy=create_time&order=desc&search_content=", go_shapes.JOBS)
    assert [(each["job_name"], each["version_count"]) for each in listed["jobs"]] == [("bare", 0), ("go", 2)]
    log_file = go.call("GET", f"{version}/log/file-names", go_shapes.FILE_NAMES)["log_file_list"][0]
    page = go.call("GET", f"{version}/aom-log?base_line=&lines=60&log_file={log_file}&order=desc", go_shapes.LINES)
    assert (page["content"], page["lines"]) == ("one\ntwo\n", 2)
    part = go.call("GET", f"{version}/log?log_file={log_file}", go_shapes.BYTES)
    assert (part["log"], part["end_byte"], part["count"]) == ("one\ntwo\n", 8, 8)
    for path in (f"{version}/stop", f"{jobs}/{made['job_id']}"):
        method = "POST" if path.endswith("stop") else "PUT"
        assert go.call(method, path, go_shapes.RESULT, b"{}")["is_success"]
    go.call("GET", version, go_shapes.DETAIL)
    for path in (version, f"{jobs}/{made['job_id']}"):
        assert go.call("DELETE", path, go_shapes.RESULT)["is_success"]


def test_v1_refusals(go: GoClient) -> None:
    """What a client takes for "already gone", for "log in again" and for a mistake of its own."""
    jobs = f"{go.v1}/training-jobs"
    go.failed("DELETE", f"{jobs}/1/versions/1", 404, "0102")
    go.failed("GET", f"{jobs}/1/versions/1/aom-log?log_file=job-x.0", 404, "0102")
    go.failed("POST", jobs, 400, "0104", b"{}")
    go.failed("GET", f"{jobs}?per_page=0", 400, "0107")
    go.failed("GET", f"{go.v1}/unknown", 404, "2836")
    go.failed("DELETE", jobs, 405, "2803")
    go._token = "expired long ago"
    go.failed("GET", jobs, 401, "0203")


def test_v2(go: GoClient, web: Web, own_project: str) -> None:
    """All calls; and a job that v1 has made, as v2 shows it."""
    jobs = f"{go.v2}/training-jobs"
    body = {"kind": "job", "metadata": {"name": "go"}, "algorithm": {"command": "a"}, "spec": {"resource": {"node_count": 1}}}
    uuid = go.call("POST", jobs, go_shapes.TRAINING_JOB, encoded(body), 201)["metadata"]["id"]
    old = go.call("POST", f"{go.v1}/training-jobs", go_shapes.CREATED, encoded({"job_name": "old", "config": CONFIG}))
    version = run(web, own_project, old)
    listing = go.call("POST", f"{go.v2}/training-job-searches", go_shapes.TRAINING_JOBS, b"{}")
    assert (listing["total"], [item["metadata"]["name"] for item in listing["items"]]) == (2, ["old", "go"])
    running = listing["items"][0]["metadata"]["id"]
    detail = go.call("GET", f"{jobs}/{running}", go_shapes.TRAINING_JOB)
    assert (detail["status"]["phase"], detail["algorithm"]["boot_file"]) == ("Running", "/b/code/a.py")
    assert go.call("GET", f"{jobs}/{running}/tasks", go_shapes.TASKS)[0]["host_ip"] == "node"
    page = go.call("GET", f"{jobs}/{running}/logs/worker-0?lines=1", go_shapes.TASK_LINES)
    assert (page["content"], page["lines"]) == ("two\n", 1)
    assert go.call("GET", f"{jobs}/{running}/tasks/worker-0/logs/preview", go_shapes.PREVIEW)["full_size"] == 8
    assert go.call("GET", f"{jobs}/{running}/tasks/worker-0/logs/url", go_shapes.LINK)["obs_url"].startswith(web.url)
    killed = {"status": "KILLED", "signal": "SIGKILL"}
    assert web.post(f"{version}/tasks/worker-0/report", killed).status == 200
    ended = go.call("GET", f"{jobs}/{running}", go_shapes.TRAINING_JOB)["status"]["task_statuses"]
    assert ended == [{"task": "worker-0", "exit_code": 0, "message": "SIGKILL"}]
    events = go.call("GET", f"{jobs}/{running}/events", go_shapes.EVENTS)
    assert events["total"] == len(events["events"]) >= 3
    go.call("PUT", f"{jobs}/{uuid}", go_shapes.TRAINING_JOB, b'{"description": "d"}')
    go.call("POST", f"{jobs}/{uuid}/actions", go_shapes.TRAINING_JOB, b'{"action_type": "terminate"}', 202)
    go.failed("POST", f"{jobs}/{uuid}/actions", 409, "2796", b'{"action_type": "terminate"}')
    assert (go.send("DELETE", f"{jobs}/{uuid}").status, go.send("DELETE", f"{jobs}/{uuid}").status) == (202, 400)


def test_v2_refusals(go: GoClient) -> None:
    jobs = f"{go.v2}/training-jobs"
    go.failed("GET", f"{jobs}/no-uuid", 400, "2775")
    go.failed("POST", jobs, 400, "2787", b"{")
    go.failed("POST", f"{go.v2}/training-job-searches", 400, "2770", b'{"limit": 51}')


LOGIN: Shape = {"token": {"expires_at": str, "project": {"id": str, "name": str}, "user": {"id": str, "name": str}}}


def test_client_logs_in_again_when_its_token_is_over(web: Web) -> None:
    """At 401 it gets another token and repeats the call once: with the password, or with an access key."""
    person = made_person(web)
    path = f"{person.log.v1}/log/file-names"
    client = GoClient(web.as_(person.token()), person.project_id)
    assert client.call("GET", path, go_shapes.FILE_NAMES)["log_file_list"] == [person.log.log_file]
    new = encoded({"password": person.password})
    assert web.call("PUT", f"/api/users/{person.id}/password", new, content_type="application/json").status == 204
    client.failed("GET", path, 401, "0203")
    by_key = {"methods": ["hw_ak_sk"], "hw_ak_sk": {"access": {"key": person.access}, "secret": {"key": person.secret}}}
    for reply in (person.login(), log_in(web, by_key, {"project": {"id": person.project_id}})):
        assert reply.status == 201
        assert unmarshal(reply.body, LOGIN)["token"]["project"]["id"] == person.project_id
        again = GoClient(web.as_(reply.headers["x-subject-token"]), person.project_id)
        assert again.call("GET", path, go_shapes.FILE_NAMES)["is_success"]
