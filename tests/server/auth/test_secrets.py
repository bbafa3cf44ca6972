"""Secrets: where they are not, after they were used in every way, and what protects those that must be kept."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest

from joblog.catalog.passwords import Passwords
from joblog.catalog.vault import Vault
from joblog.client import Client
from joblog.core.settings import Settings
from joblog.engine.engine import Engine
from joblog.errors import Damaged, Invalid
from tests.conftest import start_server
from tests.server.calls import Web
from tests.server.people import log_in, made_person

KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()


def test_no_secret_is_written_down(tmp_path: Path) -> None:
    """Not in the server's output, not in the catalog, in no file but the two that are for it."""
    everything = {"log_requests": "all", "audit": "reads", "audit_file": tmp_path / "data" / "audit.log"}
    server = start_server(tmp_path / "data", **everything)
    web = Web(server.url, server.token)
    person = made_person(web)
    token, job = (
        person.token(),
        web.post("/api/tokens", {"rights": ["read"], "project_id": person.project_id, "job_name": "job"}).json,
    )
    mine = web.as_(token)
    for call in ("log", "aom-log", "log/file-names", "nowhere"):
        mine.get(f"{person.log.v1}/{call}", log_file=person.log.log_file)
        person.signed("GET", f"{person.log.v1}/{call}", [("log_file", person.log.log_file)])
        person.signed("GET", f"{person.log.v1}/{call}", secret=person.secret + "x")
    key = {"methods": ["hw_ak_sk"], "hw_ak_sk": {"access": {"key": person.access}, "secret": {"key": person.secret}}}
    log_in(web, key, {"project": {"id": "elsewhere"}})
    log_in(web, {"methods": ["token"], "token": {"id": token}}, {"project": {"id": "elsewhere"}})
    body = json.dumps({"auth": {"identity": {"methods": [], "password": person.password}}}).encode()
    web.as_(None).post("/v3/auth/tokens", body)
    web.call("PUT", f"/api/users/{person.id}/password", json.dumps({"password": person.password}).encode())
    own = {"user": person.name, "password": person.password, "new_password": person.password + " again"}
    web.as_(None).post("/api/session/password", own)
    uuid = web.get(person.log.version).json["uuid"]
    url = web.get(f"/v2/{person.project_id}/training-jobs/{uuid}/tasks/worker-0/logs/url").body.decode()
    link = re.findall(r"/links/[^\"]+", url)[0]
    assert web.as_(None).get(link).status == 200
    codes = [str(web.post("/api/session/code", {}).json["code"]) for _ in range(2)]
    begun = web.as_(None).post("/api/session", {"code": codes[0]})
    cookie = begun.headers["set-cookie"].partition(";")[0].partition("=")[2]
    web.close()
    assert server.stop() == 0
    secrets = [*codes, cookie, person.password, person.secret, token, job["token"], server.token, link.split("/")[2]]
    kept = {path: path.read_bytes() for path in server.data.rglob("*") if path.is_file()}
    assert {path.name for path in kept} >= {"catalog.db", "server.log", "audit.log", "secret.key", "admin.token"}
    for path, data in kept.items():
        found = [secret for secret in secrets if secret.encode() in data]
        assert found == ([server.token] if path.name == "admin.token" else []), path
    assert person.access.encode() in kept[server.data / "catalog.db"]


def test_key_file_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    """Keys that were made before a restart are good after it."""
    server = start_server(tmp_path / "data")
    path = server.data / "secret.key"
    key = path.read_bytes()
    assert (path.stat().st_mode & 0o777, len(base64.urlsafe_b64decode(key))) == (0o600, 32)
    web = Web(server.url, server.token)
    person = made_person(web)
    assert server.stop() == 0
    web.close()
    again = start_server(tmp_path / "data")
    assert path.read_bytes() == key
    web = Web(again.url, again.token)
    other = type(person)(web, *(getattr(person, name) for name in ("id", "name", "password", "access", "secret", "log")))
    assert other.signed("GET", f"{person.log.v1}/log/file-names").status == 200
    web.close()


def test_key_of_the_environment(tmp_path: Path) -> None:
    """Nodes that share a catalog share it; no file is made. With another key signatures fail, and the server's log says why."""
    server = start_server(tmp_path / "data", secret_key=KEY)
    assert not (server.data / "secret.key").exists()
    web = Web(server.url, server.token)
    person = made_person(web)
    names = f"{person.log.v1}/log/file-names"
    assert person.signed("GET", names).status == 200
    web.close()
    assert server.stop() == 0
    other = start_server(tmp_path / "data")
    web = Web(other.url, other.token)
    moved = type(person)(web, *(getattr(person, name) for name in ("id", "name", "password", "access", "secret", "log")))
    assert moved.signed("GET", names).status == 500
    assert moved.login().status == 201
    web.close()
    assert other.stop() == 0
    said = (other.data / "server.log").read_text()
    assert f"{person.access} cannot be decrypted" in said
    assert KEY not in said


@pytest.mark.parametrize("text", ["x", KEY[:-2], KEY + KEY, "Schlüssel"])
def test_key_that_is_none(tmp_path: Path, text: str) -> None:
    """It is refused when the server starts, and not shown."""
    with pytest.raises(Invalid, match=r"^secret_key must be 32 bytes in URL-safe base64$"):
        Vault.load(text, tmp_path / "none")
    (tmp_path / "key").write_text(text)
    with pytest.raises(Invalid, match=r"key must be 32 bytes in URL-safe base64$"):
        Vault.load("", tmp_path / "key")


def test_secret_key_is_no_flag_and_not_shown() -> None:
    """Everybody on the machine sees a command line."""
    settings = Settings.load({}, {"JOBLOG_SECRET_KEY": KEY, "JOBLOG_DATA": "/d"})
    assert settings.secret_key == KEY
    assert KEY not in repr(settings)


def test_sealed_secret_belongs_to_its_key(tmp_path: Path) -> None:
    """A row that was copied to another key, or changed, opens nothing; sealing the same twice gives two texts."""
    vault = Vault.load(KEY, tmp_path)
    sealed = vault.seal("secret", "A")
    assert vault.open(sealed, "A") == "secret"
    assert vault.seal("secret", "A") != sealed
    for owner, changed in (("B", sealed), ("A", sealed[:-1]), ("A", bytes([sealed[0] ^ 1]) + sealed[1:]), ("A", b"")):
        with pytest.raises(Damaged):
            vault.open(changed, owner)


def test_passwords_are_hashed_with_a_salt() -> None:
    """Argon2id; nobody's password is right."""
    passwords = Passwords()
    first, second = passwords.hashed("correct horse"), passwords.hashed("correct horse")
    assert first.startswith("$argon2id$")
    assert first != second
    assert (passwords.match("correct horse", first), passwords.match("battery staple", first)) == (True, False)
    assert (passwords.match("correct horse", None), passwords.match("correct horse", "broken")) == (False, False)


def test_tokens_of_users_are_forgotten_when_they_are_long_over(tmp_path: Path) -> None:
    """Logging in again and again does not fill the catalog."""
    now = [1_700_000_000_000]
    day_ms = 24 * 3600 * 1000
    engine = Engine(Settings(data=tmp_path / "data"), clock_ms=lambda: now[0])
    user = engine.users.create_user("default", "someone", "long enough", now[0])
    secrets = []
    for _ in range(4):
        _, secret = engine.tokens.make_for_user(user.id, None, None, now[0], now[0] + day_ms)
        secrets.append(secret)
        now[0] += day_ms
    assert [engine.tokens.find(secret) is not None for secret in secrets] == [False, True, True, True]
    engine.close()


def test_client_does_not_show_secrets(tmp_path: Path) -> None:
    """In what a program prints of it."""
    server = start_server(tmp_path / "data")
    with Client(server.url, server.token) as client:
        user = client.create_user("someone", "long enough")
        key, token = client.create_key(user.id), client.create_token(["read"])
        assert str(key.secret) not in repr(key)
        assert str(token.token) not in repr(token)
