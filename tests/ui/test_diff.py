"""What is different from another run, in the viewer."""

from __future__ import annotations

from itertools import count

import pytest
from playwright.sync_api import expect

from tests.server.calls import Web
from tests.ui.conftest import Open, settings

_numbers = count(1)

STEPS = "".join(f"step {at} loss {1 / (at + 1):.4f}\n" for at in range(30))
GOOD = f"lr: 0.1\n{STEPS}saved <b>model</b>\n"
BAD = f"lr: 10\n{STEPS}reader uses the slow path\nTraceback (most recent call last):\nRuntimeError: boom <i>here</i>\n"


def send(web: Web, job: str, run_id: str, text: str, status: str) -> str:
    """Sends a run of one rank that has ended; returns the version's path."""
    made = web.post("/api/projects/default/runs", {"job_name": job, "run_id": run_id, "task": "worker-0"}).json
    version = f"/projects/default/jobs/{made['job']['id']}/versions/{made['version']['id']}"
    assert web.call("POST", f"/api{version}/logs/worker-0/append?at=0", text.encode()).status == 200
    assert web.post(f"/api{version}/logs/worker-0/close", {}).status == 200
    assert web.post(f"/api{version}/tasks/worker-0/report", {"status": status, "tasks": 1}).status == 200
    return version


@pytest.fixture
def runs(web: Web) -> tuple[str, str]:
    """A good run, and one after it that failed."""
    job = f"diff-{next(_numbers)}"
    return send(web, job, "one", GOOD, "COMPLETED"), send(web, job, "two", BAD, "FAILED")


def test_what_is_different(open_page: Open, runs: tuple[str, str]) -> None:
    """From the failure's box to the page: new, gone and changed, as text, each with a way to its line; in both languages."""
    good, bad = runs
    page = open_page(f"{bad}/logs/worker-0")
    page.locator(".why summary", has_text="New here").click()
    expect(page.locator(".why li", has_text="reader uses the slow path")).to_be_visible()
    page.get_by_role("link", name="What is different").click()
    sections = page.locator(".differences section")
    expect(sections).to_have_count(3)
    new, gone, values = sections.all()
    expect(new.locator("code")).to_have_text(
        ["RuntimeError: boom <i>here</i>", "reader uses the slow path", "Traceback (most recent call last):"]
    )
    expect(new.locator("li.cause")).to_have_count(1)
    expect(gone.locator("code")).to_have_text(["saved <b>model</b>"])
    expect(values.locator("li")).to_contain_text(["lr 0.1 → 10"])
    expect(page.locator(".parted")).to_contain_text("RuntimeError: boom <i>here</i>")
    expect(gone.locator("a")).to_have_attribute("href", f"{good}/logs/worker-0#L31")
    settings(page)
    page.get_by_label("Language").select_option("zh")
    expect(page.locator(".differences h2").first).to_contain_text("新出现")
    page.locator(".differences section").first.locator("a").first.click()
    expect(page.locator('.row[data-line="33"]')).to_be_visible()


def test_another_run_is_chosen(open_page: Open, runs: tuple[str, str]) -> None:
    """The address keeps it; where there is none, the page says so."""
    good, bad = runs
    page = open_page(f"{good}/diff", problems=True)
    expect(page.locator(".differences").get_by_role("alert")).to_have_text("There is no other run of this job that is over.")
    page.get_by_label("Compared with").select_option(bad.rpartition("/")[2])
    expect(page.locator(".differences section").first).to_contain_text("saved <b>model</b>")
    page.reload()
    expect(page.locator(".differences section").first).to_contain_text("saved <b>model</b>")
    page.get_by_label("Compared with").select_option("ranks")
    expect(page.locator(".differences")).to_have_text("Both print the same, but for numbers, times and ids.")
