"""A log's page: moving about in it, and what is on the screen is what is in the log."""

from __future__ import annotations

import json
import random
import time
from datetime import datetime, timedelta, timezone

import pytest
from playwright.sync_api import Page, expect

from tests.server.calls import MadeLog, Web, made_log
from tests.ui.conftest import NARROW, WIDE, Open, jump, settings, settled, shown_lines, until_shown, viewer_path, wheel

LINES = 30_000
TEXT = [f"{number:05} " + "word " * (number % 50) for number in range(LINES)]


@pytest.fixture(scope="module")
def long_text() -> bytes:
    return "".join(line + "\n" for line in TEXT).encode()


@pytest.fixture
def log(web: Web, long_text: bytes) -> MadeLog:
    return made_log(web, f"ui-{random.getrandbits(40)}", long_text, closed=True)


def check(page: Page) -> list[int]:
    """The lines in sight are consecutive, and each is the log's; returns their numbers."""
    settled(page)
    shown = shown_lines(page)
    numbers = list(shown)
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert shown == {line: TEXT[line] for line in numbers}
    return numbers


def test_a_finished_log_opens_at_its_end(open_page: Open, log: MadeLog) -> None:
    """The last words first; state, size and lines beside them."""
    page = open_page(viewer_path(log))
    until_shown(page, LINES - 1)
    assert check(page)[-1] == LINES - 1
    expect(page.locator(".extent")).to_have_text("3.88 MB · 30,000 lines")
    expect(page.locator(".states")).to_have_text("log closed, not verified")
    assert page.locator(".row").count() < 120


@pytest.mark.parametrize(
    ("wrap", "viewport"),
    [
        pytest.param(False, WIDE, id="wide"),
        pytest.param(True, NARROW, id="narrow-wrapped"),
        pytest.param(True, WIDE, id="wide-wrapped", marks=pytest.mark.long),  # as the two above, the other way round
        pytest.param(False, NARROW, id="narrow", marks=pytest.mark.long),
    ],
)
def test_every_way_of_moving_shows_the_log(open_page: Open, log: MadeLog, wrap: bool, viewport: dict[str, int]) -> None:
    """Keys, the box, the wheel up and down; wrapped or not, in a wide window and in a narrow one."""
    page = open_page(viewer_path(log), viewport=viewport)
    until_shown(page, LINES - 1)
    if wrap:
        page.keyboard.press("w")
        expect(page.get_by_role("button", name="Wrap")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("g")
    until_shown(page, 0)
    assert check(page)[0] == 0
    for to, line in [("12345", 12345), ("50%", 15000), ("-10", LINES - 10), ("100%", LINES - 1)]:
        jump(page, to)
        until_shown(page, line)
        assert line in check(page)
    page.keyboard.press("G")
    until_shown(page, LINES - 1)
    assert check(page)[-1] == LINES - 1


@pytest.mark.parametrize("wrap", [False, pytest.param(True, marks=pytest.mark.long)])  # one way to draw rows is enough
def test_the_wheel_moves_by_its_pixels_and_skips_no_line(open_page: Open, log: MadeLog, wrap: bool) -> None:
    """Turned in small steps, every line between comes by; the rows move as far as the wheel says."""
    page = open_page(viewer_path(log))
    until_shown(page, LINES - 1)
    if wrap:
        page.keyboard.press("w")
    jump(page, "9000")
    until_shown(page, 9000)
    for pixels in (300, 300, 300, -300, -300):
        before = check(page)
        wheel(page, pixels)
        page.wait_for_function("(first) => Number(document.querySelector('.bar').ariaValueNow) !== first", arg=before[0])
        page.wait_for_timeout(250)  # the browser moves in steps of its own
        after = check(page)
        moved = after[0] - before[0] if pixels > 0 else before[0] - after[0]
        assert 0 < moved <= 15 + wrap
        assert set(before) & set(after)


def test_the_scroll_bar_reaches_any_share(open_page: Open, log: MadeLog) -> None:
    """Dragged to the middle it shows the middle; to an end, that end."""
    page = open_page(viewer_path(log))
    until_shown(page, LINES - 1)
    box = page.locator(".bar").bounding_box()
    assert box is not None
    x, middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, box["y"] + box["height"] - 5)
    page.mouse.down()
    page.mouse.move(x, middle, steps=5)
    page.wait_for_function("Math.abs(document.querySelector('.bar').ariaValueNow - 15000) < 600")
    assert 14000 < check(page)[0] < 16000
    page.mouse.move(x, box["y"] - 50)
    page.mouse.up()
    until_shown(page, 0)
    assert check(page)[0] == 0


def test_a_link_names_lines(open_page: Open, log: MadeLog) -> None:
    """A number clicked, another with Shift: the address is a link, and opens there."""
    page = open_page(viewer_path(log) + "#L20000")
    until_shown(page, 20000)
    page.locator('.row[data-line="20002"] .no').click()
    page.locator('.row[data-line="20005"] .no').click(modifiers=["Shift"])
    assert page.url.endswith("#L20002-L20005")
    expect(page.locator(".selection")).to_contain_text("4 lines selected")
    other = open_page(page.url)
    until_shown(other, 20002)
    marked = other.locator(".row.selected").evaluate_all("(rows) => rows.map((row) => Number(row.dataset.line))")
    assert marked == [20002, 20003, 20004, 20005]
    other.keyboard.press("Escape")
    expect(other.locator(".selection")).to_be_hidden()
    assert "#" not in other.url


def test_another_link_into_the_same_log_moves_the_page(open_page: Open, log: MadeLog) -> None:
    """Lines, or a byte of one, which becomes its number; the page stays, and so does what it holds. Back leads back."""
    page = open_page(viewer_path(log) + "#L20000")
    until_shown(page, 20000)
    page.evaluate("document.querySelector('.lines').dataset.same = 'yes'")
    page.evaluate("location.hash = '#L100'")
    until_shown(page, 100)
    byte = sum(len(line) + 1 for line in TEXT[:777]) + 2
    page.evaluate(f"location.hash = '#B{byte}'")
    until_shown(page, 777)
    expect(page.locator(".row.selected")).to_have_attribute("data-line", "777")
    assert page.url.endswith("#L777")
    page.go_back()
    until_shown(page, 100)
    assert page.locator(".lines").get_attribute("data-same") == "yes"
    page.goto(viewer_path(log) + f"#B{byte}")
    page.reload()
    until_shown(page, 777)


def test_a_permanent_link_leads_to_its_lines(open_page: Open, log: MadeLog) -> None:
    """By names as by numbers; the address becomes that of the log's page."""
    page = open_page(f"/p/{log.project_id}/{log.job_id}/V0001/worker-0#L20002-L20003")
    until_shown(page, 20002)
    assert page.url.endswith(viewer_path(log) + "#L20002-L20003")
    assert page.locator(".row.selected").count() == 2


def test_selected_lines_are_copied(open_page: Open, log: MadeLog) -> None:
    """As text, or as a link to them."""
    page = open_page(viewer_path(log) + "#L100-L149", permissions=["clipboard-read", "clipboard-write"])
    until_shown(page, 100)
    part = "".join(line + "\n" for line in TEXT[100:150])
    page.keyboard.press("c")
    expect(page.locator(".notice")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == part
    page.keyboard.press("l")
    expect(page.locator(".notice")).to_have_text("Link copied")
    assert page.evaluate("navigator.clipboard.readText()") == page.url


def test_a_screen_reader_hears_where_it_is(open_page: Open, log: MadeLog) -> None:
    """Lines are a list whose items know their places; the scroll bar tells its position; controls have names."""
    page = open_page(viewer_path(log) + "#L500")
    until_shown(page, 500)
    item = page.get_by_role("list", name="Lines of the log").get_by_role("listitem").first
    line = item.get_attribute("data-line")
    assert item.get_attribute("aria-posinset") == str(int(line or 0) + 1)
    bar = page.get_by_role("scrollbar", name="Position in the log")
    assert bar.get_attribute("aria-valuemax") == str(LINES - 1)
    controls = page.locator("button:visible, input:visible, select:visible, a.button:visible")
    assert all(controls.evaluate_all("(found) => found.map((each) => each.ariaLabel || each.textContent)"))


def test_the_page_speaks_chinese(open_page: Open, log: MadeLog) -> None:
    """As the browser does, or as is chosen."""
    page = open_page(viewer_path(log), locale="zh-CN")
    until_shown(page, LINES - 1)
    expect(page.get_by_role("button", name="换行")).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "zh"
    settings(page)
    page.get_by_label("语言").select_option("en")
    expect(page.get_by_role("button", name="Wrap")).to_be_visible()


def test_a_moment_is_gone_to(open_page: Open, web: Web) -> None:
    """What arrived since, or at a time of the reader's clock; what is no moment says what is one."""
    log = made_log(web, "moments", b"".join(b"old %d\n" % number for number in range(300)))
    time.sleep(2.1)  # arrival is known to the second
    middle = time.time()
    assert log.append(log.status()["end_byte"], b"".join(b"new %d\n" % number for number in range(300))).status == 200
    page = open_page(viewer_path(log), timezone_id="Asia/Shanghai")
    until_shown(page, 599)
    local = datetime.fromtimestamp(middle - 1, timezone(timedelta(hours=8)))
    jump(page, local.strftime("%Y-%m-%d %H:%M:%S"))
    until_shown(page, 300)
    assert next(iter(shown_lines(page).values())) == "new 0"
    jump(page, "1h")
    until_shown(page, 0)
    jump(page, "2026-99-99")
    expect(page.locator(".notice")).to_contain_text("A line, a percentage")


def test_a_run_says_what_it_is(open_page: Open, web: Web) -> None:
    """Its number and title; in a card when it began, how long it took, its command, host, user and commit: as text."""
    log = made_log(web, "says-what-it-is", b"one\n", closed=True)
    facts = {"title": "lr 0.1", "command": "train '<b>'", "host": "gpu-7", "user": "mia", "commit": "a" * 40}
    assert web.call("PATCH", log.version, json.dumps(facts).encode(), content_type="application/json").status == 200
    page = open_page(viewer_path(log))
    expect(page.locator(".runs")).to_contain_text("#1 · lr 0.1 · ended")
    card = page.locator(".facts dl")
    expect(card).to_be_hidden()
    page.get_by_label("What this run is").click()
    for text in ("train '<b>'", "gpu-7", "mia", "a" * 40):
        expect(card).to_contain_text(text)
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()


def test_errors_are_gone_to_one_after_the_other(open_page: Open, web: Web) -> None:
    """Forwards and backwards, from what is seen; at an end it goes on from the other, and says so."""
    lines = [f"step {number}" for number in range(3000)]
    for number in (500, 1500, 2500):
        lines[number] = f"ERROR: {number}"
    log = made_log(web, "errors", "".join(f"{line}\n" for line in lines).encode(), closed=True)
    page = open_page(viewer_path(log))
    until_shown(page, 2999)
    for key, line in [("E", 2500), ("E", 1500), ("e", 2500), ("e", 500), ("e", 1500)]:
        page.keyboard.press(key)
        expect(page.locator(".row.hit")).to_have_attribute("data-line", str(line))
    page.keyboard.press("g")
    until_shown(page, 0)
    page.get_by_role("button", name="↓ Error").click()
    expect(page.locator(".row.hit")).to_have_attribute("data-line", "500")
    none = made_log(web, "no-errors", b"all is well\n", closed=True)
    page.goto(viewer_path(none))
    until_shown(page, 0)
    page.keyboard.press("e")
    expect(page.locator(".notice")).to_have_text("No error was found.")


def test_ctrl_f_searches_all_of_the_log(open_page: Open, log: MadeLog) -> None:
    """Pressed again it is the browser's own: the page lets it go."""
    page = open_page(viewer_path(log))
    until_shown(page, LINES - 1)
    page.evaluate("document.addEventListener('keydown', (event) => { window.taken = event.defaultPrevented; })")
    page.keyboard.press("Control+f")
    expect(page.get_by_label("Search the whole log")).to_be_focused()
    assert page.evaluate("window.taken") is True
    page.keyboard.press("Control+f")
    assert page.evaluate("window.taken") is False


def test_lines_are_selected_by_their_numbers(open_page: Open, log: MadeLog) -> None:
    """Typed, without a mouse."""
    page = open_page(viewer_path(log))
    until_shown(page, LINES - 1)
    jump(page, "120-123")
    until_shown(page, 120)
    assert page.url.endswith("#L120-L123")
    expect(page.locator(".row.selected")).to_have_count(4)


def test_what_is_copied_keeps_its_empty_lines(open_page: Open, web: Web) -> None:
    """As a mouse selects it: the text of the lines, without their numbers and buttons."""
    data = b"one\n\n\n  two \x1b[31mred\x1b[0m\n\rbar 1\rbar 2\nlast\n"
    log = made_log(web, "copied", data, closed=True)
    page = open_page(viewer_path(log), permissions=["clipboard-read", "clipboard-write"])
    until_shown(page, 5)
    page.evaluate(
        """() => {
          const text = (line) => document.querySelector(`.row[data-line="${line}"] .text`);
          getSelection().setBaseAndExtent(text(0).firstChild, 1, text(5).firstChild, 2);
        }"""
    )
    page.keyboard.press("Control+c")
    assert page.evaluate("navigator.clipboard.readText()") == "ne\n\n\n  two red\nbar 2\nla"


def test_an_address_is_opened_after_it_was_shown(open_page: Open, web: Web) -> None:
    """Text stays text; a click shows where it leads; the link tells the other side nothing of this one."""
    line = "see https://user:pw@logs.example/x?a=1&b=<i>, or http://10.0.0.1:8080/. javascript:alert(1)\n"
    log = made_log(web, "addresses", line.encode(), closed=True)
    page = open_page(viewer_path(log))
    until_shown(page, 0)
    assert shown_lines(page)[0] == line.rstrip("\n")
    addresses = page.locator(".row .address")
    expect(addresses).to_have_text(["https://user:pw@logs.example/x?a=1&b=", "http://10.0.0.1:8080/"])
    addresses.first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".address-host")).to_have_text("logs.example")
    link = dialog.get_by_role("link")
    assert link.get_attribute("href") == "https://user:pw@logs.example/x?a=1&b="
    assert link.get_attribute("rel") == "noopener noreferrer"
    assert len(page.context.pages) == len([each for each in page.context.pages if not each.url.startswith("https://")])
    page.keyboard.press("Escape")
    addresses.nth(1).focus()
    page.keyboard.press("Enter")
    expect(dialog.locator(".address-host")).to_have_text("10.0.0.1:8080")


def test_a_run_is_named_by_its_number(open_page: Open, web: Web) -> None:
    """In an address, by a job's name or id; its logs, its ranks and its plots."""
    for number in (1, 2):
        log = made_log(web, "numbered", f"run {number}\n".encode(), closed=True)
    for path in (
        "/projects/default/jobs/numbered/runs/1",
        "/projects/default/jobs/numbered/runs/%231/logs/worker-0",
        "/p/default/numbered/#1",
    ):
        page = open_page(path)
        until_shown(page, 0)
        assert shown_lines(page) == {0: "run 1"}, path
    page = open_page(f"/projects/default/jobs/{log.job_id}/runs/latest")
    until_shown(page, 0)
    assert shown_lines(page) == {0: "run 2"}
    page.goto("/projects/default/jobs/numbered/runs/2/ranks")
    expect(page.locator(".cells .cell")).to_have_count(1)
