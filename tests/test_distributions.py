"""What ``pip install`` gives people: the wheel, and the wheel made from the sdist, installed outside the clone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import pytest
import yaml

from tests.children import Child
from tests.release import unnamed

ROOT = Path(__file__).parent.parent
WAIT_S = 120


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, made from the clone."""
    return built(ROOT, tmp_path_factory.mktemp("dist"), "wheel")


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that has the wheel and nothing else, pip neither."""
    environment = tmp_path_factory.mktemp("environment")
    venv.create(environment, with_pip=False)
    python = environment / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", str(python)]
    ran([*pip, "install", "--no-index", "--no-deps", str(wheel)], environment)
    return python


def built(source: Path, into: Path, target: str) -> Path:
    """Builds a distribution with what is installed here; returns its file."""
    ran([sys.executable, "-m", "hatchling", "build", "--directory", str(into), "--target", target], source)
    (made,) = into.glob("joblog-*")
    return made


def ran(command: list[str], where: Path, environment: Mapping[str, str] | None = None) -> str:
    """Runs a command that must succeed, with nothing of joblog's in its environment; returns its output."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("JOBLOG_", "PYTHON"))}
    done = subprocess.run(
        command, cwd=where, env=clean | dict(environment or {}), capture_output=True, text=True, timeout=WAIT_S, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_base_install_needs_nothing_but_python(installed: Path, tmp_path: Path) -> None:
    """Client, agent and command line; what the server needs is said in one line."""
    joblog = str(installed.with_name("joblog"))
    assert ran([joblog, "--version"], tmp_path).startswith("joblog ")
    spool = {"JOBLOG_SPOOL": str(tmp_path / "spool"), "JOBLOG_URL": "http://127.0.0.1:1", "JOBLOG_TOKEN": "t"}
    assert ran([joblog, "run", "--wait", "0", "--", "echo", "hello"], tmp_path, spool) == "hello\n"
    assert any((tmp_path / "spool").iterdir())
    serve = subprocess.run([joblog, "serve"], cwd=tmp_path, capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert (serve.returncode, serve.stdout, serve.stderr.count("\n")) == (2, "", 1)
    assert "pip install 'joblog[server]'" in serve.stderr


def test_installed_server_takes_a_log_and_gives_it_back(installed: Path, tmp_path: Path) -> None:
    """SQL, migrations, the viewer: all that is no Python is there, too. What it depends on is this environment's."""
    dependencies = {"PYTHONPATH": sysconfig.get_path("purelib")}
    command = [str(installed), "-m", "joblog", "serve", "--data", "data", "--port", "0"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("JOBLOG_", "PYTHON"))}
    with (tmp_path / "server.log").open("wb") as log:
        server = Child(command, cwd=tmp_path, env=clean | dependencies, stdout=log, stderr=log)
    try:
        address = tmp_path / "data" / "url"
        while not address.exists():
            assert server.poll() is None, (tmp_path / "server.log").read_text()
        assert "site-packages" in ran([str(installed), "-c", "import joblog; print(joblog.__file__)"], tmp_path, dependencies)
        url, token = address.read_text().strip(), (tmp_path / "data" / "admin.token").read_text().strip()
        there = {"JOBLOG_URL": url, "JOBLOG_TOKEN": token, "JOBLOG_SPOOL": str(tmp_path / "spool")}
        joblog = str(installed.with_name("joblog"))
        ran([joblog, "run", "--job", "resnet", "--", "echo", "hello"], tmp_path, there)
        assert ran([joblog, "cat", "resnet"], tmp_path, there) == "hello\n"
        viewer = ran(["curl", "--silent", "--show-error", "--fail", "--header", "Accept: text/html", url], tmp_path)
        assert "<title>joblog" in viewer
    finally:
        server.terminate()
        assert server.wait(WAIT_S) == 0


def test_sdist_makes_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    """Whoever builds from the sdist, as distributions of Linux do, gets every file, and the same bytes, whatever its umask."""
    sdist = built(ROOT, tmp_path / "sdist", "sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    source = tmp_path / sdist.name.removesuffix(".tar.gz")
    for path in source.rglob("*"):
        path.chmod(path.stat().st_mode & 0o700)
    again = built(source, tmp_path / "wheel", "wheel")
    assert sha256(again.read_bytes()).digest() == sha256(wheel.read_bytes()).digest()
    assert {"joblog/py.typed", "joblog/ui/index.html", "joblog/server/ops/examples.json", "joblog/catalog/schema.sql"} <= set(
        contents(wheel)
    )


def test_wheel_has_the_licence_of_all_that_is_in_it(wheel: Path) -> None:
    """joblog's own, and those of the viewer's libraries: each file of theirs, where tools look for it."""
    (licences,) = {name.split("licenses/")[0] for name in contents(wheel) if name.endswith(".dist-info/licenses/LICENSE")}
    theirs = {path for pattern in ("*LICENSE*", "*NOTICE*") for path in (ROOT / "src/joblog/ui/vendor").rglob(pattern)}
    assert {path.parent.name for path in theirs} == {path.name for path in (ROOT / "src/joblog/ui/vendor").iterdir()}
    for path in [ROOT / "LICENSE", *theirs]:
        assert contents(wheel)[f"{licences}licenses/{path.relative_to(ROOT)}"] == path.read_bytes()


def test_a_version_is_published_under_its_own_name() -> None:
    """The package, the changelog's first section and the commit's tag have one version."""
    changelog = "# Changelog\n\n## 0.2.0 (2027-01-01)\n\n## 0.1.0 (2026-01-01)\n"
    assert unnamed("0.2.0", changelog, []) is None
    assert unnamed("0.2.0", changelog, ["v0.2.0"]) is None
    assert "0.2.0" in str(unnamed("0.1.0", changelog, []))
    assert "v0.3.0" in str(unnamed("0.2.0", changelog, ["v0.3.0"]))
    assert "Unreleased" in str(unnamed("0.2.0", "# Changelog\n\n## Unreleased\n", []))


def test_workflow_publishes_only_what_was_checked() -> None:
    """By trusted publishing, whose right one job has, that runs nothing of the repository's; all actions are pinned."""
    text = (ROOT / ".github/workflows/release.yml").read_text("utf-8")
    workflow = yaml.safe_load(text)
    check, publish = workflow["jobs"]["check"], workflow["jobs"]["publish"]
    used = [step["uses"] for job in (check, publish) for step in job["steps"] if "uses" in step]
    assert [action for action in used if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action)] == []
    assert (workflow["permissions"], check["permissions"]) == ({}, {"contents": "read"})
    assert (publish["permissions"], publish["needs"]) == ({"id-token": "write"}, "check")
    assert not any("run" in step for step in publish["steps"])
    assert "secrets." not in text
    commands = {step["run"] for step in check["steps"] if "run" in step}
    assert commands == {"make release-check"}
    assert re.search(r"^release-check:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)


def contents(archive: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(archive) as files:
        return {name: files.read(name) for name in files.namelist()}
