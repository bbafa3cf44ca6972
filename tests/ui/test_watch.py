"""What watch rules found: the bell in the header, and marks on the job, on the run, at the line."""

from __future__ import annotations

import time
from itertools import count
from typing import Any

import pytest
from playwright.sync_api import Page, Request, expect

from tests.server.calls import Web
from tests.server.people import made_person
from tests.ui.conftest import ANSWER_MS, NARROW, Open, until_shown, viewer_path

pytestmark = pytest.mark.long  # a browser, and the watcher's rounds of five seconds

QUIET = "epoch 1\nepoch 2\n"
FIRES = "boom <img src=x onerror='window.hit = 1'> \x1b[31mred\x1b[0m \u202e txt.exe\n"
HOSTILE = "<img|<b>bold</b>"

_numbers = count(1)


@pytest.fixture
def project(web: Web) -> str:
    project_id = f"ui-watch-{next(_numbers)}"
    assert web.post("/api/projects", {"id": project_id}).status == 200
    return project_id


def watch(web: Web, project: str, pattern: str, name: str, **more: object) -> None:
    rule = {"kind": "match", "pattern": pattern, "regex": True, "name": name, **more}
    assert web.post(f"/api/projects/{project}/watch/rules", {"rules": [rule]}).status == 200


def begin(web: Web, project: str, job: str = "resnet") -> str:
    """Begins a run that has printed two lines; returns where the API has its log."""
    made = web.post(f"/api/projects/{project}/runs", {"job_name": job}).json
    log = f"/api/projects/{project}/jobs/{made['job']['id']}/versions/{made['version']['id']}/logs/worker-0"
    add(web, log, QUIET)
    return log


def add(web: Web, log: str, text: str) -> None:
    end = web.get(log).json["end_byte"]
    assert web.call("POST", f"{log}/append?at={end}", text.encode()).status == 200


def fired(web: Web, project: str, wanted: int) -> list[dict[str, Any]]:
    """Waits until so many alerts are stored; returns them, the newest first."""
    deadline = time.monotonic() + ANSWER_MS / 1000
    while len(alerts := web.get(f"/api/projects/{project}/watch/alerts").json["items"]) < wanted:
        assert time.monotonic() < deadline, alerts
        time.sleep(0.2)
    return list(alerts)


def bell(page: Page) -> None:
    page.locator(".bell summary").click()
    expect(page.locator(".alert-list")).to_be_visible()


def asked(page: Page) -> list[str]:
    """The requests for the project's alerts, as they are made."""
    made: list[str] = []

    def note(request: Request) -> None:
        if "/watch/alerts" in request.url and "version=" not in request.url:
            made.append(request.url)

    page.on("request", note)
    return made


def test_the_bell_tells_what_fired_and_leads_to_the_line(open_page: Open, web: Web, project: str) -> None:
    """While the list of jobs is looked at: a number on the bell, a mark on the job; a click goes to the line, which has one."""
    watch(web, project, "boom", "gpu", notify=["https://nowhere.invalid/hook?key=secret"])
    log = begin(web, project)
    page = open_page(f"/projects/{project}/")
    expect(page.locator("td.job")).to_have_text("resnet")
    expect(page.get_by_label("Alerts", exact=True).first).to_be_visible()
    expect(page.locator(".bell-count")).to_be_hidden()
    add(web, log, FIRES)
    expect(page.locator(".bell-count")).to_have_text("1")
    expect(page.locator(".bell summary")).to_have_attribute("aria-label", "Alerts: 1 new")
    expect(page.locator("td.job .fired-mark")).to_have_attribute("title", "1 alert: a line matches boom")
    bell(page)
    item = page.locator(".alert-list > li")
    expect(item.locator(".alert-rule")).to_have_text("gpu")
    expect(item.locator(".alert-reason")).to_have_text("a line matches boom")
    expect(item.locator(".deliveries li")).to_contain_text("https://nowhere.invalid/")
    expect(item.locator(".deliveries li")).to_contain_text("waiting")
    expect(item).not_to_contain_text("secret")
    expect(item.locator(".badge")).to_have_text("new")
    expect(page.locator(".bell-count")).to_be_hidden()
    run, line = item.locator("a").all()
    expect(run).to_have_text("resnet #1")
    expect(line).to_have_text("Go to line 2 of rank 0")
    line.click()
    until_shown(page, 2)
    assert page.url.endswith(f"{log.removeprefix('/api')}#L2")
    expect(page.locator(".row.fired")).to_have_attribute("data-line", "2")
    page.reload()
    expect(page.locator(".row.fired")).to_be_visible()
    bell(page)
    expect(item).to_have_count(1)
    expect(item.locator(".badge")).to_have_count(0)


def test_the_line_that_fired_is_marked_on_its_page(open_page: Open, web: Web, project: str) -> None:
    """In the lines, as a terminal shows them too, on the map, beside the run's state, in its card."""
    watch(web, project, "boom", "gpu")
    log = begin(web, project)
    add(web, log, FIRES)
    fired(web, project, 1)
    page = open_page(log.removeprefix("/api"))
    row = page.locator(".row.fired")
    expect(row).to_have_attribute("data-line", "2")
    expect(row.locator(".no")).to_have_attribute("title", "alert: gpu: a line matches boom")
    expect(page.locator(".mark-at.alert")).to_have_attribute("data-at", "2")
    expect(page.locator(".run-fired .fired-mark")).to_be_visible()
    page.locator(".facts summary").click()
    expect(page.locator(".fired-list a")).to_have_text("gpu: a line matches boom")
    page.keyboard.press("Escape")
    page.locator(".lines").focus()
    page.keyboard.press("r")
    expect(page.locator(".terminal .row.fired")).to_have_attribute("data-line", "2")


def test_an_open_log_learns_of_an_alert_and_what_was_seen_is_seen_in_every_tab(open_page: Open, web: Web, project: str) -> None:
    """The line that is on the screen gets its mark without a reload. The run's row below its job has the words."""
    watch(web, project, "boom", "gpu")
    log = begin(web, project)
    page = open_page(log.removeprefix("/api"))
    until_shown(page, 1)
    add(web, log, FIRES)
    expect(page.locator(".row.fired")).to_have_attribute("data-line", "2")
    expect(page.locator(".bell-count")).to_have_text("1")
    other = open_page(f"/projects/{project}/")
    expect(other.locator(".bell-count")).to_have_text("1")
    other.get_by_role("button", name="runs of resnet").click()
    expect(other.locator(".run-list .fired-mark")).to_have_attribute("aria-label", "1 alert: a line matches boom")
    bell(other)
    expect(other.locator(".bell-count")).to_be_hidden()
    expect(page.locator(".bell-count")).to_be_hidden()


def test_what_a_log_and_a_rule_say_is_text_in_the_bell(open_page: Open, web: Web, project: str) -> None:
    """On every place where it stands: patterns and lines."""
    watch(web, project, HOSTILE, "gpu")
    log = begin(web, project)
    add(web, log, FIRES)
    fired(web, project, 1)
    page = open_page(f"{log.removeprefix('/api')}#L2")
    said = f"a line matches {HOSTILE}"
    expect(page.locator(".row.fired .no")).to_have_attribute("title", f"alert: gpu: {said}")
    expect(page.locator(".run-fired .fired-mark")).to_have_attribute("aria-label", f"1 alert: gpu: {said}")
    page.locator(".facts summary").click()
    expect(page.locator(".fired-list a")).to_have_text(f"gpu: {said}")
    bell(page)
    item = page.locator(".alert-list > li")
    expect(item.locator(".alert-reason")).to_have_text(said)
    expect(item.locator(".said")).to_contain_text("boom <img src=x onerror='window.hit = 1'>")
    assert not {"\x1b", "\u202e"} & set(page.locator(".alerts").inner_text())
    assert page.locator(":is(.alerts, .facts, .row) :is(img, b, script)").count() == 0
    assert page.evaluate("'hit' in window") is False
    page.goto(f"/projects/{project}/")
    expect(page.locator("td.job .fired-mark")).to_have_attribute("title", f"1 alert: {said}")
    assert page.locator("table :is(img, b)").count() == 0


def test_keys_alone_go_through_the_panel(open_page: Open, web: Web, project: str) -> None:
    """Enter opens it, Tab goes from link to link, Escape closes it and is back at the bell; so on a narrow screen."""
    watch(web, project, "boom", "gpu")
    log = begin(web, project)
    add(web, log, FIRES)
    fired(web, project, 1)
    page = open_page(log.removeprefix("/api"), viewport=NARROW)
    expect(page.locator(".bell-count")).to_have_text("1")
    page.locator(".bell summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".alert-list > li")).to_be_visible()
    box = page.locator(".menu-list.alerts").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["y"] >= 0
    assert box["x"] + box["width"] <= NARROW["width"]
    assert box["y"] + box["height"] <= NARROW["height"]
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("resnet #1")
    page.keyboard.press("Escape")
    expect(page.locator(".alert-list")).to_be_hidden()
    expect(page.locator(".bell summary")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    until_shown(page, 2)
    assert page.url.endswith("#L2")
    expect(page.locator(".alert-list")).to_be_hidden()


def test_more_than_a_page_is_counted_with_a_plus_and_shown_when_asked_for(open_page: Open, web: Web, project: str) -> None:
    """Twenty at a time."""
    for number in range(22):
        watch(web, project, f"boom|never-{number}", f"rule {number}")
    log = begin(web, project)
    add(web, log, FIRES)
    fired(web, project, 22)
    page = open_page(f"/projects/{project}/")
    expect(page.locator(".bell-count")).to_have_text("20+")
    bell(page)
    expect(page.locator(".alert-list > li")).to_have_count(20)
    page.locator(".alerts").get_by_role("button", name="Show more").click()
    expect(page.locator(".alert-list > li")).to_have_count(22)
    expect(page.locator(".alerts").get_by_role("button", name="Show more")).to_be_hidden()
    names = page.locator(".alert-rule").all_text_contents()
    assert sorted(names) == sorted(f"rule {number}" for number in range(22))


def test_nobody_is_asked_often_and_nobody_for_a_hidden_page(open_page: Open, web: Web) -> None:
    """At most every thirty seconds, by the page's clock; a page that is seen again catches up."""
    person = made_person(web)
    page = open_page(viewer_path(person.log), token=person.token())  # alone: the clock is that of all pages of a browser
    page.clock.install()
    made = asked(page)
    page.reload()
    until_shown(page, 1)

    def after(ms: int, wanted: int) -> None:
        page.clock.run_for(ms)
        deadline = time.monotonic() + ANSWER_MS / 1000
        while len(made) < wanted:
            assert time.monotonic() < deadline, made
            time.sleep(0.05)  # the page's own waiting would be by the clock that stands still
            page.evaluate("1")
        page.evaluate("fetch('/api/session')")  # what was asked for before has been noted when this is answered
        assert len(made) == wanted

    page.clock.pause_at(page.evaluate("Date.now()") + 2000)
    after(0, 1)
    after(27_000, 1)
    after(3_000, 2)
    hide = """(hidden) => {
      Object.defineProperty(document, "hidden", {configurable: true, get: () => hidden});
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.evaluate(hide, True)
    after(300_000, 2)
    page.evaluate(hide, False)
    after(2_000, 3)


def test_an_empty_bell_says_how_rules_are_made(open_page: Open, project: str) -> None:
    """In both languages."""
    page = open_page(f"/projects/{project}/")
    page.locator(".bell summary").click()
    expect(page.locator(".alerts")).to_contain_text("joblog watch add")
    page = open_page(f"/projects/{project}/", locale="zh-CN")
    page.locator(".bell summary").click()
    expect(page.locator(".alerts")).to_contain_text("该项目没有规则触发")
