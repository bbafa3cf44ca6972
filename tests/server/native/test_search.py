"""``GET .../search`` as it goes over the wire, and the SDK's search."""

from __future__ import annotations

import json
import time
from typing import Any, cast

import pytest

from joblog.client import Client, LogRef, Query, VersionRef
from joblog.errors import Invalid, NotFound
from tests.backends import default_first
from tests.server.calls import MadeLog, Web, check_api
from tests.server.conftest import MakeLog

pytestmark = default_first

TEXT = b"one needle\ntwo\nbad \xff needle needle\nfour\nlast Needle"


def asked(log: MadeLog, path: str = "", /, **query: object) -> list[dict[str, Any]]:
    reply = log.web.get(f"{path or log.api}/search", **query)
    assert (reply.status, reply.headers["content-type"]) == (200, "application/x-ndjson")
    return [json.loads(line) for line in reply.body.splitlines()]


def test_lines_that_match(make_log: MakeLog) -> None:
    """Each with its number, its place, the places of the matches, and its text, exactly."""
    log = make_log(TEXT)
    where = {"type": "match", "job_id": log.job_id, "version_id": log.version_id, "task": "worker-0"}
    first, second, end = asked(log, pattern="needle")
    assert first == where | {
        **{"line": 0, "start_byte": 0, "end_byte": 10, "spans": [[4, 10]], "before": [], "after": []},
        "text": {"line": 0, "start_byte": 0, "text": "one needle"},
    }
    assert second == where | {
        **{"line": 2, "start_byte": 15, "end_byte": 34, "spans": [[21, 27], [28, 34]], "before": [], "after": []},
        "text": {"line": 2, "start_byte": 15, "text": "bad \ufffd needle needle", "base64": "YmFkIP8gbmVlZGxlIG5lZWRsZQ=="},
    }
    assert end == {"type": "end", "reason": "done", "cursor": None, "searched_bytes": len(TEXT), "matches": 2}


def test_directions_case_context_and_count(make_log: MakeLog) -> None:
    """What can be asked for, together and alone."""
    log = make_log(TEXT)
    for query, found in (
        ({"ignore_case": "true"}, [0, 2, 4]), ({"ignore_case": "true", "direction": "backward"}, [4, 2, 0]),
        ({"from": 5}, [0, 2]), ({"from": 11}, [2]), ({"from": 20}, [2]), ({"from": 999}, []),
        ({"from": 15, "direction": "backward"}, [0]), ({"from": 34, "direction": "backward"}, [0]),
        ({"from": 35, "direction": "backward"}, [2, 0]), ({"from": 999, "direction": "backward"}, [2, 0]),
        ({"pattern": "^(two|four)$", "kind": "regex"}, [1, 3]), ({"pattern": "^(two"}, []),
    ):  # fmt: skip
        *hits, end = asked(log, **{"pattern": "needle", **query})
        assert ([hit["line"] for hit in hits], end["reason"]) == (found, "done"), query
    hit, _ = asked(log, pattern="four", before=2, after=5)
    assert [[line["line"] for line in hit[name]] for name in ("before", "after")] == [[1, 2], []]
    log.close()
    hit, _ = asked(log, pattern="four", before=9, after=5)
    assert [[line["line"] for line in hit[name]] for name in ("before", "after")] == [[0, 1, 2], [4]]
    count, end = asked(log, pattern="needle", count="true")
    assert (count["type"], count["lines"], end["matches"]) == ("count", 2, 2)


def test_limit_is_continued(make_log: MakeLog) -> None:
    """By the cursor, in both directions, until nothing is left."""
    log = make_log(b"".join(b"needle %d\nhay\n" % number for number in range(10)))
    for direction in ("forward", "backward"):
        found, cursor = list[int](), ""
        while True:
            *hits, end = asked(log, pattern="needle", limit=3, direction=direction, cursor=cursor)
            found += [hit["line"] for hit in hits]
            assert len(hits) <= 3
            if end["reason"] == "done":
                break
            assert end["reason"] == "limit"
            cursor = end["cursor"]
        assert found == (list(range(0, 20, 2)) if direction == "forward" else list(range(18, -1, -2)))


def test_all_ranks_and_all_jobs(web: Web, make_log: MakeLog) -> None:
    """In the order of workers, and of jobs; backward the other way round; a cursor goes on in the log where it ended."""
    project = "search-all"
    web.post("/api/projects", {"id": project})
    for job in ("first", "second"):
        for worker in (0, 1, 10):
            body = {"job_name": job, "run_id": "r", "task": f"worker-{worker}"}
            log = web.post(f"/api/projects/{project}/runs", body).json["log"]
            made = MadeLog(web, log["job_id"], log["version_id"], log["log_file"], project, log["task"])
            made.write(b"needle\nhay\nneedle\n")
    for path, jobs in ((made.version, [made.job_id]), (f"/api/projects/{project}", [made.job_id - 1, made.job_id])):
        places = [(job, f"worker-{worker}", line) for job in jobs for worker in (0, 1, 10) for line in (0, 2)]
        for direction in ("forward", "backward"):
            found, cursor = list[Any](), cast(str | None, "")
            while cursor is not None:
                *hits, end = asked(made, path, pattern="needle", direction=direction, limit=1, cursor=cursor)
                found += [(hit["job_id"], hit["task"], hit["line"]) for hit in hits]
                cursor = end["cursor"]
            assert found == (places if direction == "forward" else places[::-1])
    *counts, end = asked(made, f"/api/projects/{project}", pattern="hay", count="true")
    assert [(count["task"], count["lines"]) for count in counts] == [("worker-0", 1), ("worker-1", 1), ("worker-10", 1)] * 2
    assert end["matches"] == 6


def test_bad_searches(log: MadeLog) -> None:
    """Are refused before the answer begins."""
    for query, code, parameter, message in (
        ("", "missing", "pattern", "pattern is missing; it must be 1 to 1000 characters"),
        ("pattern=(&kind=regex", "invalid", "pattern", "pattern must be a regular expression of RE2's (missing ): ()"),
        ("pattern=a&kind=glob", "invalid", "kind", "kind must be literal or regex, not 'glob'"),
        ("pattern=a&direction=up", "invalid", "direction", "direction must be forward or backward, not 'up'"),
        ("pattern=a&count=1", "invalid", "count", "count must be true or false, not '1'"),
        ("pattern=a&limit=0", "out_of_range", "limit", "limit must be an integer from 1 to 100000, not '0'"),
        ("pattern=a&before=101", "out_of_range", "before", "before must be an integer from 0 to 100, not '101'"),
        ("pattern=a&timeout_s=x", "invalid", "timeout_s", "timeout_s must be an integer from 1 to 60, not 'x'"),
        ("pattern=a&cursor=1.2", "invalid", "cursor", "cursor must be one from an earlier answer, not '1.2'"),
    ):
        check_api(log.web.get(f"{log.api}/search?{query}"), 400, code, message, parameter=parameter)
    for path in (f"{log.version}9/search", "/api/projects/nowhere/search", f"{log.version}/logs/worker-9/search"):
        assert log.web.get(f"{path}?pattern=a").status == 404
    assert log.web.as_(None).get(f"{log.api}/search?pattern=a").status == 401


def test_the_sdk_searches(client: Client, make_log: MakeLog) -> None:
    """Hits with exact bytes, however many answers they take."""
    log = make_log(TEXT, closed=True)
    where = LogRef("default", log.job_id, log.version_id, "worker-0")
    hits = list(client.search(where, Query("NEEDLE", ignore_case=True), context=(1, 0)))
    assert [(hit.line, hit.text.data) for hit in hits] == [(0, b"one needle"), (2, TEXT[15:34]), (4, b"last Needle")]
    assert [[line.text for line in hit.before] for hit in hits] == [[], ["two"], ["four"]]
    assert all(TEXT[first:past].lower() == b"needle" for hit in hits for first, past in hit.spans)
    onwards = client.search(where, Query("needle"), start=hits[0].end_byte + 1, limit=1)
    assert [hit.line for hit in onwards] == [2]
    back = client.search(where, Query("needle"), start=hits[1].start_byte, backwards=True)
    assert [hit.line for hit in back] == [0]
    assert client.count(VersionRef("default", log.job_id, log.version_id), Query("needle")) == {where: 2}
    with pytest.raises(Invalid):
        list(client.search(where, Query("(", regex=True)))
    with pytest.raises(NotFound):
        list(client.search("nowhere", Query("a")))


def test_what_arrived_when(make_log: MakeLog) -> None:
    """From the line on that arrived then, before the line that did: what a search of all would have of these lines."""
    log, moments, at = make_log(), [], 0
    for number in range(5):
        line = b"needle %d\n" % number
        assert log.append(at, line).status == 200
        at += len(line)
        time.sleep(0.02)  # times in the tail are milliseconds
        moments.append(time.time_ns() // 1_000_000)
        time.sleep(0.02)
    for low, high in ((0, 2), (1, 3), (2, 4), (3, 3)):
        query = {"pattern": "needle", "since": moments[low], "until": moments[high]}
        *hits, end = asked(log, log.version, **query)
        assert ([hit["line"] for hit in hits], end["reason"]) == (list(range(low + 1, high + 1)), "done")
        *hits, _ = asked(log, **query, direction="backward")
        assert [hit["line"] for hit in hits] == list(range(high, low, -1))
        *hits, end = asked(log, **query, limit=1)
        if end["cursor"] is not None:
            *hits, _ = asked(log, **query, cursor=end["cursor"])
            assert [hit["line"] for hit in hits] == list(range(low + 2, high + 1))
