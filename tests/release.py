"""What a maintainer runs before a version is published: ``make release-check``, which leaves in dist/ what was checked.

Wheel and sdist are built of what is committed, twice, and must be the same bytes; twine checks what an index would
refuse; the wheel is installed as users do, into an environment of its own, in which README.md's first steps are run.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import venv
from pathlib import Path

from joblog import __version__
from tests.docs.shell import Shell
from tests.docs.test_commands import BACKGROUND, runnable

ROOT = Path(__file__).parent.parent
DIST = ROOT / "dist"
TWINE = ROOT / ".venv-release" / "bin" / "twine"


def main() -> None:
    """Ends with the first thing that is wrong, in one line, and status 1."""
    refused = unnamed(__version__, (ROOT / "CHANGELOG.md").read_text("utf-8"), tags())
    if refused:
        raise SystemExit(f"release-check: {refused}")
    DIST.mkdir(exist_ok=True)
    for old in [*DIST.glob("joblog-*"), DIST / "SHA256SUMS"]:
        old.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="joblog-release-") as scratch:
        made = build(Path(scratch, "first"), 0o022)
        again = build(Path(scratch, "second"), 0o077)
        for one, other in zip(made, again, strict=True):
            if one.read_bytes() != other.read_bytes():
                raise SystemExit(f"release-check: {one.name} is not the same bytes when it is built again")
        run(str(TWINE), "check", "--strict", *map(str, made))
        first_steps(install(made[0], Path(scratch, "environment")), Path(scratch, "home"))
        for file in made:
            (DIST / file.name).write_bytes(file.read_bytes())
    kept = sorted(DIST.glob("joblog[-.]*"))
    (DIST / "SHA256SUMS").write_text(
        "".join(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in kept)
    )
    print("\n".join(f"dist/{file.name}" for file in [*kept, DIST / "SHA256SUMS"]))
    if "urls" not in tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]:
        print("pyproject.toml has no [project.urls]: an index would show no link to the source", file=sys.stderr)


def unnamed(version: str, changelog: str, tagged: list[str]) -> str | None:
    """Says where a version is not the one that is about to be published.

    Args:
        version: The package's own.
        changelog: CHANGELOG.md, newest first.
        tagged: The tags ``v...`` of the commit; without any it is not tagged yet.

    Returns:
        What is wrong, in one line; nothing if the changelog's first section and the tags name the version.
    """
    newest = re.search(r"^## (.*)$", changelog, re.MULTILINE)
    if newest is None or not re.match(rf"{re.escape(version)}\b", newest[1]):
        return f"CHANGELOG.md begins with {newest[1] if newest else 'no section'!r}, the package's version is {version}"
    if tagged and tagged != [f"v{version}"]:
        return f"the commit's tag is {', '.join(tagged)}, the package's version is {version}"
    return None


def tags() -> list[str]:
    return run("git", "tag", "--points-at", "HEAD", "v*").split()


def build(into: Path, umask: int) -> tuple[Path, Path]:
    """Builds what is committed, and nothing else that lies in the clone; returns wheel and sdist."""
    source = into / "source"
    source.mkdir(parents=True)
    subprocess.run(["git", "archive", "--output", into / "source.tar", "HEAD"], cwd=ROOT, check=True)
    with tarfile.open(into / "source.tar") as archive:
        archive.extractall(source, filter="data")
    committed = run("git", "log", "-1", "--format=%ct").strip()
    environment = os.environ | {"SOURCE_DATE_EPOCH": committed}
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(into / "dist")]
    subprocess.run(command, cwd=source, env=environment, umask=umask, check=True, capture_output=True)
    (wheel,), (sdist,) = into.glob("dist/*.whl"), into.glob("dist/*.tar.gz")
    return wheel, sdist


def install(wheel: Path, environment: Path) -> Path:
    """Installs the wheel, with what a server needs, from the package index; returns the directory of its programs."""
    venv.create(environment, with_pip=True)
    run(str(environment / "bin" / "pip"), "--quiet", "--disable-pip-version-check", "install", f"{wheel}[server]")
    return environment / "bin"


def first_steps(programs: Path, home: Path) -> None:
    """Runs README.md's commands from top to bottom with what was installed."""
    home.mkdir()
    shell = Shell(home, programs=programs)
    try:
        for block in runnable("README.md"):
            if BACKGROUND in block.marks:
                shell.start(block)
            else:
                shell.run(block)
        shell.check_background()
    finally:
        shell.close()


def run(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"release-check: {' '.join(command)} ended with {done.returncode}\n{done.stdout}")
    return done.stdout


if __name__ == "__main__":
    main()
