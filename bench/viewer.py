"""The viewer beside the size of the log: ``python -m bench.viewer`` prints the table of docs/viewer.md.

Chromium is driven by Playwright, with the server on the same machine. Times are taken in the page: from the beginning of its
navigation, or from the change of its address, to the frame in which the line stands there.
"""

from __future__ import annotations

import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import apsw
from msgspec import structs
from playwright.sync_api import BrowserContext, Page, sync_playwright

from joblog.client import Client
from joblog.core.segment import decode_index, encode_index
from joblog.core.settings import Settings
from joblog.engine.engine import Engine

LINE_BYTES = 104
PART_LINES = 100_000
"""Lines of one segment; all segments have the same bytes, so a line says its place in its segment."""

OPENINGS = 7
JUMPS = 1000
FOLLOWED_LINES, FOLLOWED_AT_ONCE = 1_000_000, 20_000

# Goes to each line by its link, and waits until it is there; returns those that did not come.
JUMP_ABOUT = """async (numbers) => {
  const missed = [];
  for (const number of numbers) {
    location.hash = `#L${number}`;
    const until = performance.now() + 10000;
    const there = () => document.querySelector(`.row[data-line="${number}"]:not(.absent)`);
    while (!there() && performance.now() < until) await new Promise((done) => setTimeout(done, 3));
    if (!there()) missed.push(number);
  }
  return missed;
}"""

_TIMED_JUMPS = """async (numbers) => {
  const took = [];
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  for (const number of numbers) {
    const begun = performance.now();
    location.hash = `#L${number}`;
    while (!document.querySelector(`.lines:not([hidden]) .row[data-line="${number}"]:not(.absent)`)) await frame();
    took.push(performance.now() - begun);
  }
  return took;
}"""

_FIRST_LINE = """async () => {
  while (!document.querySelector(".row:not(.absent)")) await new Promise((done) => setTimeout(done, 1));
  await new Promise((done) => requestAnimationFrame(done));
  return performance.now();
}"""


_DRAWN = """async () => {
  await new Promise((done) => requestAnimationFrame(done));
  return performance.now();
}"""


def line(number: int) -> str:
    """What the log's line says."""
    at = number % PART_LINES
    return f"{at:06} loss {at / 7:.6f} ".ljust(LINE_BYTES - 1, "abcdefghij"[at % 10])


def make_repeated(data: Path, lines: int) -> str:
    """Puts a log of so many lines into a data directory, each part a link to one object; returns its page."""
    engine = Engine(Settings(data=data))
    now_ms = engine.clock_ms()
    engine.runs.put_project("default", now_ms)
    log = engine.runs.put_run("default", "long", None, 0, now_ms)[2]
    body = "".join(line(number) + "\n" for number in range(min(lines, PART_LINES))).encode()
    grown = engine.sealer.append_sealed(log, body, now_ms)
    assert grown is not None
    _repeat(engine, log.id, max(lines // PART_LINES, 1))
    engine.close()
    return f"/projects/default/jobs/{log.job_id}/versions/{log.version_id}/logs/worker-0"


def _repeat(engine: Engine, log_id: int, times: int) -> None:
    """Repeats a log of one segment, without writing its bytes again: a hard link for each."""
    settings = engine.settings
    with apsw.Connection(str(settings.data / "catalog.db")) as catalog:
        columns = [row[1] for row in catalog.execute("PRAGMA table_info(segment)")]
        row = catalog.execute("SELECT * FROM segment WHERE log_id = ?", (log_id,)).fetchone()
        assert row is not None
        first = dict(zip(columns, row, strict=True))
        size, lines = first["end_byte"], first["end_line"]
        index = decode_index(first["frames"])
        source = settings.data / "objects" / first["object_key"]
        for number in range(1, times):
            low, high = number * size, (number + 1) * size
            key = str(Path(first["object_key"]).with_name(f"{low:020}-{high}-again{number}.zst"))
            (settings.data / "objects" / key).hardlink_to(source)
            row = first | {"start_byte": low, "end_byte": high, "object_key": key}
            row |= {"start_line": number * lines, "end_line": (number + 1) * lines}
            row["frames"] = encode_index(structs.replace(index, start_byte=low, start_line=number * lines))
            catalog.execute(f"INSERT INTO segment VALUES ({', '.join('?' * len(columns))})", list(row.values()))
        end = (times * size, times * lines)
        catalog.execute(
            "UPDATE log SET sealed_byte = ?, sealed_line = ?, end_byte = ?, end_line = ?, partial_byte = ?, fresh_segments = 0 "
            "WHERE id = ?", (*end, *end, end[0], log_id),
        )  # fmt: skip


def main() -> None:
    """Measures logs of three sizes, and one that grows."""
    times = ["first line, median (most)", "an empty page", "jump to a random line, median, 95%", "as a terminal shows it"]
    heads = ["log", *times, "heap after them"]
    print(f"| {' | '.join(heads)} |\n{'| --- ' * len(heads)}|", flush=True)
    for lines in (PART_LINES // 1000, PART_LINES, 100_000_000):
        with tempfile.TemporaryDirectory() as directory:
            data = Path(directory)
            path = make_repeated(data, lines)
            _measured(data, path, lines)
    with tempfile.TemporaryDirectory() as directory:
        _followed(Path(directory))


def _opened(page: Page, path: str) -> float:
    """Goes to a page; returns after how many milliseconds its first line is there, or something, where it has none."""
    page.goto("about:blank")
    page.goto(path, wait_until="commit")
    return float(page.evaluate(_DRAWN if path == "/healthz" else _FIRST_LINE))


def _measured(data: Path, path: str, lines: int) -> None:
    server = _serve(data)
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=_FLAGS)
            page = _page(browser.new_context(base_url=_said(data, "url")), data)
            empty, firsts = ([_opened(page, each) for _ in range(OPENINGS)] for each in ("/healthz", path))
            chance = random.Random(lines)
            took = sorted(page.evaluate(_TIMED_JUMPS, [chance.randrange(lines) for _ in range(JUMPS)]))
            page.keyboard.press("r")
            shown = sorted(page.evaluate(_TIMED_JUMPS, [chance.randrange(lines) for _ in range(JUMPS)]))
            jumps = " | ".join(
                f"{statistics.median(each):.0f} ms, {each[int(len(each) * 0.95)]:.0f} ms" for each in (took, shown)
            )
            first = f"{statistics.median(firsts):.0f} ms ({max(firsts):.0f} ms) | {statistics.median(empty):.0f} ms"
            print(
                f"| {lines:,} lines, {lines * LINE_BYTES / 1e6:,.2f} MB | {first} | {jumps} | {_heap_mb(page):.0f} MB |",
                flush=True,
            )
            browser.close()
    finally:
        server.terminate()
        server.wait()


def _followed(data: Path) -> None:
    server = _serve(data)
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=_FLAGS)
            page = _page(browser.new_context(base_url=_said(data, "url")), data)
            client = Client(_said(data, "url"), _said(data, "admin.token"))
            run = client.run("default", "followed")
            page.goto(f"/projects/default/jobs/{run.job.id}/versions/{run.version.id}/logs/worker-0")
            at = 0
            begun = time.monotonic()
            for first in range(0, FOLLOWED_LINES, FOLLOWED_AT_ONCE):
                data_ = "".join(f"{number} {'x' * 90}\n" for number in range(first, first + FOLLOWED_AT_ONCE)).encode()
                at = client.append(run.log.ref, at, data_).end_byte
            last = FOLLOWED_LINES - 1
            page.wait_for_selector(f'.row[data-line="{last}"]:not(.absent)')
            took = time.monotonic() - begun
            print(f"\nAfter {FOLLOWED_LINES:,} lines followed in {took:.0f} s the page held {_heap_mb(page):.0f} MB.")
            browser.close()
    finally:
        server.terminate()
        server.wait()


_FLAGS = ["--no-sandbox", "--enable-precise-memory-info", "--js-flags=--expose-gc"]


def _serve(data: Path) -> subprocess.Popen[bytes]:
    (data / "url").unlink(missing_ok=True)
    command = [sys.executable, "-m", "joblog", "serve", "--data", str(data), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (data / "url").exists():
        time.sleep(0.02)
    return process


def _said(data: Path, name: str) -> str:
    return (data / name).read_text().strip()


def _page(context: BrowserContext, data: Path) -> Page:
    reply = context.request.post("/api/session", data={"token": _said(data, "admin.token")})
    assert reply.ok, reply.text()
    return context.new_page()


def _heap_mb(page: Page) -> float:
    page.evaluate("gc()")
    return float(page.evaluate("performance.memory.usedJSHeapSize")) / 1e6


if __name__ == "__main__":
    main()
