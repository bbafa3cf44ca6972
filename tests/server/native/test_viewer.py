"""OpenI AiForge's log viewer, replayed: its page, and the Go adapter between the page and ModelArts."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator

import pytest

from tests.conftest import Server, start_server
from tests.server.calls import MadeLog, Web, made_log
from tests.server.modelarts.go_json import Shape, unmarshal

LINES = 60
MANY_LINES = 100
SEALED_S = 30.0

PAGE: Shape = {
    **{"error_code": str, "error_msg": str, "is_success": bool},
    **{"content": str, "lines": int, "start_line": str, "end_line": str},
}


class Viewer:
    """What is on the screen: pages glued in the order of the log, and the two positions that the buttons go on from."""

    def __init__(self, log: MadeLog, lines: int = LINES) -> None:
        self._log = log
        self._web = log.web.as_(None)
        self._token = log.web.token
        self._lines = lines
        self.shown = ""
        self.start_line = self.end_line = 0

    def bottom(self) -> int:
        """Opens the log, or goes to its end: the screen is begun anew."""
        return self._fresh("desc")

    def top(self) -> int:
        """Goes to the log's start: the screen is begun anew."""
        return self._fresh("asc")

    def up(self) -> int:
        """Puts the page before in front; returns how many lines came."""
        content, count, self.start_line, _ = self._page(self.start_line, "asc") or (None, 0, self.start_line, 0)
        self.shown = (content or "") + self.shown
        return count

    def down(self) -> int:
        """Puts the page after behind; returns how many lines came."""
        content, count, _, self.end_line = self._page(self.end_line, "desc") or (None, 0, 0, self.end_line)
        self.shown += content or ""
        return count

    def _fresh(self, order: str) -> int:
        page = self._page(0, order)
        self.shown, count, self.start_line, self.end_line = page or ("", 0, 0, 0)
        return count

    def _page(self, base_line: int, order: str) -> tuple[str, int, int, int] | None:
        """Asks as the adapter does: a base of 0 is none; positions go through 64 bits; an empty page moves nothing."""
        base = str(base_line) if base_line else ""
        path = f"{self._log.v1}/aom-log?base_line={base}&lines={self._lines}&log_file={self._log.log_file}&order={order}"
        reply = self._web.call("GET", path, authorization=f"Bearer {self._token}")
        assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
        page = unmarshal(reply.body, PAGE)
        assert page["is_success"]
        assert page["lines"] == page["content"].count("\n") <= self._lines
        return (page["content"], page["lines"], int(page["start_line"]), int(page["end_line"])) if page["lines"] else None


@pytest.fixture(scope="module")
def eager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that seals and merges all the time."""
    data = tmp_path_factory.mktemp("eager")
    server = start_server(data, seal_bytes=2000, seal_quiet_s=0, janitor_s=0.01, merge_calm_s=0, object_grace_s=0)
    yield server
    assert server.stop() == 0


@pytest.fixture
def web(eager: Server) -> Iterator[Web]:
    """That server."""
    web = Web(eager.url, eager.token)
    yield web
    web.close()


def text_of(count: int) -> bytes:
    """Numbered lines of any length, so that a line that is missing or there twice is seen."""
    chance = random.Random(7)
    return b"".join(b"%d %s\n" % (number, b"x" * chance.randrange(100)) for number in range(count))


def pieces_of(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The data as an agent sends it, lines cut anywhere."""
    chance, at = random.Random(8), 0
    while at < len(data):
        size = chance.randrange(1, 700)
        yield at, data[at : at + size]
        at += size


def wait_until_sealed(log: MadeLog, end_byte: int) -> None:
    deadline = time.monotonic() + SEALED_S
    while log.status()["sealed_byte"] < end_byte:
        assert time.monotonic() < deadline


@pytest.mark.slow  # a page for every 60 of 1500 lines, up and down
@pytest.mark.parametrize("lines", [LINES, MANY_LINES])
def test_bottom_up_to_the_top_down_again_and_top_while_the_log_grows_and_is_sealed(web: Web, lines: int) -> None:
    """No line is lost and none comes twice, whatever becomes of the log between two pages."""
    data = text_of(1500)
    log = made_log(web, f"viewer-{lines}")
    pieces = pieces_of(data)
    written = 0

    def grow(rounds: int) -> None:
        nonlocal written
        for _, (at, piece) in zip(range(rounds), pieces, strict=False):
            assert log.append(at, piece).status == 200
            written = at + len(piece)

    grow(40)
    viewer = Viewer(log, lines)
    assert viewer.bottom() == lines
    turn = 0
    while viewer.up():
        turn += 1
        grow(5)
        if turn % 2:
            wait_until_sealed(log, data.rfind(b"\n", 0, written) - 2000)
    assert data.decode().startswith(viewer.shown)
    while viewer.down() or written < len(data):
        grow(9)
    assert viewer.shown == data.decode()
    assert viewer.top() == lines
    assert data.decode().startswith(viewer.shown)
    log.close()
    wait_until_sealed(log, len(data))
    while viewer.down():
        pass
    assert (viewer.shown, viewer.up()) == (data.decode(), 0)


@pytest.mark.slow  # 1000 lines written beside it
def test_viewer_follows_a_log_that_is_written_at_the_same_time(web: Web) -> None:
    """Every page is asked for while appends, seals and merges run beside it."""
    data = text_of(1000)
    log = made_log(web, "follow")
    failures: list[str] = []

    def write() -> None:
        own = Web(web.url, web.token)
        other = MadeLog(own, log.job_id, log.version_id, log.log_file)
        failures.extend(f"{at}: {reply}" for at, piece in pieces_of(data) if (reply := other.append(at, piece)).status != 200)
        own.close()

    writer = threading.Thread(target=write)
    writer.start()
    viewer, asked = Viewer(log), 0
    while not viewer.bottom():
        pass
    while writer.is_alive() or viewer.down():
        asked += 1
        while viewer.up():
            assert data.decode().startswith(viewer.shown)
        viewer.down()
        if asked % 50 == 0:
            assert viewer.top()
    writer.join()
    while viewer.down():
        pass
    assert not failures
    assert viewer.shown == data.decode()


def test_empty_log_then_its_first_lines(web: Web) -> None:
    """Opened before anything was written, the page shows nothing, then everything, once."""
    log = made_log(web, "early")
    viewer = Viewer(log)
    assert [viewer.bottom(), viewer.up(), viewer.down(), viewer.top()] == [0, 0, 0, 0]
    log.append(0, b"one\ntwo")
    assert [viewer.bottom(), viewer.up(), viewer.down()] == [1, 0, 0]
    log.append(7, b"\n")
    assert (viewer.down(), viewer.shown) == (1, "one\ntwo\n")


def test_older_page_that_goes_on_from_zero_after_an_error(web: Web) -> None:
    """It answers a failure with positions "0", which then come back as a base: that is the start, not the end."""
    log = made_log(web, "older", b"one\ntwo\nthree\n")
    page = log.lines_page(base_line="0", order="desc", lines=2)
    assert page["content"] == "one\ntwo\n"
    assert log.lines_page(base_line=page["end_line"], order="desc", lines=2)["content"] == "three\n"
