"""/metrics: what it counts, whom it tells, and that no name from outside gets into it; the server's own log."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from msgspec import structs
from prometheus_client.parser import text_string_to_metric_families

from joblog.agent.canary.lines import Totals
from joblog.agent.canary.metrics import text as canary_text
from joblog.catalog.backlog import SealDue, facts
from joblog.core.counters import KINDS, Tally
from tests.backends import Backend, both_catalogs
from tests.conftest import Server, start_server
from tests.server.calls import Web, made_log

ROOT = Path(__file__).resolve().parents[3]

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Web]:
    """A server of the test's own, that tells of all requests, as JSON."""
    server = start_server(
        tmp_path / "data", log_format="json", log_requests="all", seal_quiet_s=0, pack_after_s=0, janitor_s=0.05
    )
    web = Web(server.url, server.token)
    yield web
    web.close()
    assert server.stop() == 0


def samples(web: Web) -> Samples:
    reply = web.get("/metrics")
    assert (reply.status, reply.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    families = list(text_string_to_metric_families(reply.body.decode()))
    assert all(family.documentation for family in families)
    return {(each.name, frozenset(each.labels.items())): each.value for family in families for each in family.samples}


def fresh(web: Web) -> Samples:
    """What is told is up to a second old: asks until all that was done before is in it."""
    mark = sum(value for (name, _), value in samples(web).items() if name == "joblog_http_request_seconds_count")
    while True:
        found = samples(web)
        if sum(value for (name, _), value in found.items() if name == "joblog_http_request_seconds_count") > mark:
            return found


def value(found: Samples, name: str, **labels: str) -> float:
    return found[f"joblog_{name}", frozenset(labels.items())]


def test_what_was_done_is_counted(own: Web) -> None:
    """Appends, bytes, commits, segments, closed logs, gaps, requests by route and status."""
    log = made_log(own, "counted", b"one\ntwo\n")
    assert log.append(0, b"one\n").status == 200
    assert log.append(99, b"x").status == 416
    assert log.close(end_byte=8, crc32=1, gaps=[{"at_byte": 8, "size_bytes": 5, "reason": "spool full"}]).status == 200
    while log.status()["sealed_byte"] < 8:
        pass
    found = fresh(own)
    route = "/api/projects/{project_id}/jobs/{job_id}/versions/{version_id}/logs/{task}/append"
    assert value(found, "appends_total", outcome="taken") == 1
    assert value(found, "appends_total", outcome="repeated") == 1
    assert value(found, "appended_bytes_total") == 8
    assert value(found, "http_request_seconds_count", method="POST", route=route, status="200") == 2
    assert value(found, "http_request_seconds_count", method="POST", route=route, status="416") == 1
    assert value(found, "commit_seconds_count") >= 1
    assert value(found, "segments_total", by="seal") >= 1
    assert value(found, "object_store_seconds_count", call="put", outcome="ok") >= 1
    assert value(found, "logs_closed_total", result="incomplete") == 1
    assert value(found, "gaps_total", reason="spool full") == 1
    assert value(found, "gap_bytes_total", reason="spool full") == 5
    assert (value(found, "tail_bytes"), value(found, "tail_logs"), value(found, "catalog_up")) == (0, 0, 1)


def test_labels_hold_no_names_from_outside(own: Web) -> None:
    """However many paths, methods and reasons there are, they are some series."""
    log = made_log(own, "outside", b"one\n")
    before = len(fresh(own))
    for number in range(100):
        own.get(f"/{quote('é')}/outside-{number}")
        own.get(f"/api/projects/outside-{number}/jobs")
        own.get(f"/v1/outside-{number}/training-jobs/1/versions/1/aom-log", log_file="x")
        own.call(f"OUTSIDE{number}", "/")
    gaps = [{"at_byte": 4, "size_bytes": 1, "reason": f"outside {number}"} for number in range(100)]
    assert log.close(gaps=gaps).status == 200
    found = fresh(own)
    assert "outside" not in own.get("/metrics").body.decode()
    assert len(found) - before < 100
    assert value(found, "gaps_total", reason="other") == 100


@pytest.mark.parametrize(
    ("access", "local", "forwarded", "token"),
    [("local", 200, 401, 200), ("token", 401, 401, 200), ("off", 404, 404, 404)],
)
def test_who_may_read(tmp_path: Path, access: str, local: int, forwarded: int, token: int) -> None:
    """A process of this machine, others with a token that is for this; by the setting."""
    server = start_server(tmp_path / "data", metrics=access)
    web = Web(server.url, server.token)
    made = web.post("/api/tokens", {"rights": ["metrics"]}).json["token"]
    reader = web.post("/api/tokens", {"rights": ["read"]}).json["token"]
    stranger = web.as_(None)
    assert stranger.get("/metrics").status == local
    assert stranger.call("GET", "/metrics", x_forwarded_for="192.0.2.1").status == forwarded
    assert web.as_(made).call("GET", "/metrics", x_forwarded_for="192.0.2.1").status == token
    if access == "token":
        assert web.as_(reader).get("/metrics").json["error"]["code"] == "not_permitted"
    assert web.as_(made).get("/api/projects").status == 403
    web.close()
    assert server.stop() == 0


def test_log_of_requests_is_json(tmp_path: Path) -> None:
    """An object for each, with the id that the answer had; no query, and no line of a stranger's making."""
    server = start_server(tmp_path / "data", log_format="json", log_requests="errors")
    web = Web(server.url, server.token)
    assert web.get("/api/projects").status == 200
    missing = web.get("/nowhere%0Aforged%1b[31m", secret="in-the-query")
    web.close()
    assert server.stop() == 0
    told = [json.loads(line) for line in (server.data / "server.log").read_text().splitlines()]
    (request,) = [each for each in told if each["logger"] == "joblog.requests"]
    assert request["request_id"] == missing.headers["x-request-id"]
    assert (request["method"], request["path"], request["status"]) == ("GET", "/nowhere\nforged\x1b[31m", 404)
    assert (request["route"], request["level"], request["message"]) == ("other", "info", "answered")
    assert "in-the-query" not in json.dumps(told)


def test_text_log_is_not_for_strangers_to_write(tmp_path: Path) -> None:
    """A path that holds a line's end and an escape is one line without one."""
    server = start_server(tmp_path / "data", log_requests="all")
    web = Web(server.url, server.token)
    reply = web.get("/nowhere%0A2026-01-01%20CRITICAL%20forged%1b[31m%c2%85")
    web.close()
    assert server.stop() == 0
    text = (server.data / "server.log").read_bytes()
    assert b"\x1b" not in text
    (line,) = [each for each in text.splitlines() if b"forged" in each]
    assert line.endswith(b"request_id=" + reply.headers["x-request-id"].encode())
    assert b"path=/nowhere\\n2026-01-01 CRITICAL forged\\x1b[31m\\x85" in line


@both_catalogs
def test_catalogs_tell_the_same(backend: Backend, tmp_path: Path) -> None:
    """How much is not sealed, since when it is due, how long agents have been silent: on each catalog."""
    from joblog.engine.engine import Engine

    engine = Engine(backend.settings(tmp_path / "facts"), clock_ms=lambda: 1_000)
    engine.runs.put_project("p", 0)
    made = [engine.runs.put_run("p", name, None, 0, 1_000) for name in ("quiet", "closed", "partial")]
    for (_, _, log), data in zip(made, (b"one\n", b"two\n", b"never ended"), strict=True):
        engine.appender.append(log.id, 0, data)
    engine.logs.close(engine.logs.head(made[1][2].id), None, None, 6_000)
    due_when = SealDue(seal_bytes=100, quiet_for_ms=5_000, pack_bytes=1, pack_after_ms=60_000)
    found = facts(engine.database, 21_000, due_when)
    assert (found.tail_logs, found.tail_bytes, found.seal_due_logs, found.sealing_lag_ms) == (3, 19, 2, 15_000)
    assert (found.agents, found.oldest_heartbeat_ms, found.newest_heartbeat_ms) == (0, 0, 0)
    small = structs.replace(due_when, pack_bytes=100)
    waiting = facts(engine.database, 21_000, small)
    assert (waiting.seal_due_logs, waiting.sealing_lag_ms) == (1, 15_000)
    late = facts(engine.database, 70_000, small)
    assert (late.seal_due_logs, late.sealing_lag_ms) == (2, 64_000)
    nothing = facts(engine.database, 1_000, due_when)
    assert (nothing.seal_due_logs, nothing.sealing_lag_ms) == (1, 0)
    engine.close()


def test_bounds_are_within() -> None:
    """As Prometheus has it: a value that is a bound counts below it."""
    tally, kind = Tally(), next(each for each in KINDS if each.bounds and not each.labels)
    for seconds in (kind.bounds[0], kind.bounds[0] * 1.5, 1e9):
        tally.took(kind, seconds)
    taken = dict(tally.durations())[kind][()]
    assert (taken.counts[0], taken.counts[1], taken.counts[-1], sum(taken.counts)) == (1, 1, 1, 3)


def names_in(text: str) -> set[str]:
    return set(re.findall(r"\b(?:joblog|process)_[a-z_]+[a-z]\b", text))


def test_dashboard_and_alerts_name_what_there_is(server: Server) -> None:
    """Every metric in deploy/ and in docs/metrics.md is in /metrics; every metric of joblog's is in the docs."""
    web = Web(server.url, server.token)
    log = made_log(web, "dashboard", b"one\n", closed=True)
    assert log.status()["closed"]
    canary = text_string_to_metric_families(canary_text(Totals()))
    exported = {name for name, _ in fresh(web)} | {sample.name for family in canary for sample in family.samples}
    web.close()
    dashboard = json.loads((ROOT / "deploy" / "grafana.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    assert len(queries) > 15
    rules = (ROOT / "deploy" / "alerts.yml").read_text()
    assert not names_in("\n".join(queries) + rules) - exported
    docs = names_in((ROOT / "docs" / "metrics.md").read_text())
    plain = {re.sub(r"_(bucket|count|sum)$", "", name) for name in exported if name.startswith("joblog_")}
    assert {name.removesuffix("_created") for name in plain} <= docs
    assert {name for name in docs if name.startswith("joblog_")} <= exported | plain
