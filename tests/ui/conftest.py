"""Fixtures for the viewer: Debian's Chromium, driven by Playwright, on the server that all tests share."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.conftest import Server
from tests.server.calls import MadeLog, Web

playwright = (
    pytest.importorskip("playwright.sync_api") if not os.environ.get("CI") else __import__("playwright.sync_api").sync_api
)

ANSWER_MS = 60_000
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 780}

Open = Callable[..., Page]

expect.set_options(timeout=ANSWER_MS)  # a busy machine is slow, not wrong


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A browser for all tests here; without one they are skipped, but in CI.

    It ends with them: while it runs, no other test could have an event loop in this thread.
    """
    executable = shutil.which("chromium")
    if executable is None:
        if os.environ.get("CI"):
            pytest.fail("chromium is not installed, and in CI nothing is skipped")
        pytest.skip("chromium is not installed (on Debian: apt-get install chromium)")
    with sync_playwright() as driver:
        launched = driver.chromium.launch(
            executable_path=executable, args=["--no-sandbox", "--enable-precise-memory-info", "--js-flags=--expose-gc"]
        )
        yield launched
        launched.close()


@pytest.fixture
def web(server: Server) -> Iterator[Web]:
    """The shared server, called with the token that may do everything."""
    web = Web(server.url, server.token)
    yield web
    web.close()


@pytest.fixture(scope="package")
def contexts(browser: Browser) -> Iterator[dict[str, BrowserContext]]:
    """What a browser keeps, by how it was made: pages that are alike share the viewer's files and the session."""
    made: dict[str, BrowserContext] = {}
    yield made
    for context in made.values():
        context.close()


@pytest.fixture
def open_page(browser: Browser, contexts: dict[str, BrowserContext], server: Server) -> Iterator[Open]:
    """Opens pages of the viewer, logged in unless ``token`` is None. Errors fail the test (calls' not if ``problems``).

    With a token of its own, or none, a page is alone in its browser. What a page has chosen ends with it.
    """
    alone: list[BrowserContext] = []
    pages: list[Page] = []
    said: list[str] = []

    def open_(path: str = "/", *, token: str | None = server.token, problems: bool = False, **how: Any) -> Page:
        how = {"base_url": how.pop("url", server.url), "viewport": WIDE, "locale": "en-US"} | how
        key = json.dumps(how, sort_keys=True)
        context = contexts.get(key) if token == server.token else None
        if context is None:
            context = browser.new_context(**how)
            context.set_default_timeout(ANSWER_MS)
            if token is not None:
                reply = context.request.post("/api/session", data={"token": token})
                assert reply.ok, reply.text()
            if token == server.token:
                contexts[key] = context
            else:
                alone.append(context)
        page = context.new_page()
        pages.append(page)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("console", lambda message: said.append(message.text) if message.type == "error" and not problems else None)
        page.goto(path)
        return page

    yield open_
    for page in pages:
        page.evaluate("localStorage.clear()")
        page.close()
    for context in alone:
        context.close()
    assert [each for each in said if "status of 401" not in each] == []  # which is how a page learns to ask who is there


def viewer_path(log: MadeLog) -> str:
    """Where the viewer shows a log."""
    return log.api.removeprefix("/api")


def shown_lines(page: Page) -> dict[int, str]:
    """Returns the text of the lines that are in sight, by their numbers."""
    found = page.evaluate(
        """() => {
          const view = document.querySelector(".lines").getBoundingClientRect();
          return [...document.querySelectorAll(".row")].filter((row) => {
            const box = row.getBoundingClientRect();
            return box.bottom > view.top && box.top < view.bottom;
          }).map((row) => [Number(row.dataset.line), row.querySelector(".text").textContent, row.classList.contains("absent")]);
        }"""
    )
    assert not any(absent for _, _, absent in found)
    return {line: text for line, text, _ in found}


def settled(page: Page) -> None:
    """Waits until every line in sight has come."""
    page.wait_for_function('() => document.querySelector(".row") && !document.querySelector(".row.absent")')


def wheel(page: Page, pixels: int) -> None:
    """Turns the wheel over the log, as a hand does."""
    page.mouse.move(600, 400)
    page.mouse.wheel(0, pixels)


def until_shown(page: Page, line: int) -> None:
    """Waits until a line is in sight, and every line that is has come."""
    page.wait_for_function(
        """(line) => {
          const row = document.querySelector(`.row[data-line="${line}"]`);
          const view = document.querySelector(".lines")?.getBoundingClientRect();
          const box = row?.getBoundingClientRect();
          return box && box.bottom > view.top && box.top < view.bottom && !document.querySelector(".row.absent");
        }""",
        arg=line,
    )


def settings(page: Page) -> None:
    """Opens the menu of theme, language and logging out."""
    page.locator(".settings summary").click()


def jump(page: Page, to: str) -> None:
    """Types where to go."""
    page.keyboard.press(":")
    page.keyboard.type(to)
    page.keyboard.press("Enter")
