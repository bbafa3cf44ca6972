"""The calls about rules, alerts and tests, on a real server; what is told through kills."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from joblog.client import Client
from joblog.errors import Invalid, JoblogError, NotFound
from tests.conftest import start_server
from tests.server.calls import Web
from tests.watch.lab import Receiver

WAIT_S = 60.0

_numbers = count(1)

HYPERPOD_WRONG = "logMonitoringConfiguration:\n  - {name: a, logPattern: b, metricThreshold: 1, operator: above}\n"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def project_id(client: Client) -> str:
    """A project of the test's own."""
    return client.create_project(f"watched-{next(_numbers)}").id


@pytest.mark.parametrize(
    ("parameter", "body"),
    [
        ("kind", {"rules": [{"kind": "nothing"}]}), ("pattern", {"rules": [{"kind": "match", "pattern": "(", "regex": True}]}),
        ("notify", {"notify": ["http://127.0.0.1/"]}), ("notify", {"notify": ["command:"]}), ("job", {"job": "a/b"}),
        ("rule.a.pattern", {"text": "[rule.a]\nkind = 'match'\npattern = 3\n"}), ("text", {"text": "[rule"}),
        ("rules[0].pattern", {"rules": [{"kind": "match", "pattern": 3}]}), ("text", {"text": "a = 1"}),
        ("name", {"rules": [{"kind": "stall"}, {"kind": "stall"}]}),
        ("logMonitoringConfiguration.a.operator", {"text": HYPERPOD_WRONG}),
    ],
)  # fmt: skip
def test_wrong_rule_is_refused_where_it_is_made(web: Web, parameter: str, body: dict[str, Any]) -> None:
    """400 with its parameter; none of the rules is made."""
    before = web.get("/api/projects/default/watch/rules").json
    reply = web.post("/api/projects/default/watch/rules", body)
    assert (reply.status, reply.json["error"]["parameter"]) == (400, parameter), reply
    assert web.get("/api/projects/default/watch/rules").json == before


def test_rules_are_made_listed_muted_and_deleted(client: Client, project_id: str) -> None:
    """Addresses are shown without what is secret; a rule of the same name is replaced."""
    made = client.watch(project_id, notify=["https://hooks.example.com/very-secret"], quiet="22:00-07:00")
    assert [rule.name for rule in made] == ["stalled", "failed", "silent rank", "loss is nan"]
    assert {rule.notify for rule in made} == {("https://hooks.example.com/…",)}
    (again,) = client.watch(project_id, rules=[{"kind": "stall", "name": "stalled", "silent_s": 90}])
    rules = {rule.name: rule for rule in client.rules(project_id)}
    assert (len(rules), rules["stalled"]) == (4, again)
    assert again.silent_s == 90
    assert client.mute_rule(project_id, again.id, 60).muted_ms > 0
    assert client.mute_rule(project_id, again.id, 0).muted_ms == 0
    client.delete_rule(project_id, again.id)
    with pytest.raises(NotFound):
        client.delete_rule(project_id, again.id)
    assert client.signing_secret(project_id).startswith("whsec_")


def test_rule_is_tried_over_a_log(client: Client, project_id: str) -> None:
    """It says when it would have fired, and at which line; nobody is told, and no alert is made."""
    run = client.run(project_id, "resnet")
    end = client.append(run.log.ref, 0, b"step 1 loss=2\nstep 2 loss=nan\n").end_byte
    client.append(run.log.ref, end, b"step 3 loss=nan")
    client.close_log(run.log.ref)
    tested = client.test_rule(project_id, run.job.id, run.version.id, {"kind": "value", "metric": "loss", "not_finite": True})
    assert [(firing.line, firing.text, firing.step) for firing in tested.firings] == [(1, "step 2 loss=nan", 3)]
    assert (tested.read_bytes, tested.unread_bytes) == (45, 0)
    with pytest.raises(NotFound):
        client.test_rule(project_id, run.job.id, run.version.id, "no such rule")
    with pytest.raises(Invalid):
        client.test_rule(project_id, run.job.id, run.version.id, {"kind": "match"})
    assert list(client.alerts(project_id)) == []


def test_each_is_told_once_through_kills(tmp_path: Path, receiver: Receiver) -> None:
    """The server is killed again and again, between what fires and what is sent; the receiver is away meanwhile."""
    data, receiver.status = tmp_path / "data", 503
    server = start_server(data, alert_hosts="127.0.0.1")
    with server.client() as client:
        client.watch(notify=[receiver.url], rules=[{"kind": "match", "name": "boom", "pattern": "boom", "regex": True}])
        client.watch(notify=[receiver.url], rules=[{"kind": "state", "states": ["failed"]}])
        runs = [client.run("default", f"job-{number}") for number in range(6)]
    for number, run in enumerate(runs):
        with server.client() as client:
            client.append(run.log.ref, 0, b"step 1\nboom %d\n" % number)
            client.close_log(run.log.ref)
            client.set_status("default", run.job.id, run.version.id, "FAILED", "boom")
            if number % 2:
                until(lambda client=client, run=run: len(alerts_of(client, run)) == 2)
        server.kill()
        receiver.status = 204 if number >= 3 else 503
        server = start_server(data, alert_hosts="127.0.0.1")
    with server.client() as client:
        until(
            lambda: all(each.state == "sent" for alert in client.alerts() for each in alert.deliveries) and fired(client) == 12
        )
        assert all(alert.times == 1 for alert in client.alerts())
        lines = {alert.job_name: (alert.line, alert.text) for alert in client.alerts() if alert.rule == "boom"}
        assert lines == {f"job-{number}": (1, f"boom {number}") for number in range(6)}
        keys = {alert.key for alert in client.alerts()}
    taken = [body["alert_key"] for body in receiver.bodies]
    assert set(taken) == keys
    assert server.stop() == 0


def fired(client: Client) -> int:
    return len(list(client.alerts()))


def alerts_of(client: Client, run: Any) -> list[Any]:
    return list(client.alerts(version_id=run.version.id))


def until(holds: Any) -> None:
    """Waits for what must come."""
    deadline = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_hyperpods_configuration_is_read_as_it_is(client: Client, project_id: str) -> None:
    """The example of its documentation, whole."""
    text = Path(__file__).with_name("hyperpod.yaml").read_text()
    rules = {rule.name: rule for rule in client.watch(project_id, text=text)}
    assert sorted(rules) == ["GPU Error", "JobHangingDetection", "JobStart", "LowThroughputDetection", "TFLOPs", "TFLOPs value"]
    assert (rules["JobHangingDetection"].kind, rules["JobHangingDetection"].every_s) == ("absence", 300)
    slow = rules["LowThroughputDetection"]
    assert (slow.kind, slow.at_most, slow.points) == ("value", 80, 25)
    assert (rules["GPU Error"].kind, rules["TFLOPs value"].below) == ("match", 100)
    run = client.run(project_id, "hyperpod")
    lines = [b"[Epoch 0 Batch %d 'samples/sec': 70.5\n" % batch for batch in range(30)]
    client.append(run.log.ref, 0, b"".join(lines) + b"RuntimeError: CUDA out of memory\n")
    for name, line in (("LowThroughputDetection", 24), ("GPU Error", 30)):
        tested = client.test_rule(project_id, run.job.id, run.version.id, name)
        assert [firing.line for firing in tested.firings] == [line]
    as_json = json.dumps(
        {"spec": {"runPolicy": {"logMonitoringConfiguration": [{"name": "a", "logPattern": "b", "faultOnMatch": True}]}}}
    )
    assert [rule.kind for rule in client.watch(project_id, text=as_json)] == ["match"]


def test_job_token_may_not_watch(client: Client, web: Web, project_id: str) -> None:
    """A rule is for more than its one job."""
    token = client.create_token(["write"], project_id=project_id, job_name="a").token
    assert web.as_(token).post(f"/api/projects/{project_id}/watch/rules", {}).status == 403
    with pytest.raises(JoblogError):
        client.watch("no-such-project")
