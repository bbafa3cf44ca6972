"""``joblog link``, ``open``, and links wherever a command takes a log."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from joblog.cli.links import has_browser
from tests.agent.harness import Agent, Served

LINES = b"".join(b"line %d \xff\x1b[31m\r\n" % n for n in range(300))


@pytest.fixture
def run(joblog: Agent, tmp_path: Path) -> Agent:
    """Two runs of job resnet, the second of two ranks; its worker-1 has the lines."""
    for number, data in enumerate((b"first\n", b"other\n", LINES)):
        (tmp_path / f"{number}.log").write_bytes(data)
    joblog.said("import", "--job", "resnet", str(tmp_path / "0.log"))
    joblog.said("import", "--job", "resnet", str(tmp_path / "1.log"), str(tmp_path / "2.log"))
    return joblog


def page_of(run: Agent, version: str) -> str:
    """Where the viewer shows the log, as its address has it."""
    (log,) = [log for log in json.loads(run.said("logs", version, "--json")) if log["task"] == "worker-1"]
    return f"/projects/{log['project_id']}/jobs/{log['job_id']}/versions/{log['version_id']}/logs/worker-1"


def test_a_link_brings_exactly_its_lines_or_bytes(run: Agent, server: Served) -> None:
    """What link prints, cat takes: without a part the whole log, in any project's surroundings, by any of its forms."""
    link = run.said("link", "resnet/V0002/worker-1", "--lines", "120-140").decode().strip()
    assert link == f"{server.url}/p/{run.environ['JOBLOG_PROJECT']}/resnet/V0002/worker-1#L120-L140"
    wanted = b"\n".join(LINES.split(b"\n")[120:141])
    run.environ["JOBLOG_PROJECT"] = "elsewhere"
    for form in (link, link.removeprefix("http://"), link.removeprefix(server.url)):
        assert run.said("cat", form) == wanted + b"\n"
    assert run.said("cat", link.partition("#")[0]) == LINES
    assert run.said("cat", link.partition("#")[0] + "#L299") == LINES.split(b"\n")[299] + b"\n"
    assert run.said("cat", link.partition("#")[0] + "#B100-B200") == LINES[100:201]
    assert run.said("open", "--print", link).decode().strip() == link
    page = f"{server.url}{page_of(run, link.partition('/worker-1')[0])}#L120-L140"
    assert run.said("cat", page) == wanted + b"\n"
    assert run.said("link", page).decode().strip() == link


def test_a_run_is_called_by_its_number(run: Agent) -> None:
    """As the viewer shows it and people say it: ``#2``."""
    for name in ("resnet#2/1", "resnet/#2/1", "resnet/2/1", "resnet#02/worker-1"):
        assert run.said("cat", name) == LINES, name
    assert run.said("cat", "resnet#2/1#L299") == LINES.split(b"\n")[299] + b"\n"
    assert run.said("cat", "resnet#1") == b"first\n"


def test_a_job_s_link_leads_to_the_rank_that_failed_first(joblog: Agent) -> None:
    """And a rank's to that rank, whoever failed."""
    for rank, words in ((0, "echo going on; exit 1"), (1, "echo 'ValueError: bad shape' >&2; exit 1")):
        command = ("sh", "-c", words)
        options = ("--job", "broken", "--run-id", "once", "--task", f"worker-{rank}")
        assert joblog.run(joblog.job(*command, options=options)).returncode == 1
    assert joblog.said("open", "--print", "broken").endswith(b"/broken/V0001/worker-1\n")
    assert joblog.said("open", "--print", "broken#1/0").endswith(b"/broken/V0001/worker-0\n")


def test_a_part_stands_behind_a_plain_name_too(run: Agent) -> None:
    wanted = b"\n".join(LINES.split(b"\n")[5:8]) + b"\n"
    assert run.said("cat", "resnet/V0002/worker-1#L5-L7") == wanted
    assert run.said("link", "resnet/V0002/worker-1#L5-L7").endswith(b"/resnet/V0002/worker-1#L5-L7\n")
    assert run.said("link", "resnet/V0001", "--bytes", "1").endswith(b"/resnet/V0001/worker-0#B1\n")


def test_every_command_that_takes_a_log_takes_a_link(run: Agent) -> None:
    """Also one of a version, by its number, its id, or as the latest."""
    project = run.environ["JOBLOG_PROJECT"]
    link = f"/p/{project}/resnet/V0002/worker-1#L3"
    assert run.said("tail", link, "-n", "1") == LINES.split(b"\n")[299] + b"\n"
    assert run.said("search", "-c", "line 29", link) == b"11\n"
    version = f"/p/{project}/resnet/V0002"
    assert run.said("search", "-c", "^other|^line 7 ", version) == b"resnet/V0002/worker-0:1\nresnet/V0002/worker-1:1\n"
    logs = json.loads(run.said("logs", version, "--json"))
    assert [log["task"] for log in logs] == ["worker-0", "worker-1"]
    for same in (f"/p/{project}/resnet/{logs[0]['version_id']}", f"/p/{project}/resnet/latest", "resnet/latest", "resnet"):
        assert run.said("logs", same) == run.said("logs", version)
    assert run.said("tail", version, "--rank", "0", "-n", "1") == b"0: other\n"
    assert b"worker-1" in run.said("why", link)
    for command in ("progress", "metrics"):
        assert run.said(command, version) == run.said(command, "resnet/V0002")
    run.said("close", link)


def test_the_latest_run_is_meant_where_none_is_named(run: Agent) -> None:
    assert run.said("cat") == run.said("tail") == b"other\n"
    assert run.said("logs") == run.said("logs", "resnet/V0002")
    assert run.said("link") == run.said("link", "resnet/V0002/worker-0")
    assert run.said("tail", "--rank", "0") == b"0: other\n"


def test_wrong_links_are_told_in_a_line(run: Agent) -> None:
    """A link to another server is followed nowhere."""
    project = run.environ["JOBLOG_PROJECT"]
    told = run.refused("cat", f"http://127.0.0.1:1/p/{project}/resnet/V0001")
    assert "LOG must be a link to the server that is asked, 127.0.0.1:" in told
    assert "not '127.0.0.1:1'" in told
    for command in (("tail",), ("search", "x"), ("logs",), ("why",), ("link",), ("open",), ("close",)):
        assert "a link to the server that is asked" in run.refused(*command, "https://logs.example/p/lab/resnet/V0001")
    no_run = "joblog: there is no run 'resnet/V0009'; the latest of resnet is V0002\n"
    assert run.refused("cat", "resnet/V0009") == no_run
    assert run.refused("cat", "resnt") == "joblog: there is no job 'resnt'; did you mean resnet?\n"
    assert "there is no run" in run.refused("cat", f"/p/{project}/resnet/V0009")
    assert "there is no run" in run.refused("logs", f"/p/{project}/resnet/V0009")
    assert "there is no job 'nothing'" in run.refused("cat", f"/p/{project}/nothing/V0001/worker-0")
    assert "LOG must be followed by #L120" in run.refused("cat", "resnet#x120")
    assert "absent where LOG names a part" in run.refused("cat", "resnet#L1", "--lines", "1-2")
    assert "absent where LOG names a part" in run.refused("link", "resnet#L1", "--lines", "1-2")
    assert "--lines must be A or A-B" in run.refused("link", "resnet", "--lines", "5-")


def test_open_opens_a_browser_where_there_is_one(run: Agent, tmp_path: Path) -> None:
    """The link is printed in any case; alone where that is all that is asked for. No code is among a process's arguments."""
    seen = tmp_path / "seen"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {seen}\n')
    browser.chmod(0o755)
    run.environ["BROWSER"] = f"{browser} %s"
    url = run.said("open", "--print", "resnet/V0001#L0")
    assert url == run.said("link", "resnet/V0001#L0")
    assert not seen.exists()
    ran = run.run([sys.executable, "-m", "joblog", "open", "resnet/V0001#L0"])
    assert (ran.returncode, ran.stdout, seen.read_bytes()) == (0, url, url)


def test_a_one_time_link_logs_in_once(run: Agent, server: Served) -> None:
    """And leads to the lines."""
    link = run.said("open", "--one-time", "resnet/V0002/worker-1#L5").decode().strip()
    address, _, code = link.partition("#")
    assert address == f"{server.url}/login?to=/p/{run.environ['JOBLOG_PROJECT']}/resnet/V0002/worker-1%23L5"
    assert [begin_session(server.url, code) for _ in range(2)] == [200, 403]


def test_a_terminal_without_a_browser_gets_a_one_time_link(run: Agent) -> None:
    """As somebody does who came by SSH: the browser is elsewhere. What is no terminal gets the permanent one."""
    here = {name: run.environ.pop(name, None) for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")}
    assert here is not None
    assert run.said("open", "resnet") == run.said("link", "resnet")
    ours, theirs = pty.openpty()
    command = run.command("open", "resnet")
    subprocess.run(command, env=run.environ, stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL, check=True, timeout=120)
    os.close(theirs)
    with os.fdopen(ours, "rb", buffering=0) as screen:
        assert b"/login?to=/p/" in screen.read(4096)


def begin_session(url: str, code: str) -> int:
    """What a browser does that has followed a link; returns the status."""
    body, headers = json.dumps({"code": code}).encode(), {"Content-Type": "application/json"}
    asked = urllib.request.Request(f"{url}/api/session", data=body, headers=headers, method="POST")
    try:
        with urllib.request.urlopen(asked) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


@pytest.mark.parametrize(
    ("environ", "platform", "has"),
    [
        ({}, "linux", False),
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({"BROWSER": "firefox"}, "linux", True),
        ({}, "darwin", True),
    ],
)
def test_where_a_browser_is(environ: dict[str, str], platform: str, has: bool) -> None:
    assert has_browser(environ, platform) is has
