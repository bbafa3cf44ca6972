"""One declaration for each call: the way to its handler, its right, what is refused before it runs."""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated

import pytest

from joblog.core.accounts import RIGHTS
from joblog.errors import Invalid, OutOfRange
from joblog.server.app import ROUTES, Parts
from joblog.server.http.parameters import choice, number, switch
from joblog.server.http.routes import KNOWN, OPEN, PARTS, Calls, Tree, Unrouted
from tests.server.calls import Web

# What anybody may call: what has no secrets, what checks credentials itself, and links, which are credentials.
OPEN_TO_ALL = {
    *("get_health", "get_readiness", "get_catalog_readiness", "get_metrics", "get_description"),
    *("list_identity_versions", "get_identity_version", "log_in"),
    *("begin_session", "change_own_password", "end_session"),
    *("push", "export", "read_link"),
}


def tree() -> Tree:
    calls = Calls("/api", "tests")

    async def handler() -> None:
        """Answers."""

    for path in ("", "/jobs", "/jobs/{job_id}", "/jobs/{job_id}/stop"):
        calls.get(path, OPEN)(handler)
    calls.post("/jobs/{job_id}", "write")(handler)
    return Tree(calls.routes)


def test_every_call_has_a_right() -> None:
    assert {route.right for route in ROUTES} <= {OPEN, KNOWN, *RIGHTS}
    assert {route.name for route in ROUTES if route.right == OPEN} == OPEN_TO_ALL
    assert all(route.right in ("write", "admin", KNOWN, OPEN) for route in ROUTES if route.method in ("PUT", "PATCH", "DELETE"))


def test_handlers_take_the_parts_that_there_are() -> None:
    assert {each.name for each in fields(Parts)} == PARTS


def test_every_call_that_is_not_hidden_is_described() -> None:
    names = [route.name for route in ROUTES if not route.described.hidden]
    assert len(names) == len(set(names))
    for route in ROUTES:
        assert route.described.hidden or (route.described.summary and route.handler.__doc__), route.name


def test_paths_are_found() -> None:
    """With a slash behind them, too; HEAD is answered as GET is."""
    place = tree().find("GET", "/api/jobs/7/stop")
    assert (place.route.path, place.raw, place.values()) == ("/api/jobs/{job_id}/stop", ["7"], {"job_id": 7})
    assert tree().find("HEAD", "/api/jobs/").route.path == "/api/jobs"
    assert tree().find("POST", "/api/jobs/x").raw == ["x"]


def test_paths_that_are_remembered_are_found_as_at_first() -> None:
    """Each by its method; what stands in them wrongly is refused each time; of very many or long ones few are kept."""
    calls = tree()
    for _ in range(2):
        assert calls.find("GET", "/api/jobs/7").route.right == OPEN
        assert calls.find("POST", "/api/jobs/7").route.right == "write"
        with pytest.raises(Invalid, match="job_id must be an integer"):
            calls.find("POST", "/api/jobs/x").values()
        with pytest.raises(Unrouted):
            calls.find("PUT", "/api/jobs/7")
    for job_id in range(1, 10_000):
        assert calls.find("GET", f"/api/jobs/{job_id}").values() == {"job_id": job_id}
    assert calls.find("GET", f"/api/jobs/{'1' * 1000}").raw == ["1" * 1000]
    assert calls.remembered_characters < 2_000_000


@pytest.mark.parametrize("path", ["/", "/api/job", "/api/jobs//stop", "/api/jobs/7/stop/8", "//", "/api//jobs"])
def test_other_paths_are_not(path: str) -> None:
    with pytest.raises(Unrouted) as raised:
        tree().find("GET", path)
    assert raised.value.status_code == 404


def test_other_methods_are_named(web: Web) -> None:
    with pytest.raises(Unrouted) as raised:
        tree().find("DELETE", "/api/jobs/7")
    assert (raised.value.status_code, raised.value.allowed) == (405, "GET, HEAD, OPTIONS, POST")
    refused = web.call("DELETE", "/healthz")
    assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    asked = web.call("OPTIONS", "/api/projects")
    assert (asked.status, asked.headers["allow"], asked.body) == (204, "GET, HEAD, OPTIONS, POST", b"")


def test_head_is_answered_without_a_body(web: Web) -> None:
    """With the length that the body of GET has."""
    head, get = web.call("HEAD", "/healthz"), web.get("/healthz")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == str(len(get.body))


def test_parameters_are_read_and_refused_in_one_place() -> None:
    assert number(1, 10, "").read("count", "7") == 7
    with pytest.raises(OutOfRange, match="count must be an integer from 1 to 10"):
        number(1, 10, "").read("count", "11")
    assert choice("keep", "strip", description="").read("colours", "keep") == "keep"
    with pytest.raises(Invalid, match="colours must be keep or strip"):
        choice("keep", "strip", description="").read("colours", "KEEP")
    assert choice("Info", "Error", description="", any_case=True).read("level", "error") == "Error"
    assert switch("").read("times", "true") is True


def test_a_handler_declares_each_of_its_parameters() -> None:
    calls = Calls("/api", "tests")
    with pytest.raises(TypeError):

        @calls.get("/jobs", OPEN)
        async def undeclared(count: int = 1) -> None:
            """Has a parameter that nothing is said of."""

    with pytest.raises(TypeError):

        @calls.get("/jobs", OPEN)
        async def annotated(count: Annotated[int, "words"] = 1) -> None:
            """The same."""


def test_a_path_is_there_once() -> None:
    calls = Calls("/api", "tests")
    for _ in range(2):

        @calls.get("/jobs", OPEN)
        async def handler() -> None:
            """Answers."""

    with pytest.raises(AssertionError, match="there twice"):
        Tree(calls.routes)
