"""A log of ten gigabytes and a hundred million lines, opened and read anywhere."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from bench.viewer import JUMP_ABOUT, line, make_repeated
from playwright.sync_api import Page

from tests.conftest import Server, start_server
from tests.ui.conftest import Open, jump, settled, shown_lines, until_shown, wheel
from tests.ui.test_follow import MAX_HEAP_BYTES, heap_bytes

pytestmark = pytest.mark.long  # a browser

LINES = 100_000_000
JUMPS = 12
MANY_JUMPS = 200

SCROLL_BY = """async (by) => {
  document.querySelector(".lines").scrollBy({top: by, behavior: "instant"});
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
}"""


# Scrolls until something else stands on top: what is beyond the lines that are here comes when their end is near.
SCROLL_ON = """async (by) => {
  const top = () => document.querySelector(".bar").ariaValueNow;
  const before = top();
  while (top() === before) {
    document.querySelector(".terminal").scrollBy({top: by, behavior: "instant"});
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  }
}"""


@dataclass
class Long:
    """A server with the log, and where that is."""

    server: Server
    path: str


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Long]:
    data = tmp_path_factory.mktemp("long")
    path = make_repeated(data, LINES)
    server = start_server(data, seal_quiet_s=3600)
    yield Long(server, path)
    assert server.stop() == 0


def opened(open_page: Open, long: Long) -> Page:
    page = open_page("/", token=None, url=long.server.url)
    assert page.context.request.post("/api/session", data={"token": long.server.token}).ok
    page.goto(long.path)
    until_shown(page, LINES - 1)
    return page


def check(page: Page) -> list[int]:
    """Each line in sight is the file's."""
    shown = shown_lines(page)
    assert shown == {number: line(number) for number in shown}
    return list(shown)


def test_any_line_of_ten_gigabytes_is_shown(open_page: Open, long: Long) -> None:
    """Its end, its top, places at random and what the wheel finds from there; memory stays small."""
    page = opened(open_page, long)
    assert check(page)[-1] == LINES - 1
    page.keyboard.press("g")
    until_shown(page, 0)
    assert check(page)[0] == 0
    chance = random.Random(1)
    for _ in range(JUMPS):
        number = chance.randrange(LINES)
        jump(page, str(number))
        until_shown(page, number)
        assert number in check(page)
    for pixels in (900, 900, -400):
        before = check(page)
        wheel(page, pixels)
        page.wait_for_function("(first) => Number(document.querySelector('.bar').ariaValueNow) !== first", arg=before[0])
        page.wait_for_timeout(250)  # the browser moves in steps of its own
        page.wait_for_function("() => !document.querySelector('.row.absent')")
        after = check(page)
        assert 0 < abs(after[0] - before[0]) <= abs(pixels) // 20
    assert heap_bytes(page) < MAX_HEAP_BYTES


def test_every_line_is_within_reach_of_the_wheel(open_page: Open, long: Long) -> None:
    """From a place in the middle, screens up and down, far beyond the space that is laid out at once."""
    page = opened(open_page, long)
    jump(page, "50%")
    until_shown(page, LINES // 2)
    first = check(page)[0]
    for step in (1, -1):
        for _ in range(12):
            page.evaluate(SCROLL_BY, 300_000 * step)
            page.wait_for_function("() => document.querySelector('.row') && !document.querySelector('.row.absent')")
            now = check(page)[0]
            assert now - first == 15_000 * step
            first = now


def test_many_jumps_leave_little_behind(open_page: Open, long: Long) -> None:
    """What was shown is forgotten."""
    page = opened(open_page, long)
    chance = random.Random(2)
    numbers = [chance.randrange(LINES) for _ in range(MANY_JUMPS)]
    missed = page.evaluate(JUMP_ABOUT, numbers)
    assert missed == []
    settled(page)
    check(page)
    assert heap_bytes(page) < MAX_HEAP_BYTES


def test_a_terminal_shows_any_line_of_ten_gigabytes(open_page: Open, long: Long) -> None:
    """Page by page around where one is: at random places, and on from there by the wheel; what was shown is forgotten."""
    page = opened(open_page, long)
    page.keyboard.press("r")
    assert page.evaluate(JUMP_ABOUT, [LINES - 1]) == []
    chance = random.Random(3)
    assert page.evaluate(JUMP_ABOUT, [chance.randrange(LINES) for _ in range(JUMPS * 4)]) == []
    shown = terminal_lines(page)
    assert shown == {number: line(number) for number in shown}
    for by in [3000] * 20 + [-3000] * 40:
        page.evaluate(SCROLL_ON, by)
        shown = terminal_lines(page)
        assert shown == {number: line(number) for number in shown}
    assert heap_bytes(page) < MAX_HEAP_BYTES
    top = int(page.locator(".bar").get_attribute("aria-valuenow") or 0)
    page.keyboard.press("r")
    until_shown(page, top)


def terminal_lines(page: Page) -> dict[int, str]:
    """The lines that the terminal's view has drawn, by their numbers."""
    found = page.evaluate(
        "() => [...document.querySelectorAll('.terminal .row')].map("
        "(row) => [Number(row.dataset.line), row.querySelector('.text').textContent])"
    )
    numbers = [number for number, _ in found]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    return dict(found)
