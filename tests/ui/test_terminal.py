"""A log as a terminal shows it, in the browser: at any place what one terminal shows of all of it, and the bytes behind it."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone

import pytest
from playwright.sync_api import Page, expect

from joblog.views.terminal.terminal import Terminal
from joblog.views.values import ShownLine
from tests.server.calls import MadeLog, Web, made_log
from tests.ui.conftest import Open, jump, until_shown, viewer_path, wheel

pytestmark = pytest.mark.long  # a browser


def bars(seed: int) -> bytes:
    """A log that draws over itself in each of the ways: bars, bars below bars, erasing; between lines as any others."""
    chance = random.Random(seed)
    out: list[bytes] = []
    for epoch in range(60):
        out.append(
            b"epoch %d \x1b[1;31mred\x1b[0m <b>%d</b> \xe8\xae\xad \xf0\x9f\x9a\x80 \x1b[32mgreen\x1b[0m\n" % (epoch, epoch)
        )
        out += [b"\rstep %3d%%|%s" % (done, b"#" * (done // 10)) for done in range(0, 101, chance.choice((5, 25)))]
        out.append(b"\r\x1b[Kdone with %d\n" % epoch)
        if epoch % 3 == 0:
            out.append(b"outer 0\ninner 0\n")
            out += [b"\x1b[2A\x1b[2Kouter %d\n\x1b[2Kinner %d\n" % (n, n * n) for n in range(1, chance.randrange(2, 40))]
        out += [b"line %d of %d\n" % (n, epoch) for n in range(chance.randrange(30))]
    return b"".join(out)


DATA = bars(7)
MORE = b"\rstep  50%|#####\rstep 100%|##########\nthe end\n"


@pytest.fixture(scope="module")
def oracle() -> dict[int, ShownLine]:
    """What one terminal shows of all of it, by the byte at which each line begins."""
    terminal = Terminal()
    return {line.start_byte: line for line in [*terminal.feed(DATA), *terminal.finish()]}


@pytest.fixture
def log(web: Web) -> MadeLog:
    return made_log(web, "ui-terminal", DATA, closed=True)


def in_sight(page: Page) -> list[tuple[int, int, str]]:
    """Returns first byte, the byte behind the last, and text of the lines that are in sight, from top to bottom."""
    found = page.evaluate(
        """() => {
          const view = document.querySelector(".lines.terminal").getBoundingClientRect();
          return [...document.querySelectorAll(".terminal .row")].filter((row) => {
            const box = row.getBoundingClientRect();
            return box.bottom > view.top && box.top < view.bottom;
          }).map((row) => {
            const text = row.querySelector(".text").cloneNode(true);
            for (const button of text.querySelectorAll("button")) button.remove();
            return [Number(row.dataset.start), Number(row.dataset.end), text.textContent];
          });
        }"""
    )
    return [(start, end, text) for start, end, text in found]


def is_right(page: Page, oracle: dict[int, ShownLine]) -> list[int]:
    """Every line in sight is one of the oracle's, and they stand as they do there; returns where they begin."""
    seen = in_sight(page)
    order = {start: number for number, start in enumerate(sorted(oracle))}
    for start, end, text in seen:
        assert (text, end) == (oracle[start].text, oracle[start].end_byte)
    numbers = [order[start] for start, _, _ in seen]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    return [start for start, _, _ in seen]


def until_at(page: Page, line: int) -> None:
    """Waits until what shows a raw line is in sight."""
    page.wait_for_function(
        """(line) => {
          const view = document.querySelector(".lines.terminal")?.getBoundingClientRect();
          return [...document.querySelectorAll(".terminal .row")].some((row) => {
            const box = row.getBoundingClientRect();
            const shows = Number(row.dataset.line) <= line && line <= Number(row.dataset.last);
            return shows && box.bottom > view.top && box.top < view.bottom;
          });
        }""",
        arg=line,
    )


def switch(page: Page) -> None:
    page.keyboard.press("r")


def test_it_is_what_a_terminal_shows(open_page: Open, log: MadeLog, oracle: dict[int, ShownLine]) -> None:
    """At any line that one goes to; colours, markup and all. It is as the reader left it when the page is opened again."""
    page = open_page(viewer_path(log))
    until_shown(page, DATA.count(b"\n") - 1)
    switch(page)
    until_at(page, DATA.count(b"\n") - 1)
    assert is_right(page, oracle)[-1] == max(oracle)
    for line in random.Random(1).sample(range(DATA.count(b"\n")), 12):
        jump(page, str(line))
        until_at(page, line)
        is_right(page, oracle)
    page.keyboard.press("g")
    until_at(page, 0)
    assert is_right(page, oracle)[0] == 0
    first = page.locator(".terminal .row").first
    assert first.locator(".bold").text_content() == "red"
    assert first.locator(".text").text_content() == "epoch 0 red <b>0</b> \u8bad \U0001f680 green"
    page.goto("/")
    page.goto(viewer_path(log))
    until_at(page, DATA.count(b"\n") - 1)
    switch(page)
    until_shown(page, DATA.count(b"\n") - 1)


def test_scrolling_misses_nothing(open_page: Open, log: MadeLog, oracle: dict[int, ShownLine]) -> None:
    """From the top to the end and from the end to the top every line comes by once in its order."""
    page = open_page(viewer_path(log))
    until_shown(page, DATA.count(b"\n") - 1)
    switch(page)
    until_at(page, DATA.count(b"\n") - 1)
    for key, by, last in [("G", -600, 0), ("g", 600, max(oracle))]:
        page.keyboard.press(key)
        until_at(page, 0 if key == "g" else DATA.count(b"\n") - 1)
        seen: set[int] = set()
        for _ in range(400):
            now = is_right(page, oracle)
            assert not seen or seen & set(now), "a screen was passed over"
            seen |= set(now)
            if last in now:
                break
            wheel(page, by)
            page.wait_for_function(
                """(before) => {
                  const view = document.querySelector(".lines.terminal").getBoundingClientRect();
                  const rows = [...document.querySelectorAll(".terminal .row")];
                  const top = rows.find((row) => row.getBoundingClientRect().bottom > view.top);
                  return top !== undefined && Number(top.dataset.start) !== before;
                }""",
                arg=now[0],
            )
        assert seen == set(oracle)


def test_positions_stay_when_it_is_switched(open_page: Open, log: MadeLog, oracle: dict[int, ShownLine]) -> None:
    """What stood on top stands there after it; lines and links are those of the bytes, in either view."""
    page = open_page(viewer_path(log) + "#L700-L702")
    until_shown(page, 700)
    switch(page)
    until_on_top(page, 700)
    top = on_top(page)
    switch(page)
    until_shown(page, top)
    assert on_top(page) == top
    switch(page)
    until_at(page, top)
    expect(page.locator(".terminal .row.selected")).not_to_have_count(0)
    for row in page.locator(".terminal .row.selected").all():
        assert int(row.get_attribute("data-line") or 0) <= 702
        assert int(row.get_attribute("data-last") or 0) >= 700
    inner = next(line for line in oracle.values() if line.text.startswith("inner") and line.end_line - line.start_line > 2)
    jump(page, str(inner.start_line))
    until_at(page, inner.start_line)
    row = page.locator(f".terminal .row[data-start='{inner.start_byte}']")
    title = row.locator(".no").get_attribute("title") or ""
    assert f"bytes {inner.start_byte:,} to {inner.end_byte - 1:,}" in title
    row.locator(".no").click()
    assert page.url.endswith(f"#L{inner.start_line}-L{inner.end_line - 1}")


def until_on_top(page: Page, line: int) -> None:
    """Waits until what shows a raw line stands on top: it does not while lines below are still to come."""
    page.wait_for_function(
        """(line) => {
          const top = Number(document.querySelector(".bar").getAttribute("aria-valuenow"));
          const row = document.querySelector(`.terminal .row[data-line="${top}"]`);
          return row && top <= line && line <= Number(row.dataset.last);
        }""",
        arg=line,
    )


def on_top(page: Page) -> int:
    """The raw line on top of what is seen, as the scroll bar tells it."""
    return int(page.locator(".bar").get_attribute("aria-valuenow") or -1)


def test_a_folded_bar_unfolds_to_its_frames(open_page: Open, log: MadeLog, oracle: dict[int, ShownLine]) -> None:
    """All that was drawn over, in its order, and folds again."""
    bar = next(line for line in oracle.values() if line.text == "done with 0")
    raw = DATA[bar.start_byte : bar.end_byte]
    page = open_page(viewer_path(log))
    until_shown(page, DATA.count(b"\n") - 1)
    switch(page)
    page.keyboard.press("g")
    until_at(page, bar.start_line)
    row = page.locator(f".terminal .row[data-start='{bar.start_byte}']")
    row.get_by_role("button", name="overwritten: show").click()
    frames = [part.replace(b"\x1b[K", b"").decode() for part in raw.strip(b"\r\n").split(b"\r")]
    expect(row.locator(".frame")).to_have_text(frames, use_inner_text=False)
    row.get_by_role("button", name="fold").click()
    expect(row.locator(".frame")).to_have_count(0)
    expect(row.locator(".text")).to_contain_text("done with 0")


def test_search_finds_what_is_folded(open_page: Open, log: MadeLog) -> None:
    """The line that shows a match's bytes is marked, though what matched was drawn over."""
    page = open_page(viewer_path(log))
    until_shown(page, DATA.count(b"\n") - 1)
    switch(page)
    page.keyboard.press("/")
    page.keyboard.type("outer 1\n")
    expect(page.locator(".terminal .row.hit")).not_to_have_count(0)
    hit = page.locator(".terminal .row.hit").first
    assert "outer" in (hit.text_content() or "") or "inner" in (hit.text_content() or "")


def test_it_is_live(open_page: Open, web: Web) -> None:
    """What is drawn over changes in its place; an unfinished bar is one line; following goes on after a switch."""
    log = made_log(web, "ui-terminal-live", DATA)
    page = open_page(viewer_path(log))
    until_shown(page, DATA.count(b"\n") - 1)
    switch(page)
    until_at(page, DATA.count(b"\n") - 1)
    at = len(DATA)
    last = page.locator(".terminal .row .text").last
    for done in (10, 60, 90):
        data = b"\rnow %d%%" % done
        assert log.append(at, data).status == 200
        at += len(data)
        expect(last).to_contain_text(f"now {done}%")
    count = len(in_sight(page))
    assert log.append(at, b"\n\x1b[Aabove\x1b[K\n" + MORE).status == 200
    expect(last).to_contain_text("the end")
    texts = [text for _, _, text in in_sight(page)]
    assert texts[-3:] == ["above", "step 100%|##########", "the end"]
    assert abs(len(texts) - count) <= 2
    expect(page.locator(".follow")).to_have_attribute("aria-pressed", "true")
    switch(page)
    page.wait_for_function(
        "() => [...document.querySelectorAll('.lines:not([hidden]) .row')].at(-1)?.textContent.includes('the end')"
    )
    switch(page)
    expect(last).to_contain_text("the end")
    log.close()
    expect(page.locator(".follow")).to_be_hidden()
    expect(last).to_contain_text("the end")


def test_lines_tell_when_they_arrived(open_page: Open, web: Web) -> None:
    """When their first bytes did, as the raw view does, also what is fetched later; switching keeps them shown."""
    log = made_log(web, "ui-terminal-times", DATA)
    page = open_page(viewer_path(log), timezone_id="Asia/Shanghai")
    until_shown(page, DATA.count(b"\n") - 1)
    switch(page)
    until_at(page, DATA.count(b"\n") - 1)
    times = page.locator(".terminal .row .at")
    expect(times.last).to_be_hidden()
    page.keyboard.press("t")
    expect(page.get_by_role("button", name="Times")).to_have_attribute("aria-pressed", "true")
    assert log.append(len(DATA), MORE).status == 200
    expect(page.locator(".terminal .row .text").last).to_contain_text("the end")
    stored = log.web.get(f"{log.api}/lines", start="-1", count="1", times="true").json["times_ms"]
    local = datetime.fromtimestamp(stored[0] / 1000, timezone(timedelta(hours=8)))
    expect(times.last).to_have_text(local.strftime("%H:%M:%S"))
    assert all(times.all_text_contents())
    switch(page)
    expect(page.locator(".lines:not([hidden]) .row .at").last).to_be_visible()
    page.keyboard.press("t")
    switch(page)
    expect(times.last).to_be_hidden()
