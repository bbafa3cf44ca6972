"""openstacksdk with otcextensions: the modelartsv1 service that its catalogue has."""

from __future__ import annotations

from typing import Any

import openstack
from otcextensions import sdk
from remote import serve

_clouds: dict[str, Any] = {}


def connect(auth_url: str, user: str, password: str, project: str, region: str) -> str:
    """As the documentation of otcextensions has it; returns the project's id."""
    cloud = openstack.connect(
        auth_url=auth_url,
        username=user,
        password=password,
        project_name=project,
        user_domain_name="default",
        project_domain_name="default",
        region_name=region,
        load_yaml_config=False,
        load_envvars=False,
    )
    sdk.register_otc_extensions(cloud)
    _clouds["cloud"] = cloud
    return str(cloud.current_project_id)


def endpoint() -> str:
    """Where the catalogue says that ModelArts is."""
    return str(_clouds["cloud"].modelartsv1.get_endpoint())


def create(name: str, config: dict[str, Any]) -> dict[str, Any]:
    return _fields(
        _clouds["cloud"].modelartsv1.create_training_job(job_name=name, job_desc="made by openstacksdk", config=config)
    )


def jobs(**search: Any) -> list[dict[str, Any]]:
    return [_fields(job) for job in _clouds["cloud"].modelartsv1.training_jobs(**search)]


def versions(job_id: int, **search: Any) -> list[dict[str, Any]]:
    return [_fields(version) for version in _clouds["cloud"].modelartsv1.training_job_versions(job_id, **search)]


def describe(job_id: int, description: str) -> None:
    _clouds["cloud"].modelartsv1.update_training_job(job_id, description)


def delete(job_id: int, *, ignore_missing: bool) -> None:
    _clouds["cloud"].modelartsv1.delete_training_job(job_id, ignore_missing=ignore_missing)


def flavors() -> list[dict[str, Any]]:
    return [_fields(each) for each in _clouds["cloud"].modelartsv1.job_flavors(job_type="train")]


def engines() -> list[dict[str, Any]]:
    return [_fields(each) for each in _clouds["cloud"].modelartsv1.job_engines(job_type="train")]


def request(method: str, path: str, **parameters: Any) -> dict[str, Any]:
    """What otcextensions has no method for, by its own authenticated adapter: the path is below the endpoint."""
    answer = _clouds["cloud"].modelartsv1.request(path, method, params=parameters)
    return {"status": answer.status_code, "body": answer.json() if answer.content else None}


def _fields(resource: Any) -> dict[str, Any]:
    return {name: value for name, value in resource.to_dict().items() if value is not None}


serve(globals())
