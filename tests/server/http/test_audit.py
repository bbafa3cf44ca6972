"""The audit log: who did what, from where, and what came of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from joblog.server.http.audit import is_act
from tests.conftest import Server, start_server
from tests.server.calls import Web, made_log
from tests.server.ops.described import operations
from tests.server.people import made_person


def audited(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_acts_are_told(tmp_path: Path) -> None:
    """Those that were refused, too; writing and reading logs are none. The file can be moved away."""
    path = tmp_path / "audit.log"
    server = start_server(tmp_path / "data", audit_file=path)
    web = Web(server.url, server.token)
    person = made_person(web)
    login, wrong = person.login(), person.login(password="wrong")
    path.rename(tmp_path / "audit.1")
    made = web.post("/api/tokens", {"rights": ["read"]}).json
    refused = web.as_(made["token"]).call("DELETE", f"/api/users/{person.id}")
    revoked = web.call("DELETE", f"/api/tokens/{made['id']}")
    web.get(f"{person.log.api}/bytes")
    web.close()
    assert server.stop() == 0
    assert [each.stat().st_mode & 0o777 for each in (path, tmp_path / "audit.1")] == [0o600, 0o600]
    first = audited(tmp_path / "audit.1")
    kinds = [(each["method"], each["route"]) for each in first]
    assert kinds == [
        ("POST", "/api/projects"),
        ("POST", "/api/users"),
        ("PUT", "/api/projects/{project_id}/members/{user_id}"),
        ("POST", "/api/users/{user_id}/keys"),
        ("POST", "/api/projects/{project_id}/watch/rules"),
        ("POST", "/v3/auth/tokens"),
        ("POST", "/v3/auth/tokens"),
    ]
    assert (first[5]["request_id"], first[5]["user_id"], first[5]["status"]) == (login.headers["x-request-id"], person.id, 201)
    assert (first[6]["status"], "user_id" in first[6]) == (401, False)
    assert wrong.status == 401
    told = [(each["token_id"], each["method"], each["path"], each["status"]) for each in audited(path)]
    assert told == [
        (1, "POST", "/api/tokens", 200),
        (made["id"], "DELETE", f"/api/users/{person.id}", refused.status),
        (1, "DELETE", f"/api/tokens/{made['id']}", revoked.status),
    ]
    assert {each["address"] for each in audited(path)} == {"127.0.0.1"}


def test_reads_are_told_if_they_are_asked_for(tmp_path: Path) -> None:
    """By both ways through the server; what is nobody's is not."""
    path = tmp_path / "audit.log"
    server = start_server(tmp_path / "data", audit_file=path, audit="reads")
    web = Web(server.url, server.token)
    log = made_log(web, "read", b"one\n")
    web.get("/healthz")
    log.lines_page()
    web.get(f"{log.api}/bytes")
    web.as_("jl_stranger").get(f"{log.api}/bytes")
    web.close()
    assert server.stop() == 0
    told = [(each["kind"], each["path"].rpartition("/")[2], each["status"], each.get("token_id")) for each in audited(path)]
    assert told == [("read", "aom-log", 200, 1), ("read", "bytes", 200, 1), ("read", "bytes", 401, None)]


def test_which_calls_are_acts(server: Server) -> None:
    """Of all that change something, these are none: they write logs, say how and what runs are, or begin them."""
    web = Web(server.url, server.token)
    changes = [each for each in operations(web) if each.method not in ("GET", "HEAD")]
    changing = {each.name for each in changes if not is_act(each.method, each.path)}
    web.close()
    assert {name.rpartition("/")[2] for name in changing} == {
        *("append", "close", "report", "status", "{task}", "jobs", "runs", "versions", "{version_id}", "note"),
        "test",
        *("training-jobs", "training-job-searches", "{job_id}", "{training_job_id}", "{report_type}"),
    }
    assert not any(name.startswith("DELETE") for name in changing)
