"""What /api/openapi.json says of refusals and headers; that answers are so is schemathesis' to find out (tests/clients)."""

from __future__ import annotations

import json
import re
from http import HTTPStatus

import pytest

from joblog.errors import NotFound, WrongProject
from joblog.server.http.answers import STATUSES, full_code, status_of
from tests.server.calls import Web
from tests.server.ops.described import Operation, operations

FAMILIES = {"/v1": "ModelArtsError", "/v2": "ModelArtsError", "/v3": "IdentityError"}


@pytest.fixture
def described(web: Web) -> dict[str, Operation]:
    return {operation.name: operation for operation in operations(web)}


def error_of(operation: Operation, status: int) -> str:
    schema = operation.described["responses"][str(status)]["content"]["application/json"]["schema"]
    return str(schema["$ref"]).rpartition("/")[2]


def test_every_reference_leads_somewhere(web: Web, described: dict[str, Operation]) -> None:
    """And nothing is left of the words that the framework and Python would have for an answer."""
    text = web.get("/api/openapi.json").body.decode()
    schemas = next(iter(described.values())).schemas
    assert {name for name in re.findall(r'"#/components/schemas/([^"]+)"', text)} <= set(schemas)
    assert "Validation Exception" not in text
    assert not [each for each in HTTPStatus if each.description and f'"{each.description}"' in text]


def test_each_family_has_its_own_refusals(described: dict[str, Operation]) -> None:
    """Statuses and codes are those of the one table."""
    for operation in described.values():
        if operation.described.get("security") == [{}] or operation.method == "HEAD":
            continue
        family = FAMILIES.get(operation.path[:3], "Error")
        for kind in (NotFound, WrongProject):
            status, code = status_of(kind, operation.path)
            shown = full_code(code) if family != "Error" else code
            assert error_of(operation, status) == family, operation.name
            assert shown in operation.described["responses"][str(status)]["description"], operation.name


def test_every_answer_has_its_headers(described: dict[str, Operation]) -> None:
    """A request id on all; when to come back on 503."""
    for operation in described.values():
        for status, response in operation.described["responses"].items():
            assert response["headers"]["X-Request-Id"]["required"], (operation.name, status)
            assert ("Retry-After" in response["headers"]) == (status in ("429", "503")), (operation.name, status)


def test_statuses_are_those_of_the_table(described: dict[str, Operation]) -> None:
    """None that no error has; reading refuses nothing for being in conflict."""
    known = {str(status_of(kind, path)[0]) for kind in STATUSES for path in ("/api/", "/v1/", "/v2/")}
    for operation in described.values():
        refused = {status for status in operation.described["responses"] if status[0] in "45"}
        assert refused <= known, operation.name
        assert operation.method != "GET" or not refused & {"409", "413"}, operation.name


def test_an_example_can_be_made_of_every_call(described: dict[str, Operation]) -> None:
    """Of every body, from what is said of its fields."""
    for operation in described.values():
        body = operation.body()
        if body is not None and not operation.path.endswith("/append"):
            assert isinstance(json.loads(body), dict), operation.name


def test_ranges_are_those_that_are_told(web: Web) -> None:
    """Where a parameter's words have a range, its schema has the same, so that made clients and people read one thing."""
    seen = 0
    for operation in operations(web):
        for parameter in operation.described.get("parameters", []):
            schema, bounds = parameter["schema"], re.search(r"(-?\d+) to (\d+)", parameter.get("description", ""))
            if bounds and schema.get("type") == "integer":
                assert (schema["minimum"], schema["maximum"]) == (int(bounds[1]), int(bounds[2])), (operation.name, parameter)
                seen += 1
    assert seen > 10
