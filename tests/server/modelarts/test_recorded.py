"""The exchange that Huawei's use case "Creating a Training Job Using the TensorFlow Framework" shows, request by request.

What it got is what joblog must answer: names and types of fields, and values where they follow from what was asked.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.server.calls import Reply, Web
from tests.server.people import Person, made_person

JOB = {
    "job_name": "jobtest_TF",
    "job_desc": "using TensorFlow for handwritten digit recognition",
    "config": {
        "worker_server_num": 1,
        "parameter": [],
        "flavor": {"code": "modelarts.vm.cpu.8u"},
        "train_url": "/test-modelarts/mnist-model/output/",
        "engine_id": 4,
        "app_url": "/test-modelarts/mnist-tensorflow-code/",
        "boot_file_url": "/test-modelarts/mnist-tensorflow-code/train_mnist_tf.py",
        "data_source": [{"type": "obs", "data_url": "/test-modelarts/dataset-mnist/"}],
    },
    "notification": {"topic_urn": "", "events": []},
    "workspace_id": "0",
}

DETAIL: dict[str, Any] = {
    **{"job_name": "jobtest_TF", "job_desc": JOB["job_desc"], "version_name": "V0001", "is_success": True},
    **{"spec_code": "modelarts.vm.cpu.8u", "parameter": [], "engine_id": 4, "worker_server_num": 1, "pre_version_id": None},
    **{"train_url": "/test-modelarts/mnist-model/output/", "app_url": "/test-modelarts/mnist-tensorflow-code/"},
    **{"boot_file_url": "/test-modelarts/mnist-tensorflow-code/train_mnist_tf.py", "log_url": None, "model_metric_list": "{}"},
    **{"data_source": [{"type": "obs", "data_url": "/test-modelarts/dataset-mnist/"}], "user_image_url": None},
    **{"dataset_id": None, "dataset_name": None, "dataset_version_id": None, "dataset_version_name": None, "volumes": None},
    **{"data_url": "/test-modelarts/dataset-mnist/", "model_id": None, "user_command": None, "nas_mount_path": None},
    **{"nas_share_addr": None},
}
"""What was answered, as far as it follows from what was asked."""

TYPES = {
    **{"job_id": int, "version_id": int, "create_time": int, "start_time": int, "duration": int, "status": int},
    **{"resource_id": str, "system_metric_list": dict},
}
"""And the types of what does not."""

OTHERS = (
    "engine_name",
    "engine_type",
    "engine_version",
    "gpu_type",
    "gpu_num",
    "core",
    "cpu",
    "spec_id",
    "pool_id",
    "pool_name",
)
"""And what only the service itself can know: there, but joblog runs nothing."""

SERVICE = [
    *("Done exporting!", "[Modelarts Service Log]Training completed."),
    *["[ModelArts Service Log]modelarts-pipe: will create log file /tmp/log/jobtest_TF.log"] * 2,
    "[ModelArts Service Log]modelarts-pipe: will write log file /tmp/log/jobtest_TF.log",
    "[ModelArts Service Log]modelarts-pipe: param for max log length: 1073741824",
    "[ModelArts Service Log]modelarts-pipe: param for whether exit on overflow: 0",
    "[ModelArts Service Log]modelarts-pipe: total length: 23303",
]
"""The eight lines that were asked for; each came with its own end and with another one, which joblog does not add."""


@pytest.fixture
def person(web: Web) -> Person:
    return made_person(web)


def log_in(person: Person) -> Reply:
    """Asks as the use case does: the project by its name, no domain beside it."""
    project = next(each for each in person.web.get("/v3/projects").json["projects"] if each["id"] == person.project_id)
    user = {"name": person.name, "password": person.password, "domain": {"name": "default"}}
    identity = {"methods": ["password"], "password": {"user": user}}
    body = json.dumps({"auth": {"identity": identity, "scope": {"project": {"name": project["name"]}}}}).encode()
    return person.web.as_(None).call("POST", "/v3/auth/tokens", body, content_type="application/json")


def test_recorded_exchange(person: Person, web: Web) -> None:
    """Token, specifications, engines, create, detail, file names, eight lines, delete."""
    token = log_in(person)
    assert token.status == 201
    client, v1 = web.as_(token.headers["x-subject-token"]), f"/v1/{person.project_id}"

    specs = client.get(f"{v1}/job/resource-specs", job_type="train").json
    recorded = {"spec_id", "core", "cpu", "gpu_num", "gpu_type", "spec_code", "unit_num", "max_num", "storage"}
    assert recorded | {"interface_type", "no_resource"} == set(specs["specs"][0])
    assert (specs["is_success"], specs["spec_total_count"]) == (True, 1)
    engines = client.get(f"{v1}/job/ai-engines", job_type="train").json
    assert {"engine_type", "engine_name", "engine_id", "engine_version"} == set(engines["engines"][0])

    made = client.post(f"{v1}/training-jobs", JOB).json
    fixed = {"version_name": "V0001", "job_name": "jobtest_TF", "is_success": True, "status": 1}
    assert fixed.items() <= made.items()
    assert {type(made[name]) for name in ("create_time", "job_id", "version_id")} == {int}
    assert isinstance(made["resource_id"], str)

    run(web, person.project_id, made)
    version = f"{v1}/training-jobs/{made['job_id']}/versions/{made['version_id']}"
    detail = client.get(version).json
    assert {name: detail[name] for name in DETAIL} == DETAIL
    assert {name: type(detail[name]) for name in TYPES} == TYPES
    assert set(OTHERS) <= set(detail)
    same = ("job_id", "version_id", "create_time", "resource_id")
    assert [detail[name] for name in same] == [made[name] for name in same]
    assert detail["status"] == 10

    names = client.get(f"{version}/log/file-names").json
    assert names == {"is_success": True, "log_file_list": ["job-jobtest-tf.0"]}
    page = client.call("GET", f"{version}/aom-log?log_file=job-jobtest-tf.0&lines=8&order=desc").json
    assert (page["content"], page["lines"], page["is_success"]) == ("".join(f"{line}\n" for line in SERVICE), 8, True)
    assert {type(page[name]) for name in ("start_line", "end_line")} == {str}
    assert len(page["start_line"]) == len(page["end_line"]) == len("1609121886518240330")
    assert int(page["start_line"]) < int(page["end_line"])

    assert client.call("DELETE", f"{v1}/training-jobs/{made['job_id']}").json == {"is_success": True}
    assert client.get(version).status == 404


def run(web: Web, project_id: str, made: dict[str, Any]) -> None:
    """Does what the platform did in between."""
    version = f"/api/projects/{project_id}/jobs/{made['job_id']}/versions/{made['version_id']}"
    text = "".join(f"{line}\n" for line in [f"step {number}" for number in range(500)] + SERVICE).encode()
    assert web.post(f"{version}/tasks/worker-0/report", {"status": "RUNNING"}).status == 200
    assert web.call("PUT", f"{version}/logs/worker-0").status == 200
    assert web.call("POST", f"{version}/logs/worker-0/append?at=0", text).status == 200
    assert web.post(f"{version}/logs/worker-0/close", {"end_byte": len(text)}).status == 200
    assert web.post(f"{version}/tasks/worker-0/report", {"status": "COMPLETED", "exit_code": 0}).status == 200
