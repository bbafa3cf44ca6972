"""A log, or lines of it, as a file and as a page of text, by the browser itself: every byte, and nothing that runs."""

from __future__ import annotations

from pathlib import Path

import pytest
import zstandard
from playwright.sync_api import Page, expect

from tests.server.calls import MadeLog, Web, made_log
from tests.ui.conftest import Open, until_shown, viewer_path

pytestmark = pytest.mark.long  # a browser

HOSTILE = (
    b"<html><body onload=\"document.title='ran'\"><script>document.title='ran'</script>\n"
    b"<img src=x onerror=\"document.title='ran'\"><meta http-equiv=refresh content='0;url=/'>\n"
    b"\xef\xbb\xbf%PDF-1.4 \x00\x1b]0;ran\x07 \xff\xfe \xe2\x80\xae gpj.exe\r\n"
)
DATA = b"".join(HOSTILE + b"line %d\n" % n for n in range(5000)) + "\u8bad\u7ec3 ends".encode()


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    return DATA.splitlines(keepends=True)


@pytest.fixture
def log(web: Web) -> MadeLog:
    return made_log(web, "ui-downloads", DATA, closed=True)


def kept(page: Page, menu: str, entry: str) -> tuple[str, Path]:
    """Chooses an entry of a menu; returns the name and the place of the file that the browser keeps."""
    page.locator(f"summary[aria-label^='{menu}']").click()
    with page.expect_download() as downloading:
        page.get_by_role("link", name=entry).locator("visible=true").click()
    return downloading.value.suggested_filename, downloading.value.path()


def test_whole_log_is_kept(open_page: Open, log: MadeLog) -> None:
    """As it is and compressed; the menu closes behind it."""
    page = open_page(viewer_path(log))
    until_shown(page, 4 * 4999)
    name, path = kept(page, "Download the log", "All of it")
    assert (name, path.read_bytes() == DATA) == (f"{log.log_file}.log", True)
    expect(page.locator("details.menu[open]")).to_have_count(0)
    name, path = kept(page, "Download the log", "Compressed (.zst)")
    assert name == f"{log.log_file}.log.zst"
    assert path.stat().st_size < len(DATA) // 10
    with path.open("rb") as file:
        assert zstandard.ZstdDecompressor().stream_reader(file).read() == DATA


def test_selected_lines_are_kept(open_page: Open, log: MadeLog, lines: list[bytes]) -> None:
    """Also the last one, which nothing ends; the name says which they are."""
    page = open_page(viewer_path(log) + "#L100-L149")
    until_shown(page, 100)
    name, path = kept(page, "Download the selected", "These lines")
    assert (name, path.read_bytes()) == (f"{log.log_file}.L100-149.log", b"".join(lines[100:150]))
    page.goto(viewer_path(log) + "#L19998-L20000")
    until_shown(page, 20_000)
    name, path = kept(page, "Download the selected", "Compressed (.zst)")
    assert name == f"{log.log_file}.L19998-20000.log.zst"
    with path.open("rb") as file:
        assert zstandard.ZstdDecompressor().stream_reader(file).read() == b"".join(lines[19_998:])


def test_text_in_a_new_tab_is_text(open_page: Open, log: MadeLog, lines: list[bytes]) -> None:
    """Whatever it says: markup, a title, another type, another place to go to. It has no origin to do harm in."""
    page = open_page(viewer_path(log) + "#L0-L5")
    until_shown(page, 0)
    for menu, wanted in [("Download the selected", b"".join(lines[:6])), ("Download the log", DATA)]:
        page.locator(f"summary[aria-label^='{menu}']").click()
        with page.expect_popup() as opening:
            page.get_by_role("link", name="Open as text in a new tab").locator("visible=true").click()
        tab = opening.value
        tab.wait_for_load_state()
        assert tab.evaluate("[document.contentType, document.characterSet, origin, String(opener)]") == [
            "text/plain", "UTF-8", "null", "null",
        ]  # fmt: skip
        assert tab.evaluate("document.querySelectorAll('script, img, meta[http-equiv]').length") == 0
        shown = tab.evaluate("document.body.textContent")
        assert shown.replace("\r\n", "\n") == wanted.decode("utf-8", "replace").replace("\x00", "\ufffd").replace("\r\n", "\n")
        assert tab.title() != "ran"
        assert "/raw" in tab.url
        tab.close()


def test_a_menu_is_closed_by_escape_and_by_a_click_elsewhere(open_page: Open, log: MadeLog) -> None:
    """And Escape then takes nothing else away."""
    page = open_page(viewer_path(log) + "#L10")
    until_shown(page, 10)
    opened = page.locator("details.menu[open]")
    button = page.locator("summary[aria-label^='Download the log']")
    button.press("Enter")
    expect(opened).to_have_count(1)
    page.keyboard.press("Escape")
    expect(opened).to_have_count(0)
    expect(button).to_be_focused()
    assert page.url.endswith("#L10")
    button.click()
    expect(opened).to_have_count(1)
    page.locator(".lines").click(position={"x": 500, "y": 300})
    expect(opened).to_have_count(0)
