"""The pictures of README.md, made of the viewer as it is: ``python -m docs.made.screenshots`` writes them to docs/images.

Starts a server, runs examples/ranks.py on it as eight ranks, and has Debian's Chromium draw the pages. By hand, when the viewer
looks otherwise: pictures differ with the fonts of the machine, so no test compares them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from joblog.client import Client

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"

RANKS = 8
SIZE = {"width": 1060, "height": 520}
START_S = 60.0


@contextmanager
def served(home: Path) -> Iterator[dict[str, str]]:
    """Yields the environment of a server's commands while it runs."""
    environ = {name: text for name, text in os.environ.items() if not name.startswith("JOBLOG_")}
    environ |= {"JOBLOG_DATA": str(home / "data"), "JOBLOG_SPOOL": str(home / "spool"), "JOBLOG_PORT": "0"}
    server = subprocess.Popen([sys.executable, "-m", "joblog", "serve"], env=environ, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + START_S
        while not (home / "data" / "url").exists():
            assert time.monotonic() < deadline, "the server does not start"
            time.sleep(0.05)
        yield environ
    finally:
        server.terminate()
        server.wait()


def run_ranks(home: Path, environ: dict[str, str]) -> None:
    """Runs the example as all ranks of a run, each as on a host of its own; it fails."""
    shutil.copy(ROOT / "examples" / "ranks.py", home / "train.py")
    command = [sys.executable, "-m", "joblog", "run", "--job", "resnet", "--run-id", "night", "--title", "lr 3e-4, warm-up"]
    ranks = [
        subprocess.Popen(  # noqa: S603 - this joblog
            [*command, "--", "python", "train.py"],
            cwd=home,
            env={**environ, "RANK": str(rank), "WORLD_SIZE": str(RANKS)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for rank in range(RANKS)
    ]
    for each in ranks:
        each.wait()


def shoot(page: Page, url: str, token: str, page_of_run: str) -> None:
    """Writes both pictures."""
    assert page.context.request.post(f"{url}/api/session", data={"token": token}).ok
    page.goto(f"{url}{page_of_run}/logs/worker-2")
    page.locator(".row").first.wait_for()
    page.locator(".why").first.wait_for()
    page.screenshot(path=IMAGES / "why.png")
    page.goto(f"{url}{page_of_run}/ranks")
    page.locator(".merged .row, .strip").first.wait_for()
    page.wait_for_timeout(3000)  # what came within the last seconds is shown later
    page.screenshot(path=IMAGES / "ranks.png")


def main() -> None:
    """Makes them; raises AssertionError where a page does not come."""
    with (
        tempfile.TemporaryDirectory(prefix="vision-") as directory,
        served(Path(directory)) as environ,
        sync_playwright() as driver,
    ):
        home = Path(directory)
        run_ranks(home, environ)
        url, token = ((home / "data" / name).read_text().strip() for name in ("url", "admin.token"))
        with Client(url, token) as client:
            (job,) = client.jobs("default")
            (version,) = client.versions("default", job.id)
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE, locale="en-US", color_scheme="light")  # type: ignore[arg-type]  # two integers
        shoot(page, url, token, f"/projects/default/jobs/{job.id}/versions/{version.id}")
        browser.close()


if __name__ == "__main__":
    main()
