"""Users of a server, each with a project of its own, and calls signed as Huawei's SDK signs them."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from tests.server.calls import MadeLog, Reply, Web
from tests.signer import Query, authorization, canonical, sdk_date, wire_query

_numbers = count(1)


@dataclass(frozen=True)
class Person:
    """A user that has all rights in a project, with a log there."""

    web: Web
    id: str
    name: str
    password: str
    access: str
    secret: str
    log: MadeLog

    @property
    def project_id(self) -> str:
        return self.log.project_id

    def login(self, scope: dict[str, Any] | None = None, **user: Any) -> Reply:
        """Logs in with the password, for the user's own project unless another scope is given."""
        identity = {"methods": ["password"], "password": {"user": {"name": self.name, "password": self.password, **user}}}
        return log_in(self.web, identity, {"project": {"id": self.project_id}} if scope is None else scope)

    def token(self) -> str:
        reply = self.login()
        assert reply.status == 201, reply
        return reply.headers["x-subject-token"]

    def signature(self, method: str, path: str, query: Query = (), body: bytes = b"", **changes: Any) -> dict[str, str]:
        """Returns the headers of a signed call."""
        headers = {
            "content-type": "application/json",
            "host": urlsplit(self.web.url).netloc,
            "user-agent": "huaweicloud-sdk-python/3.0",
        }
        headers |= {"x-project-id": self.project_id, "x-sdk-date": sdk_date(time.time() + changes.get("off_s", 0))}
        headers |= changes.get("headers", {})
        text = canonical(method, path, query, headers, body)
        value = authorization(changes.get("access", self.access), changes.get("secret", self.secret), headers, text)
        return headers | {"authorization": changes.get("authorization", value)}

    def signed(self, method: str, path: str, query: Query = (), body: bytes = b"", **changes: Any) -> Reply:
        """Signs a call with the user's access key and sends it; ``changes`` are made before that, or ``sent_`` after it."""
        headers = self.signature(method, path, query, body, **changes)
        sent = {name.replace("-", "_"): each for name, each in headers.items()} | changes.get("more", {})
        sent_query = wire_query(changes.get("sent_query", query))
        url = changes.get("sent_path", path) + ("?" + sent_query if sent_query else "")
        return self.web.as_(None).call(method, url, changes.get("sent_body", body) or None, **sent)


def log_in(web: Web, identity: dict[str, Any], scope: dict[str, Any] | None, **headers: str) -> Reply:
    """Asks for a token."""
    auth: dict[str, Any] = {"identity": identity} | ({"scope": scope} if scope else {})
    body = json.dumps({"auth": auth}).encode()
    return web.as_(None).call("POST", "/v3/auth/tokens", body, content_type="application/json", **headers)


def made_person(web: Web, *rights: str, content: bytes = b"one\ntwo\n") -> Person:
    """Makes a user, a project in which it has the rights (all unless some are named), a log in it, an access key."""
    number = next(_numbers)
    project_id, name, password = f"people-{number}", f"person{number}", f"password of {number}"
    assert web.post("/api/projects", {"id": project_id, "name": f"region-{number}"}).status == 200
    user = web.post("/api/users", {"name": name, "password": password}).json
    granted = json.dumps({"rights": list(rights or ("admin",))}).encode()
    members = f"/api/projects/{project_id}/members/{user['id']}"
    assert web.call("PUT", members, granted, content_type="application/json").status == 204
    key = web.post(f"/api/users/{user['id']}/keys", {"label": "test"}).json
    run = web.post(f"/api/projects/{project_id}/runs", {"job_name": "job"}).json
    log = MadeLog(web, run["job"]["id"], run["version"]["id"], run["log"]["log_file"], project_id)
    log.write(content)
    rule = {"kind": "match", "pattern": content.decode().split()[0]}
    assert web.post(f"/api/projects/{project_id}/watch/rules", {"rules": [rule]}).status == 200
    return Person(web, user["id"], name, password, key["access"], key["secret"], log)
