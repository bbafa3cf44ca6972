"""openstacksdk with otcextensions, unmodified: logging in, the catalogue, jobs and versions; logs by its adapter."""

from __future__ import annotations

import pytest

from tests.clients.conftest import LINES
from tests.clients.remote import Remote
from tests.server.people import Person

REGION = "region-of-the-cloud"
CONFIG = {
    **{"worker_server_num": 1, "app_url": "/bucket/code/", "boot_file_url": "/bucket/code/train.py", "spec_id": 1},
    **{"engine_id": 1, "parameter": [{"label": "epochs", "value": "3"}], "train_url": "/bucket/out/"},
}


@pytest.fixture
def cloud(openstack: Remote, person: Person) -> Remote:
    """openstacksdk, logged in with the user's password."""
    project = next(each for each in person.web.get("/v3/projects").json["projects"] if each["id"] == person.project_id)
    region = person.login().json["token"]["catalog"][0]["endpoints"][0]["region"]
    named = {"user": person.name, "password": person.password, "project": project["name"], "region": region}
    assert openstack.call("connect", auth_url=f"{person.web.url}/v3", **named) == person.project_id
    return openstack


def test_catalogue(cloud: Remote, person: Person) -> None:
    """The service is found there, at the project's URL."""
    assert cloud.call("endpoint") == f"{person.web.url}/v1/{person.project_id}"


def test_address_without_a_version(openstack: Remote, person: Person, cloud: Remote) -> None:
    """Where auth_url ends in no /v3, the versions at / say where to go on."""
    region = person.login().json["token"]["catalog"][0]["endpoints"][0]["region"]
    named = {"user": person.name, "password": person.password, "region": region}
    name = person.web.as_(person.token()).get("/v3/projects").json["projects"][0]["name"]
    assert openstack.call("connect", auth_url=person.web.url, project=name, **named) == person.project_id


def test_wrong_password(openstack: Remote, person: Person) -> None:
    """Is told as what it is, with the server's words."""
    named = {"user": person.name, "password": "not it", "project": "any", "region": "any"}
    raised = openstack.refused("connect", auth_url=f"{person.web.url}/v3", **named)
    assert raised.message == "The username or password is wrong. (HTTP 401)"


def test_jobs(cloud: Remote, person: Person) -> None:
    """Created, listed by pages, described, deleted; ids and states are numbers."""
    made = [cloud.call("create", name=f"otc-{number}", config=CONFIG) for number in range(3)]
    assert [(each["job_name"], each["status"], each["version_name"]) for each in made] == [
        (f"otc-{number}", 1, "V0001") for number in range(3)
    ]
    jobs = cloud.call("jobs", search_content="otc-", limit=2, offset=1, sort_by="create_time", order="desc")
    assert {each["job_id"] for each in jobs} >= {made[2]["job_id"], made[1]["job_id"]}
    job_id = made[0]["job_id"]
    cloud.call("describe", job_id=job_id, description="changed by openstacksdk")
    detail = cloud.call("jobs", search_content="otc-0")[0]
    assert (detail["job_id"], detail["job_description"]) == (job_id, "changed by openstacksdk")
    versions = cloud.call("versions", job_id=job_id)
    assert [(each["version_id"], each["worker_server_num"]) for each in versions] == [(made[0]["version_id"], 1)]
    assert versions[0]["parameter"][0]["label"] == "epochs"
    cloud.call("delete", job_id=job_id, ignore_missing=False)
    assert cloud.call("jobs", search_content="otc-0") == []


def test_name_that_is_taken(cloud: Remote) -> None:
    """The refusal's code is shown."""
    cloud.call("create", name="taken-otc", config=CONFIG)
    raised = cloud.refused("create", name="taken-otc", config=CONFIG)
    assert (raised.kind, raised.facts["status_code"]) == ("BadRequestException", 400)
    assert raised.message.startswith("ModelArts.0103: ")


def test_ignore_missing(cloud: Remote) -> None:
    """A job that is not there is a 404, which the SDK is told to ignore, or not."""
    cloud.call("delete", job_id=2**62, ignore_missing=True)
    raised = cloud.refused("delete", job_id=2**62, ignore_missing=False)
    assert (raised.kind, raised.facts["status_code"]) == ("NotFoundException", 404)


def test_flavors_and_engines(cloud: Remote) -> None:
    """The two look-ups before a job is created."""
    assert cloud.call("flavors")[0]["spec_id"] == 1
    assert cloud.call("engines")[0]["engine_id"] == 1


def test_log_calls_by_its_adapter(cloud: Remote, person: Person) -> None:
    """Names, lines and bytes: otcextensions has no methods for them, its session has the token and the address."""
    log, path = person.log, person.log.v1.removeprefix(f"/v1/{person.project_id}")
    names = cloud.call("request", method="GET", path=f"{path}/log/file-names")
    assert names == {"status": 200, "body": {"is_success": True, "log_file_list": [log.log_file]}}
    page = cloud.call("request", method="GET", path=f"{path}/aom-log", log_file=log.log_file, lines=3)["body"]
    assert (page["content"], page["lines"]) == ("".join(LINES[-3:]), 3)
    older = {"log_file": log.log_file, "base_line": page["start_line"], "order": "asc", "lines": 2}
    assert cloud.call("request", method="GET", path=f"{path}/aom-log", **older)["body"]["content"] == "".join(LINES[-5:-3])
    part = cloud.call("request", method="GET", path=f"{path}/log", log_file=log.log_file, start_byte=0, offset=6)["body"]
    assert (part["log"], part["end_byte"]) == ("line 1", 6)
    detail = cloud.call("request", method="GET", path=path)["body"]
    assert (detail["job_id"], detail["version_id"]) == (log.job_id, log.version_id)
    assert cloud.call("request", method="POST", path=f"{path}/stop") == {"status": 200, "body": {"is_success": True}}
