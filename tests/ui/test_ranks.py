"""The ranks of a run, together and beside each other."""

from __future__ import annotations

import time
from itertools import count, zip_longest
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.server.calls import Web
from tests.ui.conftest import NARROW, Open, shown_lines, until_shown

pytestmark = pytest.mark.long  # a browser

RANKS = 8
ODD = 5

_numbers = count(1)


class Run:
    """A run of several ranks, made a piece at a time."""

    def __init__(self, web: Web, name: str, ranks: int) -> None:
        self.web = web
        self.ends = dict.fromkeys(range(ranks), 0)
        for rank in self.ends:
            body = {"job_name": name, "run_id": "one", "task": f"worker-{rank}"}
            made = web.post("/api/projects/default/runs", body).json
        self.path = f"/projects/default/jobs/{made['job']['id']}/versions/{made['version']['id']}"

    def say(self, rank: int, text: str) -> None:
        at, data = self.ends[rank], text.encode()
        assert self.web.call("POST", f"/api{self.path}/logs/worker-{rank}/append?at={at}", data).status == 200
        self.ends[rank] = at + len(data)

    def end(self, rank: int, status: str = "COMPLETED") -> None:
        report = {"status": status, "tasks": len(self.ends)} | ({"exit_code": 1} if status == "FAILED" else {})
        assert self.web.post(f"/api{self.path}/tasks/worker-{rank}/report", report).status == 200
        assert self.web.post(f"/api{self.path}/logs/worker-{rank}/close", {}).status == 200


@pytest.fixture
def run(web: Web) -> Run:
    """A run that has ended: all ranks say the same, but one that fails."""
    made = Run(web, f"ranks-{next(_numbers)}", RANKS)
    for rank in range(RANKS):
        made.say(rank, "".join(f"[rank{rank}] epoch {epoch} done\n" for epoch in range(3)))
    made.say(ODD, "RuntimeError: <b>boom</b>\n")
    for rank in range(RANKS):
        made.end(rank, "FAILED" if rank == ODD else "COMPLETED")
    return made


def sides(page: Page) -> list[list[str]]:
    """The texts of each row of two columns; one that both have is shown as the same."""
    rows = page.locator(".merged .pair").evaluate_all(
        """(rows) => rows.map((row) => [...row.querySelectorAll(".side")].map((side) =>
             side.querySelector(".text")?.textContent ?? "").concat(String(row.classList.contains("same"))))"""
    )
    assert all((left == right) == (same == "true") for left, right, same in rows)
    return [[left, right] for left, right, _ in rows]


def expected_sides(run: Run, lines: int) -> list[list[str]]:
    """The same by the seconds in which the server took the lines."""
    held = run.web.get(f"/api{run.path}/merged", ranks="0,1").json["lines"]
    assert len(held) == lines
    seconds = sorted({line["at_ms"] for line in held})
    columns = [
        [
            [line["text"] for line in held if line["at_ms"] == second and line["task"] == task]
            for task in ("worker-0", "worker-1")
        ]
        for second in seconds
    ]
    return [list(pair) for left, right in columns for pair in zip_longest(left, right, fillvalue="")]


def test_what_all_ranks_say_stands_once(open_page: Open, run: Run) -> None:
    """With the ranks before it; what one says alone is marked, and leads to its line in its log."""
    page = open_page(f"{run.path}/ranks")
    page.get_by_label("Say alike lines once").select_option("60")
    rows = page.locator(".merged .said")
    odd = rows.filter(has_text="boom")
    expect(odd.locator(".text")).to_have_text("RuntimeError: <b>boom</b>")
    expect(odd.locator(".rank")).to_have_text(f"rank {ODD}")
    assert "alone" in (odd.get_attribute("class") or "")
    assert "error" in (odd.locator(".text").get_attribute("class") or "")
    alike = rows.filter(has_text="epoch 1 done")
    expect(alike.locator(".rank").first).to_have_attribute("title", f"ranks 0-{RANKS - 1}")
    expect(alike.locator(".rank").first).to_have_text("all ranks")
    assert page.locator(".merged b").count() == 0
    odd.locator("a.rank").click()
    until_shown(page, 3)
    assert page.url.endswith(f"{run.path}/logs/worker-{ODD}#L3")
    assert shown_lines(page)[3] == "RuntimeError: <b>boom</b>"


def test_every_line_of_the_ranks_that_are_chosen(open_page: Open, run: Run) -> None:
    """Nothing collapsed: each line with its rank, in the order of arrival; what is no rank is told."""
    page = open_page(f"{run.path}/ranks", problems=True)
    page.get_by_label("Say alike lines once").select_option("0")
    page.get_by_label("Ranks, as 0,4-7").fill("1-2")
    rows = page.locator(".merged .said")
    expect(rows).to_have_count(6)
    found = [(row.locator(".rank").text_content(), row.locator(".text").text_content()) for row in rows.all()]
    assert sorted(found) == sorted(
        (f"rank {rank}", f"[rank{rank}] epoch {epoch} done") for rank in (1, 2) for epoch in range(3)
    )
    assert "ranks=1-2" in page.url
    page.get_by_label("Ranks, as 0,4-7").fill("one")
    expect(page.locator(".notice")).to_contain_text("ranks")


def test_the_odd_rank_out_is_seen_at_once(open_page: Open, run: Run) -> None:
    """A cell for each rank; the one that ended otherwise is marked, said first, and a click from its log."""
    page = open_page(f"{run.path}/ranks", viewport=NARROW)
    cells = page.locator(".cells .cell")
    expect(cells).to_have_text([str(rank) for rank in range(RANKS)])
    first = page.locator(".cells .cell.failed-first")
    expect(first).to_have_text([str(ODD)])
    assert "bad" in (first.get_attribute("class") or "")
    expect(page.locator(".legend")).to_contain_text(f"completed {RANKS - 1}")
    first.hover()
    expect(page.get_by_role("tooltip")).to_contain_text("RuntimeError: <b>boom</b>")
    expect(page.get_by_role("tooltip")).to_contain_text("failed first")
    expect(page.locator(".endings li").first).to_contain_text(f"rank {ODD} (1): ")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    first.click()
    until_shown(page, 3)
    assert page.url.endswith(f"{run.path}/logs/worker-{ODD}")


def test_two_logs_stand_beside_each_other_by_time(open_page: Open, web: Web) -> None:
    """What came in the same second is in the same row; where one says nothing its side is empty; new lines come too."""
    run = Run(web, f"ranks-{next(_numbers)}", 2)
    run.say(0, "both\nleft one\n")
    run.say(1, "both\n")
    time.sleep(1.1)  # arrival is known to the second
    run.say(1, "right two\n")
    page = open_page(f"{run.path}/ranks?left=worker-0&right=worker-1")
    pairs = page.locator(".merged .pair")
    expect(pairs.filter(has_text="right two")).to_have_count(1)
    assert sides(page) == expected_sides(run, 4)
    assert sides(page)[-1] == ["", "right two"]
    expect(page.locator(".heads .side")).to_have_text(["rank 0", "rank 1"])
    run.say(0, "left three\n")
    expect(pairs.filter(has_text="left three")).to_have_count(1)
    assert sides(page) == expected_sides(run, 5)
    page.get_by_label("Right").select_option("none")
    expect(page.locator(".merged .said").filter(has_text="left three")).to_have_count(1)


def test_long_logs_come_a_page_after_the_other(open_page: Open, web: Web) -> None:
    """From the beginning by scrolling, from a time, or from the end; never all of them at once."""
    run = Run(web, f"ranks-{next(_numbers)}", 2)
    for rank in (0, 1):
        run.say(rank, "".join(f"{rank} line {number}\n" for number in range(3000)))
        run.end(rank)
    page = open_page(f"{run.path}/ranks?collapse=0")
    rows = page.locator(".merged .said .text")
    expect(rows.last).to_have_text("1 line 2999")
    page.get_by_role("button", name="Top").click()
    expect(rows.first).to_have_text("0 line 0")
    assert rows.count() < 1000
    for _ in range(20):
        if page.locator(".merged").evaluate(
            "(box) => { box.scrollTop = box.scrollHeight; return box.textContent.includes('0 line 2999'); }"
        ):
            break
        page.wait_for_timeout(300)
    expect(page.locator(".merged")).to_contain_text("0 line 2999")
    assert rows.count() <= 3000
    page.get_by_label("Go to a time").fill("1h")
    page.keyboard.press("Enter")
    expect(rows.first).to_have_text("0 line 0")


def test_ranks_stand_by_their_nodes(open_page: Open, web: Web) -> None:
    """A group for each host, with its name; a tip has the last step; what ranks say differently shows what differs."""
    run = Run(web, f"ranks-{next(_numbers)}", 4)
    for rank in range(4):
        report = {"status": "RUNNING", "tasks": 4, "host": f"node-{rank // 2}"}
        assert web.post(f"/api{run.path}/tasks/worker-{rank}/report", report).status == 200
    rounds = 25
    for step in range(rounds):
        for rank in range(4):
            run.say(rank, f"[rank{rank}] step {step} loss 4.{rank}\n")
    held: list[dict[str, Any]] = []
    while len(held) < 4 * rounds:  # a second is merged when it is two seconds old
        held = web.get(f"/api{run.path}/merged", ranks="0-3", count=300).json["lines"]
    seconds = [{line["at_ms"] for line in held if f"step {step} " in line["text"]} for step in range(rounds)]
    whole = next(step for step, each in enumerate(seconds) if len(each) == 1)  # what came within one second is put together
    page = open_page(f"{run.path}/ranks")
    nodes = page.locator(".node")
    expect(nodes.locator(".host")).to_have_text(["node-0", "node-1"])
    expect(nodes.last.locator(".cell")).to_have_text(["2", "3"])
    nodes.last.locator(".cell").last.focus()
    expect(page.get_by_role("tooltip")).to_contain_text(f"last step: {step}")
    expect(page.get_by_role("tooltip")).to_contain_text("node-1")
    differs = page.locator(".merged .said", has_text=f"step {whole} ").filter(has=page.locator(".differs"))
    expect(differs.locator(".differs")).to_have_text(["0…3", "4.0…4.3"])
    expect(differs.locator(".rank")).to_have_text("all ranks")
    differs.get_by_role("button", name="4 differ: show").click()
    expect(page.locator(".merged .said", has_text=f"step {whole} ")).to_have_count(4)
