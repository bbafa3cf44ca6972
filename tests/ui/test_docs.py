"""The page on which the API's calls are read and tried: ``/api/docs``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Response, expect

from tests.conftest import Server
from tests.server.calls import Web, made_log
from tests.ui.conftest import Open


@pytest.fixture
def page(open_page: Open, server: Server) -> Iterator[Page]:
    """The page, opened by a stranger. It asks this server for its files and the description, and no other for anything."""
    page, asked = open_page("about:blank", token=None), []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{server.url}/api/docs")
    expect(page.locator(".opblock").first).to_be_visible()
    yield page
    assert len(asked) > 3
    assert {url for url in asked if not url.startswith((server.url + "/", "data:"))} == set()


pytestmark = pytest.mark.long  # a browser


def opened(page: Page, operation: str) -> str:
    """Unfolds a call; returns what finds it."""
    call = f"[id$='-{operation}']"
    page.locator(f"{call} .opblock-summary-control").click()
    expect(page.locator(f"{call} .opblock-body")).to_be_visible()
    return call


def tried(page: Page, call: str, **fields: str) -> Response:
    """Fills a call's fields in and makes it."""
    page.locator(f"{call} .try-out__btn").click()
    for name, value in fields.items():
        page.locator(f"{call} tr[data-param-name='{name}'] input").fill(value)
    with page.expect_response(lambda response: "/projects/" in response.url) as answer:
        page.locator(f"{call} .execute").click()
    return answer.value


def test_calls_are_read_and_tried_by_a_stranger(page: Page, server: Server, web: Web) -> None:
    """Each is there, shows an answer as one was really given, and is made with a token that is given once, by its button."""
    described = web.get("/api/openapi.json").json["paths"]
    expect(page.locator(".opblock")).to_have_count(sum(len(calls) for calls in described.values()))
    expect(page.locator("body")).not_to_contain_text("Unable to render")

    call = opened(page, "read_lines")
    expect(page.locator(f"{call} .opblock-description")).to_contain_text("lines from line")
    expect(page.locator(f"{call} .responses-inner .example").first).to_contain_text('"start_line"')

    log = made_log(web, "tried", b"one\ntwo\n")
    page.locator(".btn.authorize").click()
    page.locator("#api_key_value").fill(server.token)
    page.locator(".auth-container:has(#api_key_value) .authorize").click()
    page.locator(".btn-done").first.click()
    ids = {"project_id": log.project_id, "job_id": str(log.job_id), "version_id": str(log.version_id), "task": log.task}
    answer = tried(page, call, **ids)
    assert (answer.status, answer.json()["content"]) == (200, "one\ntwo\n")


def test_a_call_is_tried_by_who_is_logged_in(open_page: Open, web: Web) -> None:
    """In the viewer: its cookie reads."""
    made_log(web, "seen", b"one\n")
    page = open_page("/api/docs")
    answer = tried(page, opened(page, "list_jobs"), project_id="default", name="seen")
    assert (answer.status, [each["name"] for each in answer.json()["items"]]) == (200, ["seen"])
