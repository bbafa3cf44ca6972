"""A log of ten gigabytes and a hundred million lines, opened and read anywhere."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import apsw
import pytest
from msgspec import structs
from playwright.sync_api import Page

from joblog.config import Settings
from joblog.engine import Engine
from joblog.segment import decode_index, encode_index
from tests.conftest import Server, start_server
from tests.ui.conftest import Open, jump, shown_lines, until_shown, wheel
from tests.ui.test_follow import MOST_HEAP_BYTES, heap_bytes

LINES, LINE_BYTES = 100_000_000, 104
PART_LINES = 100_000
"""Lines of one segment; all segments have the same bytes, so a line says its place in its segment."""

JUMPS = 12
MANY_JUMPS = 1000

SCROLL_BY = """async (by) => {
  document.querySelector(".lines").scrollBy({top: by, behavior: "instant"});
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
}"""

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


@dataclass
class Long:
    """A server with the log, and where that is."""

    server: Server
    path: str


def line(number: int) -> str:
    """What the log's line says."""
    at = number % PART_LINES
    return f"{at:06} loss {at / 7:.6f} ".ljust(LINE_BYTES - 1, "abcdefghij"[at % 10])


def make(data: Path) -> str:
    """Puts the log into a data directory: one object, which every segment's row names a link to."""
    engine = Engine(Settings(data=data))
    now_ms = engine.clock_ms()
    engine.names.put_project("default", now_ms)
    log = engine.names.put_run("default", "long", None, 0, now_ms)[2]
    body = "".join(line(number) + "\n" for number in range(PART_LINES)).encode()
    assert len(body) == PART_LINES * LINE_BYTES
    grown = engine.sealer.append_sealed(log, body, now_ms)
    assert grown is not None
    repeat(engine, log.id, LINES // PART_LINES)
    engine.close()
    return f"/projects/default/jobs/{log.job_id}/versions/{log.version_id}/logs/worker-0"


def repeat(engine: Engine, log_id: int, times: int) -> None:
    """Repeats a log of one segment, without writing its bytes again: a hard link for each."""
    settings = engine.settings
    with apsw.Connection(str(settings.data / "catalog.db")) as catalog:
        columns = [row[1] for row in catalog.execute("PRAGMA table_info(segment)")]
        first = dict(zip(columns, catalog.execute("SELECT * FROM segment WHERE log_id = ?", (log_id,)).fetchone(), strict=True))
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


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Long]:
    data = tmp_path_factory.mktemp("long")
    path = make(data)
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
    assert heap_bytes(page) < MOST_HEAP_BYTES


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


@pytest.mark.slow  # a thousand jumps are a thousand pages
def test_a_thousand_jumps_leave_little_behind(open_page: Open, long: Long) -> None:
    """What was shown is forgotten."""
    page = opened(open_page, long)
    chance = random.Random(2)
    numbers = [chance.randrange(LINES) for _ in range(MANY_JUMPS)]
    missed = page.evaluate(JUMP_ABOUT, numbers)
    assert missed == []
    check(page)
    assert heap_bytes(page) < MOST_HEAP_BYTES
