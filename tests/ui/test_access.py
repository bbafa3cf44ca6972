"""Everybody can use the viewer: axe-core finds nothing on any page, in both themes, at three widths; keys alone reach all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby, product
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import Server
from tests.server.calls import Web
from tests.ui.conftest import ANSWER_MS, Open, settings

AXE = Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js"

WIDTHS = (1440, 1000, 480)
Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")
RANKS = 4

STEPS = "".join(f"step={step} loss={5 - step / 20:.2f} accuracy={step / 60:.2f}\n" for step in range(60))
COLOURS = "\x1b[31mred\x1b[0m \x1b[42;30mblock\x1b[0m WARNING: hot\nsee https://logs.example/x?y=1\n\n"
TRACEBACK = """Traceback (most recent call last):
  File "train.py", line 7, in <module>
    step()
torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.50 GiB
"""
BAR = "loading\n" + "".join(f"\rx:  {done}%|####      | {done}/100 [00:10<01:30,  1.50s/it]" for done in range(41))


@pytest.fixture(scope="module")
def world(server: Server) -> Iterator[dict[str, str]]:
    """A project with what the viewer shows: a run that fails, one that goes on, one that ended well; by name their paths."""
    web = Web(server.url, server.token)
    for project in ("access", "access-empty"):
        assert web.post("/api/projects", {"id": project}).status == 200
    rule = {"kind": "match", "pattern": "OutOfMemoryError", "name": "memory", "notify": ["https://nowhere.invalid/hook"]}
    assert web.post("/api/projects/access/watch/rules", {"rules": [rule]}).status == 200

    def run(name: str, ranks: dict[int, tuple[str, str]]) -> str:
        for rank in ranks:
            body = {"job_name": name, "run_id": "one", "task": f"worker-{rank}"}
            made = web.post("/api/projects/access/runs", body).json
        path = f"/projects/access/jobs/{made['job']['id']}/versions/{made['version']['id']}"
        for rank, (text, status) in ranks.items():
            log = f"/api{path}/logs/worker-{rank}"
            assert web.call("POST", f"{log}/append?at=0", text.encode()).status == 200
            report = {"status": status, "tasks": len(ranks), "host": f"node-{rank // 2}"}
            assert web.post(f"/api{path}/tasks/worker-{rank}/report", report).status == 200
            if status != "RUNNING":
                assert web.post(f"{log}/close", {}).status == 200
        return path

    failed = {rank: (STEPS + COLOURS + (TRACEBACK if rank == 2 else ""), "FAILED") for rank in range(RANKS)}
    paths = {"failed": run("failed", failed), "running": run("running", {0: (BAR, "RUNNING")})}
    paths["hangs"] = run("hangs", {0: (STEPS, "RUNNING"), 1: (STEPS + TRACEBACK, "FAILED")})
    paths["good"] = run("good", {0: (STEPS, "COMPLETED")})
    assert web.post("/api/projects/access/jobs", {"name": "failed", "labels": {"team": "vision", "seed": "1"}}).status == 200
    deadline = time.monotonic() + ANSWER_MS / 1000
    while len(web.get("/api/projects/access/watch/alerts").json["items"]) < 2:  # of two runs
        assert time.monotonic() < deadline
        time.sleep(0.2)
    yield paths
    web.close()


def violations(page: Page) -> list[str]:
    """What axe-core finds, each with the elements that it is about."""
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']}).then((done) => done.violations)")
    return [
        f"{each['id']}: {each['help']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for each in found
        for node in each["nodes"]
    ]


def check(page: Page, looks: Iterable[tuple[int, Theme]]) -> None:
    """Nothing is wrong in these themes at these widths, and nothing is wider than the window."""
    for width, themes in groupby(looks, lambda look: look[0]):
        page.set_viewport_size({"width": width, "height": 800})
        for _, theme in themes:
            page.emulate_media(color_scheme=theme)
            page.wait_for_function("(dark) => matchMedia('(prefers-color-scheme: dark)').matches === dark", arg=theme == "dark")
            assert violations(page) == [], f"{theme}, {width} pixels"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{width} pixels"


def jobs(page: Page) -> None:
    expect(page.locator("td.job a").first).to_be_visible()


def log(page: Page) -> None:
    expect(page.locator(".row:not(.absent)").first).to_be_visible()
    expect(page.locator("nav .badge")).to_be_visible()


def found(page: Page) -> None:
    log(page)
    page.keyboard.press("/")
    page.keyboard.type("loss")
    page.keyboard.press("Enter")
    expect(page.locator(".row.hit")).to_be_visible()
    page.get_by_label("List what was found").click()
    expect(page.locator(".found-list li").first).to_be_visible()


def why(page: Page) -> None:
    log(page)
    expect(page.locator(".why")).to_be_visible()


def keys(page: Page) -> None:
    log(page)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()


def terminal(page: Page) -> None:
    log(page)
    page.keyboard.press("r")
    expect(page.locator(".terminal .row:not(.absent)").first).to_be_visible()
    page.keyboard.press("t")


def ranks(page: Page) -> None:
    expect(page.locator(".cells .cell").first).to_be_visible()
    expect(page.locator(".merged .text").first).to_be_visible()


def plots(page: Page) -> None:
    expect(page.locator(".plot .u-over").first).to_be_visible()


def differences(page: Page) -> None:
    expect(page.locator(".differences li").first).to_be_visible()


def menus(page: Page) -> None:
    jobs(page)
    page.get_by_role("button", name="runs of failed").click()
    expect(page.locator(".run-list li")).to_have_count(1)
    settings(page)


def alerts(page: Page) -> None:
    log(page)
    expect(page.locator(".bell-count")).to_have_text("2")
    expect(page.locator(".row.fired")).to_be_visible()
    page.locator(".bell summary").click()
    expect(page.locator(".alert-list > li")).to_have_count(2)


def compare(page: Page) -> None:
    plots(page)
    page.locator(".others summary").click()
    expect(page.locator(".others input[type=checkbox]").first).to_be_visible()


def address(page: Page) -> None:
    log(page)
    page.locator(".address").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()


def message(page: Page) -> None:
    expect(page.get_by_role("alert")).to_be_visible()


def nothing(page: Page) -> None:
    expect(page.locator(".first h2")).to_be_visible()


PAGES: dict[str, tuple[str, str, Callable[[Page], None]]] = {
    "jobs": ("", "/projects/access/", jobs),
    "no jobs": ("", "/projects/access-empty/", nothing),
    "failed log": ("failed", "/logs/worker-2#L62-L65", why),
    "running log": ("running", "/logs/worker-0", log),
    "search": ("good", "/logs/worker-0", found),
    "keys": ("good", "/logs/worker-0", keys),
    "terminal": ("running", "/logs/worker-0", terminal),
    "ranks": ("failed", "/ranks", ranks),
    "two ranks": ("failed", "/ranks?left=worker-0&right=worker-2", ranks),
    "plots": ("failed", "/plots?ranks=0-1", plots),
    "differences": ("failed", "/diff?with=ranks", differences),
    "menus": ("", "/projects/access/", menus),
    "alerts": ("failed", "/logs/worker-2#L65", alerts),
    "compare": ("good", "/plots", compare),
    "address": ("failed", "/logs/worker-1", address),
    "nothing here": ("", "/projects/access/jobs/999999999/versions/1/logs/worker-0", message),
}


@pytest.mark.parametrize("name", ["jobs", "failed log", "ranks", "plots", "differences", "menus", "alerts"])
def test_axe_finds_nothing(open_page: Open, world: dict[str, str], name: str) -> None:
    """Names, roles, contrast, structure: as axe-core has its rules. Each theme, at one width."""
    run, path, ready = PAGES[name]
    page = open_page((world[run] if run else "") + path, problems=True)
    ready(page)
    check(page, zip((WIDTHS[0], WIDTHS[-1]), THEMES, strict=True))


@pytest.mark.long  # six looks of each page
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_in_any_theme_at_any_width(open_page: Open, world: dict[str, str], name: str) -> None:
    run, path, ready = PAGES[name]
    page = open_page((world[run] if run else "") + path, problems=True)
    ready(page)
    check(page, product(WIDTHS, THEMES))


def test_axe_finds_nothing_at_the_door(open_page: Open) -> None:
    """Where one logs in."""
    page = open_page("/", token=None)
    expect(page.get_by_label("Token", exact=True)).to_be_visible()
    check(page, product(WIDTHS, THEMES))


@pytest.mark.parametrize("name", ["jobs", "failed log", "ranks", "plots", "differences"])
def test_keys_alone_reach_all(open_page: Open, world: dict[str, str], name: str) -> None:
    """First a way past the bar on top; then, by Tab, every control in its turn."""
    run, path, ready = PAGES[name]
    page = open_page((world[run] if run else "") + path)
    ready(page)
    page.evaluate("document.activeElement.blur()")
    page.locator("body").evaluate("(body) => { body.tabIndex = -1; body.focus(); }")
    page.keyboard.press("Tab")
    skip = page.locator(":focus")
    expect(skip).to_have_text("To the content")
    page.evaluate("(wanted) => { window.wanted = wanted; }", CONTROLS)
    page.evaluate("document.querySelectorAll(window.wanted).forEach((each) => (each.dataset.unreached = ''))")
    for _ in range(300):
        page.evaluate("delete document.activeElement.dataset.unreached")
        if page.locator("[data-unreached]:visible").count() == 0:
            break
        page.keyboard.press("Tab")
    left = page.locator("[data-unreached]:visible").evaluate_all("(all) => all.map((each) => each.outerHTML.slice(0, 200))")
    assert left == []
    skip = page.locator(".skip")
    skip.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.getElementById('main').contains(document.activeElement)")


CONTROLS = "a[href]:not([tabindex='-1']), button:not([tabindex='-1']):not(:disabled), select, input, summary, [tabindex='0']"
