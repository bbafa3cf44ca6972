"""ModelArts' v2 calls: training jobs, their tasks, logs and events; their fields and refusals."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from joblog.catalog.vault import Vault
from joblog.client import Client
from joblog.errors import BadLink
from joblog.server.native.download_links import LIVES_MS, link_path, opened
from tests.conftest import Server
from tests.core.values import a_log
from tests.server.calls import Reply, Web
from tests.server.modelarts.requests import CONFIG, Made, refused


@pytest.fixture
def training(web: Web, own_project: str) -> Made:
    def make(name: str, **metadata: object) -> dict[str, Any]:
        spec = {"resource": {"flavor_id": "f", "node_count": 2}, "of_tomorrow": 1}
        body = {"kind": "job", "metadata": {"name": name} | metadata, "algorithm": {"command": "python a.py"}, "spec": spec}
        reply = web.post(f"/v2/{own_project}/training-jobs", body)
        assert reply.status == 201, reply.body
        return dict(reply.json)

    return make


def test_training_job_is_described(web: Web, own_project: str, training: Made) -> None:
    made = training("v2-job", description="d", annotations={"a": "b"})
    metadata = made["metadata"]
    assert (metadata["name"], metadata["description"], metadata["workspace_id"], metadata["annotations"]) == (
        "v2-job",
        "d",
        "0",
        {"a": "b"},
    )
    assert made["status"] | {"duration": 0} == {
        "phase": "Creating", "secondary_phase": "Creating", "duration": 0, "start_time": 0, "node_count_metrics": [],
        "tasks": ["worker-0", "worker-1"], "task_statuses": [],
    }  # fmt: skip
    assert (made["algorithm"], made["spec"]["of_tomorrow"]) == ({"command": "python a.py"}, 1)
    path = f"/v2/{own_project}/training-jobs/{metadata['id']}"
    assert web.get(path).json == made
    changed = web.call("PUT", path, b'{"description": "new"}', content_type="application/json").json
    assert changed["metadata"]["description"] == "new"
    again = web.post(f"/v2/{own_project}/training-jobs", made | {"metadata": metadata | {"name": "copy"}})
    assert again.status == 201, "what was described can be asked for again"


def test_each_api_sees_the_others_jobs(web: Web, own_project: str, create: Made, training: Made) -> None:
    old, new = create("old"), training("new")
    shown = web.get(f"/v2/{own_project}/training-jobs/{old['uuid']}").json
    assert shown["algorithm"]["boot_file"] == CONFIG["boot_file_url"]
    assert shown["algorithm"]["parameters"] == [{"name": "epochs", "value": "3"}]
    assert shown["spec"]["resource"]["node_count"] == 2
    jobs = {job["job_name"]: job for job in web.get(f"/v1/{own_project}/training-jobs").json["jobs"]}
    job = jobs["new"]
    detail = web.get(f"/v1/{own_project}/training-jobs/{job['job_id']}/versions/{job['version_id']}").json
    assert (detail["user_command"], detail["spec_code"], detail["worker_server_num"]) == ("python a.py", "f", 2)
    assert detail["uuid"] == new["metadata"]["id"]


def test_searches(web: Web, own_project: str, training: Made) -> None:
    made = [training(name) for name in ("aa", "a_b", "axb")]
    search = f"/v2/{own_project}/training-job-searches"

    def names(**body: object) -> list[str]:
        answer = web.post(search, body).json
        assert answer["count"] == len(answer["items"]) <= answer["total"]
        return [item["metadata"]["name"] for item in answer["items"]]

    assert web.post(search, {}).json["total"] == web.call("POST", search).json["total"] == 3
    assert names() == ["axb", "a_b", "aa"]
    assert names(order="asc") == ["aa", "a_b", "axb"]
    assert names(limit=2) + names(limit=2, offset=2) == names(), "the offset counts jobs, not pages"

    def narrow(key: str, operator: str, *value: str) -> list[str]:
        return names(filters=[{"key": key, "operator": operator, "value": value}])

    assert narrow("name", "like", "A_") == ["a_b"]
    assert narrow("name", "in", "aa", "axb", "none") == ["axb", "aa"]
    assert narrow("name", "in", "none") == narrow("name", "in") == []
    assert narrow("name", "not", "aa") == ["axb", "a_b"]
    assert (
        web.post(f"/v2/{own_project}/training-jobs/{made[0]['metadata']['id']}/actions", {"action_type": "terminate"}).status
        == 202
    )
    assert narrow("phase", "in", "Terminated") == ["aa"]
    assert narrow("phase", "not", "Terminated") == ["axb", "a_b"]
    times = sorted(job["metadata"]["create_time"] for job in made)
    assert sorted(narrow("create_time", "between", str(times[0]), str(times[-1]))) == ["a_b", "aa", "axb"]
    assert narrow("create_time", "between", "0", "1") == []


def test_terminate_and_delete(web: Web, own_project: str, training: Made) -> None:
    path = f"/v2/{own_project}/training-jobs/{training('ended')['metadata']['id']}"
    refused(web.post(f"{path}/actions", {"action_type": "resume"}), 400, "2812", "terminate")
    stopped = web.post(f"{path}/actions", {"action_type": "terminate"})
    assert (stopped.status, stopped.json["status"]["phase"]) == (202, "Terminated")
    refused(web.post(f"{path}/actions", {"action_type": "terminate"}), 409, "2796")
    gone = web.call("DELETE", path, b"{}", content_type="application/json")
    assert (gone.status, gone.body) == (202, b"")
    refused(web.get(path), 400, "2775")
    assert training("ended"), "the name is free again"


def test_tasks_and_their_logs(web: Web, server: Server, own_project: str, training: Made) -> None:
    made = training("tasks")
    path = f"/v2/{own_project}/training-jobs/{made['metadata']['id']}"
    lines = "".join(f"line {number} 三\n" for number in range(400_000)).encode()
    with Client(server.url, server.token) as client:
        ref = client.run(own_project, "tasks", run_id=made["metadata"]["id"], task="worker-1").log.ref
        client.report(ref, "RUNNING", host="10.0.0.7", tasks=2)
        client.append(ref, 0, lines)
        client.report(ref, "FAILED", exit_code=3)
    tasks = web.get(f"{path}/tasks").json
    assert tasks == [
        {"task": "worker-0", "ip": "", "host_ip": "", "schedule_count": 0},
        {"task": "worker-1", "ip": "10.0.0.7", "host_ip": "10.0.0.7", "schedule_count": 1},
    ]
    assert web.get(path).json["status"]["task_statuses"] == [{"task": "worker-1", "exit_code": 3, "message": "failed"}]
    page = web.get(f"{path}/logs/worker-1", lines=2).json
    assert {name: type(value) for name, value in page.items()} == {
        "content": str,
        "lines": int,
        "start_line": str,
        "end_line": str,
    }
    assert page["content"] == "line 399998 三\nline 399999 三\n"
    before = web.get(f"{path}/logs/worker-1", base_line=page["start_line"], lines=1, order="asc").json
    assert (before["content"], before["end_line"]) == ("line 399997 三\n", page["start_line"])
    preview = web.get(f"{path}/tasks/worker-1/logs/preview").json
    assert preview["full_size"] == len(lines) > preview["current_size"] > 5 * 1024 * 1024 - 4
    assert preview["content"].encode() == lines[-preview["current_size"] :]
    for task in ("worker-0", "worker-2", "x", "worker-01"):
        refused(web.get(f"{path}/logs/{task}"), 400, "2818")
        refused(web.get(f"{path}/tasks/{task}/logs/preview"), 400, "2818")
    for lines_asked, code in (("0", "2770"), ("501", "2770"), ("x", "2788")):
        refused(web.get(f"{path}/logs/worker-1", lines=lines_asked), 400, code, "lines")


def test_events(web: Web, server: Server, own_project: str, training: Made) -> None:
    made = training("eventful")
    path = f"/v2/{own_project}/training-jobs/{made['metadata']['id']}/events"
    with Client(server.url, server.token) as client:
        ref = client.run(own_project, "eventful", run_id=made["metadata"]["id"]).log.ref
        client.report(ref, "RUNNING", host="node-1", tasks=1)
        client.append(ref, 0, b"a\n")
        client.report(ref, "KILLED", signal="SIGKILL", reason="out of memory")
        client.close_log(ref, end_byte=2, crc32=0)
    shown = web.get(path, order="asc", limit=100).json
    assert [event["message"] for event in shown["events"]] == [
        "Training job V0001 was created.",
        "The training job has started.",
        "worker-0 has started on node-1.",
        "The training job has ended: FAILED (worker-0: out of memory (SIGKILL)).",
        "worker-0 has ended: KILLED (SIGKILL, out of memory).",
        "The log of worker-0 was closed at 2 bytes, not all that was written.",
    ]
    assert shown["total"] == 6
    assert web.get(path, limit=1, offset=1, order="asc").json["events"] == shown["events"][1:2]
    assert web.get(path, level="error", pattern="memory").json["total"] == 2
    refused(web.get(path, limit=101), 400, "2770", "limit")
    refused(web.get(path, level="loud"), 400, "2770", "level")


@pytest.mark.parametrize(
    ("call", "body", "code", "word"),
    [
        ("training-jobs", b"{", "2787", "JSON"),
        ("training-jobs", b"{}", "2788", "job_name"),
        ("training-jobs", b'{"kind": "edge_job", "metadata": {"name": "a"}}', "2788", "kind"),
        ("training-jobs", b'{"metadata": []}', "2788", "metadata"),
        ("training-jobs", b'{"metadata": {"name": "a"}, "spec": 1}', "2788", "spec"),
        ("training-jobs", b'{"metadata": {"name": "taken"}}', "2751", "taken"),
        ("training-job-searches", b'{"limit": 51}', "2770", "50"),
        ("training-job-searches", b'{"limit": "5"}', "2788", "limit"),
        ("training-job-searches", b'{"offset": -1}', "2770", "offset"),
        ("training-job-searches", b'{"order": "up"}', "2788", "order"),
        ("training-job-searches", b'{"sort_by": "owner"}', "2788", "sort_by"),
        ("training-job-searches", b'{"filters": [{"key": "owner", "operator": "in", "value": []}]}', "2788", "name (like"),
        ("training-job-searches", b'{"filters": [{"key": "phase", "operator": "in", "value": ["x"]}]}', "2788", "phases"),
        ("training-job-searches", b'{"filters": [{"key": "name", "operator": "in", "value": [1]}]}', "2788", "strings"),
        ("training-job-searches", b'{"filters": {}}', "2788", "filters"),
    ],
)
def test_bad_training_job_is_refused(
    web: Web, own_project: str, training: Made, call: str, body: bytes, code: str, word: str
) -> None:
    training("taken")
    refused(web.call("POST", f"/v2/{own_project}/{call}", body, content_type="application/json"), 400, code, word)
    assert web.post(f"/v2/{own_project}/training-job-searches", {}).json["total"] == 1


def test_unknown_training_job(web: Web, own_project: str) -> None:
    for training_job_id in ("00000000-0000-0000-0000-000000000000", "1", "x"):
        path = f"/v2/{own_project}/training-jobs/{training_job_id}"
        for call in ("", "/tasks", "/events", "/logs/worker-0", "/tasks/worker-0/logs/preview"):
            refused(web.get(path + call), 400, "2775", "training job")
        refused(web.call("DELETE", path), 400, "2775")


def test_link_streams_the_log_without_credentials(web: Web, server: Server, own_project: str, training: Made) -> None:
    made = training("linked")
    path = f"/v2/{own_project}/training-jobs/{made['metadata']['id']}/tasks/worker-0/logs/url"
    refused(web.get(path), 400, "2818")
    data = b"<script>\xff\x00\r\n" * 100_000
    with Client(server.url, server.token) as client:
        client.append(client.run(own_project, "linked", run_id=made["metadata"]["id"]).log.ref, 0, data)
    stranger = web.as_(None)

    def followed(reply: Reply, **headers: str) -> Reply:
        url = reply.json["obs_url"]
        assert url.startswith(server.url)
        assert url.endswith(f"/modelarts-job-{made['metadata']['id']}-worker-0.log")
        return stranger.call("GET", url.removeprefix(server.url), **headers)

    whole = followed(web.get(path))
    assert (whole.status, whole.body, whole.headers["content-length"]) == (200, data, str(len(data)))
    assert whole.headers["content-type"].startswith("text/plain")
    assert whole.headers["x-content-type-options"] == "nosniff"
    name = f"modelarts-job-{made['metadata']['id']}-worker-0.log"
    assert whole.headers["content-disposition"] == f'attachment; filename="{name}"', "the name of its path"
    link = web.get(path).json["obs_url"].removeprefix(server.url)
    for headers in ({}, {"range": "bytes=8-12"}):
        got, head = (stranger.call(method, link, **headers) for method in ("GET", "HEAD"))
        assert (head.status, head.body) == (got.status, b"")
        varying = ("x-request-id", "date")
        assert [{k: v for k, v in each.headers.items() if k not in varying} for each in (head,)] == [
            {k: v for k, v in got.headers.items() if k not in varying}
        ]
    part = followed(web.get(path, **{"Content-Type": "application/octet-stream"}), range="bytes=8-12")
    assert (part.status, part.body, part.headers["content-type"]) == (206, data[8:13], "application/octet-stream")
    told_by_header = followed(web.call("GET", path, content_type="application/octet-stream"))
    assert told_by_header.headers["content-type"] == "application/octet-stream"
    refused(web.get(path, **{"Content-Type": "text/html"}), 400, "2788", "Content-Type")


def test_link_that_was_changed_or_is_too_old_is_refused(web: Web, server: Server, own_project: str, training: Made) -> None:
    made = training("old-link")
    with Client(server.url, server.token) as client:
        client.append(client.run(own_project, "old-link", run_id=made["metadata"]["id"]).log.ref, 0, b"secret\n")
    path = f"/v2/{own_project}/training-jobs/{made['metadata']['id']}/tasks/worker-0/logs/url"
    link = web.get(path).json["obs_url"].removeprefix(server.url)
    sealed = link.split("/")[2]
    for wrong in (sealed[:-1], sealed[::-1], "A" * len(sealed), "%ff", "x", "A" * 5000):
        reply = web.as_(None).call("GET", link.replace(sealed, wrong))
        assert (reply.status, b"secret" in reply.body) == (403, False), wrong


def test_a_link_of_which_any_character_was_changed_is_refused(
    web: Web, server: Server, own_project: str, training: Made
) -> None:
    """Its sealed part and the name it ends in; by GET and by HEAD."""
    made = training("any-character")
    with Client(server.url, server.token) as client:
        client.append(client.run(own_project, "any-character", run_id=made["metadata"]["id"]).log.ref, 0, b"secret\n")
    path = f"/v2/{own_project}/training-jobs/{made['metadata']['id']}/tasks/worker-0/logs/url"
    link, stranger = web.get(path).json["obs_url"].removeprefix(server.url), web.as_(None)
    start = len("/links/")
    for at in range(start, len(link)):
        if link[at] != "/":
            other = "B" if link[at] == "A" else "A"
            reply = stranger.call("GET", link[:at] + other + link[at + 1 :])
            assert (reply.status, b"secret" in reply.body) == (403, False), (at, other)
    last = link.rindex("/") - 1  # of the character that stands for less than six bits, each other one
    for other in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_":
        expected = 200 if other == link[last] else 403
        assert stranger.call("GET", link[:last] + other + link[last + 1 :]).status == expected, other
    for changed in (
        link + "x",
        link[:-1],
        link.replace("/modelarts", "/job"),
        link[: last + 1] + "=" + link[last + 1 :],
    ):
        assert stranger.call("GET", changed).status == stranger.call("HEAD", changed).status == 403, changed
    assert stranger.call("GET", link).body == b"secret\n"


def test_link_lives_five_minutes() -> None:
    vault, now_ms = Vault(bytes(32)), 1_700_000_000_000
    log = structs.replace(a_log(), project_id="p", job_id=1, version_id=2, worker=3)
    link = link_path(vault, log, "a.log", "text/plain", now_ms).split("/")[2]
    sealed_link = opened(vault, link, "a.log", now_ms + LIVES_MS)
    assert (sealed_link.project_id, sealed_link.job_id, sealed_link.version_id, sealed_link.worker) == ("p", 1, 2, 3)
    other_key = Vault(bytes(31) + b"x")
    for key, name, ms in ((vault, "a.log", now_ms + LIVES_MS + 1), (other_key, "a.log", now_ms), (vault, "b.log", now_ms)):
        with pytest.raises(BadLink):
            opened(key, link, name, ms)
