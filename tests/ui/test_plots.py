"""Numbers that runs print, as plots."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.server.calls import Web
from tests.ui.conftest import NARROW, Open, settings, until_shown

pytestmark = pytest.mark.long  # a browser

_numbers = count(1)

STEPS = 60

# How many pixels of a plot have about a colour that a class gives.
INKED = """(plot, name) => {
  const probe = document.createElement("span");
  probe.className = name;
  plot.append(probe);
  const want = getComputedStyle(probe).color.match(/\\d+/g).map(Number);
  probe.remove();
  const canvas = plot.querySelector("canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let found = 0;
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3] > 200 && want.every((value, c) => Math.abs(data[i + c] - value) < 12)) found += 1;
  }
  return found;
}"""


def loss(step: int, rank: int, run: int = 0) -> float:
    return round(10 / (step + 1) + rank + run / 2, 4)


def send(web: Web, job: str, run_id: str, ranks: Sequence[int], run: int = 0) -> str:
    """Sends a run whose ranks print a loss and a rate at each step; returns the version's path."""
    for rank in ranks:
        body = {"job_name": job, "run_id": run_id, "task": f"worker-{rank}"}
        made = web.post("/api/projects/default/runs", body).json
        version = f"/projects/default/jobs/{made['job']['id']}/versions/{made['version']['id']}"
        said = "".join(
            f"step={step} loss={loss(step, rank, run)} lr=<b>0.{step:03}\nstep={step} lr=0.{step:03} <i>\n"
            for step in range(STEPS)
        )
        assert web.call("POST", f"/api{version}/logs/worker-{rank}/append?at=0", said.encode()).status == 200
        assert web.post(f"/api{version}/logs/worker-{rank}/close", {}).status == 200
    return version


@pytest.fixture
def job() -> str:
    return f"plots-{next(_numbers)}"


def drawn(page: Page, name: str) -> Locator:
    """The plot of a metric, once uPlot has drawn it."""
    plot = page.locator(f'section.plot[data-metric="{name}"]')
    expect(plot.locator("canvas")).to_be_visible()
    return plot


def legend(plot: Locator) -> list[str]:
    return plot.locator(".u-legend .u-value").all_text_contents()


def inked(plot: Locator, name: str) -> int:
    return int(plot.evaluate(INKED, name))


def over(plot: Locator, share: float) -> tuple[float, float]:
    """A place on the screen: so far from the left within the plot's own area."""
    box = plot.locator(".u-over").bounding_box()
    assert box is not None
    return box["x"] + box["width"] * share, box["y"] + box["height"] / 2


def point_at(page: Page, plot: Locator, share: float, *, wanted: str | None = None) -> list[str]:
    """Moves the mouse over a plot, until its legend tells a point there (the one that is wanted); returns what it tells."""
    for _ in range(600):
        x, y = over(plot, share)
        page.mouse.move(x - 1, y)
        page.mouse.move(x, y)
        page.wait_for_timeout(50)
        told = legend(plot)
        if told[0] != "--" and wanted in (None, told[0]):
            return told
    raise AssertionError(f"the legend never told {wanted or 'a point'}: {told}")


def test_ranks_are_curves_and_a_point_leads_to_its_line(open_page: Open, web: Web, job: str) -> None:
    """Each rank has its colour; what is under the mouse is told; a click names the point and its line."""
    version = send(web, job, "one", [0, 1])
    page = open_page(f"{version}/plots")
    plot = drawn(page, "loss")
    assert page.locator("section.plot").first.get_attribute("data-metric") == "loss"
    assert plot.locator(".u-legend .u-label").all_text_contents() == ["step", "rank 0", "rank 1"]
    assert inked(plot, "ink-0") > 100
    assert inked(plot, "ink-1") > 100
    assert inked(plot, "ink-5") == 0
    told = point_at(page, plot, 0.51)
    step = int(told[0])
    assert abs(step - STEPS / 2) <= 2
    assert [float(value) for value in told[1:]] == [loss(step, 0), loss(step, 1)]
    x, y = over(plot, 0.51)
    page.mouse.click(x, y + 80)
    picked = plot.locator(".picked")
    expect(picked.locator("code")).to_have_text(f"step={step} loss={loss(step, 0)} lr=<b>0.{step:03}")
    expect(picked).to_contain_text(f"#1 · rank 0 · step {step} · ")
    picked.get_by_role("link", name=f"line {2 * step}").click()
    until_shown(page, 2 * step)
    assert page.url.endswith(f"{version}/logs/worker-0#L{2 * step}")
    expect(page.locator(".row.selected .text")).to_have_text(f"step={step} loss={loss(step, 0)} lr=<b>0.{step:03}")


def test_a_plot_is_zoomed_and_the_others_with_it(open_page: Open, web: Web, job: str) -> None:
    """A stretch that the mouse is dragged over fills the plot; the button shows all again; time is another way to look."""
    version = send(web, job, "one", [0])
    page = open_page(f"{version}/plots")
    plot, other = drawn(page, "loss"), drawn(page, "lr")
    point_at(page, plot, 0.5)
    (left, y), (right, _) = over(plot, 0.5), over(plot, 0.75)
    page.mouse.move(left, y)
    page.mouse.down()
    page.mouse.move(right, y, steps=4)
    page.mouse.up()
    for each in (plot, other):
        point_at(page, each, 0.01, wanted="30")
    page.get_by_role("button", name="Zoom out").click()
    point_at(page, plot, 0.002, wanted="0")
    page.get_by_label("Over").select_option("time")
    expect(plot.locator(".u-legend .u-label").first).to_have_text("time")
    assert inked(drawn(page, "loss"), "ink-0") > 20
    assert "over=time" in page.url


def test_two_runs_of_a_job_are_in_one_plot(open_page: Open, web: Web, job: str) -> None:
    """The other run is dashed, in its own colour; the choice is in the address, which opens the same again."""
    send(web, job, "before", [0], run=1)
    version = send(web, job, "after", [0])
    page = open_page(f"{version}/plots")
    drawn(page, "loss")
    page.locator(".others summary").click()
    page.get_by_label("#1 · before").check()
    page.keyboard.press("Escape")
    plot = drawn(page, "loss")
    expect(plot.locator(".u-legend .u-label")).to_have_text(["step", "#2", "#1"])
    assert inked(plot, "ink-0") > 100
    assert inked(plot, "ink-1") > 50
    told = point_at(page, plot, 0.5)
    step = int(told[0])
    assert [float(value) for value in told[1:]] == [loss(step, 0), loss(step, 0, 1)]
    page.reload()
    expect(drawn(page, "loss").locator(".u-legend .u-label")).to_have_text(["step", "#2", "#1"])


def test_plots_are_chosen_by_name_and_rank(open_page: Open, web: Web, job: str) -> None:
    """Of many ranks one is drawn until others are asked for; what the server refuses is told; no number is no plot."""
    version = send(web, job, "one", range(6))
    page = open_page(f"{version}/plots?from=worker-2", viewport=NARROW, problems=True)
    plot = drawn(page, "loss")
    expect(plot.locator(".u-legend .u-label")).to_have_text(["step", "rank 2"])
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_label("Ranks, as 0,4-7").fill("1,4-5")
    expect(plot.locator(".u-legend .u-label")).to_have_text(["step", "rank 1", "rank 4", "rank 5"])
    page.get_by_label("Names, as loss").fill("LR")
    expect(page.locator("section.plot h2")).to_have_text(["lr"])
    page.get_by_label("Names, as loss").fill("nothing")
    expect(page.locator(".plots")).to_have_text("These logs print no numbers that could be drawn so.")
    page.get_by_label("Ranks, as 0,4-7").fill("x")
    expect(page.get_by_role("alert")).to_contain_text("ranks")


def test_plots_grow_with_their_logs_and_change_with_the_theme(open_page: Open, web: Web, job: str) -> None:
    """What is printed now is drawn without a reload; the inks are those of the theme."""
    made = web.post("/api/projects/default/runs", {"job_name": job}).json
    version = f"/projects/default/jobs/{made['job']['id']}/versions/{made['version']['id']}"
    said = b"".join(b"step=%d acc=%d\n" % (step, step * step) for step in range(5))
    assert web.call("POST", f"/api{version}/logs/worker-0/append?at=0", said).status == 200
    page = open_page(f"{version}/plots", color_scheme="light")
    plot = drawn(page, "acc")
    more = b"".join(b"step=%d acc=%d\n" % (step, step * step) for step in range(5, 10))
    assert web.call("POST", f"/api{version}/logs/worker-0/append?at={len(said)}", more).status == 200
    assert point_at(page, plot, 0.99, wanted="9") == ["9", "81"]
    light = inked(plot, "ink-0")
    before = plot.evaluate("(plot) => getComputedStyle(plot.querySelector('h2')).color")
    settings(page)
    page.get_by_label("Theme").select_option("dark")
    assert plot.evaluate("(plot) => getComputedStyle(plot.querySelector('h2')).color") != before
    assert light > 20
    assert inked(plot, "ink-0") > 20


def test_runs_of_other_jobs_are_drawn_beside(open_page: Open, web: Web, job: str) -> None:
    """Found by the job's name, chosen by a check box; the address keeps them; a point of theirs leads to their log."""
    other = send(web, f"{job}-other", "elsewhere", [0], run=2)
    version = send(web, job, "own", [0])
    page = open_page(f"{version}/plots")
    drawn(page, "loss")
    page.locator(".others summary").click()
    page.get_by_label("Find jobs").fill(f"{job}-other")
    page.get_by_label("#1 · elsewhere").check()
    page.keyboard.press("Escape")
    labels = drawn(page, "loss").locator(".u-legend .u-label")
    expect(labels).to_have_text(["step", "#1", f"{job}-other #1"])
    page.reload()
    expect(labels).to_have_text(["step", "#1", f"{job}-other #1"])
    plot = drawn(page, "loss")
    plot.locator(".u-legend .u-series").nth(1).locator("th").click()  # hides the run's own curve
    plot.locator(".canvas").focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert legend(plot)[0] == "2"
    assert legend(drawn(page, "lr"))[0] == "2"  # the step at the cursor, in all plots
    page.keyboard.press("Enter")
    expect(plot.locator(".picked a")).to_have_text("line 4")
    expect(plot.locator(".picked a")).to_be_focused()
    page.keyboard.press("Enter")
    until_shown(page, 4)
    assert page.url.endswith(f"{other}/logs/worker-0#L4")


def test_curves_are_smoothed_and_scaled_and_enlarged(open_page: Open, web: Web, job: str) -> None:
    """Smoothed values are drawn and told, the scale is logarithmic, one plot fills the window; the address keeps it."""
    version = send(web, job, "one", [0])
    page = open_page(f"{version}/plots")
    plot = drawn(page, "loss")
    plain = point_at(page, plot, 0.002, wanted="0"), point_at(page, plot, 0.3)
    page.get_by_label("Smooth").fill("0.9")
    page.get_by_role("button", name="Log scale").click()
    page.wait_for_url("**/plots?*smooth=0.9*log=yes*")
    plot = drawn(page, "loss")
    later = point_at(page, plot, 0.3, wanted=plain[1][0])
    assert float(later[1]) > float(plain[1][1])  # it remembers the higher beginning
    small = plot.locator("canvas").bounding_box()
    page.get_by_role("button", name="Full size: loss").click()
    page.wait_for_function("() => document.querySelector('.plot.full canvas').clientWidth > 1000")
    page.keyboard.press("Escape")
    expect(page.locator(".plot.full")).to_have_count(0)
    page.reload()
    expect(page.get_by_role("button", name="Log scale")).to_have_attribute("aria-pressed", "true")
    assert small is not None
