"""A log that grows while it is looked at."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import start_server
from tests.server.calls import MadeLog, Web, made_log
from tests.ui.conftest import Open, shown_lines, until_shown, viewer_path, wheel

pytestmark = pytest.mark.long  # a browser

GROWN_LINES = 300_000
GROWN_STEP = 50_000
MAX_HEAP_BYTES = 150e6


def append(log: MadeLog, *lines: str) -> None:
    """Appends at the end, wherever that is."""
    assert log.append(log.status()["end_byte"], "".join(line + "\n" for line in lines).encode()).status == 200


def heap_bytes(page: Page) -> int:
    """Returns what the page holds, garbage not counted."""
    page.evaluate("gc()")
    return int(page.evaluate("performance.memory.usedJSHeapSize"))


def test_following_shows_what_comes_and_stops_where_one_scrolls_up(open_page: Open, web: Web) -> None:
    """Live at first; paused by scrolling up, with a way back that counts; the end of the log ends it."""
    log = made_log(web, "follow", "".join(f"line {number}\n" for number in range(200)).encode())
    page = open_page(viewer_path(log))
    live = page.locator("button.follow")
    until_shown(page, 199)
    expect(live).to_have_text("● live")
    append(log, "line 200", "line 201")
    until_shown(page, 201)
    assert shown_lines(page)[201] == "line 201"
    wheel(page, -400)
    expect(live).to_have_text("Follow")
    before = page.locator(".bar").get_attribute("aria-valuenow")
    append(log, *(f"line {number}" for number in range(202, 305)))
    news = page.locator("button.news")
    expect(news).to_have_text("↓ 103 new lines")
    assert page.locator(".bar").get_attribute("aria-valuenow") == before
    news.click()
    until_shown(page, 304)
    expect(live).to_have_text("● live")
    assert log.close(end_byte=log.status()["end_byte"], crc32=log.status()["crc32"]).status == 200
    expect(page.locator(".states")).to_have_text("every byte kept")
    expect(live).to_be_hidden()


def test_the_server_tells_what_comes(open_page: Open, web: Web) -> None:
    """One stream says how the log is; nobody asks again and again."""
    log = made_log(web, "told", b"one\n")
    page = open_page("/projects/default/")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.partition("/logs/")[2] if "/api/" in request.url else ""))
    page.goto(viewer_path(log))
    until_shown(page, 0)
    for number in range(1, 5):
        append(log, f"line {number}")
        until_shown(page, number)
    page.wait_for_timeout(1500)  # three times as long as the page used to wait between two questions
    assert [each for each in asked if "only=state" in each] == ["worker-0/follow?only=state"]
    assert asked.count("worker-0") == 1  # how the log is, to begin with


@pytest.mark.parametrize("how", ["refused", "silent"])
def test_without_a_stream_the_page_asks(open_page: Open, web: Web, how: str) -> None:
    """Where what stands between refuses streams, or holds them back, what comes is shown all the same."""
    log = made_log(web, "asks", b"one\n")
    page = open_page("/projects/default/", problems=True)
    if how == "refused":
        page.route("**/follow?*", lambda route: route.fulfill(status=502, body="no"))
    else:
        page.route("**/follow?*", lambda route: None)  # nothing comes, ever
    page.goto(viewer_path(log))
    until_shown(page, 0)
    append(log, "two")
    until_shown(page, 1)
    assert shown_lines(page)[1] == "two"
    assert log.close().status == 200
    expect(page.locator(".states")).to_have_text("log closed, not verified")


def test_lines_tell_when_they_arrived(open_page: Open, web: Web) -> None:
    """Before each line, once it is asked for; what comes later has its time too."""
    log = made_log(web, "times", b"one\ntwo\n")
    page = open_page(viewer_path(log), timezone_id="Asia/Shanghai")
    until_shown(page, 1)
    times = page.locator(".row .at")
    expect(times.first).to_be_hidden()
    page.keyboard.press("t")
    expect(page.get_by_role("button", name="Times")).to_have_attribute("aria-pressed", "true")
    append(log, "three")
    until_shown(page, 2)
    expect(times.nth(2)).not_to_be_empty()
    stored = log.web.get(f"{log.api}/lines", times="true").json["times_ms"]
    zone = timezone(timedelta(hours=8))
    expect(times).to_have_text([datetime.fromtimestamp(at / 1000, zone).strftime("%H:%M:%S") for at in stored])
    page.keyboard.press("t")
    expect(times.first).to_be_hidden()


def test_a_line_without_an_end_is_shown_as_it_grows(open_page: Open, web: Web) -> None:
    """A progress bar is one line for an hour: what it says now is what is seen."""
    log = made_log(web, "unfinished", b"begun\n 1%|")
    page = open_page(viewer_path(log))
    until_shown(page, 1)
    assert shown_lines(page) == {0: "begun", 1: " 1%|"}
    end = log.status()["end_byte"]
    assert log.append(end, b"\r 2%|#").status == 200
    expect(page.locator('.row[data-line="1"] .text')).to_contain_text(" 2%|#")
    assert log.append(end + 6, b"\ndone\n").status == 200
    until_shown(page, 2)
    assert shown_lines(page)[2] == "done"
    expect(page.locator(".row.unfinished")).to_have_count(0)


def test_gaps_are_told_with_their_size_and_place(open_page: Open, web: Web) -> None:
    """Nothing is missing in silence."""
    log = made_log(web, "gap", b"one\ntwo\n")
    gaps = [{"at_byte": 4, "size_bytes": 12288, "reason": "spool full"}]
    assert log.close(end_byte=8, crc32=log.status()["crc32"], gaps=gaps).status == 200
    page = open_page(viewer_path(log))
    expect(page.locator(".states")).to_have_text("gap of 12,288 bytes at position 4")


def test_a_server_that_goes_away_is_waited_for(open_page: Open, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The page says so, keeps what it shows, and goes on when the server is back."""
    data = tmp_path_factory.mktemp("away")
    server = start_server(data)
    web = Web(server.url, server.token)
    log = made_log(web, "away", b"one\n")
    page = open_page("/", token=None, url=server.url, problems=True)
    assert page.context.request.post("/api/session", data={"token": server.token}).ok
    page.goto(viewer_path(log))
    until_shown(page, 0)
    port = web.port
    web.close()
    server.stop()
    expect(page.locator(".notice")).to_have_text("The server cannot be reached; trying again")
    assert shown_lines(page) == {0: "one"}
    again = start_server(data, port)
    assert again.url == server.url
    log = MadeLog(Web(again.url, again.token), log.job_id, log.version_id, log.log_file)
    append(log, "two")
    until_shown(page, 1)
    assert shown_lines(page)[1] == "two"
    expect(page.locator(".notice")).to_have_text("")
    log.web.close()
    assert again.stop() == 0


@pytest.mark.slow  # so many lines take as long as they take
def test_many_lines_followed_leave_little_behind(open_page: Open, web: Web) -> None:
    """Memory is what is on the screen and around it, not what has come by."""
    log = made_log(web, "many", b"begin\n")
    page = open_page(viewer_path(log))
    until_shown(page, 0)
    at, number = 6, 1
    while number <= GROWN_LINES:
        lines = "".join(f"{each} {'x' * 60}\n" for each in range(number, number + GROWN_STEP)).encode()
        assert log.append(at, lines).status == 200
        at, number = at + len(lines), number + GROWN_STEP
        until_shown(page, number - 1)
    assert shown_lines(page)[GROWN_LINES].startswith(f"{GROWN_LINES} x")
    assert heap_bytes(page) < MAX_HEAP_BYTES
    assert page.locator(".row").count() < 150
