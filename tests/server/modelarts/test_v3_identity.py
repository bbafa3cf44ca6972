"""The identity service: what clients of ModelArts ask before they come to ModelArts."""

from __future__ import annotations

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import start_server
from tests.server.calls import Reply, Web, check_answer, check_v1, same
from tests.server.people import Person, log_in, made_person


@pytest.fixture
def person(web: Web) -> Person:
    return made_person(web)


def by_key(person: Person, secret: str | None = None) -> dict[str, Any]:
    secret = person.secret if secret is None else secret
    return {"methods": ["hw_ak_sk"], "hw_ak_sk": {"access": {"key": person.access}, "secret": {"key": secret}}}


def check_keystone(reply: Reply, status: int, title: str, message: str) -> None:
    """The reply is the identity service's error body."""
    check_answer(reply, status)
    assert same(reply.json, {"error": {"code": status, "message": message, "title": title}}), reply


def test_versions_are_told_to_everybody(web: Web) -> None:
    """With links that lead back to where the client came from."""
    stranger = web.as_(None)
    version = {"id": "v3.14", "status": "stable", "links": [{"rel": "self", "href": f"{web.url}/v3/"}]}
    assert same(stranger.get("/v3").json, {"version": version})
    assert same(stranger.get("/v3/").json, {"version": version})
    assert same(stranger.get("/").json, {"versions": {"values": [version]}})


def test_password_gets_a_token(person: Person) -> None:
    """Of 24 hours, in the header; the body says whose it is, what for, and where the services are."""
    reply = person.login()
    check_answer(reply, 201)
    token = reply.json["token"]
    domain, url = {"id": "default", "name": "default"}, person.web.url
    issued, expires = (datetime.strptime(token[name], "%Y-%m-%dT%H:%M:%S.%fZ") for name in ("issued_at", "expires_at"))
    assert (expires - issued).total_seconds() == 24 * 3600
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", token["expires_at"])
    assert token["user"] == {"id": person.id, "name": person.name, "domain": domain, "password_expires_at": ""}
    number = person.project_id.rpartition("-")[2]
    assert token["project"] == {"id": person.project_id, "name": f"region-{number}", "domain": domain}
    assert (token["methods"], token["roles"]) == (["password"], [{"id": "admin", "name": "admin"}])
    urls = {service["type"]: service["endpoints"][0]["url"] for service in token["catalog"]}
    assert urls == {
        "identity": f"{url}/v3",
        "modelartsv1": f"{url}/v1/{person.project_id}",
        "modelartsv2": f"{url}/v2/{person.project_id}",
    }
    endpoint = token["catalog"][1]["endpoints"][0]
    assert {name: endpoint[name] for name in ("interface", "region", "region_id")} == {
        "interface": "public",
        "region": "default",
        "region_id": "default",
    }
    assert set(token) == {"methods", "issued_at", "expires_at", "user", "roles", "project", "catalog"}


def test_token_opens_the_users_project(person: Person) -> None:
    """In either header; what it may do is what the user may do."""
    secret = person.token()
    path = f"{person.log.v1}/aom-log?log_file={person.log.log_file}"
    stranger = person.web.as_(None)
    for headers in ({"x_auth_token": secret}, {"authorization": f"Bearer {secret}"}):
        assert stranger.call("GET", path, **headers).json["content"] == "one\ntwo\n"


def test_ways_to_name_user_and_project(person: Person) -> None:
    """By id, by name, with the domain by id or name or left out."""
    number = person.project_id.rpartition("-")[2]
    for domain in ({}, {"domain": {"name": "default"}}, {"domain": {"id": "default"}}):
        for project in ({"id": person.project_id}, {"name": f"region-{number}"}):
            reply = person.login({"project": project | domain}, **domain)
            assert reply.json["token"]["project"]["id"] == person.project_id
    identity = {"methods": ["password"], "password": {"user": {"id": person.id, "password": person.password}}}
    assert log_in(person.web, identity, {"project": {"id": person.project_id}}).status == 201


def test_access_key_gets_a_token(person: Person) -> None:
    """As go-resty's clients of ModelArts log in."""
    reply = log_in(person.web, by_key(person), {"project": {"id": person.project_id}})
    assert (reply.status, reply.json["token"]["project"]["id"]) == (201, person.project_id)
    assert reply.json["token"]["methods"] == ["hw_ak_sk"]
    wrong = log_in(person.web, by_key(person, person.secret[:-1]), {"project": {"id": person.project_id}})
    check_keystone(wrong, 401, "Unauthorized", "The username or password is wrong.")


def test_token_is_exchanged_for_one_of_another_scope(person: Person) -> None:
    """Which lives no longer than the first: else a token could be renewed for ever."""
    first = person.login({"domain": {"name": "default"}})
    time.sleep(0.002)
    identity = {"methods": ["token"], "token": {"id": first.headers["x-subject-token"]}}
    second = log_in(person.web, identity, {"project": {"id": person.project_id}})
    assert second.json["token"]["expires_at"] == first.json["token"]["expires_at"]
    assert person.web.as_(second.headers["x-subject-token"]).get(f"{person.log.v1}/log/file-names").status == 200
    for token in ("wrong", str(person.web.token)):  # the server's own is nobody's
        reply = log_in(person.web, {"methods": ["token"], "token": {"id": token}}, None)
        check_keystone(reply, 401, "Unauthorized", "the token is not valid")


def test_token_without_a_project(person: Person) -> None:
    """It names the domain, lists the projects, and opens none of them."""
    for scope in ({"domain": {"name": "default"}}, {"domain": {"id": "default"}}, {}):
        reply = person.login(scope)
        assert reply.json["token"]["domain"] == {"id": "default", "name": "default"}
        assert "project" not in reply.json["token"]
        mine = person.web.as_(reply.headers["x-subject-token"])
        message = "the token is not for a project: ask for one with the scope of a project"
        for call in ("log", "aom-log", "log/file-names"):
            check_v1(mine.get(f"{person.log.v1}/{call}", log_file=person.log.log_file), 401, "0212", message)
        assert [each["id"] for each in mine.get("/v3/projects").json["projects"]] == [person.project_id]
        assert [each["id"] for each in mine.get("/api/projects").json["items"]] == [person.project_id]


def test_wrong_credentials(person: Person) -> None:
    """One answer for all of them: which part is wrong, strangers are not told."""
    cases: list[dict[str, Any]] = [
        {"password": "wrong"}, {"password": person.password + " "}, {"name": "nobody"}, {"name": person.name.upper()},
        {"domain": {"name": "elsewhere"}}, {"domain": {"id": "elsewhere"}}, {"id": "0" * 32}, {"password": "x" * 10_000},
    ]  # fmt: skip
    for case in cases:
        check_keystone(person.login(**case), 401, "Unauthorized", "The username or password is wrong.")


def test_scope_that_is_not_the_users(person: Person) -> None:
    """There is no telling whether there is such a project."""
    other = made_person(person.web)
    for project in ({"id": other.project_id}, {"id": "nowhere"}, {"name": "nowhere"}):
        reply = person.login({"project": project})
        check_keystone(reply, 401, "Unauthorized", "the user has no rights in the project of the scope")
    reply = person.login({"domain": {"name": "elsewhere"}})
    check_keystone(reply, 401, "Unauthorized", "the domain of the scope is not the user's")


def test_login_that_makes_no_sense(web: Web) -> None:
    """400, with what was meant."""
    methods = "auth.identity.methods must be a list with one of password, hw_ak_sk, token, not "
    for identity, message in (
        ({"methods": []}, methods + "[]"),
        ({"methods": ["totp"]}, methods + "['totp']"),
        ({"methods": ["password"]}, "auth.identity.password is missing; it must be what the method needs"),
    ):
        check_keystone(log_in(web, identity, None), 400, "Bad Request", message)
    for body in (b"", b"{", b"[]", b'{"auth": 1}', b'{"auth": {"identity": {"methods": "password"}}}'):
        reply = web.as_(None).post("/v3/auth/tokens", body)
        assert (reply.status, reply.json["error"]["title"]) == (400, "Bad Request")


def test_signature_on_a_login_does_not_matter(person: Person) -> None:
    """Huawei's SDK signs it too, with whatever it has."""
    for value in ("SDK-HMAC-SHA256 Access=a, SignedHeaders=x-sdk-date, Signature=" + "0" * 64, "Basic x", "SDK-HMAC-SM3 x"):
        assert log_in(person.web, by_key(person), None, authorization=value).status == 201


def test_projects_and_domains(person: Person) -> None:
    """Those of the caller; one name gives one project, as the SDK needs that looks a region up."""
    number = person.project_id.rpartition("-")[2]
    mine = person.web.as_(person.token())
    project = {
        **{"id": person.project_id, "name": f"region-{number}", "domain_id": "default", "parent_id": "default"},
        **{"is_domain": False, "enabled": True, "description": ""},
        "links": {"self": f"{person.web.url}/v3/projects/{person.project_id}"},
    }
    for path in ("/v3/projects", "/v3/auth/projects"):
        links = {"self": person.web.url + path, "previous": None, "next": None}
        assert same(mine.get(path).json, {"projects": [project], "links": links})
        assert same(mine.get(path, name=f"region-{number}").json, {"projects": [project], "links": links})
        assert same(mine.get(path, name="region-0").json, {"projects": [], "links": links})
        assert same(person.signed("GET", path).json, {"projects": [project], "links": links})
    domain = {"id": "default", "name": "default", "enabled": True, "description": ""}
    domain["links"] = {"self": f"{person.web.url}/v3/domains/default"}
    domains = mine.get("/v3/auth/domains").json
    assert same(domains["domains"], [domain])
    assert same(person.signed("GET", "/v3/auth/domains").json, domains)


def test_strangers_are_told_in_keystones_words(web: Web) -> None:
    """401 with its body."""
    for path in ("/v3/projects", "/v3/auth/projects", "/v3/auth/domains"):
        check_keystone(web.as_("wrong").get(path), 401, "Unauthorized", "the token is not valid")


def test_urls_are_where_the_client_came_from(person: Person, tmp_path: Path) -> None:
    """The host that it named; what a proxy says counts only where the proxy is trusted; a setting comes before all."""

    def href(url: str, **headers: str) -> str:
        web = Web(url, None)
        reply = web.call("GET", "/v3", **headers)
        web.close()
        return str(reply.json["version"]["links"][0]["href"])

    forwarded = {"x_forwarded_host": "logs.example.com, inner", "x_forwarded_proto": "https"}
    assert href(person.web.url, host="joblog.test:99") == "http://joblog.test:99/v3/"
    assert href(person.web.url, **forwarded) == f"{person.web.url}/v3/"
    behind = start_server(tmp_path / "behind", trusted_proxies="10.0.0.1, 127.0.0.1")
    assert href(behind.url, **forwarded) == "https://logs.example.com/v3/"
    assert href(behind.url, **(forwarded | {"x_forwarded_proto": "javascript"})) == "http://logs.example.com/v3/"
    assert href(behind.url, x_forwarded_host="a b<c>") == f"{behind.url}/v3/"
    proxied = start_server(tmp_path / "told", public_url="https://joblog.example.com/", trusted_proxies="*")
    assert href(proxied.url, **forwarded) == "https://joblog.example.com/v3/"


def test_too_many_logins_at_once(person: Person) -> None:
    """Some wait, the rest is told to come back; nobody else is kept waiting."""

    def attempt(_: int) -> Reply:
        web = Web(person.web.url, None)
        identity = {"methods": ["password"], "password": {"user": {"name": person.name, "password": "wrong"}}}
        body = json.dumps({"auth": {"identity": identity}}).encode()
        reply = web.call("POST", "/v3/auth/tokens", body, content_type="application/json")
        web.close()
        return reply

    with ThreadPoolExecutor(64) as pool:
        replies = list(pool.map(attempt, range(128)))
    assert {reply.status for reply in replies} == {401, 503}
    for reply in replies:
        if reply.status == 503:
            check_keystone(reply, 503, "Service Unavailable", "too many log-ins at once")
            assert int(reply.headers["retry-after"]) > 0
    assert person.login().status == 201
