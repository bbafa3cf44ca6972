"""Users, access keys, members, tokens of one job: the native API for administrators."""

from __future__ import annotations

import json
from typing import Any

import pytest

from joblog.client import Client
from joblog.errors import Conflict, NotFound
from tests.backends import default_catalog_first
from tests.conftest import Server
from tests.server.calls import MadeLog, Reply, Web, check_api, check_v1, made_log, same
from tests.server.people import made_person

pytestmark = default_catalog_first


def put(web: Web, path: str, body: object) -> Reply:
    return web.call("PUT", path, json.dumps(body).encode(), content_type="application/json")


def test_user_is_made_once(web: Web) -> None:
    """A second one of the name is refused, and the first keeps its password; in another domain it is another one."""
    body = {"name": "once", "password": "correct horse"}
    made = web.post("/api/users", body).json
    assert same(made, {**made, "name": "once", "domain_id": "default", "domain": "default"})
    assert set(made) == {"id", "name", "created_ms", "domain_id", "domain"}
    reply = web.post("/api/users", body | {"password": "battery staple"})
    check_api(reply, 409, "conflict", "there is a user 'once' in domain 'default'")
    other = web.post("/api/users", body | {"domain": "other.example.com"}).json
    assert (other["domain"], other["id"] != made["id"]) == ("other.example.com", True)
    assert same(web.get("/api/users", name="once").json, {"items": [made], "next": None})
    assert same(web.get("/api/users", name="once", domain="other.example.com").json, {"items": [other], "next": None})
    assert same(web.get("/api/users", name="never").json, {"items": [], "next": None})


def test_users_and_members_come_in_pages(web: Web) -> None:
    """By id; together they are the whole list."""
    person = made_person(web)
    users = [person.id] + [
        web.post("/api/users", {"name": f"paged{n}", "password": "long enough"}).json["id"] for n in range(4)
    ]
    for user_id in users:
        assert put(web, f"/api/projects/{person.project_id}/members/{user_id}", {"rights": ["write", "read"]}).status == 204
    for path, key in (("/api/users", "id"), (f"/api/projects/{person.project_id}/members", "user_id")):
        found: list[dict[str, Any]] = []
        after: dict[str, str] = {}
        while True:
            page = web.get(path, limit=2, **after).json
            found += page["items"]
            if page["next"] is None:
                break
            after = {"after": page["next"]}
        ids = [each[key] for each in found]
        assert ids == sorted(set(ids))
        assert set(users) <= set(ids)
    assert len(found) == 5
    assert {tuple(each["rights"]) for each in found} == {("read", "write")}


@pytest.mark.parametrize(
    ("body", "parameter"),
    [
        ({"name": "", "password": "long enough"}, "name"),
        ({"name": "a b", "password": "long enough"}, "name"),
        ({"name": "\x1b[31m", "password": "long enough"}, "name"),
        ({"name": "ok", "password": "short"}, "password"),
        ({"name": "ok", "password": "x" * 129}, "password"),
        ({"name": "ok", "password": "long\nenough"}, "password"),
        ({"name": "ok", "password": "long enough", "domain": "/"}, "domain"),
    ],
)
def test_users_that_cannot_be(web: Web, body: dict[str, str], parameter: str) -> None:
    """The parameter is named; a password is not repeated."""
    reply = web.post("/api/users", body)
    assert (reply.status, reply.json["error"]["parameter"]) == (400, parameter)
    assert body["password"].encode() not in reply.body


def test_what_is_not_there(web: Web) -> None:
    """404, with its kind."""
    person = made_person(web)
    members, nobody = f"/api/projects/{person.project_id}/members", f"/api/users/{'0' * 32}"
    check = f"'{'0' * 32}'"
    check_api(web.call("DELETE", nobody), 404, "not_found", f"there is no user {check}", kind="user")
    check_api(
        put(web, f"{nobody}/password", {"password": "long enough"}), 404, "not_found", f"there is no user {check}", kind="user"
    )
    check_api(web.get(f"{nobody}/keys"), 404, "not_found", f"there is no user {check}", kind="user")
    check_api(web.post(f"{nobody}/keys", {}), 404, "not_found", f"there is no user {check}", kind="user")
    grant = put(web, f"{members}/{'0' * 32}", {"rights": ["read"]})
    check_api(grant, 404, "not_found", f"there is no user {check}", kind="user")
    check_api(web.call("DELETE", f"{members}/{'0' * 32}"), 404, "not_found", f"there is no member {check}", kind="member")
    reply = web.call("DELETE", f"/api/users/{person.id}/keys/NOSUCHKEY")
    check_api(reply, 404, "not_found", "there is no access key 'NOSUCHKEY'", kind="access key")
    check_api(web.get("/api/projects/nowhere/members"), 404, "not_found", "there is no project 'nowhere'", kind="project")
    other = made_person(web)
    assert web.call("DELETE", f"/api/users/{person.id}/keys/{other.access}").status == 404


def test_access_key_is_told_once(web: Web) -> None:
    """Of Huawei's form; lists have the rest of it."""
    person = made_person(web)
    made = web.post(f"/api/users/{person.id}/keys", {"label": "ci"}).json
    assert (len(made["access"]), len(made["secret"]), made["user_id"], made["label"]) == (20, 40, person.id, "ci")
    assert (made["access"] + made["secret"]).isalnum()
    listed = web.get(f"/api/users/{person.id}/keys").json
    assert listed["next"] is None
    assert {**made, "secret": None} in listed["items"]
    assert made["secret"] not in json.dumps(listed)


def test_new_password_ends_the_tokens(web: Web) -> None:
    """Those in use too; the old password is worth nothing, the access key stays."""
    person = made_person(web)
    mine = web.as_(person.token())
    assert mine.get(f"{person.log.api}/bytes").status == 200
    assert put(web, f"/api/users/{person.id}/password", {"password": "another one"}).status == 204
    check_api(mine.get(f"{person.log.api}/bytes"), 401, "unknown_token", "the token is not valid")
    assert (person.login().status, person.login(password="another one").status) == (401, 201)
    assert person.signed("GET", f"{person.log.api}/bytes").status == 200


def test_deleted_user_is_gone(web: Web) -> None:
    """Its tokens, keys and memberships with it; a new one of the name inherits nothing."""
    person = made_person(web)
    mine = web.as_(person.token())
    assert person.signed("GET", f"{person.log.api}/bytes").status == 200
    assert web.call("DELETE", f"/api/users/{person.id}").status == 204
    assert mine.get(f"{person.log.api}/bytes").status == 401
    assert person.signed("GET", f"{person.log.v1}/log/file-names").json["error_code"] == "APIGW.0301"
    assert person.login().status == 401
    assert web.get(f"/api/projects/{person.project_id}/members").json["items"] == []
    web.post("/api/users", {"name": person.name, "password": person.password})
    assert person.login().status == 401  # no rights in the project
    assert person.login({}).status == 201


def test_what_is_refused_has_made_nothing(web: Web) -> None:
    """A user and its domain, a project and its domain and retention, a token and its job: all of it, or none."""
    user = {"name": "half-made", "password": "long enough", "domain": "half-made"}
    missing = "project_id is missing; it must be the project in which the user is to have the rights"
    check_api(web.post("/api/users", user | {"rights": ["read"]}), 400, "missing", missing, parameter="project_id")
    for wrong, status in (
        ({"project_id": "nowhere", "rights": ["read"]}, 404),
        ({"project_id": "nowhere"}, 404),
        ({"project_id": "default", "rights": ["fly"]}, 400),
        ({"project_id": "a b", "rights": ["read"]}, 400),
    ):
        assert web.post("/api/users", user | wrong).status == status, wrong
        assert web.get("/api/users", name="half-made", domain="half-made").json["items"] == []
    assert web.post("/api/projects", {"id": "named", "name": "taken", "domain": "made-whole"}).status == 200
    for body in (
        {"id": "half-made", "retain_days": 0},
        {"id": "half-made", "retain_bytes": -1},
        {"id": "half-made", "name": "taken", "domain": "made-whole", "retain_days": 1},
    ):
        assert web.post("/api/projects", body).status in (400, 409), body
        assert "half-made" not in [each["id"] for each in web.get("/api/projects", limit=1000).json["items"]]
    moved = web.post("/api/projects", {"id": "named", "name": "other", "domain": "half-made", "retain_days": 1})
    message = "project named is in another domain, and stays there"
    check_api(moved, 409, "conflict", message)
    (named,) = (each for each in web.get("/api/projects", limit=1000).json["items"] if each["id"] == "named")
    assert (named["name"], named["retain_days"]) == ("taken", None)
    for label, right, expires_s in (("", "fly", 1), ("x" * 1000, "read", 1), ("", "read", 0)):
        token = {"rights": [right], "label": label, "expires_s": expires_s, "job_name": "half-made", "project_id": "default"}
        assert web.post("/api/tokens", token).status == 400, token
    assert web.get("/api/projects/default/jobs", name="half-made").json["items"] == []
    made = web.post("/api/users", user | {"project_id": "default", "rights": ["read"]}).json
    members = web.get("/api/projects/default/members", limit=1000).json["items"]
    assert [each["rights"] for each in members if each["user_id"] == made["id"]] == [["read"]]


def test_projects_have_names_and_domains(web: Web) -> None:
    """Unique within the domain; a project stays in its domain."""
    first = web.post("/api/projects", {"id": "named-1", "name": "cn-north-4", "domain": "acme"}).json
    assert first["name"] == "cn-north-4"
    assert web.post("/api/projects", {"id": "named-1"}).json == first
    reply = web.post("/api/projects", {"id": "named-2", "name": "cn-north-4", "domain": "acme"})
    check_api(reply, 409, "conflict", "there is another project named 'cn-north-4'")
    second = web.post("/api/projects", {"id": "named-2", "name": "cn-north-4"}).json
    assert second["domain_id"] == "default"
    reply = web.post("/api/projects", {"id": "named-2", "domain": "acme"})
    check_api(reply, 409, "conflict", "project named-2 is in another domain, and stays there")
    assert web.post("/api/projects", {"id": "named-1", "name": "cn-north-1"}).json["name"] == "cn-north-1"
    reply = web.post("/api/projects", {"id": "named-3", "name": "named-2"})
    assert reply.status == 200  # named-2 has another name


def job_token(web: Web, *rights: str, job_name: str) -> Web:
    made = web.post("/api/tokens", {"rights": rights, "project_id": "default", "job_name": job_name}).json
    return web.as_(made["token"])


def test_token_of_a_job_opens_that_job_only(web: Web) -> None:
    """In every call that names a job; calls that name none are not for it."""
    own, other = made_log(web, "limited-own", b"mine\n"), made_log(web, "limited-other", b"theirs\n")
    mine = job_token(web, "read", "write", job_name="limited-own")
    message = "the token is for another job"

    def statuses(log: MadeLog) -> list[int]:
        job = f"/api/projects/default/jobs/{log.job_id}"
        return [
            *(mine.get(f"{log.v1}/{call}", log_file=log.log_file).status for call in ("log", "aom-log", "log/file-names")),
            *(mine.get(path).status for path in (job, f"{job}/versions", log.version, f"{log.version}/logs")),
            *(mine.get(path).status for path in (log.api, f"{log.api}/bytes", f"{log.api}/lines")),
            mine.call("PUT", log.api).status,
            mine.call("POST", f"{log.api}/append?at=0", web.get(f"{log.api}/bytes").body).status,
            mine.post(f"{log.api}/close", {}).status,
            mine.post(f"{job}/versions", {"run_id": "r"}).status,
        ]

    assert set(statuses(own)) == {200}
    before = other.held()
    assert set(statuses(other)) == {403}
    assert other.held() == before
    check_v1(mine.get(f"{other.v1}/log", log_file=other.log_file), 403, "0108", message)
    check_api(mine.get(f"{other.api}/bytes"), 403, "wrong_job", message)
    for method, path, body in (
        ("POST", "/api/projects/default/jobs", b'{"name": "limited-own"}'),
        ("GET", "/api/projects/default/members", b""),
    ):
        assert mine.call(method, path, body or None, content_type="application/json").status == 403
    assert [job["name"] for job in mine.get("/api/projects/default/jobs").json["items"]] == ["limited-own"]
    assert mine.get("/api/projects/default/jobs", name="limited-other").json["items"] == []
    padded = own.v1.replace(f"/{own.job_id}/", f"/00{own.job_id}/")
    assert mine.get(f"{padded}/log/file-names").status == 200


def test_token_of_a_job_starts_runs_of_that_job_only(web: Web) -> None:
    """By its name; a name that is not there yet is not made."""
    made_log(web, "limited-there")
    writer = job_token(web, "write", job_name="limited-new")
    run = writer.post("/api/projects/default/runs", {"job_name": "limited-new", "run_id": "r"})
    assert (run.status, run.json["job"]["name"]) == (200, "limited-new")
    for name in ("limited-there", "limited-nowhere"):
        reply = writer.post("/api/projects/default/runs", {"job_name": name})
        check_api(reply, 403, "wrong_job", "the token is for another job")
    assert web.get("/api/projects/default/jobs", name="limited-nowhere").json["items"] == []
    reader = job_token(web, "read", job_name="limited-new")
    reply = reader.post("/api/projects/default/runs", {"job_name": "limited-new"})
    check_api(reply, 403, "not_permitted", "the token does not have the right to write")


def test_token_of_a_job_needs_a_project(web: Web) -> None:
    """And a legal name of a job; no job is made for a token that is not."""
    reply = web.post("/api/tokens", {"rights": ["read"], "job_name": "a"})
    check_api(reply, 400, "missing", "project_id is missing; it must be the project of the job", parameter="project_id")
    reply = web.post("/api/tokens", {"rights": ["read"], "job_name": "a b", "project_id": "default"})
    assert (reply.status, reply.json["error"]["parameter"]) == (400, "job_name")
    reply = web.post("/api/tokens", {"rights": ["fly"], "job_name": "limited-never", "project_id": "default"})
    assert (reply.status, reply.json["error"]["parameter"]) == (400, "rights")
    assert web.get("/api/projects/default/jobs", name="limited-never").json["items"] == []


def test_sdk(server: Server, client: Client) -> None:
    """Its methods are the API's calls."""
    project = client.create_project("sdk-users", name="sdk-region")
    assert (project.name, project.domain_id) == ("sdk-region", "default")
    user = client.create_user("sdk-user", "long enough")
    with pytest.raises(Conflict):
        client.create_user("sdk-user", "long enough")
    assert list(client.users(name="sdk-user")) == [user]
    assert user in list(client.users())
    client.grant("sdk-users", user.id, ["read"])
    (member,) = client.members("sdk-users")
    assert (member.user_id, member.user, member.rights, member.project_id) == (user.id, "sdk-user", ("read",), "sdk-users")
    key = client.create_key(user.id, label="x")
    assert key.secret is not None
    assert key.secret not in repr(key)
    assert [(each.access, each.label, each.secret) for each in client.keys(user.id)] == [(key.access, "x", None)]
    client.delete_key(user.id, key.access)
    assert list(client.keys(user.id)) == []
    token = client.create_token(["write"], project_id="sdk-users", job_name="job")
    (job,) = client.jobs("sdk-users")
    assert token.job_id == job.id
    with Client(server.url, str(token.token)) as limited:
        assert limited.run("sdk-users", "job").job == job
    client.set_password(user.id, "something else")
    client.revoke("sdk-users", user.id)
    assert list(client.members("sdk-users")) == []
    client.delete_user(user.id)
    with pytest.raises(NotFound):
        client.delete_user(user.id)
