"""A run that died says why, on top of its log."""

from __future__ import annotations

import pytest
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
    expect(why.locator("summary").first).to_contain_text("Rank 1 failed first:")
    expect(why.locator("pre")).to_have_text(
        '  File "train.py", line 7, in <module>\n    raise RuntimeError("<b>CUDA out of memory</b>")\n'
        "RuntimeError: <b>CUDA out of memory</b>"
    )
    expect(why.locator(".ends")).to_contain_text("rank 0: completed")
    why.get_by_role("link", name="Go to line 1 of rank 1").click()
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


@pytest.mark.parametrize(("text", "failed"), [(TRACEBACK, True), (b"done\n", False)])
def test_a_run_of_which_nobody_said_how_it_ended_shows_a_failure(open_page: Open, web: Web, text: bytes, failed: bool) -> None:
    """As ``joblog why`` does of what was imported; where there is none, nothing."""
    run = web.post("/api/projects/default/runs", {"job_name": f"why-unsaid-{failed}"}).json
    version = f"/projects/default/jobs/{run['job']['id']}/versions/{run['version']['id']}"
    assert web.call("POST", f"/api{version}/logs/worker-0/append?at=0", text).status == 200
    assert web.post(f"/api{version}/logs/worker-0/close", {}).status == 200
    page = open_page("about:blank")
    with page.expect_response(lambda answer: "/why?" in answer.url) as answered:
        page.goto(f"{version}/logs/worker-0")
    expect(page.locator("nav .badge")).to_have_text("ended")
    answered.value.finished()
    if failed:
        expect(page.locator("details.why summary").first).to_contain_text("It failed:")
    else:
        expect(page.locator("details.why")).to_be_hidden()


def test_it_is_copied_for_a_colleague(open_page: Open, web: Web) -> None:
    """As Markdown: what the log says stands in a block of code that it cannot end, and a link that names no ids."""
    run = web.post("/api/projects/default/runs", {"job_name": "why-copied"}).json
    version = f"/api/projects/default/jobs/{run['job']['id']}/versions/{run['version']['id']}"
    text = b"one\nTraceback (most recent call last):\n  ```\nValueError: ``` [x](http://evil.example)\n"
    assert web.call("POST", f"{version}/logs/worker-0/append?at=0", text).status == 200
    assert web.post(f"{version}/tasks/worker-0/report", {"status": "FAILED", "exit_code": 1}).status == 200
    page = open_page(f"{version}/logs/worker-0".removeprefix("/api"), permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy for a colleague").click()
    expect(page.locator(".notice")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    head, block = copied.split("\n\n", 1)
    assert head.startswith("**why-copied #1** (failed): It failed: ")
    assert block.startswith("````\nTraceback")
    assert "ValueError: ``` [x](http://evil.example)\n````\n\n" in block
    assert block.strip().endswith(f"{web.url}/p/default/why-copied/V0001/worker-0#L1-L3")


def test_while_a_rank_hangs_the_others_death_is_told(open_page: Open, web: Web) -> None:
    """The run goes on as far as anybody knows; why the others died stands on its logs all the same, and ranks are counted."""
    for task, data in [("worker-0", b"step 1\n"), ("worker-1", TRACEBACK), ("worker-2", TRACEBACK)]:
        run = web.post("/api/projects/default/runs", {"job_name": "why-hangs", "run_id": "one", "task": task}).json
        version = f"/projects/default/jobs/{run['job']['id']}/versions/{run['version']['id']}"
        assert web.call("POST", f"/api{version}/logs/{task}/append?at=0", data).status == 200
    page = open_page(f"{version}/logs/worker-0")
    until_shown(page, 0)
    died: dict[str, object] = {"status": "FAILED", "exit_code": 1}
    alive: dict[str, object] = {"status": "RUNNING"}
    for rank, report in enumerate([alive, died, died]):
        assert web.post(f"/api{version}/tasks/worker-{rank}/report", {**report, "tasks": 3}).status == 200
    page.reload()
    why = page.locator("details.why")
    expect(why.locator("summary").first).to_contain_text("Ranks 1-2 failed first:")
    expect(page.locator("nav .badge")).to_have_text("running")
    ends = why.locator(".ends details")
    ends.locator("summary").click()
    expect(ends.locator("a")).to_have_text(["1", "2"])
    assert ends.locator("a").first.get_attribute("href") == f"{version}/logs/worker-1"


def test_it_speaks_chinese(open_page: Open, web: Web) -> None:
    """The sentence, the kind, the endings, the advice."""
    run = web.post("/api/projects/default/runs", {"job_name": "why-chinese"}).json
    version = f"/projects/default/jobs/{run['job']['id']}/versions/{run['version']['id']}"
    assert web.call("POST", f"/api{version}/logs/worker-0/append?at=0", TRACEBACK).status == 200
    report = {"status": "FAILED", "exit_code": 1, "reason": "out of memory"}
    assert web.post(f"/api{version}/tasks/worker-0/report", report).status == 200
    page = open_page(f"{version}/logs/worker-0", locale="zh-CN")
    why = page.locator("details.why")
    expect(why).to_contain_text("显存不足")
    expect(why).to_contain_text("重启无用：同样的任务需要同样多的内存。")
    expect(why.get_by_role("link", name="跳到第 1 行")).to_be_visible()
