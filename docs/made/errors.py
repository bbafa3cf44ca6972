"""docs/errors.md: every code, its status in each API, when it comes, what to do about it."""

from __future__ import annotations

import inspect

from docs.made.tables import table
from joblog import errors
from joblog.errors import JoblogError
from joblog.server.http.answers import PLAIN, STATUSES, full_code

_HEAD = """\
# Errors

Made of the code by `make reference`; a test compares them.

Every refusal has a status, a `code` for programs and a `message` for people, which names the parameter and what is
allowed. The native API says `{"error": {"code", "message", ...}}`, ModelArts' calls `{"is_success": false,
"error_code", "error_msg", "error_message"}`, the identity service `{"error": {"code", "message", "title"}}`;
[http-api.md](http-api.md) and [modelarts.md](modelarts.md#refusals) say more. The SDK raises the class of the same name
out of `joblog.errors`; the command line says the message in one line on stderr and exits with 2.

A call may be made again at any time: appends are idempotent by their position, the rest by what they name. After 429
and 503 wait as long as `Retry-After` says.

"""

TO_DO = {
    "invalid": "correct what `parameter` names",
    "missing": "give what `parameter` names",
    "out_of_range": "stay within the range that the message says; nothing is clamped",
    "not_json": "send an object of JSON",
    "unknown_action": "`terminate` is the only action",
    "unauthorized": "send other credentials",
    "no_credentials": "send a token: `joblog token create` makes one",
    "unknown_token": "look for a typing error; an administrator's `joblog token list` has those that were not revoked",
    "expired_token": "log in again, or ask for a new token",
    "bad_signature": "compare access key, secret key and clock (15 minutes), and whether a proxy changes signed headers",
    "wrong_password": "name the user's domain and the project, too: they are a part of who logs in",
    "no_project": "log in with the scope of a project",
    "forbidden": "ask whoever administers the project",
    "wrong_project": "take a token of this project, or of all",
    "wrong_job": "take a token of this job, or of its project",
    "not_permitted": "take a token with the right that the message names",
    "bad_link": "ask for a new link",
    "foreign_page": "log in on the server's own page; behind a proxy give `--public-url`",
    "not_found": "`kind` says what is not there; lists say what is",
    "no_log_yet": "wait until the task has written, or look at the task's name",
    "conflict": "look at the thing's present state",
    "exists": "take another name",
    "over": "nothing: it has ended; a new version is a new run",
    "different": "stop: two writers write to one log, or one has lost its place. `joblog run` takes the next run id",
    "beyond_end": "go on from `expected`, the log's end",
    "closed": "nothing can be added; repeat what is held, or write to a new version",
    "too_large": "send less than `limit_bytes` at a time",
    "too_many": "wait as long as `Retry-After` says",
    "busy": "wait as long as `Retry-After` says; when it lasts, the server or its database is too slow for what comes",
    "unavailable": "try again; the server's log says whether it was the catalog or the object store",
    "damaged": "run `joblog check` on the server; restore the object that it names from a backup, or run `joblog repair`",
    "error": "see the message",
    "unreachable": "look at `JOBLOG_URL`, the way there and whether the server runs; agents go on by themselves",
    "method_not_allowed": "see [calls.md](calls.md)",
    "internal": "report it, with the lines of the server's log that have the answer's `X-Request-Id`",
}
"""By code: what whoever meets it can do."""

_TOLD = {
    "method_not_allowed": (405, "There is no such method at this path."),
    "internal": (500, "joblog failed in a way that nobody has foreseen."),
}
"""What the edge says by itself, without an error of its own."""


def page() -> str:
    """Returns docs/errors.md."""
    rows = [_row(kind) for kind in STATUSES if kind is not JoblogError]
    rows += [_plain(code, *told) for code, told in _TOLD.items()]
    rows += [(_code(errors.Unreachable.code), "", "", "", _when(errors.Unreachable), TO_DO[errors.Unreachable.code])]
    head = ("code", "status", "ModelArts v1", "ModelArts v2", "when", "what to do")
    return _HEAD + "\n".join(table(head, *rows)) + "\n"


def _row(kind: type[JoblogError]) -> tuple[str, ...]:
    native, v1, v2 = STATUSES[kind]
    return _code(kind.code), str(native), _there(*v1), _there(*v2), _when(kind), TO_DO[kind.code]


def _plain(code: str, status: int, when: str) -> tuple[str, ...]:
    there = _there(status, dict(PLAIN.values())[code])
    return _code(code), str(status), there, there, when, TO_DO[code]


def _code(code: str) -> str:
    return f"`{code}`"


def _there(status: int, code: str) -> str:
    return f"{status} `{full_code(code)}`"


def _when(kind: type[JoblogError]) -> str:
    """Returns what the class says of itself, its first paragraph."""
    said = inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0]
    return " ".join(said.replace("``", "`").split())
