"""Two projects and two users: no call of one gets at anything of the other.

The calls are read from the API's description, so that a new one cannot be forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import Server
from tests.server.calls import Reply, Web
from tests.server.ops.described import Operation, operations
from tests.server.people import Person, made_person

HIDDEN = b"what only its owner may read"

OPEN = (
    {"GET /healthz", "GET /readyz", "GET /readyz/catalog", "GET /", "GET /v3", "POST /v3/auth/tokens"}
    | {f"{method} /api/session" for method in ("GET", "POST", "DELETE")}
    | {"POST /api/session/password"}
)
"""Calls that need no token and tell everybody the same, or only who is calling; or are about whose password one knows."""

OWN = {"GET /api/projects", "GET /v3/projects", "GET /v3/auth/projects", "GET /v3/auth/domains", "POST /api/session/code"}
"""Lists of what is the caller's own, and what begins its own session."""

Send = Callable[[str, str, bytes | None], Reply]


@pytest.fixture(scope="module")
def web(server: Server) -> Iterator[Web]:
    web = Web(server.url, server.token)
    yield web
    web.close()


@pytest.fixture(scope="module")
def owner(web: Web) -> Person:
    """Whose things they are."""
    person = made_person(web, content=HIDDEN + b"\n")
    report = {"status": "RUNNING", "host": HIDDEN.decode()}
    assert web.post(f"{person.log.version}/tasks/worker-0/report", report).status == 200
    assert person.log.close().status == 200  # who follows it comes to an end
    versions = person.log.version.rpartition("/")[0]
    good = web.post(versions, {"run_id": "good"}).json["id"]  # with which the run can be compared
    assert web.post(f"{versions}/{good}/status", {"status": "COMPLETED"}).status == 200
    return person


@pytest.fixture(scope="module")
def stranger(web: Web) -> Person:
    """Who is after them; may do everything in a project of its own."""
    return made_person(web)


def ids_of(person: Person) -> dict[str, Any]:
    """What a person's things are called by."""
    log, web = person.log, person.web
    version = web.get(log.version).json
    rule = web.get(f"/api/projects/{log.project_id}/watch/rules").json["items"][0]
    return {
        **{"project_id": log.project_id, "job_id": log.job_id, "version_id": log.version_id, "log_file": log.log_file},
        **{"task": log.task, "task_id": log.task, "training_job_id": version["uuid"]},
        **{"user_id": person.id, "access": person.access, "token_id": 1, "rule_id": rule["id"], "at": len(HIDDEN) + 1},
        **{"link": "A" * 100, "name": "log", "report_type": "training-event", "job": log.job_id, "version": version["id"]},
    }


def everything_of(person: Person) -> list[Any]:
    """What is there of a person's, as an administrator sees it; the clock runs on in a run's duration."""
    log, web = person.log, person.web
    jobs = f"/api/projects/{log.project_id}/jobs"
    paths = (f"/api/projects/{log.project_id}/members", jobs, f"{jobs}/{log.job_id}/versions", f"{log.version}/tasks")
    rules = f"/api/projects/{log.project_id}/watch/rules"
    lists = [web.get(path).json["items"] for path in (*paths, rules, f"/api/users/{person.id}/keys")]
    return [*lists, log.held(), web.get(f"{log.api}/bytes").body, person.login().status]


def callers(person: Person) -> dict[str, Send]:
    """All the ways in which a person can call: a user's token, signed, a project's token, tokens that may do less."""
    web, project_id = person.web, person.project_id

    def by_token(token: str) -> Send:
        return lambda method, url, body: web.as_(token).call(method, url, body, content_type="application/json")

    def signed(method: str, url: str, body: bytes | None) -> Reply:
        path, _, query = url.partition("?")
        parts = [each.partition("=") for each in query.split("&") if each]
        return person.signed(method, path, [(name, value) for name, _, value in parts], body or b"")

    def made(**what: object) -> Send:
        return by_token(web.post("/api/tokens", {"project_id": project_id} | what).json["token"])

    return {
        "user": by_token(person.token()),
        "signed": signed,
        "project": made(rights=["admin"]),
        "reader": made(rights=["read"]),
        "job": made(rights=["write"], job_name="job"),
        "domain": by_token(person.login({"domain": {"name": "default"}}).headers["x-subject-token"]),
    }


CALLERS = ("user", "signed", "project", "reader", "job", "domain")


def refused(operation: Operation, reply: Reply) -> bool:
    """Whether a reply says no: 403 or 404; v2 says 400 for what is not there; without a project there is nobody."""
    if reply.status in (403, 404):
        return True
    if reply.status == 401:
        return (
            operation.method == "HEAD"
            or reply.json.get("error_code") == "ModelArts.0212"
            or reply.json["error"]["code"] == "no_project"
        )
    return operation.path.startswith("/v2/") and reply.status == 400 and reply.json["error_code"][-4:] in ("2775", "2818")


@pytest.mark.parametrize("name", CALLERS)
def test_nothing_of_the_others_is_seen_or_touched(web: Web, owner: Person, stranger: Person, name: str) -> None:
    """By the other's ids, in the other's project and, where there is one in the path, in one's own."""
    send, before = callers(stranger)[name], everything_of(owner)
    theirs = ids_of(owner)
    mixed = theirs | {"project_id": stranger.project_id}
    checked = 0
    for operation in operations(web):
        if operation.name in OPEN:
            continue
        reply = send(operation.method, operation.url(theirs), operation.body())
        assert HIDDEN not in reply.body, operation.name
        if operation.name in OWN:
            assert theirs["project_id"].encode() not in reply.body, operation.name
            continue
        assert refused(operation, reply), (operation.name, reply)
        checked += 1
        if "{job_id}" in operation.path or "{training_job_id}" in operation.path:
            reply = send(operation.method, operation.url(mixed), operation.body())
            assert HIDDEN not in reply.body, operation.name
            assert refused(operation, reply), (operation.name, reply)
    assert checked > 40
    assert everything_of(owner) == before


def test_owner_is_answered(web: Web, owner: Person) -> None:
    """The same calls, made by whose things they are: what is refused to others is no mistake of the request's."""
    send, ids, shown = callers(owner)["user"], ids_of(owner), 0
    for operation in operations(web):
        if operation.method == "GET" and "{project_id}" in operation.path:
            reply = send(operation.method, operation.url(ids), None)
            assert reply.status == 200, (operation.name, reply)
            shown += HIDDEN in reply.body
    assert shown >= 6


READS = {"POST /v2/{project_id}/training-job-searches", "POST /api/projects/{project_id}/watch/test"}
"""Calls that change nothing although they are no GET."""


def test_who_may_read_cannot_change_anything(web: Web, stranger: Person) -> None:
    """Not even in the project that the token is for."""
    send, ids, before = callers(stranger)["reader"], ids_of(stranger), everything_of(stranger)
    refusals = 0
    for operation in operations(web):
        if "{project_id}" in operation.path and operation.method not in ("GET", "HEAD") and operation.name not in READS:
            reply = send(operation.method, operation.url(ids), operation.body())
            assert reply.status == 403, (operation.name, reply)
            refusals += 1
    assert refusals > 15
    assert everything_of(stranger) == before


def test_token_of_one_job_is_of_no_use_for_another(web: Web, owner: Person) -> None:
    """In the same project: it may write its own job's logs, and neither read nor touch the other's."""
    other = web.post(f"/api/projects/{owner.project_id}/jobs", {"name": "other"}).json
    token = web.post("/api/tokens", {"project_id": owner.project_id, "rights": ["write"], "job_name": "other"}).json["token"]
    client, ids, before = web.as_(token), ids_of(owner), everything_of(owner)
    for operation in operations(web):
        if "{job_id}" in operation.path or "{training_job_id}" in operation.path:
            reply = client.call(operation.method, operation.url(ids), operation.body(), content_type="application/json")
            assert reply.status == 403, (operation.name, reply)
    assert everything_of(owner) == before
    own = f"/api/projects/{owner.project_id}/runs"
    assert client.post(own, {"job_name": "other"}).json["job"]["id"] == other["id"]
