"""Jobs at a glance: each with its latest version and what the logs of that add up to."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.backends import default_catalog_first
from tests.server.calls import Web

pytestmark = default_catalog_first


@pytest.fixture
def jobs(web: Web, own_project: str) -> str:
    """A project with three jobs: one that failed in its second run, one with two ranks of four, one that never ran."""
    api = f"/api/projects/{own_project}"

    def run(name: str, run_id: str, task: str, data: bytes, **report: object) -> None:
        made = web.post(f"{api}/runs", {"job_name": name, "run_id": run_id, "task": task}).json
        version = f"{api}/jobs/{made['job']['id']}/versions/{made['version']['id']}"
        if data:
            assert web.call("POST", f"{version}/logs/{task}/append?at=0", data).status == 200
        if report:
            assert web.post(f"{version}/tasks/{task}/report", report).status == 200

    run("alpha", "one", "worker-0", b"first\n", status="COMPLETED", exit_code=0)
    run("alpha", "two", "worker-0", b"second\n 10%|#\r 20%|##\r\n\n", status="FAILED", exit_code=1)
    run("beta", "one", "worker-0", b"zero\n", status="RUNNING", tasks=4)
    run("beta", "one", "worker-3", b"\x1b[31mthree\x1b[0m \xff", status="RUNNING", tasks=4)
    assert web.post(f"{api}/jobs", {"name": "gamma_x"}).status == 200
    return own_project


def overview(web: Web, project_id: str, **parameters: object) -> dict[str, Any]:
    reply = web.get(f"/api/projects/{project_id}/overview", **parameters)
    assert reply.status == 200, reply
    return dict(reply.json)


def names(web: Web, project_id: str, **parameters: object) -> list[str]:
    return [each["name"] for each in overview(web, project_id, **parameters)["items"]]


def test_a_run_says_how_far_it_is(web: Web, own_project: str) -> None:
    """By the bar that its newest log draws, while it runs; not any more when it has ended."""
    api = f"/api/projects/{own_project}"
    made = web.post(f"{api}/runs", {"job_name": "bar", "run_id": "one"}).json
    version = f"{api}/jobs/{made['job']['id']}/versions/{made['version']['id']}"
    data = b"train:  10%|#         | 10/100 [00:05<00:45,  2.00it/s]\rtrain:  25%|##5       | 25/100 [00:10<00:30,  2.50it/s]"
    assert web.call("POST", f"{version}/logs/worker-0/append?at=0", data).status == 200
    assert web.post(f"{version}/tasks/worker-0/report", {"status": "RUNNING"}).status == 200
    seen = overview(web, own_project)["items"][0]["last"]["progress"]
    assert seen == {
        "label": "train",
        "done": 25.0,
        "total": 100.0,
        "fraction": 0.25,
        "remaining_s": 30.0,
        "run_remaining_s": None,
    }
    assert web.post(f"{version}/tasks/worker-0/report", {"status": "COMPLETED"}).status == 200
    assert overview(web, own_project)["items"][0]["last"]["progress"] is None


def test_it_says_how_many_jobs_are_in_each_state(web: Web, jobs: str) -> None:
    """Of those that the search and the labels keep, whichever states are listed and however long a page is."""
    asked: list[tuple[dict[str, object], dict[str, int], int]] = [
        ({}, {"FAILED": 1, "RUNNING": 1}, 3),
        ({"status": "FAILED", "limit": 1}, {"FAILED": 1, "RUNNING": 1}, 1),
        ({"status": "FAILED,RUNNING", "limit": 1}, {"FAILED": 1, "RUNNING": 1}, 2),
        ({"search": "ALPH"}, {"FAILED": 1}, 1),
        ({"search": "alph", "status": "RUNNING"}, {"FAILED": 1}, 0),
        ({"label": "team"}, {}, 0),
    ]
    for parameters, states, total in asked:
        answer = overview(web, jobs, **parameters)
        assert (answer["states"], answer["total"]) == (states, total), parameters


def test_each_job_comes_with_its_last_run(web: Web, jobs: str) -> None:
    """State, ranks, size and last words are the latest version's."""
    seen = overview(web, jobs)
    assert seen["total"] == 3
    beta, alpha, gamma = seen["items"]
    assert (gamma["name"], gamma["runs"], gamma["last"]) == ("gamma_x", 0, None)
    assert (alpha["name"], alpha["runs"]) == ("alpha", 2)
    last = {name: value for name, value in alpha["last"].items() if not name.endswith("_ms") and name != "id"}
    assert last == {
        "name": "V0002", "job_id": alpha["id"], "job_name": "alpha", "run_id": "two", "status": "FAILED",
        "reason": last["reason"], "expected_tasks": None, "logs": 1, "open_logs": 1, "size_bytes": 24,
        "first_task": "worker-0", "last_task": "worker-0", "last_line": " 20%|##", "progress": None,
        "title": None, "command": None, "host": None, "user": None, "commit": None, "alerts": 0, "alert": None,
    }  # fmt: skip
    last = beta["last"]
    assert last["progress"] is None
    assert (last["logs"], last["expected_tasks"], last["size_bytes"], last["status"]) == (2, 4, 21, "RUNNING")
    assert (last["first_task"], last["last_task"]) == ("worker-0", "worker-3")
    assert last["last_line"] == "\x1b[31mthree\x1b[0m \ufffd"


def test_jobs_are_searched_filtered_and_sorted(web: Web, jobs: str) -> None:
    """What is asked for is literal: an underscore is an underscore."""
    assert names(web, jobs, search="ALP") == ["alpha"]
    assert names(web, jobs, search="a_x") == ["gamma_x"]
    assert names(web, jobs, search="%") == []
    assert names(web, jobs, status="FAILED") == ["alpha"]
    assert names(web, jobs, status="FAILED,RUNNING", sort="name") == ["alpha", "beta"]
    assert names(web, jobs, sort="-name") == ["gamma_x", "beta", "alpha"]
    assert names(web, jobs, sort="-runs")[0] == "alpha"
    assert names(web, jobs, sort="recent") == ["gamma_x", "alpha", "beta"]
    page = overview(web, jobs, sort="name", offset=1, limit=1)
    assert ([each["name"] for each in page["items"]], page["total"]) == (["beta"], 3)


@pytest.mark.parametrize(
    ("parameter", "value"), [("sort", "size"), ("status", "BAD"), ("offset", "-1"), ("limit", "0"), ("search", "x" * 65)]
)
def test_what_cannot_be_is_refused(web: Web, jobs: str, parameter: str, value: str) -> None:
    """The message names the parameter."""
    reply = web.get(f"/api/projects/{jobs}/overview", **{parameter: value})
    assert (reply.status, reply.json["error"]["parameter"]) == (400, parameter)


@pytest.mark.parametrize("sort", ["recent", "-recent", "name", "-name", "status", "-status", "runs", "-runs"])
def test_pages_glue(web: Web, jobs: str, sort: str) -> None:
    """Each goes on behind the one before, in every order but that of durations."""
    assert web.post(f"/api/projects/{jobs}/jobs", {"name": "123"}).status == 200
    pages, after = list[str](), ""
    while True:
        page = overview(web, jobs, sort=sort, limit=1, after=after)
        pages += [each["name"] for each in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert pages == names(web, jobs, sort=sort)
    assert overview(web, jobs, sort="duration", limit=1)["next"] is None


def test_runs_glue(web: Web, jobs: str) -> None:
    """In the one order that they have."""
    api, runs = f"/api/projects/{jobs}/runs", list[int]()
    page = web.get(api, limit=2).json
    while page["items"]:
        runs += [run["id"] for run in page["items"]]
        page = {"items": []} if page["next"] is None else web.get(api, limit=2, after=page["next"]).json
    assert runs == [run["id"] for run in web.get(api).json["items"]]
    assert len(runs) == 3


@pytest.mark.parametrize(
    ("call", "sort", "after"),
    [
        ("overview", "-recent", "recent.1.2"),
        ("overview", "-recent", "-recent.1"),
        ("overview", "-recent", "-recent.x.2"),
        ("overview", "-recent", "-recent.1." + "9" * 19),
        ("overview", "duration", "duration.1.2"),
        ("overview", "name", "name"),
        ("runs", None, "-created.1"),
        ("runs", None, "-recent.1.2"),
    ],
)
def test_a_place_in_another_list_is_refused(web: Web, jobs: str, call: str, sort: str | None, after: str) -> None:
    """The message names the parameter."""
    asked = {"after": after} if sort is None else {"after": after, "sort": sort}
    reply = web.get(f"/api/projects/{jobs}/{call}", **asked)
    assert (reply.status, reply.json["error"]["parameter"]) == (400, "after")


def test_only_those_who_may_read_the_project_see_it(web: Web, jobs: str) -> None:
    """Strangers learn nothing."""
    assert web.as_(None).get(f"/api/projects/{jobs}/overview").status == 401
    other = web.post("/api/tokens", {"rights": ["read"], "project_id": "default"}).json["token"]
    assert web.as_(other).get(f"/api/projects/{jobs}/overview").status == 403
    assert web.get("/api/projects/nothing-here/overview").status == 404


def test_runs_newest_first(web: Web, jobs: str) -> None:
    """Each with its job, as the overview has it; of one job, in a state, page by page."""
    api = f"/api/projects/{jobs}/runs"
    page = web.get(api).json
    assert [(run["job_name"], run["name"], run["status"]) for run in page["items"]] == [
        ("beta", "V0001", "RUNNING"),
        ("alpha", "V0002", "FAILED"),
        ("alpha", "V0001", "COMPLETED"),
    ]
    assert (page["total"], page["now_ms"] > 0) == (3, True)
    last = {row["name"]: row["last"] for row in overview(web, jobs)["items"]}
    assert page["items"][1] == {**last["alpha"], "note": ""}
    assert [run["last_line"] for run in page["items"]][1:] == [" 20%|##", "first"]
    alpha = page["items"][1]["job_id"]
    assert [run["name"] for run in web.get(api, job=alpha).json["items"]] == ["V0002", "V0001"]
    one = web.get(api, job=alpha, offset=1, limit=1).json
    assert ([run["name"] for run in one["items"]], one["total"]) == (["V0001"], 2)
    assert [run["job_name"] for run in web.get(api, status="RUNNING,COMPLETED").json["items"]] == ["beta", "alpha"]
    assert web.get(api, job=10**12).json["items"] == []
    assert web.get(api, status="BROKEN").status == 400


def test_runs_are_for_who_may_read_them(web: Web, jobs: str) -> None:
    """A token of one job is shown that job's."""
    api = f"/api/projects/{jobs}/runs"
    assert web.as_(None).get(api).status == 401
    asked = {"rights": ["read"], "project_id": jobs, "job_name": "beta"}
    beta = web.as_(web.post("/api/tokens", asked).json["token"])
    assert [run["job_name"] for run in beta.get(api).json["items"]] == ["beta"]
    alpha = next(run["job_id"] for run in web.get(api).json["items"] if run["job_name"] == "alpha")
    assert beta.get(api, job=alpha).status == 403


def test_notes_are_kept(web: Web, jobs: str) -> None:
    """Of a run, beside what ModelArts' calls keep of it; of a job, as its description; each replaces the one before."""
    run = next(run for run in web.get(f"/api/projects/{jobs}/runs").json["items"] if run["job_name"] == "alpha")
    job = f"/api/projects/{jobs}/jobs/{run['job_id']}"
    for path in (f"{job}/note", f"{job}/versions/{run['id']}/note"):
        assert web.get(path).json == {"note": ""}
        for note in ("first\nline", "second \u8bad\u7ec3"):
            assert web.call("PUT", path, json.dumps({"note": note}).encode()).json == {"note": note}
        assert web.get(path).json == {"note": "second \u8bad\u7ec3"}
        assert web.call("PUT", path, b'{"note": "\\u001b[2J"}').status == 400
        assert web.call("PUT", path, json.dumps({"note": "x" * 1001}).encode()).status == 400
    assert web.get(job).json["description"] == "second \u8bad\u7ec3"
    runs = web.get(f"/api/projects/{jobs}/runs").json["items"]
    assert {each["id"]: each["note"] for each in runs if each["note"]} == {run["id"]: "second \u8bad\u7ec3"}
    assert web.get(f"{job}/versions/{10**12}/note").status == 404
