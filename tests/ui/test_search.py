"""Searching the whole log, also what the page has never seen."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.http.calls import Web, made_log
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
