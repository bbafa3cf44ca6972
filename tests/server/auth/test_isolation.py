"""Two projects, two users: every call of one against what is the other's gives a refusal, never data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from tests.backends import both_catalogs
from tests.conftest import Server
from tests.server.calls import MadeLog, Reply, Web, check_api, check_v1, made_log
from tests.server.people import Person, made_person

pytestmark = both_catalogs

THEIRS = b"the other's words\n"


@pytest.fixture(scope="module")
def people(server: Server) -> Iterator[tuple[Person, Person]]:
    """The first is the one who looks where it should not."""
    web = Web(server.url, server.token)
    yield made_person(web), made_person(web, content=THEIRS)
    web.close()


def uuid_of(log: MadeLog) -> str:
    return str(log.web.get(log.version).json["uuid"])


def calls(log: MadeLog, uuid: str) -> list[tuple[str, str, bytes]]:
    """Every call that names a project, with what is the log's in it: method, path and query, body."""
    project, job = f"/api/projects/{log.project_id}", f"/api/projects/{log.project_id}/jobs/{log.job_id}"
    name = f"?log_file={log.log_file}"
    return [
        *modelarts_calls(log, uuid),
        *(("GET", f"{log.v1}/{call}", b"") for call in (f"log{name}", f"aom-log{name}", "log/file-names")),
        *(("HEAD", f"{log.v1}/{call}", b"") for call in (f"log{name}", f"aom-log{name}", "log/file-names")),
        *(
            ("GET", path, b"")
            for path in (f"{project}/jobs", f"{project}/overview", job, f"{job}/versions", log.version, f"{log.version}/logs")
        ),
        *(("GET", path, b"") for path in (log.api, f"{log.api}/bytes", f"{log.api}/lines", f"{project}/members")),
        *(("GET", f"{log.api}/{call}", b"") for call in ("download", "raw", "terminal")),
        ("PATCH", job, json.dumps({"labels": {"mine": "now"}}).encode()),
        ("HEAD", f"{log.api}/bytes", b""),
        ("POST", f"{project}/runs", json.dumps({"job_name": "job"}).encode()),
        ("POST", f"{project}/jobs", json.dumps({"name": "mine"}).encode()),
        ("POST", f"{job}/versions", b"{}"),
        ("PUT", f"{log.version}/logs/worker-5", b""),
        ("POST", f"{log.api}/append?at={len(THEIRS)}", b"x"),
        ("POST", f"{log.api}/close", b"{}"),
        ("PUT", f"{project}/members/someone", json.dumps({"rights": ["read"]}).encode()),
        ("DELETE", f"{project}/members/someone", b""),
    ]


def modelarts_calls(log: MadeLog, uuid: str) -> list[tuple[str, str, bytes]]:
    """The calls for jobs and training jobs among them. What ends a run comes last."""
    v1, v2 = log.v1.partition("/versions")[0], f"/v2/{log.project_id}"
    training_job = f"{v2}/training-jobs/{uuid}"
    made = b'{"kind": "job", "metadata": {"name": "mine"}}'
    return [
        *(("GET", path, b"") for path in (v1.rpartition("/")[0], f"{v1}/versions", log.v1)),
        *(("GET", f"/v1/{log.project_id}/job/{call}", b"") for call in ("resource-specs", "ai-engines")),
        *(("GET", training_job + call, b"") for call in ("", "/tasks", "/events", "/logs/worker-0")),
        *(("GET", f"{training_job}/tasks/worker-0/logs/{call}", b"") for call in ("preview", "url")),
        ("POST", f"{v2}/training-job-searches", b"{}"),
        ("POST", v1.rpartition("/")[0], b'{"job_name": "mine", "config": {}}'),
        ("POST", f"{v1}/versions", b'{"config": {}}'),
        ("POST", f"{v2}/training-jobs", made),
        ("PUT", v1, b'{"job_desc": "mine"}'),
        ("PUT", training_job, b'{"description": "mine"}'),
        ("POST", f"{log.v1}/stop", b"{}"),
        ("POST", f"{training_job}/actions", b'{"action_type": "terminate"}'),
        *(("DELETE", path, b"") for path in (training_job, log.v1, v1)),
    ]


def everywhere() -> list[tuple[str, str, bytes]]:
    """Every call that is for whoever may do everything."""
    return [
        ("POST", "/api/projects", b'{"id": "mine"}'),
        ("GET", "/api/tokens", b""),
        ("POST", "/api/tokens", b'{"rights": ["read"]}'),
        ("DELETE", "/api/tokens/1", b""),
        ("GET", "/api/users", b""),
        ("POST", "/api/users", b'{"name": "me", "password": "long enough"}'),
        ("PUT", "/api/users/x/password", b'{"password": "long enough"}'),
        ("DELETE", "/api/users/x", b""),
        ("GET", "/api/users/x/keys", b""),
        ("POST", "/api/users/x/keys", b"{}"),
        ("DELETE", "/api/users/x/keys/y", b""),
    ]


@cache
def tokens(person: Person) -> list[str]:
    """Returns a token of the project and one of the domain."""
    scopes: list[dict[str, Any]] = [{"project": {"id": person.project_id}}, {"domain": {"name": "default"}}]
    return [person.login(scope).headers["x-subject-token"] for scope in scopes]


def ways(person: Person, method: str, call: str, body: bytes) -> Iterator[Reply]:
    """Makes the call in each of the ways in which a user can: with tokens of both scopes, and signed."""
    for token in tokens(person):
        yield person.web.as_(token).call(method, call, body or None, content_type="application/json")
    path, _, query = call.partition("?")
    pairs = [(each.partition("=")[0], each.partition("=")[2]) for each in query.split("&") if each]
    yield person.signed(method, path, pairs, body)


def test_everything_of_another_project_is_refused(people: tuple[Person, Person]) -> None:
    """403, v2's own 404, by a token of the own project and by a signature; 401 by a token of no project. Nothing changes."""
    me, other = people
    before = other.log.held()
    for method, call, body in calls(other.log, uuid_of(other.log)):
        own, domain, signed = ways(me, method, call, body)
        status = 404 if call.startswith("/v2") else 403
        assert (own.status, domain.status, signed.status) == (status, 401, status), (method, call)
        for reply in (own, domain, signed):
            assert THEIRS[:-1] not in reply.body
        if method != "HEAD" and call.startswith(("/v1", "/v2")):
            code = "2786" if call.startswith("/v2") else "0210"
            for reply in (own, signed):
                check_v1(reply, status, code, f"the token is not for project '{other.project_id}'")
    assert other.log.held() == before
    assert [each["name"] for each in other.web.get(f"/api/projects/{other.project_id}/jobs").json["items"]] == ["job"]


def test_ids_of_another_project_are_not_found_below_the_own(people: tuple[Person, Person]) -> None:
    """404, v2's own 400, whichever of the ids is the other's."""
    me, other = people
    mixed = [
        MadeLog(me.web, other.log.job_id, other.log.version_id, other.log.log_file, me.project_id),
        MadeLog(me.web, me.log.job_id, other.log.version_id, other.log.log_file, me.project_id),
        MadeLog(me.web, other.log.job_id, me.log.version_id, other.log.log_file, me.project_id),
    ]
    for log in mixed:
        for method, call, body in calls(log, uuid_of(other.log)):
            path = call.partition("?")[0]
            if f"/{log.version_id}" not in path.partition("versions")[2] and uuid_of(other.log) not in path:
                continue  # what it names is the caller's own
            own, _, signed = ways(me, method, call, body)
            for reply in (own, signed):
                assert reply.status == (400 if call.startswith("/v2") else 404), (method, call)
                assert THEIRS[:-1] not in reply.body
    assert other.log.status()["end_byte"] == len(THEIRS)


def test_token_of_a_job_does_not_touch_another(web: Web) -> None:
    """In ModelArts' calls for jobs either, be it that they name another job, or none."""
    own, other = made_log(web, "touching"), made_log(web, "touched", b"theirs\n")
    made = web.post("/api/tokens", {"rights": ["admin"], "project_id": "default", "job_name": "touching"}).json
    mine, before = web.as_(made["token"]), other.held()
    for method, call, body in modelarts_calls(other, uuid_of(other)):
        reply = mine.call(method, call, body or None, content_type="application/json")
        assert (reply.status, b"theirs" in reply.body) == (403, False), (method, call)
    assert other.held() == before
    for method, call, _ in modelarts_calls(own, uuid_of(own)):
        if method == "GET" and (f"/{own.job_id}/" in call or uuid_of(own) in call):
            assert mine.call(method, call).status == 200, call


def test_users_are_no_administrators(people: tuple[Person, Person]) -> None:
    """Whatever rights they have in their projects."""
    me, _ = people
    for method, call, body in everywhere():
        for reply in ways(me, method, call, body):
            check_api(reply, 403, "not_permitted", "the token does not have the right to admin in all projects")


def test_own_project_is_open(people: tuple[Person, Person]) -> None:
    """So that the refusals above are about whose it is, not about the calls."""
    me, _ = people
    for method, call, body in calls(me.log, uuid_of(me.log)):
        if method not in ("GET", "HEAD"):
            continue
        own, _, signed = ways(me, method, call, body)
        assert (own.status, signed.status) == (200, 200), (method, call)


@pytest.mark.parametrize(
    ("rights", "reads", "writes", "rules"),
    [(["read"], 200, 403, 403), (["write"], 403, 200, 403), (["read", "write"], 200, 200, 403), (["admin"], 200, 200, 200)],
)
def test_rights_of_a_member(web: Web, rights: list[str], reads: int, writes: int, rules: int) -> None:
    """A read token cannot append, and so on; in each of the ways."""
    person = made_person(web, *rights)
    log = person.log
    cases = {
        ("GET", f"{log.v1}/aom-log?log_file={log.log_file}", b""): reads,
        ("GET", f"{log.api}/bytes", b""): reads,
        ("POST", f"{log.api}/append?at=0", b"one\n"): writes,
        ("POST", f"/api/projects/{person.project_id}/runs", b'{"job_name": "job"}'): writes,
        ("GET", f"/api/projects/{person.project_id}/members", b""): rules,
    }
    for (method, call, body), status in cases.items():
        own, domain, signed = ways(person, method, call, body)
        assert (own.status, domain.status, signed.status) == (status, 401, status), (method, call)


def test_rights_change_at_once(web: Web) -> None:
    """With tokens and keys that are in use."""
    person = made_person(web, "read", "write")
    token, log = person.token(), person.log
    mine, members = web.as_(token), f"/api/projects/{person.project_id}/members/{person.id}"

    def tried() -> list[int]:
        append = [("at", "0")]
        return [
            mine.get(f"{log.api}/bytes").status,
            mine.call("POST", f"{log.api}/append?at=0", b"one\n").status,
            person.signed("GET", f"{log.api}/bytes").status,
            person.signed("POST", f"{log.api}/append", append, b"one\n").status,
        ]

    assert tried() == [200, 200, 200, 200]
    web.call("PUT", members, b'{"rights": ["read"]}', content_type="application/json")
    assert tried() == [200, 403, 200, 403]
    web.call("DELETE", members)
    assert tried() == [401, 401, 403, 403]
    assert person.login().status == 401
    web.call("PUT", members, b'{"rights": ["read"]}', content_type="application/json")
    assert tried() == [401, 401, 200, 403]  # the old token stays dead
