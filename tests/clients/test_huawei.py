"""Huawei's own Python SDK, unmodified: huaweicloudsdkmodelarts and huaweicloudsdkiam."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.clients.conftest import LINES
from tests.clients.remote import Raised, Remote
from tests.server.calls import MadeLog
from tests.server.people import Person


@pytest.fixture
def sdk(huawei: Remote, person: Person) -> Remote:
    """The SDK, connected with the user's access key."""
    huawei.call("connect", url=person.web.url, access=person.access, secret=person.secret, project_id=person.project_id)
    return huawei


@pytest.fixture
def training(person: Person) -> dict[str, str]:
    """The training job that has the log."""
    return {"training_job_id": person.web.get(person.log.version).json["uuid"]}


def log_of(person: Person, made: dict[str, Any], task: int) -> MadeLog:
    """The log of a task of a job that the SDK has made; where its writer would write."""
    web, project = person.web, person.project_id
    job = next(each for each in web.get(f"/api/projects/{project}/jobs?name={made['metadata']['name']}").json["items"])
    version = web.get(f"/api/projects/{project}/jobs/{job['id']}/versions").json["items"][0]
    assert version["uuid"] == made["metadata"]["id"]
    log = MadeLog(web, job["id"], version["id"], f"job-{made['metadata']['name']}.{task}", project, f"worker-{task}")
    assert web.call("PUT", log.api).status == 200
    return log


def error(raised: Raised, status: int, code: str) -> str:
    """Checks what the SDK has read out of a refusal; returns its message."""
    assert raised.kind == "ClientRequestException"
    facts = raised.facts
    assert (facts["status_code"], facts["error_code"]) == (status, code), raised
    assert len(facts["request_id"]) == 32
    return str(facts["error_msg"])


def test_job_from_create_to_delete(sdk: Remote, person: Person) -> None:
    """Created, listed, described, written to, read, stopped, deleted: what the SDK sent comes back as it was sent."""
    made = sdk.call("create", name="sdk-job")
    assert (made["kind"], made["metadata"]["name"], made["status"]["phase"]) == ("job", "sdk-job", "Creating")
    assert made["algorithm"]["parameters"][0]["name"] == "epochs"
    assert made["spec"]["resource"]["flavor_id"] == "modelarts.p3.large.public"
    path = {"training_job_id": made["metadata"]["id"]}
    assert sdk.call("call", method="show_training_job_details", **path) == made | {"status": made["status"]}

    answer = sdk.call("listed", limit=10, offset=0, filters=[{"key": "name", "operator": "like", "value": ["sdk-jo"]}])
    assert (answer["total"], answer["count"], answer["limit"], answer["offset"]) == (1, 1, 10, 0)
    assert answer["items"][0]["metadata"] == made["metadata"]

    log = log_of(person, made, 1)
    log.write(b"first\nsecond\n")
    running = {"status": "RUNNING", "host": "node-7"}
    assert person.web.post(f"{log.version}/tasks/worker-1/report", running).status == 200
    tasks = sdk.call("call", method="list_training_job_tasks", **path)["body"]
    assert [(each["task"], each["host_ip"]) for each in tasks] == [("worker-0", ""), ("worker-1", "node-7")]
    page = sdk.call("call", method="show_training_job_logs_from_aom", task_id="worker-1", **path)
    assert (page["content"], page["lines"]) == ("first\nsecond\n", 2)

    sdk.call("describe", description="changed", **path)
    assert sdk.call("call", method="show_training_job_details", **path)["metadata"]["description"] == "changed"
    assert sdk.call("stop", **path)["status"]["phase"] == "Terminating"
    assert person.web.post(f"{log.version}/tasks/worker-1/report", {"status": "KILLED"}).json["stop"]
    events = sdk.call("call", method="list_training_job_events", order="asc", **path)
    assert events["events"][0]["message"] == "Training job V0001 was created."
    assert events["total"] == len(events["events"])

    assert sdk.call("call", method="delete_training_job", **path) is not None
    message = error(sdk.refused("call", method="show_training_job_details", **path), 400, "ModelArts.2775")
    assert made["metadata"]["id"] in message


def test_lines_forwards_and_backwards(sdk: Remote, training: dict[str, str]) -> None:
    """The SDK has no pager of its own: positions are given back as they came."""

    def page(**asked: str | int) -> dict[str, Any]:
        return dict(sdk.call("call", method="show_training_job_logs_from_aom", task_id="worker-0", **training, **asked))

    first = page(order="asc", lines=300)
    shown = [first]
    while (following := page(base_line=shown[-1]["end_line"], order="desc", lines=300))["lines"]:
        shown.append(following)
    assert [each["lines"] for each in shown] == [300, 300, 300, 100]
    assert "".join(each["content"] for each in shown) == "".join(LINES)
    latest = page()
    assert (latest["content"], latest["lines"]) == ("".join(LINES[-50:]), 50)
    before = page(base_line=latest["start_line"], order="asc", lines=500)
    assert before["content"] == "".join(LINES[-550:-50])
    assert before["end_line"] == latest["start_line"]


def test_preview(sdk: Remote, training: dict[str, str]) -> None:
    """A log of less than 5 MiB comes whole."""
    answer = sdk.call("call", method="show_training_job_logs_preview", task_id="worker-0", **training)
    size = len("".join(LINES))
    assert answer == {"content": "".join(LINES), "current_size": size, "full_size": size}


def test_refusals_are_read_by_the_sdk(sdk: Remote, training: dict[str, str]) -> None:
    """Code, message and request id are where it looks for them."""
    lines = {"method": "show_training_job_logs_from_aom", **training}
    assert "lines must be" in error(sdk.refused("call", task_id="worker-0", lines=501, **lines), 400, "ModelArts.2770")
    assert "worker-9" in error(sdk.refused("call", task_id="worker-9", **lines), 400, "ModelArts.2818")
    assert "name" in error(sdk.refused("create", name="no blanks"), 400, "ModelArts.2788")
    sdk.call("create", name="taken")
    assert "taken" in error(sdk.refused("create", name="taken"), 400, "ModelArts.2751")


def test_project_is_found_by_its_region(huawei: Remote, person: Person) -> None:
    """Credentials without a project: the SDK asks /v3/projects for the one that is named as the region."""
    region = next(each["name"] for each in person.web.get("/v3/projects").json["projects"] if each["id"] == person.project_id)
    who = {"url": person.web.url, "access": person.access, "secret": person.secret}
    assert huawei.call("discover", **who, region=region) == person.project_id
    assert "Failed to get project id" in huawei.refused("discover", **who, region="nowhere").message


def test_identity_service(huawei: Remote, person: Person) -> None:
    """Projects and domains, by credentials that look their own domain up; a token that reads the log."""
    who = {"url": person.web.url, "access": person.access, "secret": person.secret}
    answer = huawei.call("identity", **who)
    assert [each["id"] for each in answer["projects"]["projects"]] == [person.project_id]
    assert [each["id"] for each in answer["auth_projects"]["projects"]] == [person.project_id]
    assert [each["id"] for each in answer["domains"]["domains"]] == [answer["domain_id"]]
    name = answer["projects"]["projects"][0]["name"]
    made = huawei.call("token", **who, user=person.name, password=person.password, project=name)
    assert made["token"]["project"]["id"] == person.project_id
    as_user = person.web.as_(made["x_subject_token"])
    assert as_user.get(f"{person.log.v1}/log/file-names").json["log_file_list"] == [person.log.log_file]


WRONG = "Incorrect IAM authentication information: verify aksk signature fail"


def test_wrong_key(huawei: Remote, person: Person) -> None:
    """Of either half."""
    where = {"url": person.web.url, "project_id": person.project_id}
    for access, secret in ((person.access, person.secret[::-1]), ("A" * 20, person.secret)):
        huawei.call("connect", access=access, secret=secret, **where)
        assert WRONG in error(huawei.refused("listed"), 401, "APIGW.0301")


def test_signature_over_odd_characters(sdk: Remote, training: dict[str, str]) -> None:
    """A query is signed as it is encoded on the wire, a body in UTF-8."""
    for pattern in ("a b+c", "100%&=?#/~*'\"", "训练🚀 ü", ";,:@"):
        answer = sdk.call("call", method="list_training_job_events", pattern=pattern, level="Info", **training)
        assert (answer["total"], answer["events"]) == (0, [])
    sdk.call("describe", description="训练🚀 ü", **training)
    assert sdk.call("call", method="show_training_job_details", **training)["metadata"]["description"] == "训练🚀 ü"


def test_stale_date(sdk: Remote, training: dict[str, str]) -> None:
    """A clock may be wrong by 15 minutes, not by more."""
    asked = {"method": "show_training_job_details", **training}
    for off_s in (-14 * 60, 14 * 60):
        assert sdk.call("signed_at", off_s=off_s, **asked)["kind"] == "job"
    for off_s in (-16 * 60, 16 * 60):
        assert "15 minutes off" in error(sdk.refused("signed_at", off_s=off_s, **asked), 401, "APIGW.0301")


def test_tampered_body(huawei: Remote, person: Person) -> None:
    """What somebody on the way has changed is refused, and nothing is made of it."""
    who = {"access": person.access, "secret": person.secret, "project_id": person.project_id}
    with tampering(person.web.host, person.web.port, b"honest", b"forged") as url:
        huawei.call("connect", url=url, **who)
        assert WRONG in error(huawei.refused("create", name="honest"), 401, "APIGW.0301")
        assert huawei.call("create", name="plain")["metadata"]["name"] == "plain", "the way itself does no harm"
    jobs = person.web.get(f"/api/projects/{person.project_id}/jobs").json["items"]
    assert not {"honest", "forged"} & {each["name"] for each in jobs}


@contextmanager
def tampering(host: str, port: int, old: bytes, new: bytes) -> Iterator[str]:
    """A way to the server on which every ``old`` in a request becomes ``new``; the address to go it."""
    listener = socket.create_server(("127.0.0.1", 0))

    def forward(source: socket.socket, sink: socket.socket, *, changed: bool) -> None:
        with source, sink:
            try:
                while data := source.recv(65536):
                    sink.sendall(data.replace(old, new) if changed else data)
                sink.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # either side may hang up

    def accept() -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.create_connection((host, port))
            for ends, changed in (((near, far), True), ((far.dup(), near.dup()), False)):
                threading.Thread(target=forward, args=ends, kwargs={"changed": changed}, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
