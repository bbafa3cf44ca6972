"""Searching the whole log, also what the page has never seen."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.server.calls import Web, made_log
from tests.ui.conftest import Open, shown_lines, until_shown, viewer_path

NEEDLES = (5, 9_000, 9_001, 17_500)
# Line 10 is in the middle of the screen when the search begins, line 5 above it and in sight.
ROUND = [("", 5), ("n", 9_000), ("n", 9_001), ("n", 17_500), ("n", 5), ("N", 17_500), ("N", 9_001)]
TEXT = [f"{number} {'a NEEDLE (x) here' if number in NEEDLES else 'nothing'} a+b" for number in range(20_000)]


def hit(page: Page) -> int:
    """Returns the line that was gone to."""
    return int(page.locator(".row.hit").get_attribute("data-line") or -1)


def marked(page: Page) -> list[str]:
    return list(page.evaluate("() => [...(CSS.highlights.get('found') ?? [])].map(String)"))


def search(page: Page, pattern: str) -> None:
    page.keyboard.press("/")
    page.keyboard.type(pattern)
    page.keyboard.press("Enter")


def test_every_match_is_counted_and_gone_to(open_page: Open, web: Web) -> None:
    """Forward with n, back with N, round the end; the matches are marked and what was there before is not."""
    log = made_log(web, "search", "".join(line + "\n" for line in TEXT).encode(), closed=True)
    page = open_page(viewer_path(log) + "#L10")
    until_shown(page, 10)
    search(page, "needle (X)")
    told = page.locator("form.search > span[role=status]")
    expect(told).to_have_text("4 lines")
    for key, line in ROUND:
        if key:
            page.keyboard.press(key)
        expect(page.locator(".row.hit")).to_have_attribute("data-line", str(line))
        until_shown(page, line)
        assert shown_lines(page)[line] == TEXT[line]
        expect(page.locator(".row.hit")).to_have_count(1)
        page.wait_for_function("() => CSS.highlights.get('found')?.size > 0")
        assert set(marked(page)) == {"NEEDLE (x)"}
    page.keyboard.press("Escape")
    expect(page.locator(".row.hit")).to_have_count(0)
    assert marked(page) == []
    expect(told).to_have_text("")


def test_case_and_regular_expressions_are_chosen(open_page: Open, web: Web) -> None:
    """What is typed is literal until it is said to be RE2; what RE2 does not take is told."""
    log = made_log(web, "search-ways", "".join(line + "\n" for line in TEXT).encode(), closed=True)
    page = open_page(viewer_path(log) + "#L10", problems=True)
    until_shown(page, 10)
    told = page.locator("form.search > span[role=status]")
    search(page, "needle")
    expect(told).to_have_text("4 lines")
    page.get_by_role("button", name="Match case").click()
    expect(told).to_have_text("nothing found")
    page.get_by_role("button", name="Regular expression (RE2)").click()
    search(page, "^1750\\d .*NEEDLE")
    expect(told).to_have_text("1 line")
    until_shown(page, 17_500)
    assert hit(page) == 17_500
    search(page, "(broken")
    expect(page.locator(".notice")).to_contain_text("That did not work")


def test_what_was_found_is_listed_with_what_stands_around_it(open_page: Open, web: Web) -> None:
    """As text, with a link to each line; a click goes there, in this log or in that of another rank."""
    lines = ["before <b>", "a NEEDLE <i>here</i>", "after", *(f"line {number}" for number in range(500)), "last NEEDLE"]
    for rank in (0, 1):
        made = web.post("/api/projects/default/runs", {"job_name": "found", "run_id": "one", "task": f"worker-{rank}"}).json
        version = f"/projects/default/jobs/{made['job']['id']}/versions/{made['version']['id']}"
        body = "".join(line + "\n" for line in lines[: 3 if rank else None]).encode()
        assert web.call("POST", f"/api{version}/logs/worker-{rank}/append?at=0", body).status == 200
    page = open_page(f"{version}/logs/worker-0")
    until_shown(page, len(lines) - 1)
    search(page, "needle")
    page.get_by_role("button", name="List what was found").click()
    found = page.locator(".found-list li")
    expect(found).to_have_count(2)
    assert found.first.locator(".around div").all_text_contents() == lines[:3]
    assert found.first.locator("a").text_content() == "1"
    expect(page.locator(".results [role=status]")).to_contain_text("2 found")
    found.first.locator("a").click()
    until_shown(page, 1)
    assert hit(page) == 1
    page.get_by_label("in all ranks").check()
    expect(found).to_have_count(3)
    other = found.filter(has_text="rank 1 · 1")
    expect(other.locator(".hit-line")).to_have_text(lines[1])
    other.locator("a").click()
    page.wait_for_url(f"**{version}/logs/worker-1#L1")
    until_shown(page, 1)
    expect(page.locator(".row.selected .text")).to_have_text(lines[1])


def test_errors_and_warnings_are_seen_on_the_map(open_page: Open, web: Web) -> None:
    """Each at its share of the log; a click shows its line, which is marked; numbers called errors are none."""
    text = [f"step {number} eval_error=0.5 error: 0.3" for number in range(1000)]
    text[250] = "[2026-01-01] \x1b[33mWARNING\x1b[0m <b>slow</b>"
    text[500] = "RuntimeError: CUDA error"
    log = made_log(web, "map", "".join(line + "\n" for line in text).encode())
    page = open_page(viewer_path(log))
    until_shown(page, 999)
    marks = page.locator(".map .mark-at")
    expect(marks).to_have_count(2)
    places = marks.evaluate_all("(all) => all.map((each) => [each.className, each.dataset.at, each.style.top])")
    assert places == [["mark-at warning", "250", "25%"], ["mark-at error", "500", "50%"]]
    bar = page.locator(".map").bounding_box()
    error = marks.nth(1).bounding_box()
    assert bar is not None
    assert error is not None
    assert abs(error["y"] + 1 - (bar["y"] + bar["height"] / 2)) < 4
    marks.nth(1).click()
    until_shown(page, 500)
    expect(page.locator(".row.error")).to_have_count(1)
    assert page.locator(".row.error").get_attribute("data-line") == "500"
    search(page, "step 7")
    expect(page.locator(".map .match")).to_have_count(111)
    page.keyboard.press("Escape")
    expect(page.locator(".map .match")).to_have_count(0)
    end = log.status()["end_byte"]
    assert log.append(end, b"Traceback (most recent call last):\n").status == 200
    expect(page.locator(".map .error")).to_have_count(2)
    assert page.locator(".map .error").last.get_attribute("data-at") == "1000"
