"""Logging in to the viewer, as somebody at a browser does."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.conftest import Server
from tests.server.calls import Web, made_log
from tests.server.people import made_person
from tests.ui.conftest import Open, settings, settled, shown_lines, viewer_path


def test_a_token_opens_the_page_that_was_asked_for(open_page: Open, server: Server, web: Web) -> None:
    """A wrong one says so; the token is nowhere a script could read it, and logging out ends it."""
    log = made_log(web, "login", b"one\ntwo\n", closed=True)
    page = open_page(viewer_path(log), token=None)
    page.get_by_label("Token", exact=True).fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("That is not known here. Check it, and try again.")
    page.get_by_label("Token", exact=True).fill(server.token)
    page.keyboard.press("Enter")
    settled(page)
    assert shown_lines(page) == {0: "one", 1: "two"}
    kept = page.evaluate("() => document.cookie + JSON.stringify({...localStorage}) + JSON.stringify({...sessionStorage})")
    assert server.token not in kept
    assert server.token not in page.content()
    (cookie,) = page.context.cookies(server.url + "/api")
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/api")
    settings(page)
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Token", exact=True)).to_be_visible()
    assert page.context.cookies(server.url + "/api") == []


def test_a_password_opens_it_too(open_page: Open, web: Web) -> None:
    """The user sees a log of a project that it is a member of."""
    person = made_person(web, "read")
    page = open_page(viewer_path(person.log), token=None)
    page.get_by_role("button", name="With a password").click()
    page.get_by_label("User", exact=True).fill(person.name)
    page.get_by_label("Password", exact=True).fill(person.password)
    page.keyboard.press("Enter")
    settled(page)
    assert shown_lines(page) == {0: "one", 1: "two"}


def test_a_project_that_one_may_not_see_says_so(open_page: Open, web: Web) -> None:
    """403 and 404 are words, not an empty page."""
    person, log = made_person(web, "read"), made_log(web, "login-other", b"one\n")
    page = open_page(viewer_path(log), token=person.token(), problems=True)
    expect(page.get_by_role("alert")).to_contain_text("You may not see this")
    page.goto(f"/projects/{person.project_id}/jobs/999999/versions/1/logs/worker-0")
    expect(page.get_by_role("heading", name="There is nothing here")).to_be_visible()
    page.get_by_role("link", name="To the jobs").click()
    expect(page.locator(".settings")).to_be_visible()


def test_a_one_time_link_opens_the_page_that_it_names(open_page: Open, web: Web) -> None:
    """Once; the code is neither in the address nor in the history then, and whoever comes later is told why not."""
    log = made_log(web, "login-link", b"one\ntwo\n", closed=True)
    code = web.post("/api/session/code", {}).json["code"]
    link = f"/login?to=/p/{log.project_id}/{log.job_id}/V0001/worker-0%23L1#{code}"
    page = open_page(link, token=None)
    settled(page)
    assert shown_lines(page) == {0: "one", 1: "two"}
    assert page.url.endswith(f"{viewer_path(log)}#L1")
    page.go_back()
    assert code not in page.url
    page.go_forward()
    again = open_page(link, token=None, problems=True)
    expect(again.get_by_role("alert")).to_contain_text("This link has been used")
    assert code not in again.url


def test_a_link_leads_to_no_other_host(open_page: Open, web: Web) -> None:
    """Nor to anything but pages; it logs in all the same."""
    for to in ("https://logs.example/p/x", "//logs.example/", "javascript:alert(1)", "/api/docs"):
        code = web.post("/api/session/code", {}).json["code"]
        page = open_page(f"/login?to={to}#{code}", token=None)
        expect(page.locator(".settings")).to_be_visible()
        assert page.evaluate("location.pathname") in ("/", "/projects/default/")
