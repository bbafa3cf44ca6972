"""A browser's session: the token in a cookie that reads the native API and does nothing else."""

from __future__ import annotations

from http.cookies import SimpleCookie

import pytest

from tests.server.calls import Reply, Web, check_api
from tests.server.conftest import MakeLog
from tests.server.people import made_person


def begun(web: Web, **who: str) -> tuple[Reply, str]:
    """Begins a session; returns the answer and the cookie as a browser sends it."""
    reply = web.as_(None).post("/api/session", who)
    morsel = SimpleCookie(reply.headers["set-cookie"])["joblog_session"]
    return reply, f"joblog_session={morsel.value}"


def test_a_token_becomes_a_cookie_that_no_script_reads(web: Web) -> None:
    """HttpOnly, SameSite=Strict, for /api only; the body does not repeat the token."""
    reply, cookie = begun(web, token=str(web.token))
    assert reply.status == 200
    assert reply.json == {"name": "made at the first start", "project_id": None, "rights": ["admin"], "expires_ms": None}
    assert str(web.token) in cookie
    attributes = {part.strip().lower() for part in reply.headers["set-cookie"].split(";")[1:]}
    assert attributes == {"httponly", "path=/api", "max-age=604800", "samesite=strict"}
    assert reply.headers["cache-control"] == "no-store"


def test_behind_tls_the_cookie_is_secure(web: Web) -> None:
    """A proxy says so."""
    body = b'{"token": "%b"}' % str(web.token).encode()
    headers = {"content_type": "application/json", "x_forwarded_proto": "https"}
    reply = web.as_(None).call("POST", "/api/session", body, **headers)
    assert "; Secure" in reply.headers["set-cookie"]


def test_the_cookie_reads_and_writes_nothing(web: Web, make_log: MakeLog) -> None:
    """A foreign page that makes a browser send it changes nothing, and the ModelArts calls do not know it."""
    log = make_log(b"one\n")
    _, cookie = begun(web, token=str(web.token))
    stranger = web.as_(None)
    assert stranger.call("GET", f"{log.api}/bytes", cookie=cookie).body == b"one\n"
    assert stranger.call("GET", f"{log.api}/lines", cookie=f"a=b; {cookie}; c=d").json["content"] == "one\n"
    check_api(stranger.call("POST", f"{log.api}/append?at=4", b"two\n", cookie=cookie), 401, "no_credentials", SAID)
    check_api(stranger.call("DELETE", log.version, cookie=cookie), 401, "no_credentials", SAID)
    assert stranger.call("GET", f"{log.v1}/log?log_file={log.log_file}", cookie=cookie).status == 401
    assert log.status()["end_byte"] == 4


SAID = "no token: send it as X-Auth-Token or as Authorization: Bearer"


def test_a_token_of_its_own_goes_before_the_cookie(web: Web, make_log: MakeLog) -> None:
    """What a program says about itself counts."""
    log = make_log(b"one\n")
    _, cookie = begun(web, token=str(web.token))
    assert web.as_("wrong").call("GET", log.api, cookie=cookie).status == 401


def test_a_password_opens_all_projects_of_the_user_and_no_other(web: Web, make_log: MakeLog) -> None:
    """One log-in, whatever the number of projects."""
    person, log = made_person(web, "read"), make_log(b"one\n")
    reply, cookie = begun(web, user=person.name, password=person.password)
    assert reply.json["name"] == person.name
    assert reply.json["expires_ms"] is not None
    stranger = web.as_(None)
    projects = stranger.call("GET", "/api/projects", cookie=cookie).json["items"]
    assert [each["id"] for each in projects] == [person.project_id]
    assert stranger.call("GET", f"{person.log.api}/bytes", cookie=cookie).body == b"one\ntwo\n"
    assert stranger.call("GET", log.api, cookie=cookie).status == 403


def test_what_is_wrong_is_refused(web: Web) -> None:
    """A wrong token and a wrong password are 401, nothing is 400."""
    stranger = web.as_(None)
    assert stranger.post("/api/session", {"token": "wrong"}).status == 401
    check_api(
        stranger.post("/api/session", {"user": "nobody", "password": "wrong"}), 401, "wrong_password",
        "The username or password is wrong.",
    )  # fmt: skip
    check_api(
        stranger.post("/api/session", {"user": "nobody"}), 400, "missing",
        "token is missing; it must be a token, a code, or user and password", parameter="token",
    )  # fmt: skip


@pytest.mark.parametrize("headers", [{"content_type": "text/plain"}, {"sec_fetch_site": "cross-site"}])
def test_a_foreign_page_begins_no_session(web: Web, headers: dict[str, str]) -> None:
    """What a page elsewhere can send without being asked is refused."""
    body = b'{"token": "%b"}' % str(web.token).encode()
    reply = web.as_(None).call("POST", "/api/session", body, **{"content_type": "application/json"} | headers)
    assert (reply.status, "set-cookie" in reply.headers) == (403, False)


def test_a_session_ends(web: Web) -> None:
    """The cookie is removed; a revoked token ends every session that has it."""
    reply = web.as_(None).call("DELETE", "/api/session")
    assert (reply.status, "Max-Age=0" in reply.headers["set-cookie"]) == (204, True)
    made = web.post("/api/tokens", {"rights": ["read"], "label": "phone", "expires_s": 60}).json
    reply, cookie = begun(web, token=made["token"])
    assert "Max-Age=60" in reply.headers["set-cookie"] or "Max-Age=59" in reply.headers["set-cookie"]
    assert web.as_(None).call("GET", "/api/session", cookie=cookie).json["name"] == "phone"
    assert web.call("DELETE", f"/api/tokens/{made['id']}").status == 204
    assert web.as_(None).call("GET", "/api/session", cookie=cookie).status == 401


def code_of(web: Web) -> str:
    """A code that logs in once, as a link has it."""
    return str(web.post("/api/session/code", {}).json["code"])


def test_a_code_begins_one_session_that_reads(web: Web, make_log: MakeLog) -> None:
    """As much as the token that it was made with may read, and never more; of the second who uses it there is none."""
    log, code = make_log(b"one\n"), code_of(web)
    reply, cookie = begun(web, code=code)
    assert (reply.status, reply.json["rights"]) == (200, ["read"])
    assert str(web.token) not in cookie
    stranger = web.as_(None)
    assert stranger.call("GET", f"{log.api}/bytes", cookie=cookie).body == b"one\n"
    assert stranger.call("GET", "/api/tokens", cookie=cookie).status == 403
    for wrong in (code, "x", code + "x"):
        check_api(stranger.post("/api/session", {"code": wrong}), 403, "bad_link", "the link is not valid, or it has expired")


def test_a_session_ends_with_the_token_whose_code_began_it(web: Web) -> None:
    """Nor does a code outlive it; and a session is no token that is listed."""
    made = web.post("/api/tokens", {"rights": ["read"], "project_id": "default", "label": "mine", "expires_s": 3600}).json
    own = web.as_(made["token"])
    reply, cookie = begun(web, code=code_of(own))
    assert reply.json == {
        "name": "mine (browser)", "project_id": "default", "rights": ["read"], "expires_ms": made["expires_ms"],
    }  # fmt: skip
    left = code_of(own)
    assert "mine (browser)" not in [each["label"] for each in web.get("/api/tokens?limit=1000").json["items"]]
    secret = cookie.partition("=")[2]
    assert code_of(web.as_(secret))
    assert web.as_(None).post("/api/session", {"code": code_of(web.as_(secret))}).status == 403  # no session of a session
    web.call("DELETE", f"/api/tokens/{made['id']}")
    assert web.as_(None).call("GET", "/api/session", cookie=cookie).status == 401
    assert web.as_(None).post("/api/session", {"code": left}).status == 403


def test_a_user_makes_a_code_too(web: Web) -> None:
    """Its session is the user's, and ends with the user's tokens; who signs, or may only write, makes none."""
    person = made_person(web, "read")
    reply, cookie = begun(web, code=code_of(web.as_(person.token())))
    assert reply.json["name"] == person.name
    assert web.as_(None).call("GET", f"{person.log.api}/bytes", cookie=cookie).body == b"one\ntwo\n"
    writer = web.as_(web.post("/api/tokens", {"rights": ["write"]}).json["token"])
    assert writer.post("/api/session/code", {}).status == 403
    assert web.as_(None).post("/api/session/code", {}).status == 401
