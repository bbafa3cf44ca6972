"""Errors: each has its code, its status and its row in the documentation."""

from __future__ import annotations

import re
from pathlib import Path

from joblog import errors
from joblog.errors import JoblogError
from joblog.server.http.answers import STATUSES

HTTP_API = Path(__file__).parents[2] / "docs" / "http-api.md"

# Never raised themselves: they are there to be caught.
BASES = {errors.JoblogError, errors.Unauthorized, errors.Forbidden}
# Raised by the client, so it has no status.
CLIENT_ONLY = {errors.Unreachable}
# Told by the framework or the process edge, not raised by joblog.
PLAIN = {(405, "method_not_allowed"), (500, "internal")}


def tree(kind: type[JoblogError] = JoblogError) -> set[type[JoblogError]]:
    return {kind}.union(*(tree(child) for child in kind.__subclasses__()))


def test_every_error_has_a_status() -> None:
    """In the one table."""
    assert set(STATUSES) == tree() - CLIENT_ONLY


def test_every_error_has_a_code_of_its_own() -> None:
    """Its name, in small letters: a program tells errors apart by it."""
    codes = {kind: kind.code for kind in tree() - {JoblogError}}
    assert codes == {kind: re.sub(r"(?<=.)([A-Z])", r"_\1", kind.__name__).lower() for kind in codes}


def test_documentation_has_every_code_beside_its_status() -> None:
    """And none that does not exist."""
    rows = re.findall(r"^\| (\d{3}) \| (.*) \|$", HTTP_API.read_text("utf-8"), flags=re.MULTILINE)
    documented = {(int(status), code) for status, text in rows for code in re.findall(r"`([a-z_]+)`", text)}
    parameters = {"parameter", "kind", "expected", "limit_bytes"}
    raised = {(STATUSES[kind][0], kind.code) for kind in tree() - BASES - CLIENT_ONLY}
    assert {row for row in documented if row[1] not in parameters} == raised | PLAIN


def test_every_error_says_what_it_means() -> None:
    """A docstring each, and its place in the tree at the head of the file."""
    assert [kind for kind in tree() if not kind.__doc__] == []
    assert [kind for kind in tree() if kind.__name__ not in str(errors.__doc__)] == []


def test_messages_and_details() -> None:
    """What people read and what programs act on."""
    cases: dict[JoblogError, tuple[str, dict[str, str | int]]] = {
        errors.Invalid("order", "desc or asc", "up"): ("order must be desc or asc, not 'up'", {"parameter": "order"}),
        errors.Invalid("order", "desc or asc"): ("order must be desc or asc", {"parameter": "order"}),
        errors.Missing("log_file", "a name"): ("log_file is missing; it must be a name", {"parameter": "log_file"}),
        errors.NotFound("job", 7): ("there is no job 7", {"kind": "job"}),
        errors.BeyondEnd("the log ends at 4", 4): ("the log ends at 4", {"expected": 4}),
        errors.Conflict("closed with other figures"): ("closed with other figures", {}),
        errors.TooLarge("the body", 10): ("the body is larger than 10 bytes", {"limit_bytes": 10}),
        errors.WrongProject("lab"): ("the token is not for project 'lab'", {}),
    }
    assert {error: (str(error), error.details()) for error in cases} == cases


def test_long_values_are_shown_short() -> None:
    """A message stays a line, whatever a stranger sends."""
    for error in (
        errors.Invalid("order", "desc", "x" * 10**6),
        errors.NotFound("log file", "x" * 10**6),
        errors.WrongProject("x" * 10**6),
    ):
        assert len(str(error)) < 150
