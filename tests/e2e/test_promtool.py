"""The alert rules, the dashboard's queries and the metrics themselves, as Prometheus' own tool takes them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.conftest import Server
from tests.server.calls import Web

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"

# By alert: series, as promtool's tests write them, during which it fires within the hour, and during which it does not.
SERIES = {
    "JoblogCatalogAway": ("joblog_catalog_up", "0x60", "1x60"),
    "JoblogCommitsFail": ("joblog_commit_failures_total", "0+1x60", "7x60"),
    "JoblogDamagedReads": ("joblog_damaged_reads_total", "0x30 1x30", "3x60"),
    "JoblogSealingLags": ("joblog_sealing_lag_seconds", "0+60x60", "0x20 700x3 0x40"),
    "JoblogObjectStoreFails": ('joblog_object_store_seconds_count{outcome="failed"}', "0+2x60", "4x60"),
    "JoblogBackgroundFails": ("joblog_janitor_failures_total", "0+1x60", "0x30 1x30"),
    "JoblogIncompleteLogs": ('joblog_logs_closed_total{result="incomplete"}', "0x40 1x20", "2x60"),
    "JoblogCanary": ('joblog_canary_faults_total{fault="missing"}', "0x40 1x20", "0x60"),
    "JoblogCanaryLate": ('joblog_canary_faults_total{fault="late"}', "0+1x60", "0x60"),
    "JoblogBytesNotKept": ('joblog_gap_bytes_total{reason="spool full"}', "0x40 99x20", "5x60"),
    "JoblogFailingRequests": ('joblog_http_request_seconds_count{status="500"}', "0+1x60", "0x60"),
}


def promtool(*words: str | Path, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("promtool is not installed (on Debian it is in the package prometheus)")
    return subprocess.run([tool, *words], input=stdin, capture_output=True, check=False)


def test_rules_and_queries_are_promql(tmp_path: Path) -> None:
    """All alerts, and all that the dashboard asks."""
    checked = promtool("check", "rules", DEPLOY / "alerts.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    panels = json.loads((DEPLOY / "grafana.json").read_text())["panels"]
    queries = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries)]
    (tmp_path / "queries.yml").write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    checked = promtool("check", "rules", tmp_path / "queries.yml")
    assert (checked.returncode, b"%d rules found" % len(queries) in checked.stdout) == (0, True), checked.stderr


def test_alerts_fire_when_they_should(tmp_path: Path) -> None:
    """Each of them on what it is about, and on nothing that is well."""
    rules = yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"][0]["rules"]
    assert {rule["alert"] for rule in rules} == set(SERIES)
    tests = [
        test
        for alert, (name, bad, good) in SERIES.items()
        for test in (case(alert, name, bad, True), case(alert, name, good, False))
    ]
    shutil.copy(DEPLOY / "alerts.yml", tmp_path)
    # Which labels and words an alert has is not looked at: whether it fires is asked as a query.
    (tmp_path / "tests.yml").write_text(
        yaml.safe_dump({"rule_files": ["alerts.yml"], "evaluation_interval": "1m", "tests": tests})
    )
    done = promtool("test", "rules", tmp_path / "tests.yml")
    assert done.returncode == 0, (done.stdout + done.stderr).decode()


def case(alert: str, name: str, values: str, fires: bool) -> dict[str, object]:
    """A test of promtool's: whether the alert fired at any minute of an hour."""
    fine = {"series": 'joblog_http_request_seconds_count{status="200"}', "values": "0+10x60"}
    expression = f'count_over_time(ALERTS{{alertname="{alert}", alertstate="firing"}}[1h]) > bool 0'
    stdin = [{"labels": "{}", "value": 1}] if fires else []
    return {
        "name": f"{alert} {'fires' if fires else 'is quiet'}",
        "interval": "1m",
        "input_series": [fine, {"series": name, "values": values}],
        "promql_expr_test": [{"expr": f"max({expression})", "eval_time": "1h", "exp_samples": stdin}],
    }


def test_metrics_are_as_prometheus_wants_them(server: Server) -> None:
    """Names, units and helps, by its own rules for them."""
    web = Web(server.url, server.token)
    body = web.get("/metrics").body
    web.close()
    checked = promtool("check", "metrics", stdin=body)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
