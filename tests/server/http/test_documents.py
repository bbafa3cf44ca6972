"""JSON from outside is bounded at every door, and refused in joblog's words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from joblog.core.settings import Settings
from joblog.engine.engine import Engine
from tests.backends import Backend
from tests.conftest import Server, start_server
from tests.generated import examples
from tests.server.calls import Reply, Web, made_log
from tests.server.modelarts.requests import CONFIG, refused
from tests.server.ops.described import Operation, operations

TOO_DEEP = "body must be JSON with at most 64 levels of objects and lists in one another"

LIBRARIES = re.compile(
    r"msgspec|json\.|decodeerror|validat|traceback|`|object (missing|contains)|expected|input data|truncated|"
    r"malformed|codec|recursion|str'|nonetype|surrogate|delimiter|extra data|expecting|"
    r"invalid (utf|char|number|escape)|byte \d+\)",
    re.IGNORECASE,
)
"""How the libraries that read JSON, or check its types, speak."""


@pytest.fixture(scope="module")
def web(server: Server) -> Iterator[Web]:
    web = Web(server.url, server.token)
    yield web
    web.close()


@pytest.fixture(scope="module")
def doors(web: Web) -> list[tuple[str, str]]:
    """Every call that takes JSON: those described, of a job that is there, and the collectors'."""
    log = made_log(web, "documents", b"x\n")
    user = web.post("/api/users", {"name": "documents", "password": "long enough"}).json
    ids: dict[str, Any] = {
        **{"project_id": log.project_id, "job_id": log.job_id, "version_id": log.version_id, "task": log.task},
        **{"task_id": log.task, "training_job_id": web.get(log.version).json["uuid"], "user_id": user["id"], "at": 0},
        "report_type": "a",
        "rule_id": web.post(f"/api/projects/{log.project_id}/watch/rules", {}).json["items"][0]["id"],
    }
    described = [(each.method, each.url(ids)) for each in operations(web) if _takes_json(each)]
    assert len(described) > 20
    return [*described, ("POST", "/loki/api/v1/push"), ("POST", "/otlp/v1/logs")]


def _takes_json(operation: Operation) -> bool:
    return "application/json" in operation.described.get("requestBody", {}).get("content", {})


def message_of(reply: Reply) -> str:
    """What an answer says, whoever's form it has."""
    if reply.headers["content-type"].startswith("text/plain"):
        return reply.body.decode().removesuffix("\n")
    body = reply.json
    return str(body.get("error_msg") or body.get("message") or body["error"]["message"])


def deep(levels: int, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    """An object with a value of so many levels, itself the first of them."""
    return b'{"name":' + opening * (levels - 1) + b"1" + closing * (levels - 1) + b"}"


@pytest.mark.parametrize(
    "body",
    [deep(65), deep(1000), deep(100_000), deep(1000, b'{"a":', b"}"), b'{"a":' * 5000, b'{"a":"\\"[",' + deep(70)[1:]],
    ids=range(6),
)
def test_no_door_takes_json_that_is_nested_deep(web: Web, doors: list[tuple[str, str]], body: bytes) -> None:
    """A 400 that names the bound, without credentials too where none are asked for."""
    for method, path in doors:
        reply = web.call(method, path, body, content_type="application/json")
        assert (reply.status, message_of(reply)) == (400, TOO_DEEP), (method, path, reply)
    for path in ("/v3/auth/tokens", "/api/session", "/api/session/password"):
        reply = web.as_(None).post(path, body)
        assert (reply.status, message_of(reply)) == (400, TOO_DEEP), (path, reply)


def test_brackets_in_strings_nest_nothing(web: Web) -> None:
    """They are text, however many."""
    config = {"a": "[" * 1000, 'b"\\': '"{' * 1000}
    made = web.post("/v1/default/training-jobs", {"job_name": "brackets", "config": config})
    assert made.status == 200, made
    detail = web.get(f"/v1/default/training-jobs/{made.json['job_id']}/versions/{made.json['version_id']}").json
    assert {name: detail[name] for name in config} == config


def test_what_is_nested_as_deep_as_is_allowed_is_kept(web: Web) -> None:
    """It is made, described, and listed."""
    value = json.loads(b"[" * 62 + b"]" * 62)
    made = web.post("/v1/default/training-jobs", {"job_name": "deepest", "config": {"of_tomorrow": value}})
    assert made.status == 200, made
    path = f"/v1/default/training-jobs/{made.json['job_id']}/versions"
    assert web.get(f"{path}/{made.json['version_id']}").json["of_tomorrow"] == value
    assert web.get(path).json["versions"][0]["of_tomorrow"] == value
    spec = {"metadata": {"name": "deepest2"}, "spec": {"of_tomorrow": value}}
    created = web.post("/v2/default/training-jobs", spec).json
    assert web.get(f"/v2/default/training-jobs/{created['metadata']['id']}").json["spec"]["of_tomorrow"] == value


def test_a_job_that_was_stored_with_a_deep_request_breaks_no_list(tmp_path: Path, backend: Backend) -> None:
    """An earlier joblog kept such: its request is left out, and the rest of it is answered, with all other jobs."""
    place = backend.place()
    engine = Engine(Settings(data=tmp_path, **place))
    engine.runs.put_project("deep", 1)
    nested = ["[" * levels + "]" * levels for levels in (66, 500, 990, 50_000)]
    requests = [request % each for each in nested for request in ('{"v1":{"config":%s}}', '{"v2":{"spec":%s}}')]
    for number, request in enumerate([*requests, '{"v1":{"config":{"app_url":"a"}}}']):
        engine.jobs.create("deep", f"job{number}", number, request=request)
    engine.close()
    server = start_server(tmp_path, **place)
    web = Web(server.url, server.token)
    answer = web.post("/v2/deep/training-job-searches", {"order": "asc"})
    assert (answer.status, answer.json["total"]) == (200, 9)
    assert [each["metadata"]["name"] for each in answer.json["items"]] == [f"job{number}" for number in range(9)]
    assert [each["spec"].get("of_tomorrow") for each in answer.json["items"]] == [None] * 9
    assert answer.json["items"][-1]["algorithm"]["code_dir"] == "a"
    for job in web.get("/v1/deep/training-jobs").json["jobs"]:
        versions = web.get(f"/v1/deep/training-jobs/{job['job_id']}/versions")
        assert (versions.status, versions.json["version_count"]) == (200, 1)
    web.close()
    assert server.stop() == 0


@pytest.mark.parametrize("number", ["9223372036854775808", "-9223372036854775809", "1" * 30, "1" * 5000])
def test_no_door_takes_an_integer_beyond_64_bits(web: Web, doors: list[tuple[str, str]], number: str) -> None:
    """The answer names its place, wherever it stands."""
    body = f'{{"config": {{"a": [1, {{"b": {number}}}]}}}}'.encode()
    for method, path in doors:
        reply = web.call(method, path, body, content_type="application/json")
        allowed = "an integer from -9223372036854775808 to 9223372036854775807, or a number of 64 bits"
        assert reply.status == 400, (method, path, reply)
        assert message_of(reply).startswith(f"config.a[1].b must be {allowed}, not '{number[:70]}"), (method, path, reply)


def test_numbers_of_64_bits_are_taken(web: Web) -> None:
    """The largest and the smallest, digits behind a point, and digits that are text."""
    config = {"a": 2**63 - 1, "b": -(2**63), "c": 0.1234567890123456789012, "d": "1" * 30, "e": 1e300}
    made = web.post("/v1/default/training-jobs", {"job_name": "numbers", "config": config})
    assert made.status == 200, made
    detail = web.get(f"/v1/default/training-jobs/{made.json['job_id']}/versions/{made.json['version_id']}").json
    assert {name: detail[name] for name in config} == config


BROKEN = [
    *(
        b"",
        b"{",
        b"[",
        b'"',
        b"]",
        b"nul",
        b"null",
        b"5",
        b'"text"',
        b"[]",
        b"{}",
        b"{}x",
        b"{]",
        b'{"a":}',
        b"{,}",
        b"{'a':1}",
    ),
    *(
        b"\xff",
        b'{"a":"\xff"}',
        b'{"a\xed\xa0\x80":1}',
        b'{"a":"\\ud800"}',
        b'{"a":"\\q"}',
        b'{"a":"\\u12"}',
        b"\xef\xbb\xbf{}",
    ),
    *(b'{"\\ud800":1}', b'{"name":"\\ud800"}', b'{"\\ud800":99999999999999999999}', b'{"' + b"x" * 100_000 + b'":1}'),
    *(b'{"a":NaN}', b'{"a":-Infinity}', b'{"a":1e999}', b'{"a":01}', b'{"a":1.}', b'{"a":"\n"}', b'{"a":"', b"\0", b"{}" * 99),
    *(b'{"streams":1}', b'{"resourceLogs":1}', b'{"auth":1}', b'{"auth":{"identity":{"methods":[1]}}}', b'{"labels":[]}'),
    *(b'{"auth":{"identity":{"methods":["password"],"password":{"user":{"password":1}}}}}', b'{"gaps":[{"at_byte":"x"}]}'),
    *(b'{"name":1,"id":1,"job_name":1,"password":1,"user":1,"rights":1,"status":1,"token":[]}', b'{"config":1}'),
    *(b'{"metadata":1}', b'{"filters":1}', b'{"filters":[1]}', b'{"filters":[{"key":1}]}', b'{"action_type":1}', deep(99)),
]


def test_no_answer_speaks_as_a_library_does(web: Web, doors: list[tuple[str, str]]) -> None:
    """Each says what must be otherwise: no version of a library changes what a user reads. A third of the bodies each."""
    check_words(web, [(door, BROKEN[number % 3 :: 3]) for number, door in enumerate(doors)])


@pytest.mark.long  # thousands of requests
def test_no_answer_to_any_body_speaks_as_a_library_does(web: Web, doors: list[tuple[str, str]]) -> None:
    check_words(web, [(door, BROKEN) for door in doors])


def check_words(web: Web, asked: list[tuple[tuple[str, str], list[bytes]]]) -> None:
    for (method, path), bodies in asked:
        for body in bodies:
            reply = web.call(method, path, body, content_type="application/json")
            if reply.status >= 400:
                message = message_of(reply)
                assert reply.status < 500, (method, path, body, reply)
                assert len(message) < 500, (method, path, body[:100])
                assert not LIBRARIES.search(message), (method, path, body, message)
                assert reply.status != 400 or " must be " in message, (method, path, body, message)


_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_names = st.sampled_from(
    ["parameter", "data_source", "flavor", "core", "volumes", "spec_id", "of_tomorrow", "worker_server_num"]
)
_parts = st.sampled_from(
    ["resource", "engine", "parameters", "node_count", "log_export_path", "annotations", "id", "user_name"]
)
_part = _values | st.dictionaries(_parts, _values, max_size=4)
_count = iter(range(10**9))


@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(config=st.dictionaries(_names, _values, max_size=4), algorithm=_part, spec=_part, metadata=_part, more=_part)
def test_a_create_that_answers_an_error_has_made_nothing(
    module_web: Web, config: object, algorithm: object, spec: object, metadata: object, more: object
) -> None:
    """Whatever is asked for: it is made and can be described, or it is refused and not there."""
    web, number = module_web, next(_count)
    names = f"generated-{number}-1", f"generated-{number}-2"
    named = (metadata if isinstance(metadata, dict) else {}) | {"name": names[1]}
    asked = {"algorithm": algorithm, "spec": spec, "metadata": named, "endpoints": more}
    first = web.post("/v1/default/training-jobs", {"job_name": names[0], "config": config, "notification": more})
    second = web.post("/v2/default/training-jobs", asked)
    for name, reply in zip(names, (first, second), strict=True):
        made = web.get("/api/projects/default/jobs", name=name).json["items"]
        assert reply.status in (200, 201, 400), reply
        assert len(made) == (reply.status < 400), (reply, made)
        if made:
            check_described(web, made[0]["id"])


def check_described(web: Web, job_id: int) -> None:
    """The job's version is described by v1 and v2."""
    versions = web.get(f"/v1/default/training-jobs/{job_id}/versions")
    assert versions.status == 200, versions
    uuid = versions.json["versions"][0]["uuid"]
    assert web.get(f"/v2/default/training-jobs/{uuid}").status == 200


def test_a_version_that_is_refused_changes_no_description(web: Web) -> None:
    """The description that came with it is not kept either."""
    job = web.post("/v1/default/training-jobs", {"job_name": "described", "job_desc": "old", "config": CONFIG}).json
    path = f"/v1/default/training-jobs/{job['job_id']}/versions"
    refused(web.post(path, {"job_desc": "new", "config": 1}), 400, "0104", "config must be an object")
    refused(web.post(path, {"job_desc": "x" * 257, "config": {}}), 400, "0107", "job_desc")
    assert (web.get(path).json["job_desc"], web.get(path).json["version_count"]) == ("old", 1)
