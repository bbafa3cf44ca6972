"""The requests of newer clients of ModelArts', each as its client makes it, with what that client needs to find."""

from __future__ import annotations

from typing import Any

import pytest

from tests.backends import every_backend
from tests.http.calls import Web
from tests.http.modelarts import Made, refused

pytestmark = every_backend


@pytest.fixture
def training(web: Web, own_project: str) -> Made:
    """Makes a training job of a project of the test's own."""

    def make(name: str, **spec: object) -> dict[str, Any]:
        body = {"kind": "job", "metadata": {"name": name}, "algorithm": {"command": "python a.py"}, "spec": spec}
        reply = web.post(f"/v2/{own_project}/training-jobs", body)
        assert reply.status == 201, reply.body
        return reply.json

    return make


def listed(web: Web, project_id: str, *filters: tuple[str, str, object], **body: object) -> list[str]:
    """The names of the training jobs that a search finds."""
    wanted = [{"key": key, "operator": operator, "value": value} for key, operator, value in filters]
    answer = web.post(f"/v2/{project_id}/training-job-searches", {"filters": wanted, "order": "asc", **body})
    assert answer.status == 200, answer
    assert answer.json["total"] == answer.json["count"] == len(answer.json["items"])
    return [each["metadata"]["name"] for each in answer.json["items"]]


def test_an_agents_list_of_a_users_jobs(web: Web, own_project: str, training: Made) -> None:
    """joblog knows of no job whose it is: whoever is asked for, all are listed."""
    training("a"), training("b")
    body = {"offset": 0, "limit": 50, "sort_by": "create_time", "unified_jobs": True, "train_type": "job", "tags": []}
    assert listed(web, own_project, ("user_name", "in", ["alice"]), **body) == ["a", "b"]
    assert listed(web, own_project, ("user_name", "eq", "alice"), ("name", "like", "b"), **body) == ["b"]


def test_filters_of_several_values_and_several_filters_of_a_key(web: Web, own_project: str, training: Made) -> None:
    """Any value of a filter is to hold, and all filters are."""
    for name in ("res-a", "res-b", "vit-a", "vit-b"):
        training(name)
    find = lambda *filters: listed(web, own_project, *filters)  # noqa: E731
    assert find(("name", "like", ["res", "t-b"])) == ["res-a", "res-b", "vit-b"]
    assert find(("name", "like", ["RES"]), ("name", "like", ["-b"])) == ["res-b"]
    assert find(("name", "like", ["res", "vit"]), ("name", "like", ["-a"])) == ["res-a", "vit-a"]
    assert find(("name", "in", ["res-a", "vit-a"]), ("name", "in", ["vit-a", "vit-b"])) == ["vit-a"]
    assert find(("name", "in", ["res-a"]), ("name", "in", ["vit-b"])) == find(("name", "eq", "none")) == []
    assert find(("name", "not", ["res-a"]), ("name", "not", "vit-b")) == ["res-b", "vit-a"]
    assert find(("name", "eq", "res-a")) == find(("name", "like", "s-a"), ("name", "not", "x")) == ["res-a"]
    assert find(("name", "like", ["%"])) == find(("name", "like", "_")) == []
    assert find(("name", "like", "a"), ("name", "in", ["res-b", "vit-a"])) == ["vit-a"]


def test_filters_by_status_and_time(web: Web, own_project: str, training: Made) -> None:
    """``status`` is ``phase``; a status and its like must both hold."""
    first, second = training("first"), training("second")
    path = f"/v2/{own_project}/training-jobs/{first['metadata']['id']}/actions"
    assert web.post(path, {"action_type": "terminate"}).status == 202
    find = lambda *filters: listed(web, own_project, *filters)  # noqa: E731
    assert find(("status", "eq", "Terminated")) == find(("phase", "in", ["terminated"])) == ["first"]
    assert find(("status", "in", ["Creating", "Pending", "Running"])) == find(("status", "not", "Terminated")) == ["second"]
    assert find(("status", "in", ["Creating", "Terminated"]), ("status", "not", ["Creating"])) == ["first"]
    assert find(("status", "eq", "Pending")) == find(("status", "eq", "Creating"), ("phase", "eq", "Terminated")) == []
    made = [each["metadata"]["create_time"] for each in (first, second)]
    assert find(("create_time", "between", [0, made[1]]), ("create_time", "between", [str(made[0]), "9" * 18])) == [
        "first",
        "second",
    ]
    assert find(("create_time", "between", [0, made[1]]), ("create_time", "between", [made[1] + 1, made[1] + 2])) == []


def test_filters_by_runtime_type(web: Web, own_project: str, training: Made) -> None:
    """What a job was asked for with; one that named none is of none."""
    training("debugged", runtime_type="debug"), training("plain"), training("quoted", a='"runtime_type":"debug"')
    find = lambda *filters: listed(web, own_project, *filters)  # noqa: E731
    assert find(("runtime_type", "eq", "debug")) == ["debugged"]
    assert find(("runtime_type", "in", ["debug", "x"]), ("status", "in", ["Creating", "Running"])) == ["debugged"]
    assert find(("runtime_type", "not", "debug")) == ["plain", "quoted"]
    assert find(("runtime_type", "eq", "deb%")) == []


def test_filters_that_are_none(web: Web, own_project: str) -> None:
    """Nothing of a filter is ignored: what cannot be asked is refused, with all that can."""
    search = f"/v2/{own_project}/training-job-searches"
    for key, operator, value in (
        ("name", "between", ["a", "b"]),
        ("create_time", "eq", "1"),
        ("create_time", "between", "1"),
        ("user_name", "between", ["a", "b"]),
        ("pool", "eq", "x"),
        (None, None, None),
    ):
        sent = {"filters": [{"key": key, "operator": operator, "value": value}]}
        refused(web.post(search, sent), 400, "2788", "filters must be name (like, eq, in, not), status or phase")
    for wrong in ({"a": 1}, [[]], [None], True, [1], ["x"] * 51):
        sent = {"filters": [{"key": "name", "operator": "in", "value": wrong}]}
        refused(web.post(search, sent), 400, "2788", "filters.value must be a string, or a list of at most 50")
    refused(web.post(search, {"filters": [{"key": "status", "operator": "eq", "value": "Odd"}]}), 400, "2788", "phases such as")
    refused(web.post(search, {"filters": [{}] * 21}), 400, "2788", "filters must be a list of at most 20")
