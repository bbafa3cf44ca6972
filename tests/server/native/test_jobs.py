"""The native API's names, tokens and description."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from joblog import __version__
from tests.server.calls import MadeLog, Web, check_api, made_log, same

HTTP_API = Path(__file__).parents[3] / "docs" / "http-api.md"
MODELARTS = Path(__file__).parents[3] / "docs" / "modelarts.md"


@pytest.fixture
def project(web: Web, request: pytest.FixtureRequest) -> str:
    """A project for the test alone."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name)[-60:]
    assert web.post("/api/projects", {"id": name}).status == 200
    return f"/api/projects/{name}"


def run(web: Web, project: str, **body: object) -> dict[str, Any]:
    return dict(web.post(f"{project}/runs", {"job_name": "resnet", **body}).json)


def test_workers_of_a_run_meet_in_one_version(web: Web, project: str) -> None:
    """Whoever names the same run id; another id, or none, is another version."""
    first = run(web, project, run_id="a")
    second = run(web, project, run_id="a", task="worker-1")
    other, unnamed, unnamed_too = run(web, project, run_id="b"), run(web, project), run(web, project)
    assert second["version"] == first["version"]
    assert [each["log"]["log_file"] for each in (first, second)] == ["job-resnet.0", "job-resnet.1"]
    versions = [each["version"] for each in (first, other, unnamed, unnamed_too)]
    assert [(version["name"], version["number"], version["run_id"]) for version in versions] == [
        ("V0001", 1, "a"), ("V0002", 2, "b"), ("V0003", 3, None), ("V0004", 4, None),
    ]  # fmt: skip
    assert len({version["uuid"] for version in versions}) == 4
    assert {each["job"]["id"] for each in (first, second, other, unnamed)} == {first["job"]["id"]}


def test_run_is_job_version_and_log(web: Web, project: str) -> None:
    """Each as its own call shows it."""
    made = run(web, project, run_id="a", task="worker-3")
    job = f"{project}/jobs/{made['job']['id']}"
    version = f"{job}/versions/{made['version']['id']}"
    assert same(web.get(job).json, made["job"])
    assert same(web.get(version).json, made["version"])
    assert same(web.get(f"{version}/logs/worker-3").json, made["log"])
    assert same(run(web, project, run_id="a", task="worker-3"), made)


def test_workers_that_come_at_once_meet(web: Web, project: str) -> None:
    """As 32 ranks do when a job starts: one job, one version, a log each."""

    def start(worker: int) -> dict[str, Any]:
        own = Web(web.url, web.token)
        made = run(own, project, run_id="a", task=f"worker-{worker}")
        own.close()
        return made

    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(start, range(32)))
    assert {(each["job"]["id"], each["version"]["id"]) for each in made} == {(made[0]["job"]["id"], made[0]["version"]["id"])}
    assert [each["log"]["task"] for each in made] == [f"worker-{worker}" for worker in range(32)]


def test_what_is_there_is_got(web: Web, project: str) -> None:
    """Projects, jobs, versions and logs are made once; a new version has no run id, or a new one."""
    job = web.post(f"{project}/jobs", {"name": "a"}).json
    assert same(web.post(f"{project}/jobs", {"name": "a"}).json, job)
    versions = f"{project}/jobs/{job['id']}/versions"
    version = web.post(versions, {"run_id": "r"}).json
    assert same(web.post(versions, {"run_id": "r"}).json, version)
    assert web.post(versions, {}).json["number"] == 2
    log = web.call("PUT", f"{versions}/{version['id']}/logs/worker-0").json
    assert same(web.call("PUT", f"{versions}/{version['id']}/logs/worker-0").json, log)
    made = {"id": job["id"], "project_id": project.rpartition("/")[2], "name": "a", "created_ms": job["created_ms"]}
    assert job == made | {"description": "", "workspace_id": "0", "labels": {}}


def pages(web: Web, path: str, limit: int) -> list[list[Any]]:
    """Follows ``next`` to the end of a list."""
    found = [web.get(path, limit=limit).json]
    while found[-1]["next"] is not None:
        found.append(web.get(path, limit=limit, after=found[-1]["next"]).json)
    return [page["items"] for page in found]


def test_lists_come_in_pages(web: Web, project: str) -> None:
    """In order of their ids, logs in order of their workers; together they are the whole list."""
    jobs = [web.post(f"{project}/jobs", {"name": f"job{number}"}).json for number in range(5)]
    at = f"{project}/jobs/{jobs[0]['id']}/versions"
    versions = [web.post(at, {}).json for _ in range(5)]
    for worker in (10, 2, 0, 1, 3):
        web.call("PUT", f"{at}/{versions[0]['id']}/logs/worker-{worker}")
    for path, names in (
        (f"{project}/jobs", [job["name"] for job in jobs]),
        (at, [version["name"] for version in versions]),
        (f"{at}/{versions[0]['id']}/logs", [f"worker-{worker}" for worker in (0, 1, 2, 3, 10)]),
    ):
        for limit in (1, 2, 5, 1000):
            found = pages(web, path, limit)
            assert [item.get("task") or item["name"] for page in found for item in page] == names
            assert [len(page) for page in found[:-1]] == [limit] * (len(found) - 1)


def test_lists_of_nothing(web: Web, project: str) -> None:
    """They are empty, and end."""
    assert same(web.get(f"{project}/jobs").json, {"items": [], "next": None})
    assert same(web.get(f"{project}/jobs", name="none").json, {"items": [], "next": None})


def test_job_is_found_by_its_name(web: Web, project: str) -> None:
    """The one so named, case and all."""
    made = [web.post(f"{project}/jobs", {"name": name}).json for name in ("a", "A", "ab")]
    for job in made:
        assert same(web.get(f"{project}/jobs", name=job["name"]).json, {"items": [job], "next": None})


def test_projects_and_their_retention(web: Web, project: str) -> None:
    """What is given is set, null is for ever, what is not given stays."""
    name = project.rpartition("/")[2]
    for sent, days, size in (
        ({}, None, None),
        ({"retain_days": 30}, 30, None),
        ({"retain_bytes": 0}, 30, 0),
        ({"retain_days": None}, None, 0),
        ({"retain_days": 1, "retain_bytes": None}, 1, None),
    ):
        found = web.post("/api/projects", {"id": name, **sent}).json
        kept = {"created_ms": found["created_ms"], "retain_days": days, "retain_bytes": size}
        assert same(found, {"id": name, "name": name, "domain_id": "default", **kept})
    assert found in [item for page in pages(web, "/api/projects", 2) for item in page]


@pytest.mark.parametrize(("field", "value", "least"), [("retain_days", 0, 1), ("retain_days", -1, 1), ("retain_bytes", -1, 0)])
def test_retention_that_cannot_be(web: Web, project: str, field: str, value: int, least: int) -> None:
    """It is refused, and nothing is set."""
    reply = web.post("/api/projects", {"id": project.rpartition("/")[2], field: value})
    message = f"{field} must be an integer from {least} to 9223372036854, or null, not {value}"
    check_api(reply, 400, "out_of_range", message, parameter=field)
    reply = web.post("/api/projects", {"id": project.rpartition("/")[2], field: 10**30})
    assert (reply.status, reply.json["error"]["parameter"]) == (400, field)


def token(web: Web, *rights: str, project: str | None = None, **more: object) -> Web:
    made = web.post("/api/tokens", {"rights": rights, "project_id": project, **more}).json
    return web.as_(made["token"])


def test_rights(web: Web) -> None:
    """Each call needs its right; admin includes them all, write does not include read."""
    log = made_log(web, "rights", b"one\n")
    calls = [
        ("GET", log.api, None, "read"),
        ("GET", f"{log.api}/bytes", None, "read"),
        ("GET", f"{log.v1}/log/file-names", None, "read"),
        ("GET", "/api/projects", None, "read"),
        ("POST", f"{log.api}/append?at=0", b"one\n", "write"),
        ("PUT", log.api, None, "write"),
        ("POST", f"{log.api}/close", b"{}", "write"),
        ("POST", "/api/projects/default/jobs", b'{"name": "rights"}', "write"),
        ("POST", "/api/projects", b'{"id": "default"}', "admin"),
        ("GET", "/api/tokens", None, "admin"),
    ]
    for held, includes in (("read", {"read"}), ("write", {"write"}), ("admin", {"read", "write", "admin"})):
        caller = token(web, held)
        for method, path, body, needed in calls:
            expected = 200 if needed in includes else 403
            assert caller.call(method, path, body).status == expected, (held, method, path)


def test_token_of_a_project_sees_only_that(web: Web, project: str) -> None:
    """Whatever rights it has there; it cannot make tokens, or projects."""
    name = project.rpartition("/")[2]
    caller = token(web, "admin", project=name)
    assert [item["id"] for item in caller.get("/api/projects").json["items"]] == [name]
    assert caller.post(f"{project}/jobs", {"name": "a"}).status == 200
    check_api(caller.get("/api/projects/default/jobs"), 403, "wrong_project", "the token is not for project 'default'")
    message = "the token does not have the right to admin in all projects"
    for path, body in (("/api/tokens", {"rights": ["read"]}), ("/api/projects", {"id": "x"})):
        check_api(caller.post(path, body), 403, "not_permitted", message)


def test_secret_of_a_token_is_told_once(web: Web) -> None:
    """Lists have the rest of it."""
    made = web.post("/api/tokens", {"rights": ["write", "read"], "label": "ci", "expires_s": 60}).json
    secret = made.pop("token")
    expected = {
        **{"id": made["id"], "project_id": None, "rights": ["read", "write"], "label": "ci", "created_ms": made["created_ms"]},
        **{"expires_ms": made["created_ms"] + 60_000, "job_id": None},
    }
    assert same(made, expected)
    listed = [item for page in pages(web, "/api/tokens", 3) for item in page]
    assert {**made, "token": None} in listed
    assert secret not in json.dumps(listed)
    assert secret.isascii()


def test_revoked_token_is_worth_nothing(web: Web) -> None:
    """From the next call on, though it was in use."""
    made = web.post("/api/tokens", {"rights": ["read"]}).json
    caller = web.as_(made["token"])
    assert caller.get("/api/projects").status == 200
    assert web.call("DELETE", f"/api/tokens/{made['id']}").status == 204
    check_api(caller.get("/api/projects"), 401, "unknown_token", "the token is not valid")
    check_api(
        web.call("DELETE", f"/api/tokens/{made['id']}"), 404, "not_found", f"there is no token {made['id']}", kind="token"
    )


def test_tokens_that_cannot_be(web: Web) -> None:
    """They are refused by the field at fault."""
    rights = "rights must be a list of some of read, write, metrics, admin"
    expires = "expires_s must be an integer from 1 to 9223372036854, or null"
    for body, code, message, parameter in (
        ({"rights": []}, "invalid", f"{rights}, not []", "rights"),
        ({"rights": ["root"]}, "invalid", f"{rights}, not ['root']", "rights"),
        ({"rights": ["read"], "expires_s": 0}, "out_of_range", f"{expires}, not 0", "expires_s"),
        ({"rights": ["read"], "label": "x" * 201}, "invalid", "label must be at most 200 characters", "label"),
    ):
        check_api(web.post("/api/tokens", body), 400, code, message, parameter=parameter)
    unknown = web.post("/api/tokens", {"rights": ["read"], "project_id": "nowhere"})
    check_api(unknown, 404, "not_found", "there is no project 'nowhere'", kind="project")


def test_token_is_taken_from_either_header(web: Web) -> None:
    """X-Auth-Token, or Bearer in any case; what else stands in Authorization does no harm beside the first."""
    stranger, secret = web.as_(None), str(web.token)
    for headers in (
        {"x_auth_token": secret},
        {"X_AUTH_TOKEN": f" {secret} "},
        {"authorization": f"Bearer {secret}"},
        {"authorization": f"bearer  {secret}"},
        {"x_auth_token": secret, "authorization": "Basic eDp5"},
        {"authorization": "Basic eDp5", "x_auth_token": secret},
    ):
        assert stranger.call("GET", "/api/tokens", **headers).status == 200, headers


def test_health_needs_no_token(web: Web) -> None:
    """It is for whatever watches the server."""
    reply = web.as_(None).get("/healthz")
    assert (reply.status, reply.json) == (200, {"status": "ok", "version": __version__})


def description(web: Web) -> dict[str, Any]:
    return dict(web.as_(None).get("/api/openapi.json").json)


def test_description_lists_every_call(web: Web) -> None:
    """Those of docs/http-api.md and docs/modelarts.md, and no other."""
    found = {f"{method.upper()} {path}" for path, calls in description(web)["paths"].items() for method in calls}
    jobs = "/api/projects/{project_id}/jobs"
    log = f"{jobs}/{{job_id}}/versions/{{version_id}}/logs/{{task}}"
    documented = {
        re.sub(r"\bLOG\b", log, call).replace(".../jobs", jobs).replace("/{id}", "/{token_id}")
        for call in re.findall(r"`((?:GET|POST|PUT|PATCH|DELETE) [^\s`?]+)", HTTP_API.read_text("utf-8"))
    }
    modelarts = set(re.findall(r"^\| `((?:GET|POST|PUT|DELETE) /v[^`?]+)", MODELARTS.read_text("utf-8"), flags=re.MULTILINE))
    assert found == documented | modelarts | {"GET /", f"HEAD {log}/bytes", "HEAD /links/{link}/{name}"}


def test_description_is_openapi_3_1(web: Web) -> None:
    """Every reference leads somewhere, every parameter of a path is described, every call has an answer and a name."""
    api = description(web)
    assert re.fullmatch(r"3\.1\.\d", api["openapi"])
    assert set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(api))) <= set(api["components"]["schemas"])
    names = []
    for path, calls in api["paths"].items():
        for call in calls.values():
            described = {each["name"] for each in call.get("parameters", []) if each["in"] == "path"}
            assert described == set(re.findall(r"{(\w+)}", path))
            assert call["responses"]
            names.append(call["operationId"])
    assert len(set(names)) == len(names)


def test_documentation_needs_no_outside_host(web: Web) -> None:
    """A cluster may have no way out: page, script and style come from here."""
    page = web.as_(None).get("/api/docs")
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    loaded = re.findall(rb"""(?:src|href)=["']([^"']+)["']""", page.body)
    assert [url for url in loaded if not url.startswith(b"/ui/")] == []
    kinds = {}
    for url in loaded:
        if url.startswith(b"/"):
            asset = web.as_(None).get(url.decode())
            assert asset.status == 200
            assert asset.body
            kinds[url.rpartition(b".")[2]] = asset.headers["content-type"].partition(";")[0]
    assert kinds == {b"css": "text/css", b"js": "text/javascript", b"svg": "image/svg+xml"}


def test_log_of_another_project_is_not_found_under_this_one(web: Web, project: str) -> None:
    """Ids are one row of numbers over all projects; a path that mixes them names nothing."""
    log = made_log(web, "elsewhere", b"one\n")
    mixed = MadeLog(web, log.job_id, log.version_id, log.log_file, project.rpartition("/")[2])
    for path in (mixed.api, f"{mixed.api}/bytes", f"{mixed.api}/lines", mixed.version):
        check_api(web.get(path), 404, "not_found", f"there is no job {log.job_id}", kind="job")
    check_api(mixed.append(4, b"x"), 404, "not_found", f"there is no job {log.job_id}", kind="job")
