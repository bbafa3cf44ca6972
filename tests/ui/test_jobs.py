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
    expect(page.get_by_role("heading", level=2)).to_have_text("No job has sent a log yet")
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
    expect(row.locator("td.open")).to_have_text("▸ 2")
    expect(row.locator("td.sizeOf")).to_have_text("39 B")
    expect(row.locator("td.lastLine")).to_have_text("<b>CUDA out of memory")
    row.get_by_role("link", name="resnet").click()
    until_shown(page, 1)
    assert page.url.endswith(path)
    page.go_back()
    expect(row.locator("td.job")).to_have_text("resnet")


def test_jobs_are_searched_filtered_and_sorted(open_page: Open, web: Web, project: str) -> None:
    """By typing, by a tab with its count, by clicking a column's head; the address keeps what is looked for."""
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
    tabs = page.get_by_role("group", name="State")
    expect(tabs.get_by_role("button")).to_have_text(["all 3", "running 1", "failed 1", "completed 1"])
    tabs.get_by_role("button", name="failed").click()
    expect(page.locator("td.job")).to_have_text(["alpha"])
    expect(page.get_by_role("searchbox")).to_have_value("state:failed")
    page.reload()
    expect(page.locator("td.job")).to_have_text(["alpha"])
    page.get_by_role("searchbox").fill("gamma state:failed")
    expect(page.locator(".none")).to_contain_text("No job is like that.")
    page.get_by_role("button", name="Show all jobs").click()
    expect(page.locator("td.job")).to_have_count(3)


def test_a_row_says_why_a_run_failed_and_leads_to_the_rank_that_failed_first(open_page: Open, web: Web, project: str) -> None:
    """Of many ranks; opened, the row has the job's runs, each with its state."""
    send(web, project, "crash", b"fine\n", status="COMPLETED")
    traceback = b"Traceback (most recent call last):\n"
    texts = {0: traceback + b"ConnectionResetError: peer has gone\n", 1: traceback + b"ValueError: <b>record 7</b>\n"}
    for rank, text in texts.items():
        body = {"job_name": "crash", "run_id": "night", "task": f"worker-{rank}"}
        made = web.post(f"/api/projects/{project}/runs", body).json
        version = f"/api/projects/{project}/jobs/{made['job']['id']}/versions/{made['version']['id']}"
        assert web.call("POST", f"{version}/logs/worker-{rank}/append?at=0", text).status == 200
    for rank in (1, 0):
        report = {"status": "FAILED", "exit_code": 1, "tasks": 2}
        assert web.post(f"{version}/tasks/worker-{rank}/report", report).status == 200
    page = open_page(f"/projects/{project}/")
    expect(page.locator("td.lastLine")).to_have_text("rank 1: ValueError: <b>record 7</b>")
    page.get_by_role("button", name="runs of crash").click()
    runs = page.locator(".run-list li")
    expect(runs).to_have_count(2)
    expect(runs.first).to_contain_text("#2 · night")
    expect(runs.last).to_contain_text("completed")
    expect(runs.last).to_contain_text("1 rank")
    expect(runs.last).not_to_contain_text("1 ranks")
    for width in (1280, 1100):  # at both, other columns are shown; the job's row is as wide as its runs'
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_function("""() => {
            const right = (cell) => cell.getBoundingClientRect().right;  // 0 of one that is not shown
            const rows = [...document.querySelectorAll("table.jobs tbody tr")];
            const [job, runs] = rows.map((row) => Math.max(...[...row.cells].map(right)));
            return Math.abs(job - runs) < 1;
        }""")
    page.reload()
    expect(runs).to_have_count(2)
    page.locator("td.job a").click()
    until_shown(page, 1)
    assert page.url.endswith("/logs/worker-1")
    expect(page.get_by_label("Rank", exact=True).locator("option")).to_have_text(["rank 1 · failed first", "rank 0 · failed"])
    expect(page.get_by_label("Run", exact=True).locator("option").first).to_contain_text("#2 · night · failed · ")


@pytest.mark.parametrize("width", [1440, 1000])
def test_nothing_is_cut_to_a_letter(open_page: Open, web: Web, project: str, width: int) -> None:
    """At any width, what stands in a column is read: state, time, cause, size."""
    send(web, project, "a-rather-long-name-of-a-job", b"line\n" * 530_000 + b"word " * 60 + b"\n", status="COMPLETED")
    label(web, project, "a-rather-long-name-of-a-job", team="vision", dataset="imagenet-1k")
    page = open_page(f"/projects/{project}/", viewport={"width": width, "height": 700})
    expect(page.locator("td.lastLine")).to_contain_text("word")
    for name in ("job", "state", "started", "duration", "sizeOf"):
        cell = page.locator(f"td.{name}:visible")
        assert all(cell.evaluate_all("(all) => all.map((each) => each.scrollWidth <= each.clientWidth)")), name
    assert page.locator("td.lastLine").evaluate("(cell) => cell.clientWidth") > 150
    expect(page.locator("td.progress")).to_be_hidden()


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


def test_jobs_are_filtered_by_labels(open_page: Open, web: Web, project: str) -> None:
    """By a click on one, by typing, several together, with name and state; the address keeps them; a click takes one away."""
    for name, status in [("alpha", "FAILED"), ("beta", "RUNNING"), ("gamma", "FAILED")]:
        send(web, project, name, b"line\n", status=status)
    label(web, project, "alpha", team="vision", seed="1")
    label(web, project, "beta", team="vision")
    label(web, project, "gamma", team="<b>speech</b> two")
    page = open_page(f"/projects/{project}/")
    expect(page.locator("tr", has_text="gamma").locator(".label")).to_have_text("team <b>speech</b> two")
    page.locator("tr", has_text="beta").get_by_role("button", name="team vision").click()
    expect(page.locator("td.job a")).to_have_text(["beta", "alpha"])
    box = page.get_by_role("searchbox")
    expect(box).to_have_value("label:team=vision")
    box.fill("label:team=vision label:seed")
    expect(page.locator("td.job a")).to_have_text(["alpha"])
    page.reload()
    expect(page.locator("td.job a")).to_have_text(["alpha"])
    page.locator("tr", has_text="alpha").get_by_role("button", name="team vision").click()
    expect(box).to_have_value("label:seed")
    box.fill('label:"team=<b>speech</b> two"')
    expect(page.locator("td.job a")).to_have_text(["gamma"])
    page.goto(f"/projects/{project}/?label=team%3Dvision")
    expect(page.locator("td.job a")).to_have_text(["beta", "alpha"])


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


def test_what_is_not_understood_is_told(open_page: Open, project: str, web: Web) -> None:
    """The rest of what was typed is looked for all the same."""
    send(web, project, "alpha", b"line\n")
    page = open_page(f"/projects/{project}/?q=alp+label:a%2A%3Dc+state:fine+more")
    expect(page.locator("td.job a")).to_have_text("alpha")
    expect(page.get_by_role("alert").first).to_contain_text("Not understood: label:a*=c state:fine more.")


def test_labels_are_live(open_page: Open, web: Web, project: str) -> None:
    """A job that is labelled now is listed by its label now; one whose label has gone is not."""
    send(web, project, "alpha", b"line\n")
    page = open_page(f"/projects/{project}/?q=label:team%3Dvision")
    expect(page.locator(".none")).to_contain_text("No job is like that.")
    label(web, project, "alpha", team="vision")
    expect(page.locator("td.job .label")).to_have_text("team vision")
    label(web, project, "alpha", team="speech")
    expect(page.locator(".none")).to_contain_text("No job is like that.")
    page.set_viewport_size({"width": NARROW["width"], "height": NARROW["height"]})
    page.get_by_role("button", name="Show all jobs").click()
    expect(page.locator("td.job .label")).to_have_text("team speech")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
