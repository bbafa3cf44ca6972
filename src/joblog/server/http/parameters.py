"""A parameter's one declaration: how its text is read, what a refusal says, and what the API's description does.

Handlers annotate their parameters with these; ``routes.py`` reads them before a handler runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any

from joblog.core.labels import MAX_WANTED
from joblog.core.names import (
    JOB_NAME,
    MAX_ID,
    PROJECT_ID,
    TASK,
    check_id,
    check_job_name,
    check_project_id,
    flag,
    integer,
    worker_of_task,
)
from joblog.errors import Invalid, OutOfRange

Json = dict[str, Any]

Read = Callable[[str, str], Any]
"""Takes a parameter's name and its text; returns the value; raises Invalid, OutOfRange, Missing."""


@dataclass(frozen=True, eq=False)
class Parameter:
    """One parameter. Of a query by default; text that is empty is as none."""

    description: str
    allowed: str
    """What a refusal says that it may be."""
    read: Read
    schema: Json
    name: str = ""
    """Where it is not the handler's name of it, but for an underscore at the end."""
    place: str = "query"
    """``query``, ``header`` or ``path``."""
    repeated: bool = False
    trimmed: bool = False
    """Blanks around the text say nothing."""

    def named(self, name: str) -> Parameter:
        """Returns the parameter under a name of its own."""
        return replace(self, name=name)

    def in_blanks(self) -> Parameter:
        """Returns the parameter as ModelArts takes it: with blanks around it or not."""
        return replace(self, trimmed=True)


def number(low: int, high: int, description: str, allowed: str = "") -> Parameter:
    """Declares an integer from ``low`` to ``high``."""
    allowed = allowed or f"an integer from {low} to {high}"

    def read(name: str, text: str) -> int:
        return integer(name, text, low, high, allowed)

    return Parameter(description, allowed, read, integers(low, high))


def choice(first: str, *others: str, description: str, any_case: bool = False, out_of_range: bool = False) -> Parameter:
    """Declares one of some words; as ModelArts has it, ``out_of_range`` refuses others with that error."""
    words = (first, *others)
    allowed = " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))
    known = {word.lower(): word for word in words} if any_case else {word: word for word in words}
    refused = OutOfRange if out_of_range else Invalid

    def read(name: str, text: str) -> str:
        word = known.get(text.lower() if any_case else text)
        if word is None:
            raise refused(name, allowed, text)
        return word

    return Parameter(description, allowed, read, {"type": "string", "enum": list(words)})


def switch(description: str) -> Parameter:
    """Declares true or false."""
    return Parameter(description, "true or false", flag, {"type": "boolean"})


def text(description: str, allowed: str = "a text", *, most: int = 0, schema: Json | None = None) -> Parameter:
    """Declares any text, of at most so many characters where ``most`` says so."""

    def read(name: str, value: str) -> str:
        if most and len(value) > most:
            raise OutOfRange(name, f"at most {most} characters")
        return value

    bounds: Json = {"maxLength": most} if most else {}
    return Parameter(description, allowed, read, {"type": "string", **bounds, **(schema or {})})


def integers(low: int, high: int = MAX_ID) -> Json:
    """Returns the schema of integers."""
    return {"type": "integer", "format": "int64", "minimum": low, "maximum": high}


def _checked(check: Callable[[str], Any]) -> Read:
    return lambda _, value: check(value)


def matching(pattern: re.Pattern[str]) -> Json:
    """Returns the schema of texts that match as a whole."""
    return {"type": "string", "pattern": f"^{pattern.pattern}$"}


JOB_NAME_SCHEMA = matching(JOB_NAME)
TASK_SCHEMA = matching(TASK)
PROJECT_SCHEMA = matching(PROJECT_ID)


def _in_path(read: Read, schema: Json, description: str = "") -> Parameter:
    return Parameter(description, "", read, schema, place="path")  # what stands in a path is never missing


_ID = _in_path(check_id, integers(1))
_ANY = _in_path(lambda _, value: value, {"type": "string"})

PATHS: dict[str, Parameter] = {
    "project_id": _in_path(_checked(check_project_id), PROJECT_SCHEMA),
    **dict.fromkeys(("job_id", "version_id", "token_id", "rule_id"), _ID),
    "training_job_id": replace(_ANY, schema={"type": "string", "format": "uuid"}),
    "task_id": replace(_ANY, schema=TASK_SCHEMA),
    "version": replace(
        _ANY,
        schema={"type": "string", "pattern": "^([Vv]?[0-9]{1,18}|latest)$"},
        description="V0002, or the version's id, or latest",
    ),
    "task": _in_path(_checked(worker_of_task), TASK_SCHEMA),
    "job": _in_path(_checked(check_job_name), JOB_NAME_SCHEMA, "the job's name, or its id"),
}
"""What stands in paths, by name: it is the same in all of them. What is not named here is a text that its handler reads."""


def in_path(name: str) -> Parameter:
    """Returns the parameter of that name in a path."""
    return PATHS.get(name, _ANY)


After = Annotated[str, text("the next of an earlier page")]
AfterId = Annotated[int, number(0, MAX_ID, "the next of an earlier page", "the next of an earlier page")]
AfterRank = Annotated[int, number(-1, MAX_ID, "the next of an earlier page", "the next of an earlier page")]
Limit = Annotated[int, number(1, 1000, "items of a page, 1 to 1000, 100 by default")]
Labels = Annotated[
    list[str],
    replace(
        text(f"keeps jobs that have it: team=vision, or team; repeatable, at most {MAX_WANTED}"), name="label", repeated=True
    ),
]
