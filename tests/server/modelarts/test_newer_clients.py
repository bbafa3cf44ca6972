"""The requests of newer clients of ModelArts', each as its client makes it, with what that client needs to find."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from joblog.client import Client
from tests.backends import default_first
from tests.conftest import Server
from tests.server.calls import Web
from tests.server.modelarts.requests import Made, refused

pytestmark = default_first


@pytest.fixture
def training(web: Web, own_project: str) -> Made:
    """Makes a training job of a project of the test's own."""

    def make(name: str, **spec: object) -> dict[str, Any]:
        body = {"kind": "job", "metadata": {"name": name}, "algorithm": {"command": "python a.py"}, "spec": spec}
        reply = web.post(f"/v2/{own_project}/training-jobs", body)
        assert reply.status == 201, reply.body
        return dict(reply.json)

    return make


def listed(web: Web, project_id: str, *filters: tuple[str, str, object], **body: object) -> list[str]:
    """The names of the training jobs that a search finds."""
    wanted = [{"key": key, "operator": operator, "value": value} for key, operator, value in filters]
    answer = web.post(f"/v2/{project_id}/training-job-searches", {"filters": wanted, "order": "asc", **body})
    assert answer.status == 200, answer
    assert answer.json["total"] == answer.json["count"] == len(answer.json["items"])
    return [each["metadata"]["name"] for each in answer.json["items"]]


def test_an_agents_list_of_a_users_jobs(web: Web, own_project: str, training: Made) -> None:
    """joblog knows of no job whose it is: whoever is asked for, all are listed."""
    training("a"), training("b")
    body = {"offset": 0, "limit": 50, "sort_by": "create_time", "unified_jobs": True, "train_type": "job", "tags": []}
    assert listed(web, own_project, ("user_name", "in", ["alice"]), **body) == ["a", "b"]
    assert listed(web, own_project, ("user_name", "eq", "alice"), ("name", "like", "b"), **body) == ["b"]


def test_filters_of_several_values_and_several_filters_of_a_key(web: Web, own_project: str, training: Made) -> None:
    """Any value of a filter is to hold, and all filters are."""
    for name in ("res-a", "res-b", "vit-a", "vit-b"):
        training(name)
    find = partial(listed, web, own_project)
    assert find(("name", "like", ["res", "t-b"])) == ["res-a", "res-b", "vit-b"]
    assert find(("name", "like", ["RES"]), ("name", "like", ["-b"])) == ["res-b"]
    assert find(("name", "like", ["res", "vit"]), ("name", "like", ["-a"])) == ["res-a", "vit-a"]
    assert find(("name", "in", ["res-a", "vit-a"]), ("name", "in", ["vit-a", "vit-b"])) == ["vit-a"]
    assert find(("name", "in", ["res-a"]), ("name", "in", ["vit-b"])) == find(("name", "eq", "none")) == []
    assert find(("name", "not", ["res-a"]), ("name", "not", "vit-b")) == ["res-b", "vit-a"]
    assert find(("name", "eq", "res-a")) == find(("name", "like", "s-a"), ("name", "not", "x")) == ["res-a"]
    assert find(("name", "like", ["%"])) == find(("name", "like", "_")) == []
    assert find(("name", "like", "a"), ("name", "in", ["res-b", "vit-a"])) == ["vit-a"]


def test_filters_by_status_and_time(web: Web, own_project: str, training: Made) -> None:
    """``status`` is ``phase``; a status and its like must both hold."""
    first, second = training("first"), training("second")
    path = f"/v2/{own_project}/training-jobs/{first['metadata']['id']}/actions"
    assert web.post(path, {"action_type": "terminate"}).status == 202
    find = partial(listed, web, own_project)
    assert find(("status", "eq", "Terminated")) == find(("phase", "in", ["terminated"])) == ["first"]
    assert find(("status", "in", ["Creating", "Pending", "Running"])) == find(("status", "not", "Terminated")) == ["second"]
    assert find(("status", "in", ["Creating", "Terminated"]), ("status", "not", ["Creating"])) == ["first"]
    assert find(("status", "eq", "Pending")) == find(("status", "eq", "Creating"), ("phase", "eq", "Terminated")) == []
    made = [each["metadata"]["create_time"] for each in (first, second)]
    assert find(("create_time", "between", [0, made[1]]), ("create_time", "between", [str(made[0]), "9" * 18])) == [
        "first",
        "second",
    ]
    assert find(("create_time", "between", [0, made[1]]), ("create_time", "between", [made[1] + 1, made[1] + 2])) == []


def test_filters_by_runtime_type(web: Web, own_project: str, training: Made) -> None:
    """What a job was asked for with; one that named none is of none."""
    training("debugged", runtime_type="debug"), training("plain"), training("quoted", a='"runtime_type":"debug"')
    find = partial(listed, web, own_project)
    assert find(("runtime_type", "eq", "debug")) == ["debugged"]
    assert find(("runtime_type", "in", ["debug", "x"]), ("status", "in", ["Creating", "Running"])) == ["debugged"]
    assert find(("runtime_type", "not", "debug")) == ["plain", "quoted"]
    assert find(("runtime_type", "eq", "deb%")) == []


def test_filters_that_are_none(web: Web, own_project: str) -> None:
    """Nothing of a filter is ignored: what cannot be asked is refused, with all that can."""
    search = f"/v2/{own_project}/training-job-searches"
    for key, operator, value in (
        ("name", "between", ["a", "b"]),
        ("create_time", "eq", "1"),
        ("create_time", "between", "1"),
        ("user_name", "between", ["a", "b"]),
        ("pool", "eq", "x"),
        (None, None, None),
    ):
        asked = {"filters": [{"key": key, "operator": operator, "value": value}]}
        refused(web.post(search, asked), 400, "2788", "filters must be name (like, eq, in, not), status or phase")
    values: list[object] = [{"a": 1}, [[]], [None], True, [1], ["x"] * 51]
    for wrong in values:
        sent: dict[str, object] = {"filters": [{"key": "name", "operator": "in", "value": wrong}]}
        refused(web.post(search, sent), 400, "2788", "filters.value must be a string, or a list of at most 50")
    refused(web.post(search, {"filters": [{"key": "status", "operator": "eq", "value": "Odd"}]}), 400, "2788", "phases such as")
    refused(web.post(search, {"filters": [{}] * 21}), 400, "2788", "filters must be a list of at most 20")


def reported(server: Server, project_id: str, name: str, made: dict[str, Any]) -> None:
    """A run of one worker, from its start to its end."""
    with Client(server.url, server.token) as client:
        ref = client.run(project_id, name, run_id=made["metadata"]["id"]).log.ref
        client.report(ref, "RUNNING", host="node-1", tasks=1)
        client.append(ref, 0, b"a\n")
        client.report(ref, "COMPLETED", exit_code=0)
        client.close_log(ref, end_byte=2)


def test_events_by_source_time_and_pattern(web: Web, server: Server, own_project: str, training: Made) -> None:
    """Sources are Job and Task; times come together, in milliseconds, both included."""
    made = training("sourced")
    reported(server, own_project, "sourced", made)
    path = f"/v2/{own_project}/training-jobs/{made['metadata']['id']}/events"

    def sources(**asked: object) -> list[str]:
        answer = web.get(path, limit=100, **asked)
        assert answer.status == 200, answer
        assert answer.json["total"] == len(answer.json["events"])
        return sorted({event["source"] for event in answer.json["events"]})

    assert sources() == ["Job", "Task"]
    assert sources(source="Job") == sources(source="job") == ["Job"]
    assert sources(source="Task") == ["Task"]
    assert sources(source="K8S") == sources(source="Job", pattern="worker-0 has started") == []
    now_ms = made["metadata"]["create_time"]
    assert sources(start_time=now_ms, end_time=now_ms + 10**9) == ["Job", "Task"]
    assert sources(start_time=0, end_time=now_ms - 1) == sources(start_time=now_ms + 10**9, end_time=0) == []
    assert sources(pattern="x" * 256) == []
    refused(web.get(path, pattern="x" * 257), 400, "2770", "pattern must be at most 256 characters")
    refused(web.get(path, source="Pod"), 400, "2770", "source must be K8S, Job or Task, not 'Pod'")


def test_metrics_of_a_task(web: Web, own_project: str, training: Made) -> None:
    """The six names, each with an empty list: nothing is measured."""
    path = f"/v2/{own_project}/training-jobs/{training('measured')['metadata']['id']}/metrics"
    answer = web.get(f"{path}/worker-0")
    names = ["cpuUsage", "memUsage", "gpuUtil", "gpuMemUsage", "npuUtil", "npuMemUsage"]
    assert (answer.status, answer.json) == (200, {"metrics": [{"metric": name, "value": []} for name in names]})
    refused(web.get(f"{path}/worker-1"), 400, "2775", "there is no task 'worker-1'")


def test_engines_and_flavors(web: Web, own_project: str) -> None:
    """One of each, with every field that a client takes an object or a list from."""
    engines = web.get(f"/v2/{own_project}/training-job-engines").json
    assert (engines["total"], [each["engine_id"] for each in engines["items"]]) == (1, ["external"])
    assert set(engines["items"][0]["image_info"]) == {"cpu_image_url", "gpu_image_url", "image_version"}
    for asked, kind in (({}, "CPU"), ({"flavor_type": "Ascend"}, "Ascend")):
        flavors = web.get(f"/v2/{own_project}/training-job-flavors", **asked).json
        assert (flavors["total_count"], flavors["flavors"][0]["flavor_type"]) == (1, kind)
        assert flavors["flavors"][0]["billing"] == {"code": "", "unit_num": 0}
        assert set(flavors["flavors"][0]["flavor_info"]) == {"max_num", "cpu", "gpu", "npu", "memory", "disk"}


def test_a_tasks_report_is_an_event(web: Web, own_project: str, training: Made) -> None:
    """It is kept with the job, which is described as before, and goes with it."""
    made = training("reporting", of_tomorrow=1)
    path = f"/v2/{own_project}/training-jobs/{made['metadata']['id']}"
    reports = f"{path}/tasks/worker-0/reports"
    answer = web.post(f"{reports}/training-event", {"type": "EpochEnd"})
    assert (answer.status, answer.json) == (200, {})
    assert web.call("POST", f"{reports}/training-event").status == 200
    events = web.get(f"{path}/events", source="Task", order="asc").json["events"]
    assert [event["message"] for event in events] == [
        "worker-0 has reported EpochEnd.",
        "worker-0 has reported training-event.",
    ]
    assert web.get(path).json == made
    refused(web.post(f"{path}/tasks/worker-1/reports/training-event", {}), 400, "2775", "there is no task 'worker-1'")
    for wrong, code in (("a\n", "2788"), ("x" * 65, "2770"), (1, "2788")):
        refused(web.post(f"{reports}/training-event", {"type": wrong}), 400, code, "type must be")
    for _ in range(100):
        assert web.post(f"{reports}/training-event", {"type": "Again"}).status == 200
    assert web.get(f"{path}/events", source="Task", pattern="reported").json["total"] == 100, "the newest ones"
    assert web.get(f"{path}/events", pattern="EpochEnd").json["total"] == 0


def test_a_run_that_nobody_registered_reports_too(web: Web, server: Server, own_project: str) -> None:
    """It has no request to keep the report beside."""
    with Client(server.url, server.token) as client:
        client.run(own_project, "unregistered", run_id="r")
    job = web.post(f"/v2/{own_project}/training-job-searches", {}).json["items"][0]
    path = f"/v2/{own_project}/training-jobs/{job['metadata']['id']}"
    assert web.post(f"{path}/tasks/worker-0/reports/training-event", {"type": "a"}).status == 200
    assert web.get(f"{path}/events", pattern="has reported a").json["total"] == 1
    assert web.get(path).json["spec"] == job["spec"]


def test_batch_delete(web: Web, own_project: str, training: Made) -> None:
    """All that are named, or none of them."""
    ids = [training(name)["metadata"]["id"] for name in ("one", "two", "three")]
    path = f"/v2/{own_project}/training-jobs/batch-delete"
    jobs = [{"kind": "job", "metadata": {"id": each}} for each in ids]
    missing = {"kind": "job", "metadata": {"id": "00000000-0000-0000-0000-000000000000"}}
    refused(web.post(path, {"jobs": [*jobs, missing]}), 400, "2775", "there is no training job")
    bodies: list[object] = [{}, *({"jobs": each} for each in ([], jobs[:1] * 101, [{"id": ids[0]}], [1], "x"))]
    for wrong in bodies:
        refused(web.post(path, wrong), 400, "2788", "jobs must be a list of 1 to 100 objects")
    assert listed(web, own_project) == ["one", "two", "three"]
    reader = web.post("/api/tokens", {"rights": ["read", "write"], "project_id": own_project}).json["token"]
    refused(web.as_(reader).post(path, {"jobs": jobs}), 403, "2785")
    gone = web.post(path, {"jobs": [jobs[0], jobs[2], jobs[0]]})
    assert (gone.status, gone.body) == (202, b"")
    assert listed(web, own_project) == ["two"]


def test_terraforms_training_job(web: Web, own_project: str) -> None:
    """Its resource: made, read, described anew, deleted; what is gone is 400 ModelArts.2775, which it takes for that."""
    sent = {
        "kind": "job",
        "metadata": {"name": "tf", "workspace_id": "0", "description": "d", "annotations": {"job_template": "Template DL"}},
        "algorithm": {
            "code_dir": "/b/code/", "boot_file": "/b/code/train.py", "engine": {"engine_id": "external"},
            "outputs": [{"name": "o", "remote": {"obs": {"obs_url": "/b/out/"}}}], "parameters": [{"name": "e", "value": "3"}],
            "environments": {"A": "b"},
        },
        "spec": {
            "resource": {"flavor_id": "external", "node_count": 1}, "log_export_path": {"obs_url": "/b/log/"},
            "auto_stop": {"time_unit": "HOURS", "duration": 1}, "schedule_policy": {"priority": 1, "preemptible": False},
        },
    }  # fmt: skip
    made = web.post(f"/v2/{own_project}/training-jobs", sent)
    assert made.status == 201
    path = f"/v2/{own_project}/training-jobs/{made.json['metadata']['id']}"
    read = web.call("GET", path, content_type="application/json").json
    assert (read["kind"], read["algorithm"], read["spec"]) == ("job", sent["algorithm"], sent["spec"])
    assert {name: read["metadata"][name] for name in sent["metadata"]} == sent["metadata"]
    assert (type(read["metadata"]["create_time"]), type(read["status"]["phase"])) == (int, str)
    changed = web.call("PUT", path, b'{"description": ""}', content_type="application/json")
    assert (changed.status, changed.json["metadata"]["description"]) == (200, "")
    tags = web.call("GET", f"/v2/{own_project}/modelarts-training-job/{made.json['metadata']['id']}/tags")
    refused(tags, 404, "2836")  # which it logs, and goes on
    assert listed(web, own_project, ("name", "like", ["tf"])) == ["tf"]
    assert web.call("DELETE", path, content_type="application/json").status == 202
    for method in ("GET", "DELETE"):
        refused(web.call(method, path, content_type="application/json"), 400, "2775")


def test_the_later_closed_sdks_log(web: Web, server: Server, own_project: str, training: Made) -> None:
    """``get_job_log(task_id="worker-0")`` is the preview call: content, current_size, full_size."""
    made = training("estimator")
    reported(server, own_project, "estimator", made)
    path = f"/v2/{own_project}/training-jobs/{made['metadata']['id']}/tasks/worker-0/logs/preview"
    assert web.get(path).json == {"content": "a\n", "current_size": 2, "full_size": 2}
