"""The jobs' page: what there is, how it is, and what to do when there is nothing yet."""

from __future__ import annotations

from itertools import count

import pytest
from playwright.sync_api import Page, expect

from tests.server.calls import Web
from tests.ui.conftest import NARROW, Open, until_shown

pytestmark = pytest.mark.long  # a browser

_numbers = count(1)


@pytest.fixture
def project(web: Web) -> str:
    project_id = f"ui-jobs-{next(_numbers)}"
    assert web.post("/api/projects", {"id": project_id}).status == 200
    return project_id


def send(web: Web, project: str, name: str, data: bytes, **report: object) -> str:
    """Sends a log and a report; returns where the viewer shows the log."""
    made = web.post(f"/api/projects/{project}/runs", {"job_name": name}).json
    version = f"/api/projects/{project}/jobs/{made['job']['id']}/versions/{made['version']['id']}"
    assert web.call("POST", f"{version}/logs/worker-0/append?at=0", data).status == 200
    if report:
        assert web.post(f"{version}/tasks/worker-0/report", report).status == 200
    return f"{version}/logs/worker-0".removeprefix("/api")


def shown(page: Page) -> list[str]:
    return page.locator("table.jobs tbody td.job").all_text_contents()


def test_without_a_job_the_page_says_how_to_send_the_first(open_page: Open, web: Web, project: str) -> None:
    """With this server's address; the job is there without a reload."""
    page = open_page(f"/projects/{project}/")
    expect(page.get_by_role("heading", level=1)).to_have_text("No job has sent a log yet")
    expect(page.locator(".first")).to_contain_text(f"export JOBLOG_URL={web.url}")
    expect(page.locator(".first")).to_contain_text(f"export JOBLOG_PROJECT={project}")
    send(web, project, "first", b"hello\n")
    expect(page.locator("td.job")).to_have_text("first")
    expect(page.locator(".first")).to_be_hidden()


def test_jobs_are_listed_as_they_are(open_page: Open, web: Web, project: str) -> None:
    """State, size, runs and last line, as text whatever it says; a click opens the log."""
    send(web, project, "resnet", b"before\n", status="COMPLETED")
    path = send(web, project, "resnet", b"epoch 1\n<b>\x1b[31mCUDA out of memory\x1b[0m\n", status="FAILED", exit_code=1)
    page = open_page(f"/projects/{project}/")
    row = page.locator("table.jobs tbody tr")
    expect(row.locator("td.state")).to_have_text("failed")
    expect(row.locator("td.attempts")).to_have_text("2")
    expect(row.locator("td.sizeOf")).to_have_text("39 B")
    expect(row.locator("td.lastLine")).to_have_text("<b>CUDA out of memory")
    row.get_by_role("link", name="resnet").click()
    until_shown(page, 1)
    assert page.url.endswith(path)
    page.go_back()
    expect(row.locator("td.job")).to_have_text("resnet")


def test_jobs_are_searched_filtered_and_sorted(open_page: Open, web: Web, project: str) -> None:
    """By typing, by choosing a state, by clicking a column's head."""
    for name, status in [("alpha", "FAILED"), ("beta", "RUNNING"), ("gamma", "COMPLETED")]:
        send(web, project, name, b"line\n", status=status)
    page = open_page(f"/projects/{project}/")
    expect(page.locator("td.job")).to_have_text(["gamma", "beta", "alpha"])
    page.get_by_role("button", name="Job").click()
    expect(page.locator("td.job")).to_have_text(["alpha", "beta", "gamma"])
    assert page.locator("th.job").get_attribute("aria-sort") == "ascending"
    page.keyboard.press("/")
    page.keyboard.type("GAM")
    expect(page.locator("td.job")).to_have_text(["gamma"])
    page.get_by_role("searchbox").fill("")
    page.get_by_label("State").select_option("FAILED")
    expect(page.locator("td.job")).to_have_text(["alpha"])
    page.get_by_role("searchbox").fill("gamma")
    expect(page.locator(".none")).to_have_text("No job is like that.")


def test_a_job_that_runs_shows_how_far_it_is(open_page: Open, web: Web, project: str) -> None:
    """The bar and the time left are those of its own progress bar, and move with it; what has ended shows none."""
    bar = b"\r<b>x:  40%|####      | 40/100 [00:10<01:30,  1.50s/it]"
    path = send(web, project, "bar", bar, status="RUNNING")
    page = open_page(f"/projects/{project}/")
    far = page.locator("td.progress")
    expect(far).to_have_text("1m 30s left")
    expect(far.locator("progress")).to_have_attribute("value", "40")
    expect(far.locator(".far")).to_have_attribute("title", "<b>x · 40 / 100 · 40%")
    more = b"\r<b>x:  90%|######### | 90/100 [01:30<00:10,  1.50s/it]"
    assert web.call("POST", f"/api{path}/append?at={len(bar)}", more).status == 200
    expect(far).to_have_text("10s left")
    version = path.removesuffix("/logs/worker-0")
    assert web.post(f"/api{version}/tasks/worker-0/report", {"status": "COMPLETED"}).status == 200
    expect(page.locator("td.state")).to_have_text("completed")
    expect(far).to_have_text("")


def test_the_list_is_live(open_page: Open, web: Web, project: str) -> None:
    """What a job says now is there, and what it was before is not."""
    path = send(web, project, "live", b"step 1\n", status="RUNNING")
    page = open_page(f"/projects/{project}/")
    expect(page.locator("td.lastLine")).to_have_text("step 1")
    assert web.call("POST", f"/api{path}/append?at=7", b"step 2\n").status == 200
    expect(page.locator("td.lastLine")).to_have_text("step 2")
    page.set_viewport_size({"width": NARROW["width"], "height": NARROW["height"]})
    expect(page.locator("td.lastLine")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert shown(page) == ["live"]


def label(web: Web, project: str, name: str, **labels: str) -> None:
    assert web.post(f"/api/projects/{project}/jobs", {"name": name, "labels": labels}).status == 200


def chosen(page: Page) -> list[str | None]:
    """The labels that the list is kept to."""
    return [each.text_content() for each in page.get_by_role("group", name="Labels").get_by_role("button").all()]


def test_jobs_are_filtered_by_labels(open_page: Open, web: Web, project: str) -> None:
    """By a click on one, by typing, several together, with name and state; the address keeps them; a click takes one away."""
    for name, status in [("alpha", "FAILED"), ("beta", "RUNNING"), ("gamma", "FAILED")]:
        send(web, project, name, b"line\n", status=status)
    label(web, project, "alpha", team="vision", seed="1")
    label(web, project, "beta", team="vision")
    label(web, project, "gamma", team="<b>speech</b>")
    page = open_page(f"/projects/{project}/")
    expect(page.locator("tr", has_text="gamma").locator(".label")).to_have_text("team <b>speech</b>")
    page.locator("tr", has_text="beta").get_by_role("button", name="team vision").click()
    expect(page.locator("td.job a")).to_have_text(["beta", "alpha"])
    box = page.get_by_label("Label", exact=True)
    box.fill("seed")
    box.press("Enter")
    expect(page.locator("td.job a")).to_have_text(["alpha"])
    assert chosen(page) == ["team=vision \u00d7", "seed \u00d7"]
    page.reload()
    expect(page.locator("td.job a")).to_have_text(["alpha"])
    page.get_by_role("button", name="No longer only seed").click()
    expect(page.locator("td.job a")).to_have_text(["beta", "alpha"])
    page.get_by_label("State").select_option("FAILED")
    expect(page.locator("td.job a")).to_have_text(["alpha"])
    page.get_by_role("searchbox").fill("bet")
    expect(page.locator(".none")).to_have_text("No job is like that.")
    page.get_by_label("State").select_option("")
    expect(page.locator("td.job a")).to_have_text(["beta"])


def test_many_labels_are_shown_when_asked_for(open_page: Open, web: Web, project: str) -> None:
    """A few at once; the others by a click, and they stay while the list is brought up to date."""
    path = send(web, project, "alpha", b"line\n", status="RUNNING")
    label(web, project, "alpha", **{f"n{number}": str(number) for number in range(8)})
    page = open_page(f"/projects/{project}/")
    labels = page.locator("td.job .label")
    expect(labels).to_have_text([f"n{number} {number}" for number in range(3)])
    page.get_by_role("button", name="5 more labels").click()
    expect(labels).to_have_count(8)
    expect(labels.nth(3)).to_be_focused()
    assert web.call("POST", f"/api{path}/append?at=5", b"later\n").status == 200
    expect(page.locator("td.lastLine")).to_have_text("later")
    expect(labels).to_have_count(8)


def test_what_is_no_label_is_not_asked_for(open_page: Open, project: str, web: Web) -> None:
    """The box says what it takes, and the list stays as it is; in an address it is passed over."""
    send(web, project, "alpha", b"line\n")
    page = open_page(f"/projects/{project}/?label=a+b&label=%3Dx")
    expect(page.locator("td.job a")).to_have_text("alpha")
    assert chosen(page) == []
    box = page.get_by_label("Label", exact=True)
    box.fill("a b=c")
    box.press("Enter")
    assert box.evaluate("box => box.validationMessage").startswith("Only jobs with this label: team=vision")
    assert chosen(page) == []
    box.fill("a=b c")
    box.press("Enter")
    expect(page.locator(".none")).to_have_text("No job is like that.")


def test_labels_are_live(open_page: Open, web: Web, project: str) -> None:
    """A job that is labelled now is listed by its label now; one whose label has gone is not."""
    send(web, project, "alpha", b"line\n")
    page = open_page(f"/projects/{project}/?label=team%3Dvision")
    expect(page.locator(".none")).to_have_text("No job is like that.")
    label(web, project, "alpha", team="vision")
    expect(page.locator("td.job .label")).to_have_text("team vision")
    label(web, project, "alpha", team="speech")
    expect(page.locator(".none")).to_have_text("No job is like that.")
    page.set_viewport_size({"width": NARROW["width"], "height": NARROW["height"]})
    page.get_by_role("button", name="No longer only team=vision").click()
    expect(page.locator("td.job .label")).to_have_text("team speech")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
