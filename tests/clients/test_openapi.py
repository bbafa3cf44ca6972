"""schemathesis, which makes requests of the API's description, legal ones and others, and compares the answers with it."""

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.clients.installed import program
from tests.conftest import Server, start_server
from tests.server.calls import MadeLog, Web, made_log

RUN_S = 900.0

_CHANGING = ("/append", "/close", "/stop", "/actions", "/status", "/report", "/follow")
"""Calls after which a run is not what it was, or before which it must be over: each has one of its own."""

_EMPTY_JSON = "DELETE /v2/{project_id}/training-jobs/{training_job_id}"
"""Says that it answers JSON and answers nothing, as ModelArts does."""

CHECKS = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance"),
    *("response_headers_conformance", "unsupported_method"),
)


@dataclass
class Described:
    """A server, its description, and the things on it by which paths are filled in."""

    server: Server
    web: Web
    paths: dict[str, Any]
    log: MadeLog
    directory: Path
    ids: dict[str, Any]
    own: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By operation: the ids of what it changes or deletes, which nothing else uses."""

    def operations(self) -> Iterator[tuple[str, str]]:
        """The method and the path of everything that is described."""
        for path, operations in self.paths.items():
            yield from ((method.upper(), path) for method in operations)

    def answers(self, *options: str, filled: bool) -> dict[tuple[str, str], set[int]]:
        """Runs it; returns the statuses of each operation's answers. ``filled``: with the ids of what is there."""
        config, har = self.directory / "schemathesis.toml", self.directory / "requests.har"
        config.write_text("\n".join(self._config(filled)))
        tool = [program("schemathesis", "python"), "-m", "schemathesis.cli", "--config-file", config]
        source = [f"{self.server.url}/api/openapi.json", "--header", f"X-Auth-Token: {self.server.token}"]
        how = ["--seed", "1", "--continue-on-failure", "--warnings", "off"]
        report = ["--report", "har", "--report-har-path", har]
        command = [str(part) for part in (*tool, "run", *source, *how, *report, *options)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_S, cwd=self.directory, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return self._statuses(json.loads(har.read_text())["log"]["entries"])

    def _config(self, filled: bool) -> Iterator[str]:
        yield from ("[phases.coverage]", 'unexpected-methods = ["PATCH"]')
        yield from ("[checks]", "enabled = false", *(f"{check}.enabled = true" for check in CHECKS))
        yield from (
            "[[operations]]",
            f"include-name = {json.dumps(_EMPTY_JSON)}",
            "checks.response_schema_conformance.enabled = false",
        )
        if not filled:
            return
        yield from _parameters(self.log, self.ids)
        for operation, ids in self.own.items():
            yield from ("[[operations]]", f"include-name = {json.dumps(operation)}")
            yield from _parameters(self.log, ids, "operations.")

    def _statuses(self, entries: list[dict[str, Any]]) -> dict[tuple[str, str], set[int]]:
        statuses = defaultdict(set)
        for entry in entries:
            path = entry["request"]["url"].removeprefix(self.server.url).partition("?")[0]
            statuses[entry["request"]["method"], self._described(path)].add(entry["response"]["status"])
        return statuses

    def _described(self, path: str) -> str:
        """The described path that a path is of; one without parameters before one with."""
        parts = path.rstrip("/").split("/")
        for candidate in sorted(self.paths, key=lambda each: each.count("{")):
            names = candidate.rstrip("/").split("/")
            if len(names) == len(parts) and all(a == b or a[:1] == "{" for a, b in zip(names, parts, strict=True)):
                return candidate
        return path


def own_ids(web: Web, number: int) -> dict[str, Any]:
    """Makes one of each thing, and returns what they can be called by."""
    made = made_log(web, f"own-{number}")
    version = web.get(made.version).json
    assert web.post(f"{made.version}/tasks/worker-0/report", {"status": "RUNNING"}).status == 200
    token = web.post("/api/tokens", {"rights": ["read"]}).json["id"]
    user = web.post("/api/users", {"name": f"own-{number}", "password": "long enough"}).json["id"]
    access = web.post(f"/api/users/{user}/keys", {}).json["access"]
    members = f"/api/projects/default/members/{user}"
    assert web.call("PUT", members, b'{"rights": ["read"]}', content_type="application/json").status == 204
    tasks = f"/v2/default/training-jobs/{version['uuid']}/tasks/worker-0"
    link, name = web.get(f"{tasks}/logs/url").json["obs_url"].split("/")[-2:]
    rule = web.post("/api/projects/default/watch/rules", {"rules": [{"kind": "stall", "name": f"own-{number}"}]}).json["items"][
        0
    ]
    return {
        **{"link": link, "name": name, "job": made.job_id, "version": version["id"]},
        **{"job_id": made.job_id, "version_id": made.version_id, "training_job_id": version["uuid"]},
        **{"token_id": token, "user_id": user, "access": access, "rule_id": rule["id"]},
    }


def _parameters(log: MadeLog, ids: dict[str, Any], table: str = "") -> list[str]:
    known = {"project_id": log.project_id, "job_id": log.job_id, "version_id": log.version_id} | ids
    known |= {"task": log.task, "task_id": log.task}
    filled = {f"path.{name}": value for name, value in known.items()} | {"query.log_file": log.log_file}
    return [f"[{table}parameters]", *(f"{json.dumps(name)} = {json.dumps(value)}" for name, value in filled.items())]


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Described]:
    """A server with a log, and things that may be deleted."""
    directory = tmp_path_factory.mktemp("described")
    program("schemathesis", "python")
    server = start_server(directory / "data", seal_bytes=1000)
    web = Web(server.url, server.token)
    paths = web.get("/api/openapi.json").json["paths"]
    ids = own_ids(web, 0)
    log = MadeLog(web, ids["job_id"], ids["version_id"], "job-own-0.0")
    log.write(b"".join(b"line %d\n" % number for number in range(1000)))
    described = Described(server, web, paths, log, directory, ids)
    for method, path in described.operations():
        if method == "DELETE" or path.endswith(_CHANGING):
            described.own[f"{method} {path}"] = own = own_ids(web, len(described.own) + 1)
            if path.endswith("/follow"):  # it ends with the log
                assert MadeLog(web, own["job_id"], own["version_id"], "").close().status == 200
        elif method == "POST" and path.endswith("/training-jobs"):  # a name is new once in a project
            described.own[f"{method} {path}"] = own = {"project_id": f"own-{len(described.own)}"}
            assert web.post("/api/projects", {"id": own["project_id"]}).status == 200
    yield described
    web.close()
    assert server.stop() == 0
    assert "Traceback" not in (server.data / "server.log").read_text()


@pytest.mark.long  # thousands of generated requests
def test_every_call_answers_as_it_is_described(described: Described) -> None:
    """Called for what is there, with what each parameter and each field of a body may be and may not be."""
    answers = described.answers("--phases", "examples,coverage", filled=True)
    unanswered = {each for each in described.operations() if not any(200 <= status < 300 for status in answers[each])}
    guessed = {("POST", "/v3/auth/tokens"), ("POST", "/api/session"), ("POST", "/api/session/password")}
    guessed |= {("POST", "/v2/{project_id}/training-jobs/batch-delete")}
    assert unanswered == guessed  # nobody guesses a password, a token, or a job's id
    assert max(status for statuses in answers.values() for status in statuses) < 500


@pytest.mark.long  # a thousand generated requests
def test_any_request_is_answered_as_it_is_described(described: Described) -> None:
    """Called for whatever: ids that nobody has, odd paths, bodies of any shape. Tokens are left alone, ours is one of them."""
    answers = described.answers(
        *("--phases", "fuzzing", "--max-examples", "5", "--no-shrink"),
        *("--exclude-path-regex", r"/tokens/\{"),
        filled=False,
    )
    assert max(status for statuses in answers.values() for status in statuses) < 500
