"""ModelArts' v1 calls around the logs: jobs made, listed, described, stopped, deleted; their fields and refusals."""

from __future__ import annotations

import pytest

from joblog.client import Client
from tests.backends import default_first
from tests.conftest import Server
from tests.server.calls import Web
from tests.server.modelarts.requests import CONFIG, Made, refused

pytestmark = default_first


def test_created_job_is_described_with_what_it_was_asked_for(web: Web, own_project: str, create: Made) -> None:
    made = create("My_Job-1", job_desc="描述")
    assert {name: type(value) for name, value in made.items()} == {
        "is_success": bool, "job_id": int, "job_name": str, "create_time": int, "status": int, "version_id": int,
        "version_name": str, "uuid": str, "resource_id": str,
    }  # fmt: skip
    assert (made["status"], made["version_name"]) == (1, "V0001")
    detail = web.get(f"/v1/{own_project}/training-jobs/{made['job_id']}/versions/{made['version_id']}/").json
    assert detail["is_success"] is True
    kept = {name: value for name, value in CONFIG.items() if name not in ("engine_id",)}
    assert {name: detail[name] for name in kept} == kept
    assert detail["engine_id"] == 4, "a number, as clients hold it"
    assert (detail["job_desc"], detail["model_metric_list"], detail["system_metric_list"]) == ("描述", "{}", {})
    assert detail["pool_id"] is None


def test_versions_are_counted_on(web: Web, own_project: str, create: Made) -> None:
    first = create("versions")
    path = f"/v1/{own_project}/training-jobs/{first['job_id']}/versions"
    second = web.post(path + "/", {"job_id": 1, "status": 3, "config": {"pre_version_id": first["version_id"]}}).json
    assert (second["version_name"], "resource_id" in second) == ("V0002", False)
    listed = web.get(path).json
    assert listed["version_count"] == 2
    assert [each["version_name"] for each in listed["versions"]] == ["V0002", "V0001"]
    assert listed["versions"][0]["pre_version_id"] == first["version_id"]
    paged = [web.get(path, per_page=1, page=page).json["versions"] for page in (1, 2, 3)]
    assert [[each["version_name"] for each in page] for page in paged] == [["V0002"], ["V0001"], []]


def test_job_without_a_version(web: Web, own_project: str, create: Made) -> None:
    made = create("bare", config={"create_version": False})
    assert set(made) == {"is_success", "job_id", "job_name", "create_time"}
    job = web.get(f"/v1/{own_project}/training-jobs").json["jobs"][0]
    assert (job["version_count"], job["version_id"], job["status"], job["duration"]) == (0, None, 0, 0)
    assert job["job_desc"] == "", "a string, as clients hold it"


@pytest.mark.parametrize("order", ["asc", "DESC"])
@pytest.mark.parametrize("sort", ["job_name", "job_desc", "status", "duration", "version_count", "create_time"])
def test_jobs_are_sorted(web: Web, own_project: str, create: Made, sort: str, order: str) -> None:
    made = [create(name, job_desc=text) for name, text in (("b", "1"), ("a", "3"), ("c", "2"))]
    path = f"/v1/{own_project}/training-jobs/{made[2]['job_id']}/versions"
    second = web.post(path, {"config": {}}).json
    web.post(
        f"/api/projects/{own_project}/jobs/{made[2]['job_id']}/versions/{second['version_id']}/status", {"status": "RUNNING"}
    )
    jobs = web.get(f"/v1/{own_project}/training-jobs", sortBy=sort, order=order).json["jobs"]
    key = "job_id" if sort == "create_time" else sort
    values = [job[key] for job in jobs]
    assert values == sorted(values, reverse=order == "DESC")
    assert len(jobs) == 3


def test_jobs_are_filtered_and_paged(web: Web, own_project: str, create: Made) -> None:
    made = {name: create(name) for name in ("resnet-a", "ResNet_b", "bert", "resnetx")}
    job = made["bert"]
    state = f"/api/projects/{own_project}/jobs/{job['job_id']}/versions/{job['version_id']}/status"
    assert web.post(state, {"status": "FAILED"}).status == 200
    jobs = f"/v1/{own_project}/training-jobs"

    def names(**parameters: object) -> tuple[int, list[str]]:
        answer = web.get(jobs, **parameters).json
        assert {type(answer[name]) for name in ("job_total_count", "job_count_limit", "quotas")} == {int}
        return answer["job_total_count"], [each["job_name"] for each in answer["jobs"]]

    assert names(search_content="resnet", workspace_id="") == (3, ["ResNet_b", "resnet-a", "resnetx"])
    assert names(search_content="_") == (1, ["ResNet_b"])
    assert names(search_content="%") == (0, [])
    assert names(status="3|5|6|13") == (0, [])
    assert names(status="3,11") == names(status="11") == (1, ["bert"])
    assert names(workspace_id="other") == (0, [])
    pages = [names(per_page=3, page=page)[1] for page in (1, 2, 3)]
    assert [len(page) for page in pages] == [3, 1, 0]
    assert sorted(pages[0] + pages[1]) == sorted(made)


def test_stop_and_delete(web: Web, own_project: str, create: Made) -> None:
    made = create("stopped")
    job = f"/v1/{own_project}/training-jobs/{made['job_id']}"
    version = f"{job}/versions/{made['version_id']}"
    assert web.call("POST", f"{version}/stop").json == {"is_success": True}
    assert web.get(version).json["status"] == 12
    refused(web.post(f"{version}/stop", {}), 400, "0105", "has ended")
    assert web.call("DELETE", version).json == {"is_success": True}
    refused(web.get(version), 404, "0102", "version")
    refused(web.call("DELETE", version), 404, "0102")
    assert web.call("DELETE", job).json == {"is_success": True}
    refused(web.call("DELETE", job), 404, "0102", "job")


def test_stop_reaches_a_running_worker(web: Web, server: Server, own_project: str, create: Made) -> None:
    """The registered version, the worker that joins it by its uuid, and the v1 status on the way."""
    made = create("running", config={"worker_server_num": 1})
    version = f"/v1/{own_project}/training-jobs/{made['job_id']}/versions/{made['version_id']}"
    with Client(server.url, server.token) as client:
        run = client.run(own_project, "running", run_id=made["uuid"])
        assert run.version.id == made["version_id"]
        client.report(run.log.ref, "RUNNING", tasks=1)
        assert web.get(version).json["status"] == 8
        web.call("POST", f"{version}/stop", b"null", content_type="application/json")
        assert web.get(version).json["status"] == 9
        assert client.report(run.log.ref, "RUNNING").stop
        client.report(run.log.ref, "KILLED", signal="SIGTERM")
    detail = web.get(version).json
    assert detail["status"] == 12
    assert detail["duration"] >= 0


def test_description_is_set(web: Web, own_project: str, create: Made) -> None:
    made = create("described")
    path = f"/v1/{own_project}/training-jobs/{made['job_id']}"
    assert web.call("PUT", path, b'{"job_desc": "\\u65b0"}', content_type="application/json;charset=utf-8").status == 200
    assert web.get(f"{path}/versions").json["job_desc"] == "新"


def test_look_ups(web: Web, own_project: str) -> None:
    specs = web.get(f"/v1/{own_project}/job/resource-specs", job_type="train").json
    assert specs["spec_total_count"] == len(specs["specs"])
    assert web.get(f"/v1/{own_project}/job/ai-engines", job_type="train").json["engines"]


@pytest.mark.parametrize(
    ("body", "status", "code", "word"),
    [
        (b"", 400, "0104", "config"),
        (b"{", 400, "0104", "JSON"),
        (b"[]", 400, "0104", "object"),
        (b'{"job_name": "a"}', 400, "0104", "config"),
        (b'{"config": {}}', 400, "0104", "job_name"),
        (b'{"job_name": 7, "config": {}}', 400, "0104", "job_name"),
        (b'{"job_name": "a b", "config": {}}', 400, "0104", "job_name"),
        (b'{"job_name": "a", "job_desc": "' + b"x" * 257 + b'", "config": {}}', 400, "0107", "job_desc"),
        (b'{"job_name": "a", "config": {"create_version": 1}}', 400, "0104", "create_version"),
        (b'{"job_name": "taken", "config": {}}', 400, "0103", "Job name:taken is existed"),
        (b'{"job_name": "\xff", "config": {}}', 400, "0104", "body"),
    ],
)
def test_bad_job_is_refused(web: Web, own_project: str, create: Made, body: bytes, status: int, code: str, word: str) -> None:
    create("taken")
    refused(web.call("POST", f"/v1/{own_project}/training-jobs", body, content_type="application/json"), status, code, word)
    assert web.get(f"/v1/{own_project}/training-jobs").json["job_total_count"] == 1


@pytest.mark.parametrize(
    ("query", "code", "word"),
    [
        ("per_page=0", "0107", "per_page"),
        ("per_page=1001", "0107", "1000"),
        ("page=0", "0107", "page"),
        ("page=x", "0104", "page"),
        ("sortBy=owner", "0107", "sortBy"),
        ("order=up", "0107", "order"),
        ("status=22", "0107", "status"),
        ("status=8|x", "0104", "status"),
        ("search_content=" + "x" * 65, "0107", "search_content"),
    ],
)
def test_bad_list_is_refused(web: Web, own_project: str, query: str, code: str, word: str) -> None:
    refused(web.get(f"/v1/{own_project}/training-jobs?{query}"), 400, code, word)
