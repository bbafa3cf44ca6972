"""Who is told hears of it, once by its key, whatever the receiver does; who must not be reached is not."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import socket
import time
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest

from joblog.core.status import Status
from joblog.errors import Invalid
from joblog.watch import webhook
from joblog.watch.alert_sender import MAX_TRIES
from joblog.watch.hosts import Hosts, Refused
from joblog.watch.own_text import ALERT_MARK
from tests.watch.lab import BASE, MINUTE_MS, Lab, Receiver


def fired(lab: Lab, *notify: str, text: bytes = b"step 4\nboom\n", **given: object) -> None:
    """Has a rule fire."""
    lab.rule("match", *notify, pattern="boom", **given)
    (log,) = lab.run()
    lab.prints(log, text)
    lab.passes(5000)


def test_webhook_says_it_all_and_is_signed(lab: Lab, receiver: Receiver) -> None:
    """Run, rule, line with its permanent link, last step, first words of why; the signature is Standard Webhooks'."""
    lab.why = "rank 0 failed: boom"
    fired(lab, receiver.url, name="explosions")
    lab.sends()
    ((headers, raw),) = receiver.requests
    body = json.loads(raw)
    (alert,) = lab.alerts()
    link = f"{BASE}/p/lab/train/V0001/worker-0#L1"
    assert (body["run"], body["job"], body["rule"], body["step"]) == ("V0001", "train", "explosions", 4)
    assert body["line"] == {"number": 1, "start_byte": 7, "end_byte": 11, "text": "boom"}
    assert (body["link"], body["why"], body["alert_key"]) == (link, "rank 0 failed: boom", alert.key)
    assert body["text"].split("\n") == [
        *("train/V0001: a line matches boom", "rank 0: boom", "last step: 4", "why: rank 0 failed: boom", link),
        f"rule: explosions ({ALERT_MARK} 1)",
    ]
    assert headers["idempotency-key"] == headers["webhook-id"] == alert.key
    secret = base64.b64decode(lab.receivers.secret("lab").removeprefix("whsec_"))
    signed = f"{alert.key}.{headers['webhook-timestamp']}.".encode() + raw
    assert headers["webhook-signature"] == "v1," + base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()
    assert lab.receivers.secret("lab") != lab.receivers.secret("other")


def test_receiver_that_is_down_for_a_minute_is_told_once(lab: Lab, receiver: Receiver) -> None:
    """It is tried again with the same key, and is told as soon as it is there."""
    receiver.status = 503
    fired(lab, receiver.url)
    fired_ms = lab.at_ms
    while lab.at_ms < fired_ms + MINUTE_MS:
        lab.sends()
        lab.at_ms += 1000
    receiver.status = 200
    while lab.delivered()[0][0] == "waiting":
        lab.sends()
        lab.at_ms += 1000
    assert lab.at_ms - fired_ms < 2 * MINUTE_MS
    assert lab.delivered() == [("sent", len(receiver.requests))]
    assert len({headers["webhook-id"] for headers, _ in receiver.requests}) == 1
    for _ in range(100):
        lab.sends()
        lab.at_ms += MINUTE_MS
    assert lab.delivered() == [("sent", len(receiver.requests))]


@pytest.mark.parametrize("status", [0, 500, 429])
def test_receiver_that_is_dead_is_given_up(lab: Lab, receiver: Receiver, status: int) -> None:
    """After a bounded number of tries, and it is shown why."""
    receiver.status = status
    fired(lab, receiver.url)
    for _ in range(300):
        lab.sends()
        lab.at_ms += MINUTE_MS
    assert lab.delivered() == [("failed", MAX_TRIES)]
    (alert,) = lab.alerts()
    problem = lab.engine.watching.deliveries([alert.id])[alert.id][0].problem
    assert "very-secret" not in problem
    assert problem == (f"it answered {status}" if status else "its answer is no HTTP" if "HTTP" in problem else "no connection")


def test_receiver_that_says_when_is_left_alone_until_then(lab: Lab, receiver: Receiver) -> None:
    """Retry-After, within bounds."""
    receiver.status, receiver.headers = 429, {"Retry-After": "300"}
    fired(lab, receiver.url)
    lab.sends()
    lab.at_ms += 4 * MINUTE_MS
    lab.sends()
    assert len(receiver.requests) == 1
    lab.at_ms += 2 * MINUTE_MS
    lab.sends()
    assert len(receiver.requests) == 2


@pytest.mark.parametrize("status", [404, 410, 400, 302])
def test_receiver_that_refuses_is_not_asked_again_and_redirects_are_not_followed(
    lab: Lab, receiver: Receiver, status: int
) -> None:
    """A redirect leads wherever the receiver likes."""
    receiver.status, receiver.headers = status, {"Location": f"http://127.0.0.1:{receiver.port}/elsewhere"}
    fired(lab, receiver.url)
    lab.sends()
    assert (lab.delivered(), len(receiver.requests)) == ([("failed", 1)], 1)


def test_node_that_dies_while_it_sends_leaves_it_to_another(lab: Lab, receiver: Receiver) -> None:
    """The receiver may have heard it: it hears it again, by the same key."""
    fired(lab, receiver.url)
    (due,) = lab.engine.watching.due_deliveries(lab.at_ms, 10)
    assert lab.engine.watching.claim(due, lab.at_ms + 45_000) == 1
    assert lab.engine.watching.claim(due, lab.at_ms + 45_000) is None
    lab.sends()
    assert receiver.requests == []
    lab.begin_watching()
    lab.sender.start()  # alone on its catalog, it need not wait
    try:
        lab.at_ms += 1
        while not receiver.requests:
            pass
    finally:
        lab.sender.close()
    assert [headers["webhook-id"] for headers, _ in receiver.requests] == [lab.alerts()[0].key]


def test_receiver_that_takes_nothing_is_in_nobodys_way(lab: Lab, receiver: Receiver) -> None:
    """Of what waits for one, one is tried at a time."""
    dead = Receiver()
    dead.status = 500
    lab.rule("match", dead.url, receiver.url, pattern="boom")
    for _ in range(5):
        (log,) = lab.run()
        lab.prints(log, b"boom\n")
    lab.passes(5000)
    for _ in range(5):
        assert len(lab.engine.watching.due_deliveries(lab.at_ms, 10)) <= 2
        lab.sends()
        lab.at_ms += 1
    assert len(receiver.requests) == 5
    dead.close()


def test_many_alerts_have_each_its_own_deliveries(lab: Lab, receiver: Receiver) -> None:
    """More of them than one statement asks for; the newest of each run stands in the lists."""
    lab.rule("match", receiver.url, name="boom", pattern="boom")
    lab.rule("match", name="bang", pattern="bang")
    logs = [lab.run()[0] for _ in range(20)]
    for log in logs:
        lab.prints(log, b"bang\n" if log is logs[3] else b"boom\n")
    lab.passes(5000)
    lab.prints(logs[19], b"bang\n")
    lab.passes(5000)
    watching, alerts = lab.engine.watching, lab.alerts()
    deliveries = watching.deliveries([alert.id for alert in alerts])
    assert [len(deliveries[alert.id]) for alert in alerts] == [0 if alert.rule_name == "bang" else 1 for alert in alerts]
    newest = watching.alerts_of_runs([log.version_id for log in logs])
    assert {version_id: (count, alert.rule_name) for version_id, (count, alert) in newest.items()} == {
        log.version_id: {3: (1, "bang"), 19: (2, "bang")}.get(number, (1, "boom")) for number, log in enumerate(logs)
    }


def test_private_addresses_are_refused_unless_the_operator_allows_them(tmp_path: Path) -> None:
    """When the rule is made, as far as that can be seen, and again when something is sent."""
    hosts = Hosts("")
    for host in (
        "127.0.0.1",
        "10.1.2.3",
        "169.254.169.254",
        "::1",
        "fd00::1",
        "localhost",
        "db.internal",
        "::ffff:10.0.0.1",
        "0.0.0.0",
    ):
        with pytest.raises(Invalid, match="alert_hosts"):
            hosts.check_literal(host)
    with pytest.raises(Refused):
        hosts.resolved("localhost", 80)
    hosts.check_literal("hooks.example.com")
    hosts.check_literal("93.184.216.34")
    allowed = Hosts("10.0.0.0/8, localhost")
    allowed.check_literal("10.1.2.3")
    assert allowed.resolved("localhost", 80)
    with pytest.raises(Invalid):
        allowed.check_literal("192.168.1.1")
    Hosts("*").check_literal("192.168.1.1")
    with pytest.raises(Invalid, match="alert_hosts"):
        Hosts("10.0.0.0/99")


class Checked(Hosts):
    """Knows where a host is that has no other address."""

    def resolved(self, host: str, port: int) -> list[tuple[str, int]]:
        return [("127.0.0.1", port)]


def test_webhook_connects_to_the_address_that_was_checked(receiver: Receiver) -> None:
    """Its name is not resolved again, whatever that would lead to by then."""
    address = f"http://training.invalid:{receiver.port}/hook"
    webhook.post(address, b"{}", key="a", secret="whsec_", now_ms=0, hosts=Checked(""))
    ((headers, _),) = receiver.requests
    assert headers["host"] == f"training.invalid:{receiver.port}"


class Slow(Checked):
    """Takes longer to find an address than all of it may."""

    def resolved(self, host: str, port: int) -> list[tuple[str, int]]:
        time.sleep(0.3)
        return super().resolved(host, port)


@pytest.mark.parametrize("hosts", [Checked(""), Slow("")])
def test_receiver_that_answers_byte_by_byte_keeps_no_thread(hosts: Hosts) -> None:
    """However much of the time was gone before the connection was there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        dripping = Thread(target=drip, args=(server,))
        dripping.start()
        address = f"http://training.invalid:{server.getsockname()[1]}/"
        with pytest.raises(webhook.NotSent):
            webhook.post(address, b"{}", key="a", secret="whsec_", now_ms=0, hosts=hosts, total_s=0.1)
        dripping.join()


def drip(server: socket.socket) -> None:
    """Answers one with a byte now and then, until that hangs up."""
    connection, _ = server.accept()
    with connection, contextlib.suppress(OSError):
        while True:
            connection.sendall(b"H")
            time.sleep(0.05)


def test_host_that_is_no_longer_allowed_is_not_reached(lab: Lab, receiver: Receiver) -> None:
    """A rule outlives what it was made under."""
    fired(lab, receiver.url)
    lab.close()
    lab.settings = replace(lab.settings, alert_hosts="")
    lab.open()
    lab.sends()
    assert (lab.delivered(), receiver.requests) == ([("failed", 1)], [])


def test_what_a_log_says_is_hostile(lab: Lab, receiver: Receiver) -> None:
    """No escape, no invisible character, no second line, of bounded length."""
    fired(lab, receiver.url, text=b"boom \x1b[31mred\x1b[0m \x07 \xe2\x80\xae evil \xff " + b"x" * 10_000 + b"\n")
    lab.sends()
    text = receiver.bodies[0]["line"]["text"]
    assert text.startswith("boom red")
    assert text.isprintable()
    assert len(text) == 500
    assert receiver.bodies[0]["text"].count("\n") == 3


def test_addresses_are_secret(lab: Lab, receiver: Receiver) -> None:
    """Not in the catalog's file, not in what is shown; another key opens none, and the alert says so."""
    fired(lab, receiver.url)
    (rule,) = lab.engine.watching.rules("lab")
    assert lab.receivers.shown_of(rule) == [f"http://127.0.0.1:{receiver.port}/…"]
    lab.close()
    stored = b"".join(path.read_bytes() for path in lab.settings.data.rglob("catalog.db*"))
    assert b"very-secret" not in stored
    lab.settings.secret_key_path.unlink()
    lab.open()
    lab.sends()
    assert (lab.delivered(), receiver.requests) == ([("failed", 1)], [])
    assert "another secret key" in lab.engine.watching.deliveries([1])[1][0].problem


def test_command_is_run_only_where_the_operator_allows_it(lab: Lab, tmp_path: Path) -> None:
    """With the alert on its stdin, and nothing of the log's on its command line."""
    with pytest.raises(Invalid, match="alert_command"):
        lab.receivers.check(["command:"])
    script, stdin = tmp_path / "tell", tmp_path / "stdin"
    script.write_text(f'#!/bin/sh\ncat > {stdin}\n[ "$#" -eq 0 ]\n')
    script.chmod(0o700)
    lab.close()
    lab.settings = replace(lab.settings, alert_command=str(script))
    lab.open()
    fired(lab, "command:")
    lab.sends()
    assert lab.delivered() == [("sent", 1)]
    assert json.loads(stdin.read_text())["line"]["text"] == "boom"


def test_rule_that_stops_the_run(lab: Lab) -> None:
    """It is asked to, once; one that has ended is not."""
    fired(lab, stop=True)
    lab.sends()
    version = lab.engine.runs.latest_version(1)
    assert (version.status, lab.delivered()) == (Status.KILLING, [("sent", 1)])
