"""Huawei's own SDK: huaweicloudsdkmodelarts and huaweicloudsdkiam."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Self

from huaweicloudsdkcore.auth.credentials import BasicCredentials, GlobalCredentials
from huaweicloudsdkcore.region.region import Region
from huaweicloudsdkcore.signer import signer
from huaweicloudsdkiam import v3 as iam
from huaweicloudsdkmodelarts import v1 as modelarts
from remote import serve

_clients: dict[str, Any] = {}


def connect(url: str, access: str, secret: str, project_id: str) -> None:
    """With the project's id, as the SDK's examples do."""
    credentials = BasicCredentials(access, secret, project_id)
    _clients["modelarts"] = modelarts.ModelArtsClient.new_builder().with_credentials(credentials).with_endpoints([url]).build()


def discover(url: str, access: str, secret: str, region: str) -> str:
    """With a region only: the SDK asks the identity service for the project of that name."""
    credentials = BasicCredentials(access, secret).with_iam_endpoint(url)
    builder = modelarts.ModelArtsClient.new_builder().with_credentials(credentials)
    client = _clients["modelarts"] = builder.with_region(Region(region, url)).build()
    client.list_training_jobs(modelarts.ListTrainingJobsRequest(body=modelarts.JobSearches()))
    return str(credentials.project_id)


def create(name: str) -> Any:
    """A job as the documentation's example has it."""
    algorithm = modelarts.JobAlgorithm(
        code_dir="/bucket/code/",
        boot_file="/bucket/code/train.py",
        engine=modelarts.JobEngine(engine_id="pytorch_1.8.0", engine_name="PyTorch"),
        parameters=[modelarts.Parameters(name="epochs", value="3")],
    )
    resource = modelarts.SpecResource(flavor_id="modelarts.p3.large.public", node_count=2)
    body = modelarts.Job(
        kind="job",
        metadata=modelarts.JobMetadata(name=name, description="from the SDK", workspace_id="0"),
        algorithm=algorithm,
        spec=modelarts.Spec(resource=resource, log_export_path=modelarts.LogExportPath(obs_url="/bucket/log/")),
    )
    return _call("create_training_job", body=body)


def listed(**search: Any) -> Any:
    """Searches, with filters in the SDK's own types."""
    filters = [modelarts.Filter(**each) for each in search.pop("filters", [])]
    return _call("list_training_jobs", body=modelarts.JobSearches(filters=filters or None, **search))


def describe(training_job_id: str, description: str) -> Any:
    """Sets the description."""
    body = modelarts.JobUpdateRequestBody(description=description)
    return _call("change_training_job_description", training_job_id=training_job_id, body=body)


def stop(training_job_id: str) -> Any:
    """Terminates."""
    body = modelarts.JobActionType(action_type="terminate")
    return _call("stop_training_job", training_job_id=training_job_id, body=body)


def call(method: str, **fields: Any) -> Any:
    """Any method whose request has no body."""
    return _call(method, **fields)


def signed_at(off_s: int, method: str, **fields: Any) -> Any:
    """The same on a machine whose clock is wrong."""

    class Wrong(datetime):
        @classmethod
        def utcnow(cls) -> Self:
            return super().utcnow() + timedelta(seconds=off_s)

    signer.datetime = Wrong
    try:
        return _call(method, **fields)
    finally:
        signer.datetime = datetime


def identity(url: str, access: str, secret: str) -> dict[str, Any]:
    """The identity service's lists, with credentials that have to find their domain first."""
    credentials = GlobalCredentials(access, secret).with_iam_endpoint(url)
    client = iam.IamClient.new_builder().with_credentials(credentials).with_region(Region("anywhere", url)).build()
    return {
        "projects": client.keystone_list_projects(iam.KeystoneListProjectsRequest()).to_dict(),
        "auth_projects": client.keystone_list_auth_projects(iam.KeystoneListAuthProjectsRequest()).to_dict(),
        "domains": client.keystone_list_auth_domains(iam.KeystoneListAuthDomainsRequest()).to_dict(),
        "domain_id": credentials.domain_id,
    }


def token(url: str, access: str, secret: str, user: str, password: str, project: str) -> dict[str, Any]:
    """A token for a password, by a call that the SDK signs although it needs none."""
    credentials = GlobalCredentials(access, secret, "any-domain")
    client = iam.IamClient.new_builder().with_credentials(credentials).with_endpoints([url]).build()
    domain = iam.PwdPasswordUserDomain(name="default")
    who = iam.PwdPasswordUser(name=user, password=password, domain=domain)
    auth = iam.PwdAuth(
        identity=iam.PwdIdentity(methods=["password"], password=iam.PwdPassword(user=who)),
        scope=iam.AuthScope(project=iam.AuthScopeProject(name=project)),
    )
    request = iam.KeystoneCreateUserTokenByPasswordRequest(body=iam.KeystoneCreateUserTokenByPasswordRequestBody(auth=auth))
    return dict(client.keystone_create_user_token_by_password(request).to_dict())


def _call(method: str, **fields: Any) -> Any:
    name = "".join(part.capitalize() for part in method.split("_")) + "Request"
    return getattr(_clients["modelarts"], method)(getattr(modelarts, name)(**fields)).to_dict()


serve(globals())
