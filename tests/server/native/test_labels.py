"""Labels of jobs: set when a job is made or later, shown, and what jobs are found by; on both catalogs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.backends import default_catalog_first
from tests.server.calls import Reply, Web

pytestmark = default_catalog_first


@pytest.fixture
def jobs(web: Web, own_project: str) -> str:
    """The project's jobs: four of them, labelled in each of the ways."""
    api = f"/api/projects/{own_project}/jobs"
    made = web.post(api, {"name": "alpha", "labels": {"team": "vision", "lr": "1e-3"}})
    assert made.json["labels"] == {"lr": "1e-3", "team": "vision"}
    run = web.post(f"/api/projects/{own_project}/runs", {"job_name": "beta", "labels": {"team": "Vision", "a.b_c": "%"}})
    assert run.json["job"]["labels"] == {"a.b_c": "%", "team": "Vision"}
    gamma = web.post(api, {"name": "gamma"}).json
    assert gamma["labels"] == {}
    changed = change(web, f"{api}/{gamma['id']}", {"team": "vision", "note": "team=x, lr=1"})
    assert changed["labels"] == {"note": "team=x, lr=1", "team": "vision"}
    assert changed["name"] == "gamma"
    web.post(api, {"name": "delta"})
    return api


def patched(web: Web, path: str, labels: Mapping[str, str | None]) -> Reply:
    return web.call("PATCH", path, json.dumps({"labels": labels}).encode(), content_type="application/json")


def change(web: Web, path: str, labels: dict[str, str | None]) -> dict[str, Any]:
    reply = patched(web, path, labels)
    assert reply.status == 200, reply
    return dict(reply.json)


def beside(jobs: str, other: str) -> str:
    """Where the project's other things are."""
    return f"{jobs.removesuffix('/jobs')}/{other}"


def named(web: Web, path: str, *labels: str, **more: object) -> list[str]:
    reply = web.get(path, label=list(labels), **more)
    assert reply.status == 200, reply
    return [each["name"] for each in reply.json["items"]]


def test_jobs_are_found_by_labels(web: Web, jobs: str) -> None:
    """By name and value, by name alone, by several at once; exactly as they are written; and with what else is asked."""
    overview = beside(jobs, "overview")
    for path, more in [(jobs, {}), (overview, {"sort": "name"})]:
        assert sorted(named(web, path, **more)) == ["alpha", "beta", "delta", "gamma"]
        assert named(web, path, "team=vision", **more) == ["alpha", "gamma"]
        assert named(web, path, "team", **more) == ["alpha", "beta", "gamma"]
        assert named(web, path, "team=Vision", **more) == ["beta"]
        assert named(web, path, "team=vision", "lr", **more) == ["alpha"]
        assert named(web, path, "team=x", **more) == []
        assert named(web, path, "lr=1", **more) == []
        assert named(web, path, "a.b_c=%", **more) == ["beta"]
        assert named(web, path, "axb_c", **more) == []
        assert named(web, path, "team=visio", **more) == []
    assert named(web, jobs, "team=vision", name="gamma") == ["gamma"]
    assert named(web, jobs, "team=Vision", name="gamma") == []
    assert named(web, overview, "team=vision", search="MM") == ["gamma"]
    assert named(web, overview, "team", status="RUNNING") == ["beta"]
    page = web.get(overview, label=["team=vision"], sort="name", limit=1).json
    assert (page["total"], page["items"][0]["labels"]) == (2, {"lr": "1e-3", "team": "vision"})
    page = web.get(jobs, label=["team=vision"], limit=1).json
    assert named(web, jobs, "team=vision", after=page["next"]) == ["gamma"]
    (delta,) = web.get(jobs, name="delta").json["items"]
    change(web, f"{jobs}/{delta['id']}", {"ort": "ÉVIAN Zürich"})
    for path in (jobs, overview):
        assert named(web, path, "ort=ÉVIAN Zürich") == ["delta"]
        assert named(web, path, "ort=évian Zürich") == named(web, path, "ort=Évian") == []


def test_labels_are_set_and_removed_one_by_one(web: Web, jobs: str) -> None:
    """What is not named stays; saying the same again changes nothing; a run of the job may add to them."""
    path = f"{jobs}/{web.get(jobs, name='alpha').json['items'][0]['id']}"
    assert change(web, path, {"team": None, "lr": "2e-3", "never": None})["labels"] == {"lr": "2e-3"}
    assert change(web, path, {})["labels"] == {"lr": "2e-3"}
    assert web.post(jobs, {"name": "alpha", "labels": {"seed": "7"}}).json["labels"] == {"lr": "2e-3", "seed": "7"}
    assert web.post(beside(jobs, "runs"), {"job_name": "alpha"}).json["job"]["labels"] == {"lr": "2e-3", "seed": "7"}
    assert web.get(path).json["labels"] == {"lr": "2e-3", "seed": "7"}


def test_changes_at_the_same_time_are_all_kept(web: Web, jobs: str) -> None:
    """Nobody's label is lost because somebody else set another one in the same moment."""
    path = f"{jobs}/{web.get(jobs, name='delta').json['items'][0]['id']}"

    def label(number: int) -> None:
        own = Web(web.url, web.token)
        change(own, path, {f"n{number}": str(number)})
        own.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(label, range(24)))
    assert web.get(path).json["labels"] == {f"n{number}": str(number) for number in range(24)}


@pytest.mark.parametrize(
    ("labels", "code"),
    [
        ({"a b": "c"}, "invalid"),
        ({"": "c"}, "invalid"),
        ({"a": "\x1b[31m"}, "invalid"),
        ({"a": "x" * 257}, "invalid"),
        ({f"n{number}": "" for number in range(33)}, "out_of_range"),
    ],
)
def test_what_is_no_label_is_refused(web: Web, jobs: str, labels: dict[str, str], code: str) -> None:
    """By each of the calls; the job is as it was."""
    path = f"{jobs}/{web.get(jobs, name='alpha').json['items'][0]['id']}"
    for reply in (
        patched(web, path, labels),
        web.post(jobs, {"name": "alpha", "labels": labels}),
        web.post(beside(jobs, "runs"), {"job_name": "alpha", "labels": labels}),
    ):
        error = reply.json["error"]
        assert (reply.status, error["code"], error["parameter"]) == (400, code, "labels"), reply
    assert web.get(path).json["labels"] == {"lr": "1e-3", "team": "vision"}


def test_what_cannot_be_looked_for_is_refused(web: Web, jobs: str) -> None:
    for labels in (["a b"], [""], ["a=\x00"], list("abcde")):
        for path in (jobs, beside(jobs, "overview")):
            reply = web.get(path, label=labels)
            assert (reply.status, reply.json["error"]["parameter"]) == (400, "label"), labels


def test_only_who_may_write_the_job_labels_it(web: Web, jobs: str) -> None:
    """Readers may not, nor a token of another job; of one job may."""
    alpha = f"{jobs}/{web.get(jobs, name='alpha').json['items'][0]['id']}"
    project = jobs.split("/")[3]
    for rights, job, status in [(["read"], None, 403), (["write"], "beta", 403), (["write"], "alpha", 200)]:
        told = {"rights": rights, "project_id": project} | ({"job_name": job} if job else {})
        token = web.post("/api/tokens", told).json["token"]
        assert patched(web.as_(token), alpha, {"by": "me"}).status == status
    assert patched(web.as_(None), alpha, {}).status == 401
    assert patched(web, f"{jobs}/999999", {"a": "b"}).status == 404
    token = web.post("/api/tokens", {"rights": ["read"], "project_id": project, "job_name": "beta"}).json["token"]
    assert named(web.as_(token), jobs, "team") == ["beta"]
    assert named(web.as_(token), jobs, "lr") == []
