"""Permanent links: a log named by project, job, version and task, found by who may read it, whatever has become of it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.conftest import start_server
from tests.server.calls import ANSWER_S, MadeLog, Reply, Web, check_api, made_log
from tests.server.people import Person, made_person

CONTENT = b"one\ntwo\nthree\n"


def resolve(web: Web, path: str) -> Reply:
    project, _, rest = path.partition("/")
    return web.get(f"/api/projects/{project}/resolve/{rest}")


def page(log: MadeLog) -> str:
    return f"/projects/{log.project_id}/jobs/{log.job_id}/versions/{log.version_id}/logs/{log.task}"


def check_leads_to(log: MadeLog, link: str) -> None:
    """The link is resolved to the log's status, and redirected to its page."""
    found = resolve(log.web, link)
    # But for where it is stored, which may be changing just now.
    assert (found.status, found.json | {"sealed_byte": 0}) == (200, log.status() | {"sealed_byte": 0})
    moved = log.web.get(f"/p/{link}")
    assert (moved.status, moved.headers["location"], moved.headers["cache-control"]) == (307, page(log), "no-store")


@pytest.fixture
def person(web: Web) -> Person:
    return made_person(web, content=CONTENT)


def test_a_log_is_found_by_each_of_its_names(web: Web, own_project: str) -> None:
    """By the job's name or id, by the version's name, short or long, its id, or as the latest one."""
    first, second = (
        web.post(f"/api/projects/{own_project}/runs", {"job_name": "resnet", "task": "worker-3"}).json for _ in "ab"
    )
    job_id = first["job"]["id"]
    logs = [MadeLog(web, job_id, run["version"]["id"], "", own_project, "worker-3") for run in (first, second)]
    for job in ("resnet", str(job_id)):
        for version in ("V0001", "V1", "v1", str(logs[0].version_id)):
            check_leads_to(logs[0], f"{own_project}/{job}/{version}/worker-3")
        for version in ("V0002", str(logs[1].version_id), "latest"):
            check_leads_to(logs[1], f"{own_project}/{job}/{version}/worker-3")


def test_a_name_of_digits_goes_before_an_id(web: Web, own_project: str) -> None:
    """Names are what people see; an id is meant where nothing has that name."""
    web.post(f"/api/projects/{own_project}/runs", {"job_name": "other"})
    other_id = web.get(f"/api/projects/{own_project}/jobs").json["items"][0]["id"]
    named = web.post(f"/api/projects/{own_project}/runs", {"job_name": str(other_id)}).json["log"]
    assert resolve(web, f"{own_project}/{other_id}/latest/worker-0").json["job_id"] == named["job_id"] != other_id


def test_the_first_worker_is_meant_where_none_is_named(log: MadeLog) -> None:
    moved = log.web.get(f"/p/default/{log.job_id}/latest")
    assert (moved.status, moved.headers["location"]) == (307, page(log))


def test_what_is_not_there_or_wrong_is_told(log: MadeLog) -> None:
    """By its name, and what may stand there."""
    web, job = log.web, log.job_id
    check_api(resolve(web, "default/nothing/V0001/worker-0"), 404, "not_found", "there is no job 'nothing'", kind="job")
    check_api(resolve(web, "default/0/V0001/worker-0"), 404, "not_found", "there is no job '0'", kind="job")
    version = "there is no version 'V0099'"
    check_api(resolve(web, f"default/{job}/V0099/worker-0"), 404, "not_found", version, kind="version")
    nothing = "there is no log 'worker-7'"
    check_api(resolve(web, f"default/{job}/V0001/worker-7"), 404, "not_found", nothing, kind="log")
    allowed = "version must be V0002, a version's id, or latest, not 'newest'"
    check_api(resolve(web, f"default/{job}/newest/worker-0"), 400, "invalid", allowed, parameter="version")
    task = "task must be worker-0 to worker-999999, not 'rank-0'"
    check_api(resolve(web, f"default/{job}/V0001/rank-0"), 400, "invalid", task, parameter="task")
    assert web.get(f"/p/default/{job}/V0099/worker-0").status == 404


def test_strangers_learn_nothing(web: Web, person: Person) -> None:
    """Without a token, with one of another project, with one of another job: refused alike for what is there and what not."""
    project, other = person.project_id, made_person(web)
    other_job = web.post(f"/api/projects/{project}/runs", {"job_name": "another"}).json["job"]["name"]
    name = web.get(f"/api/projects/{project}/jobs/{person.log.job_id}").json["name"]
    one_job = {"rights": ["read"], "project_id": project, "job_name": other_job}
    bound = web.as_(web.post("/api/tokens", one_job).json["token"])
    for job in (name, str(person.log.job_id), "nothing", "0"):
        for start in ("/p/{}/{}", "/api/projects/{}/resolve/{}"):
            path = start.format(project, job) + "/V0001/worker-0"
            assert web.as_(None).get(path).status == 401
            assert web.as_("wrong").get(path).status == 401
            wrong_project = f"the token is not for project '{project}'"
            check_api(web.as_(other.token()).get(path), 403, "wrong_project", wrong_project)
            check_api(bound.get(path), 403, "wrong_job", "the token is for another job")
    assert resolve(bound, f"{project}/{other_job}/latest/worker-0").status == 200
    assert resolve(web.as_(person.token()), f"{project}/{name}/latest/worker-0").status == 200


def test_a_token_that_may_only_write_does_not_read(web: Web, log: MadeLog) -> None:
    writer = web.as_(web.post("/api/tokens", {"rights": ["write"], "project_id": "default"}).json["token"])
    assert resolve(writer, f"default/{log.job_id}/latest/worker-0").status == 403


def test_a_link_is_good_before_and_after_sealing(tmp_path: Path) -> None:
    """It names the same log, and its lines are the same bytes, while the log grows, when it is sealed, after a restart."""
    server = start_server(tmp_path / "joblog", seal_bytes=1000, seal_quiet_s=0)
    web = Web(server.url, server.token)
    log = made_log(web, "sealed", CONTENT * 100)
    lines = {"start": 120, "count": 21}
    live = web.get(f"{log.api}/lines", **lines).json
    check_leads_to(log, "default/sealed/V0001/worker-0")
    assert log.close().status == 200
    deadline = time.monotonic() + ANSWER_S
    while log.status()["sealed_byte"] < len(CONTENT) * 100:
        assert time.monotonic() < deadline
    check_leads_to(log, "default/sealed/V0001/worker-0")
    assert web.get(f"{log.api}/lines", **lines).json == live
    web.close()
    assert server.stop() == 0
    server = start_server(tmp_path / "joblog")
    again = MadeLog(Web(server.url, server.token), log.job_id, log.version_id, log.log_file)
    check_leads_to(again, "default/sealed/V0001/worker-0")
    again.web.close()
    assert server.stop() == 0
