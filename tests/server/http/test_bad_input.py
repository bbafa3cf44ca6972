"""What is refused: with which status, code and words, and that nothing was changed by it."""

from __future__ import annotations

import pytest

from tests.server.calls import MadeLog, Web, check_answer, check_api, check_v1
from tests.server.conftest import Documented

TOO_FAR = "an integer from -1 to 9223372036854775807"
OFFSET = "an integer from -2048 to 2048"
LINES = "an integer from 0 to 500"
ID = "an integer from 1 to 9223372036854775807"


def test_log_parameters(log: MadeLog) -> None:
    """``.../log``: each parameter by its name and range, never clamped: readers that count would lose bytes unseen."""
    cases: dict[tuple[str, object], tuple[str, str]] = {
        ("start_byte", -2): ("0107", f"start_byte must be {TOO_FAR}, not '-2'"),
        ("start_byte", 2**63): ("0107", f"start_byte must be {TOO_FAR}, not '{2**63}'"),
        ("start_byte", 10**30): ("0107", f"start_byte must be {TOO_FAR}, not '1{'0' * 30}'"),
        ("start_byte", "x"): ("0104", f"start_byte must be {TOO_FAR}, not 'x'"),
        ("start_byte", "1.0"): ("0104", f"start_byte must be {TOO_FAR}, not '1.0'"),
        ("offset", 2049): ("0107", f"offset must be {OFFSET}, not '2049'"),
        ("offset", -2049): ("0107", f"offset must be {OFFSET}, not '-2049'"),
        ("offset", "abc"): ("0104", f"offset must be {OFFSET}, not 'abc'"),
        ("offset", "9" * 5000): ("0107", f"offset must be {OFFSET}, not '{'9' * 76}..."),
    }
    for (name, value), (code, message) in cases.items():
        check_v1(log.web.get(f"{log.v1}/log", log_file=log.log_file, **{name: value}), 400, code, message)


def test_aom_log_parameters(log: MadeLog) -> None:
    """``.../aom-log``, likewise."""
    base = "base_line must be a position from an earlier answer (digits only), or empty"
    cases: dict[tuple[str, object], tuple[str, str]] = {
        ("lines", -1): ("0107", f"lines must be {LINES}, not '-1'"),
        ("lines", 501): ("0107", f"lines must be {LINES}, not '501'"),
        ("lines", "abc"): ("0104", f"lines must be {LINES}, not 'abc'"),
        ("lines", "²"): ("0104", f"lines must be {LINES}, not '²'"),
        ("base_line", "x"): ("0104", f"{base}, not 'x'"),
        ("base_line", "-1"): ("0104", f"{base}, not '-1'"),
        ("order", "up"): ("0107", "order must be desc or asc, not 'up'"),
        ("order", "desc,asc"): ("0107", "order must be desc or asc, not 'desc,asc'"),
    }
    for (name, value), (code, message) in cases.items():
        check_v1(log.web.get(f"{log.v1}/aom-log", log_file=log.log_file, **{name: value}), 400, code, message)


def test_log_file_is_mandatory(log: MadeLog) -> None:
    """Absent and empty are the same; it is looked at before the other parameters."""
    message = "log_file is missing; it must be a name that .../log/file-names gives"
    for call in ("log", "aom-log"):
        for query in ("", "?", "?log_file", "?log_file=", "?log_file=&lines=x&offset=x", "?Log_File=x"):
            check_v1(log.web.call("GET", f"{log.v1}/{call}{query}"), 400, "0104", message)


def test_log_file_is_one_of_the_file_names(log: MadeLog) -> None:
    """Nothing else is looked for, on a disk least of all; another worker's or another job's name is not this one's."""
    other = log.log_file.replace("-", "-x", 1)
    names = ["../../etc/passwd", "%2e%2e%2fetc", "/etc/passwd", log.log_file.upper(), log.log_file + "\0", other, "worker-0"]
    for call in ("log", "aom-log"):
        for name in names:
            check_v1(log.web.get(f"{log.v1}/{call}", log_file=name), 404, "0102", f"there is no log file {name!r}")
        missing = log.log_file.replace(".0", ".1")
        check_v1(log.web.get(f"{log.v1}/{call}", log_file=missing), 404, "0102", "there is no log 'worker-1'")


def test_unknown_job_and_version(log: MadeLog) -> None:
    """404, which clients take for "already gone"; a version is looked for in its job only, a job in its project."""
    prefix, other = "/v1/default/training-jobs", MadeLog(log.web, 1, 1, log.log_file)
    assert other.version_id != log.version_id
    for call in ("log", "aom-log", "log/file-names"):
        query = f"{call}?log_file={log.log_file}"
        unknown_job = log.web.call("GET", f"{prefix}/999999/versions/{log.version_id}/{query}")
        check_v1(unknown_job, 404, "0102", "there is no job 999999")
        unknown_version = log.web.call("GET", f"{prefix}/{log.job_id}/versions/999999/{query}")
        check_v1(unknown_version, 404, "0102", "there is no version 999999")
        other_version = log.web.call("GET", f"{prefix}/{log.job_id}/versions/{other.version_id}/{query}")
        check_v1(other_version, 404, "0102", f"there is no version {other.version_id}")
        other_project = log.web.call("GET", f"/v1/other/training-jobs/{log.job_id}/versions/{log.version_id}/{query}")
        check_v1(other_project, 404, "0102", f"there is no job {log.job_id}")


@pytest.mark.parametrize(
    ("text", "code"),
    [("0", "0107"), ("-1", "0107"), (str(10**19), "0107"), ("9" * 50, "0107"), ("abc", "0104"), ("1.5", "0104")],
)
def test_job_and_version_ids(log: MadeLog, text: str, code: str) -> None:
    """Positive and below 2**63."""
    for call in ("log", "aom-log", "log/file-names"):
        for name, ids in (("job_id", f"{text}/versions/1"), ("version_id", f"{log.job_id}/versions/{text}")):
            reply = log.web.call("GET", f"/v1/default/training-jobs/{ids}/{call}?log_file={log.log_file}")
            check_v1(reply, 400, code, f"{name} must be {ID}, not {text!r}")


def test_project_ids(log: MadeLog) -> None:
    """1 to 64 letters, digits and hyphens."""
    for project_id in ("a_b", "%2e%2e", "a" * 65, "%C3%A9"):
        reply = log.web.call("GET", f"/v1/{project_id}/training-jobs/1/versions/1/log?log_file=x")
        assert (reply.status, reply.json["error_code"]) == (400, "ModelArts.0104")
        assert reply.json["error_msg"].startswith("project_id must be 1 to 64 letters, digits and hyphens, not ")


def test_who_is_calling(log: MadeLog, documented: Documented) -> None:
    """Each way not to be known has a code of its own; all are 401, on which clients get a new token."""
    none = ("0201", "no_credentials", "no token: send it as X-Auth-Token or as Authorization: Bearer")
    unknown = ("0203", "unknown_token", "the token is not valid")
    cases: list[tuple[dict[str, str], tuple[str, str, str]]] = [
        ({}, none), ({"x_auth_token": ""}, none), ({"x_auth_token": "  "}, none), ({"authorization": "Bearer"}, none),
        ({"x_auth_token": "wrong"}, unknown), ({"x_auth_token": "x" * 5000}, unknown), ({"x_auth_token": "\xff"}, unknown),
        ({"authorization": "Bearer wrong"}, unknown), ({"authorization": str(log.web.token)}, unknown),
        ({"authorization": f"Basic {log.web.token}"}, unknown),
    ]  # fmt: skip
    stranger = log.web.as_(None)
    for headers, (v1_code, code, message) in cases:
        for call in ("log", "aom-log", "log/file-names"):
            check_v1(stranger.call("GET", f"{log.v1}/{call}", **headers), 401, v1_code, message)
        for method, path in (("GET", log.api), ("POST", f"{log.api}/append?at=8"), ("GET", "/api/tokens")):
            check_api(stranger.call(method, path, b"x" if method == "POST" else None, **headers), 401, code, message)


def test_expired_token(documented: Documented) -> None:
    """It is said that it was good once."""
    late = documented.web.as_(documented.expired_token)
    check_v1(late.get(f"{documented.by_bytes.v1}/log"), 401, "0202", "the token has expired")
    check_api(late.get("/api/projects"), 401, "expired_token", "the token has expired")


def test_strangers_learn_nothing(log: MadeLog) -> None:
    """Who is calling is asked first, whatever else is wrong with the request."""
    stranger = log.web.as_("wrong")
    for path in ("/v1/a_b/training-jobs/x/versions/y/log?offset=z", "/v1/nobody/training-jobs/1/versions/1/log"):
        assert stranger.call("GET", path).json["error_code"] == "ModelArts.0203"
    for path in ("/api/projects/a_b/jobs/x", "/api/projects/nobody/jobs", f"{log.api}/bytes", f"{log.api}9/lines?start=x"):
        assert stranger.call("GET", path).json["error"]["code"] == "unknown_token"


def test_token_of_another_project(log: MadeLog) -> None:
    """403, with the name of the project."""
    log.web.post("/api/projects", {"id": "elsewhere"})
    made = log.web.post("/api/tokens", {"project_id": "elsewhere", "rights": ["read", "write"]}).json
    other = log.web.as_(made["token"])
    message = "the token is not for project 'default'"
    for call in ("log", "aom-log", "log/file-names"):
        check_v1(other.get(f"{log.v1}/{call}", log_file=log.log_file), 403, "0210", message)
    for method, path in (
        ("GET", f"{log.api}/bytes"),
        ("POST", f"{log.api}/append?at=8"),
        ("GET", "/api/projects/default/jobs"),
    ):
        check_api(other.call(method, path, b"x" if method == "POST" else None), 403, "wrong_project", message)


def test_paths_that_do_not_exist(log: MadeLog) -> None:
    """Below /v1 in ModelArts' words, elsewhere in our own."""
    for path in ("/v1", "/v1/x", f"{log.v1}/logs", f"{log.v1}/log/file-names/x", "/v2", "/v2/p/training-job"):
        check_v1(log.web.get(path), 404, "2836", "Not Found")
    for path in ("/v3/x", "/v3/auth", "/v3/projects/x"):
        reply = log.web.get(path)
        check_answer(reply, 404)
        error = {"code": 404, "message": "Not Found", "title": "Not Found"}
        gateway = {"error_code": "APIGW.0101", "error_msg": "Not Found", "error_message": "Not Found"}
        assert reply.json == {"error": error, **gateway}
    for path in ("/x", "/api", "/api/", "/api/x", "/api/x/y", "/api/projects/default/x"):
        check_api(log.web.get(path), 404, "not_found", "Not Found")


def test_methods_that_do_not_exist(log: MadeLog) -> None:
    """405, with those that do in Allow; a body sent with it is taken in first."""
    for call in ("log", "aom-log", "log/file-names"):
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            reply = log.web.call(method, f"{log.v1}/{call}", b"x" * 200_000)
            check_v1(reply, 405, "2803", "Method Not Allowed")
            assert "GET" in reply.headers["allow"]
    for method, path in (
        ("DELETE", log.api),
        ("PUT", f"{log.api}/append"),
        ("GET", f"{log.api}/close"),
        ("DELETE", "/api/projects"),
    ):
        check_api(log.web.call(method, path), 405, "method_not_allowed", "Method Not Allowed")


def test_bodies_that_are_not_the_json_asked_for(web: Web) -> None:
    """The field at fault is named, and what it should be."""
    cases = {
        b"": ("missing", "body is missing; it must be a JSON object", "body"),
        b"{": ("not_json", "body must be whole and well-formed JSON, which it is not at character 1", "body"),
        b"[]": ("not_json", "body must be an object", "body"),
        b"null": ("not_json", "body must be an object", "body"),
        b"{}": ("missing", "id is missing; it must be a string", "id"),
        b'{"id": 5}': ("invalid", "id must be a string, not 5", "id"),
        b'{"id": "x", "retain_days": []}': ("invalid", "retain_days must be an integer or null, not []", "retain_days"),
        b'{"id": "x", "retain": 1}': (
            "invalid",
            "retain must be left out: the fields are id, name, domain, retain_days, retain_bytes",
            "retain",
        ),
        b'{"id": "\xff"}': ("not_json", "body must be JSON in UTF-8, which it is not at byte 8", "body"),
        b'{"id": "\\ud800"}': ("not_json", "body must be JSON whose \\u escapes are whole characters", "body"),
        b'{"id": NaN}': ("not_json", "body must be JSON, which has no NaN and no Infinity", "body"),
    }
    for body, (code, message, parameter) in cases.items():
        check_api(web.post("/api/projects", body), 400, code, message, parameter=parameter)
    reply = web.post("/api/projects", b'{"id": "' + b"x" * (2 << 20) + b'"}')
    check_api(reply, 413, "too_large", "the body is larger than 1048576 bytes", limit_bytes=1 << 20)


def test_names_in_native_calls(log: MadeLog) -> None:
    """By the rules of docs/http-api.md."""
    jobs = "/api/projects/default/jobs"
    version = f"{jobs}/{log.job_id}/versions/{log.version_id}"
    task, name = "worker-0 to worker-999999", "1 to 64 of A-Z, a-z, 0-9, _ and -"
    count, start = "an integer from 1 to 1000000", "a line number, or minus lines from the end"
    cases: dict[tuple[str, str], tuple[str, str, str]] = {
        ("GET", f"{jobs}/0"): ("out_of_range", f"job_id must be {ID}, not '0'", "job_id"),
        ("GET", f"{jobs}/{log.job_id}/versions/x"): ("invalid", f"version_id must be {ID}, not 'x'", "version_id"),
        ("GET", f"{version}/logs/worker-01"): ("invalid", f"task must be {task}, not 'worker-01'", "task"),
        ("PUT", f"{version}/logs/0"): ("invalid", f"task must be {task}, not '0'", "task"),
        ("GET", f"{jobs}?limit=0"): ("out_of_range", "limit must be an integer from 1 to 1000, not '0'", "limit"),
        ("GET", f"{jobs}?after=x"): ("invalid", "after must be the next of an earlier page, not 'x'", "after"),
        ("GET", f"{log.api}/lines?count=0"): ("out_of_range", f"count must be {count}, not '0'", "count"),
        ("GET", f"{log.api}/lines?count=1000001"): ("out_of_range", f"count must be {count}, not '1000001'", "count"),
        ("GET", f"{log.api}/lines?start=x"): ("invalid", f"start must be {start}, not 'x'", "start"),
    }  # fmt: skip
    for (method, path), (code, message, parameter) in cases.items():
        check_api(log.web.call(method, path), 400, code, message, parameter=parameter)
    check_api(log.web.post(jobs, {"name": "a b"}), 400, "invalid", f"job_name must be {name}, not 'a b'", parameter="job_name")


def test_what_is_not_there_in_native_calls(log: MadeLog) -> None:
    """404, with the kind of what is missing."""
    project, job = "/api/projects/nowhere", f"/api/projects/default/jobs/{log.job_id}"
    for path, kind, name in (
        (f"{project}/jobs/{log.job_id}", "job", str(log.job_id)),
        ("/api/projects/default/jobs/999999", "job", "999999"),
        (f"{job}/versions/999999", "version", "999999"),
        (f"{job}/versions/999999/logs", "version", "999999"),
        (f"{log.version}/logs/worker-9", "log", "'worker-9'"),
        (f"{log.version}/logs/worker-9/bytes", "log", "'worker-9'"),
    ):
        check_api(log.web.get(path), 404, "not_found", f"there is no {kind} {name}", kind=kind)
    for path in ("jobs", "runs"):
        body = {"name": "a"} if path == "jobs" else {"job_name": "a"}
        check_api(log.web.post(f"{project}/{path}", body), 404, "not_found", "there is no project 'nowhere'", kind="project")


NOT_HTTP = [
    b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 700_000 + b"\r\n\r\n",
    b"GET / HTTP/9\r\n\r\n",
    b"\x16\x03\x01\x02\x00",
    b"\r\n" * 9,
]


@pytest.mark.parametrize("sent", NOT_HTTP, ids=range(len(NOT_HTTP)))
def test_what_is_not_http(web: Web, log: MadeLog, sent: bytes) -> None:
    """The HTTP server refuses it by itself, and goes on serving."""
    answer = web.raw(sent)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4"), answer


def test_long_urls(log: MadeLog) -> None:
    """They are read, and what is in them is refused as always; beyond 64 KiB the HTTP server says no."""
    check_v1(log.web.get(f"{log.v1}/log", log_file="a" * 50_000), 404, "0102", f"there is no log file '{'a' * 76}...")
    request = f"GET {log.v1}/log?log_file={'a' * 100_000} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    assert log.web.raw(request).startswith(b"HTTP/1.1 414 ")
