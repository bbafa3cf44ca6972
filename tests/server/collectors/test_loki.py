"""Loki's push API: what is sent is what is kept, line by line, and what is wrong is refused in Loki's way."""

from __future__ import annotations

import base64
import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import cramjam
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from joblog.server.collectors.labels import MAX_STREAMS, RECORDS_BYTES
from joblog.server.collectors.loki import labels_of
from tests.generated import examples
from tests.server.calls import MadeLog, Reply, Web
from tests.server.collectors.programs import LOKI, field, jobs, kept, loki_message, push_json, push_protobuf, run_id, status
from tests.server.ops.test_metrics import fresh, value

_numbers = count(1)

LINES = st.lists(st.binary(max_size=60), min_size=1, max_size=8)
TEXTS = st.lists(st.text(max_size=60), min_size=1, max_size=8)


def job_name() -> str:
    return f"loki-{next(_numbers)}"


def ended(line: bytes) -> bytes:
    return line if line.endswith(b"\n") else line + b"\n"


def post(web: Web, body: bytes, **headers: str) -> Reply:
    return web.call("POST", LOKI, body, **({"content_type": "application/json"} | headers))


@given(batches=st.lists(st.dictionaries(st.integers(0, 3), LINES, min_size=1), min_size=1, max_size=3))
@settings(max_examples=examples(15))
def test_protobuf_is_kept_byte_by_byte(module_web: Web, batches: list[dict[int, list[bytes]]]) -> None:
    """Any bytes, in order, of several streams in each of several requests."""
    job, expected, at = job_name(), dict[int, bytes](), 1_700_000_000_000_000_000
    for batch in batches:
        streams = []
        for rank, lines in batch.items():
            labels = f'{{joblog_job="{job}", joblog_run="r", joblog_task="{rank}"}}'
            streams.append((labels, [(at := at + 1, line) for line in lines]))
            expected[rank] = expected.get(rank, b"") + b"".join(map(ended, lines))
        reply = push_protobuf(module_web, streams)
        assert (reply.status, reply.body) == (204, b"")
    assert {rank: kept(module_web, job, f"worker-{rank}") for rank in expected} == expected


@given(lines=TEXTS, packing=st.sampled_from(["", "gzip", "zstd"]))
@settings(max_examples=examples(15))
def test_json_is_kept_byte_by_byte(module_web: Web, lines: list[str], packing: str) -> None:
    """Whatever stands in a string of JSON, compressed or not."""
    job = job_name()
    values: list[list[object]] = [[str(at), line] for at, line in enumerate(lines, 1)]
    values[0].append({"trace": "1"})  # structured metadata is not of the line
    body = json.dumps({"streams": [{"stream": {"job": job}, "values": values}]}).encode()
    packers = {"": lambda data: data, "gzip": gzip.compress, "zstd": zstandard.ZstdCompressor().compress}
    reply = post(module_web, packers[packing](body), **({"content_encoding": packing} if packing else {}))
    assert reply.status == 204, reply
    assert kept(module_web, job) == b"".join(ended(line.encode()) for line in lines)
    assert run_id(module_web, job) == "collected-unnamed"


def test_streams_of_one_log_are_merged_by_time(web: Web) -> None:
    """A container's two outputs; each stays in its own order, whatever its times say."""
    job = job_name()
    out = [(1, "out 1"), (4, "out 4"), (3, "out 3"), (9, "out 9")]
    err = [(2, "err 2"), (8, "err 8")]
    reply = push_json(web, [({"job": job, "source": name}, each) for name, each in (("stdout", out), ("stderr", err))])
    assert reply.status == 204
    assert kept(web, job).decode().split("\n")[:-1] == ["out 1", "err 2", "out 4", "out 3", "err 8", "out 9"]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"joblog_job": "J", "job": "other", "joblog_run": "r 1", "joblog_task": "worker-3"}, ("J", "r-1", 3)),
        ({"service_name": "train it!", "container_id": "ab12", "rank": "7"}, ("train-it", "collected-ab12", 7)),
        ({"k8s_job_name": "bert", "job": "monitoring/x", "pod": "bert-5-x2k9z"}, ("bert", "collected-bert", 5)),
        ({"k8s_pod_name": "web-5"}, ("unnamed", "collected-unnamed", 0)),
        ({"container_name": "/bert", "rank": "first"}, ("bert", "collected-unnamed", 0)),
        ({}, ("unnamed", "collected-unnamed", 0)),
    ],
)
def test_labels_name_the_log(web: Web, own_project: str, labels: dict[str, str], expected: tuple[str, str, int]) -> None:
    """Joblog's own before what collectors set by themselves."""
    job, run, worker = expected
    assert push_json(web, [({"joblog_project": own_project} | labels, [(1, "x")])]).status == 204
    assert kept(web, job, f"worker-{worker}", own_project) == b"x\n"
    assert run_id_of(web, own_project, job, worker) == run


def run_id_of(web: Web, project_id: str, job: str, worker: int) -> str:
    log = status(web, job, f"worker-{worker}", project_id)
    return str(web.get(f"/api/projects/{project_id}/jobs/{log['job_id']}/versions/{log['version_id']}").json["run_id"])


def test_labels_of_protobuf() -> None:
    """Go's strings, with all their escapes."""
    assert labels_of("{}") == {}
    assert labels_of('{a="b", c_1="x\\"y\\\\z\\n\\t\\u00e9\\x41\\101",d=`raw\\n`,}') == {
        "a": "b",
        "c_1": 'x"y\\z\n\té' + "AA",
        "d": "raw\\n",
    }
    assert labels_of('{a="\\ud800"}') == {"a": "\ufffd"}


def test_the_token_says_the_project(web: Web, own_project: str) -> None:
    """Where no label and no tenant do; and it has the last word."""
    job = job_name()
    made = web.post("/api/tokens", {"rights": ["write"], "project_id": own_project}).json
    with_token = web.as_(None)
    bearer = {"authorization": f"Bearer {made['token']}"}
    assert push_json(with_token, [({"job": job}, [(1, "a")])], **bearer).status == 204
    assert push_json(with_token, [({"job": job}, [(1, "b")])], **bearer, x_scope_orgid=own_project).status == 204
    assert push_json(web, [({"job": job}, [(1, "c")])], x_scope_orgid=own_project).status == 204
    assert push_json(web, [({"job": job, "joblog_project": own_project}, [(1, "d")])], x_scope_orgid="x").status == 204
    for labels, headers in (({"joblog_project": "default"}, {}), ({}, {"x_scope_orgid": "default"})):
        reply = push_json(with_token, [({"job": job} | labels, [(1, "no")])], **bearer, **headers)
        assert (reply.status, reply.body) == (403, b"the token is not for project 'default'\n")
    assert kept(web, job, project_id=own_project) == b"a\nb\nc\nd\n"
    assert job not in jobs(web)


def test_token_of_one_job(web: Web, own_project: str) -> None:
    """All goes to its job, whatever it is called on the way; unless another one is meant."""
    made = web.post("/api/tokens", {"rights": ["write"], "project_id": own_project, "job_name": "mine"}).json
    bearer = {"authorization": f"Bearer {made['token']}"}
    job = web.as_(None)
    assert push_json(job, [({"job": "fluent-bit"}, [(1, "a")])], **bearer).status == 204
    assert push_json(job, [({"joblog_job": "mine"}, [(1, "b")])], **bearer).status == 204
    reply = push_json(job, [({"joblog_job": "yours"}, [(1, "c")])], **bearer)
    assert (reply.status, reply.body) == (403, b"the token is for another job\n")
    assert kept(web, "mine", project_id=own_project) == b"a\nb\n"
    assert jobs(web, own_project) == {"mine"}


def test_what_is_good_is_kept(web: Web) -> None:
    """Beside what is refused, as with Loki, and the answer says so."""
    job = job_name()
    good = ({"job": job}, [(1, "good")])
    bad = ({"joblog_job": job, "joblog_task": "third"}, [(1, "bad")] * 2)
    reply = push_json(web, [bad, good])
    assert reply.status == 400
    assert reply.body.decode() == (
        "1 entries were kept, 2 refused: joblog_task must be worker-0 to worker-999999, or the number alone, not 'third'\n"
    )
    assert kept(web, job) == b"good\n"


def test_a_log_that_is_closed_takes_nothing(web: Web) -> None:
    """That is for ever, so the sender is not to come again."""
    job = job_name()
    assert push_json(web, [({"job": job}, [(1, "a")])]).status == 204
    log = status(web, job)
    api = f"/api/projects/default/jobs/{log['job_id']}/versions/{log['version_id']}/logs/worker-0"
    assert web.post(f"{api}/close", {}).status == 200
    reply = push_json(web, [({"job": job}, [(1, "b")])])
    assert (reply.status, reply.body) == (400, b"the log is closed at 2\n")
    assert kept(web, job) == b"a\n"


def test_a_deleted_run_is_made_anew(web: Web) -> None:
    """What is remembered of a log does not outlive it."""
    job = job_name()
    labels = {"job": job, "joblog_run": "r"}
    assert push_json(web, [(labels, [(1, "a")])]).status == 204
    log = status(web, job)
    assert web.call("DELETE", f"/api/projects/default/jobs/{log['job_id']}/versions/{log['version_id']}").status < 300
    assert push_json(web, [(labels, [(1, "b")])]).status == 204
    assert kept(web, job) == b"b\n"
    assert status(web, job)["version_id"] != log["version_id"]


STREAM = b'{"streams":[{"stream":{"job":"JOB"},"values":[["1","x"]]},%s]}'


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "body is missing"),
        (b"{", "body must be whole and well-formed JSON"),
        (b"[]", "body must be an object"),
        (b'{"streams":{}}', "streams must be a list, not {}"),
        (STREAM % b'{"stream":{"a":1},"values":[]}', "streams[1].stream.a must be a string, not 1"),
        (STREAM % b'{"stream":{},"values":[["1"]]}', "streams.values must be pairs of strings"),
        (STREAM % b'{"stream":{},"values":[[1,"x"]]}', "streams.values must be pairs of strings"),
        (STREAM % b'{"stream":{},"values":[["-1","x"]]}', "streams.values must be pairs whose first is a time"),
        (
            b'{"streams":[' + b'{"stream":{},"values":[]},' * MAX_STREAMS + STREAM[12:] % b"",
            "body must be whole and well-formed",
        ),
        (b'{"streams":' + b"[" * 100_000, "body must be JSON with at most 64 levels of objects and lists"),
    ],
)
def test_malformed_json_stores_nothing(web: Web, body: bytes, message: str) -> None:
    """The message says what was wrong; the stream before it is not kept either."""
    job = job_name()
    reply = post(web, body.replace(b"JOB", job.encode()))
    assert (reply.status, reply.headers["content-type"]) == (400, "text/plain; charset=utf-8")
    assert reply.body.decode().startswith(message), reply.body
    assert reply.body.endswith(b"\n")
    assert job not in jobs(web)


def test_malformed_protobuf_stores_nothing(web: Web) -> None:
    """Cut off anywhere, or with labels that are none, or not Snappy's."""
    job = job_name()
    good = loki_message([(f'{{job="{job}"}}', [(1, b"x")])])
    cut = [bytes(cramjam.snappy.compress_raw(good[:end])) for end in range(1, len(good))]
    labels = [
        bytes(cramjam.snappy.compress_raw(good + field(1, field(1, text))))
        for text in (b"", b"job", b"{job}", b'{job="x}', b'{job="x" b="y"}', b"{job=x}")
    ]
    for body in (*cut, *labels, good, b"\xff" * 10):
        reply = push(web, body)
        assert reply.status == 400, (body, reply)
    assert job not in jobs(web)
    assert push(web, bytes(cramjam.snappy.compress_raw(good))).status == 204


def push(web: Web, body: bytes, **headers: str) -> Reply:
    return web.call("POST", LOKI, body, **({"content_type": "application/x-protobuf"} | headers))


def test_sizes_are_bounded(web: Web) -> None:
    """What is too large is refused by what it would be, before it is."""
    many = [({"job": "many", "n": str(number)}, [(1, "x")]) for number in range(MAX_STREAMS + 1)]
    reply = push_json(web, many)
    assert (reply.status, reply.body) == (400, b"streams must be at most 1000 in a request, not 1001\n")
    bomb = bytes(cramjam.snappy.compress_raw(b"\0" * (RECORDS_BYTES + 1)))
    claimed = b"\xff\xff\xff\xff\x0f" + b"\0" * 10
    for reply in (
        push(web, bomb),
        push(web, claimed),
        post(web, gzip.compress(b" " * (RECORDS_BYTES + 1)), content_encoding="gzip"),
        post(web, b" " * (RECORDS_BYTES + 1)),
        push(web, bytes(cramjam.snappy.compress_raw(field(1, field(1, b"{}") + b"\x12\x00" * 100_001)))),
    ):
        assert reply.status == 413, reply
        assert "4194304 bytes" in reply.body.decode()
    assert "many" not in jobs(web)


def test_content_encodings(web: Web) -> None:
    """Snappy may be named as one, since the body is in it; not for JSON."""
    job = job_name()
    body = bytes(cramjam.snappy.compress_raw(loki_message([(f'{{job="{job}"}}', [(1, b"x")])])))
    assert push(web, body, content_encoding="snappy").status == 204
    assert push(web, gzip.compress(body), content_encoding="gzip").status == 204
    assert push(web, body, content_type="").status == 204
    reply = post(web, b"{}", content_encoding="snappy")
    assert (reply.status, reply.body) == (400, b"Content-Encoding must be gzip, zstd or absent, not 'snappy'\n")
    assert kept(web, job) == b"x\n" * 3


def test_strangers_and_readers_are_refused(web: Web) -> None:
    """Before their body is looked at."""
    reader = web.post("/api/tokens", {"rights": ["read"], "project_id": "default"}).json["token"]
    assert push(web.as_(None), b"?").status == 401
    assert push(web.as_("wrong"), b"?").status == 401
    reply = push_json(web.as_(reader), [({"job": "reader"}, [(1, "x")])])
    assert (reply.status, reply.body) == (403, b"the token does not have the right to write\n")
    assert push_json(web, [({"job": "x", "joblog_project": "nowhere"}, [(1, "x")])]).status == 400
    assert web.call("GET", LOKI).status == 405


def test_the_password_is_the_token(web: Web, log: MadeLog) -> None:
    """For what knows basic authentication only, on these paths only."""
    job, nobody = job_name(), web.as_(None)

    def basic(user: str, password: str) -> dict[str, str]:
        return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}

    token = str(web.token)
    assert push_json(nobody, [({"job": job}, [(1, "x")])], **basic("docker", token)).status == 204
    assert nobody.call("POST", "/otlp/v1/logs", b"{}", content_type="application/json", **basic("", token)).status == 200
    for wrong in (basic(token, ""), basic("docker", "wrong"), {"authorization": "Basic ?"}, {"authorization": "Basic"}):
        assert push_json(nobody, [], **wrong).status == 401
    assert log.append(0, b"x", **basic("docker", token)).status == 401
    assert kept(web, job) == b"x\n"


def test_empty_pushes_are_fine(web: Web) -> None:
    """Some programs try whether they are let in by one."""
    assert push_json(web, []).status == 204
    assert push_json(web, [({"job": "nothing"}, [])]).status == 204
    assert "nothing" not in jobs(web)


def test_records_are_counted(web: Web) -> None:
    """In /metrics, by what became of them."""
    before = fresh(web)
    push_json(web, [({"job": job_name()}, [(1, "x")] * 5), ({"joblog_task": "?"}, [(1, "x")] * 2)])
    after = fresh(web)
    for outcome, number in (("taken", 5), ("refused", 2)):
        named = {"name": "records_total", "outcome": outcome}
        assert value(after, **named) - value(before, **named) == number
    assert value(after, "http_request_seconds_count", method="POST", route=LOKI, status="400") >= 1


def test_senders_at_once(web: Web) -> None:
    """Each one's batches stay whole and in its order; nothing is lost, nothing is there twice."""
    job, senders, batches = job_name(), 6, 8

    def send(sender: int) -> None:
        own = Web(web.url, web.token)
        for batch in range(batches):
            lines = [(1, f"{sender} {batch} {number}") for number in range(3)]
            assert push_json(own, [({"job": job}, lines)]).status == 204
        own.close()

    with ThreadPoolExecutor(senders) as pool:
        list(pool.map(send, range(senders)))
    lines = kept(web, job).decode().splitlines()
    pairs = [tuple(map(int, line.split())) for line in lines]
    assert all(pairs[at : at + 3] == [(*pairs[at][:2], number) for number in range(3)] for at in range(0, len(pairs), 3))
    for sender in range(senders):
        assert [each[1:] for each in pairs if each[0] == sender] == [(b, n) for b in range(batches) for n in range(3)]
    assert len(pairs) == senders * batches * 3
