"""A run that died says why, on top of its log."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.server.calls import Web
from tests.ui.conftest import Open, until_shown

TRACEBACK = b"""step 1
Traceback (most recent call last):
  File "train.py", line 7, in <module>
    raise RuntimeError("<b>CUDA out of memory</b>")
RuntimeError: <b>CUDA out of memory</b>
"""


def test_a_failed_run_says_why_and_where(open_page: Open, web: Web) -> None:
    """The first failure as text, with a link to the lines of the rank that has it."""
    for task, data, status in [("worker-0", b"fine\n" * 3, "COMPLETED"), ("worker-1", TRACEBACK, "FAILED")]:
        run = web.post("/api/projects/default/runs", {"job_name": "why", "run_id": "one", "task": task}).json
        version = f"/projects/default/jobs/{run['job']['id']}/versions/{run['version']['id']}"
        assert web.call("POST", f"/api{version}/logs/{task}/append?at=0", data).status == 200
        assert web.post(f"/api{version}/tasks/{task}/report", {"status": status, "tasks": 2}).status == 200
    page = open_page(f"{version}/logs/worker-0")
    why = page.locator("details.why")
    expect(why).to_contain_text("RuntimeError: <b>CUDA out of memory</b>")
    why.locator("li.cause a").click()
    until_shown(page, 4)
    assert page.url.endswith(f"{version}/logs/worker-1#L1-L4")
    expect(page.locator(".row.selected")).to_have_count(4)


def test_a_run_that_ended_well_says_nothing(open_page: Open, web: Web) -> None:
    """No panel where nothing failed."""
    run = web.post("/api/projects/default/runs", {"job_name": "why-not"}).json
    version = f"/projects/default/jobs/{run['job']['id']}/versions/{run['version']['id']}"
    assert web.call("POST", f"/api{version}/logs/worker-0/append?at=0", b"done\n").status == 200
    assert web.post(f"/api{version}/tasks/worker-0/report", {"status": "COMPLETED"}).status == 200
    page = open_page(f"{version}/logs/worker-0")
    expect(page.locator("nav .badge")).to_have_text("completed")
    expect(page.locator("details.why")).to_be_hidden()
