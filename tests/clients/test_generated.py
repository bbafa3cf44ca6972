"""The API's description as other programs read it: a validator, and openapi-python-client, which makes a client of it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.clients.conftest import LINES
from tests.clients.installed import program
from tests.clients.remote import PROGRAMS
from tests.conftest import Server
from tests.docs.blocks import blocks
from tests.server.people import Person

RUN_S = 300.0

SHOWN = [block for block in blocks("docs/http-api.md") if "generators" in block.marks]


def run(*command: str | Path, text: str = "", where: Path | None = None, url: str = "") -> str:
    """Runs a program, which must not fail, in the directory of the client; returns what it prints."""
    tools = program("generators", "python").parent
    environment = {"PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": str(where or ""), "NO_PROXY": "*", "URL": url}
    arguments = [str(part) for part in command]
    done = subprocess.run(
        arguments, input=text, capture_output=True, text=True, timeout=RUN_S, env=environment, cwd=where, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def generated(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a client that was made as docs/http-api.md says, and without a warning."""
    directory = tmp_path_factory.mktemp("generated")
    command = next(block.code for block in SHOWN if block.language == "sh")
    printed = run(
        "bash", "-e", "-c", command.replace(" generate ", " generate --fail-on-warning "), where=directory, url=server.url
    )
    assert "warning" not in printed.lower()
    return directory


@pytest.mark.long  # a validator reads all of it
def test_the_description_is_openapi(person: Person) -> None:
    """Version 3.1, by its validator; and every example is what its schema says."""
    description = person.web.get("/api/openapi.json").body.decode()
    assert run(program("generators", "python"), PROGRAMS / "check_description.py", text=description) == ""


def test_a_made_client_reads_a_log(generated: Path, person: Person) -> None:
    """It lists jobs and reads lines, with values of the types that the description has."""
    arguments = [person.web.url, person.token(), person.project_id]
    answer = json.loads(run(program("generators", "python"), PROGRAMS / "use_generated.py", *arguments, where=generated))
    assert answer == {
        "jobs": [["Job", person.log.job_id]],
        "last": ["Lines", "".join(LINES[-2:])],
        "matches": ["match", "end"],
        "bytes": "".join(LINES),
        "appended": [10, 1],
        "refused": ["Error", "not_found"],
    }


def test_the_documented_program_prints_the_last_lines(generated: Path, person: Person) -> None:
    """As docs/http-api.md has it, with the server's address, a token and the project put in."""
    code = next(block.code for block in SHOWN if block.language == "python").replace('"default"', repr(person.project_id))
    code = code.replace("http://127.0.0.1:8470", person.web.url).replace("TOKEN", person.token())
    assert run(program("generators", "python"), "-c", code, where=generated) == "".join(LINES[-10:]) + "\n"
