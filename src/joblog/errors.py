"""Every error joblog raises on purpose.

    JoblogError
    |-- Invalid              a value from outside is not one of those allowed
    |   |-- Missing          it was not given at all
    |   |-- OutOfRange       it is of the right type, outside its range
    |   |-- NotJson          a body is not the JSON it must be
    |   `-- UnknownAction    there is no such action
    |-- Unauthorized         who is calling is not known
    |   |-- NoCredentials
    |   |-- UnknownToken
    |   |-- ExpiredToken
    |   |-- BadSignature     a signed request's key, date or signature is wrong
    |   |-- WrongPassword    a user or an access key, or its secret, is wrong
    |   `-- NoProject        a user's token is for no project
    |-- Forbidden            who is calling is known, and may not
    |   |-- WrongProject
    |   |-- WrongJob         the token is for another job
    |   |-- NotPermitted
    |   |-- BadLink          a signed link was changed, or its time is over
    |   `-- ForeignPage      a session may not begin or end from there
    |-- NotFound             no such project, job, version, log ...
    |   `-- NoLogYet         the task is unknown, or has not written anything
    |-- Conflict             the state of a thing does not allow it
    |   |-- Exists           the name is taken
    |   |-- Over             the run has ended
    |   |-- Different        an append repeats a position with other bytes
    |   |-- BeyondEnd        an append starts after the log's end
    |   `-- Closed           the log was closed
    |-- TooLarge             a body over its limit
    |-- TooMany              too many calls in too short a time
    |-- Busy                 a bounded queue is full: come back later
    |-- Unavailable          the catalog or the object store failed
    |-- Damaged              stored bytes fail their checksum or their shape
    `-- Unreachable          no server answered (raised by the client only)

There is one class for each decision that a caller can take. ``code`` is the class's name on the wire, and what a caller
may want to act on is an attribute; HTTP statuses are given to them in one table, in ``server/http/answers.py``.
"""

from __future__ import annotations

from typing import ClassVar


class JoblogError(Exception):
    """Base of all errors that joblog raises on purpose."""

    code: ClassVar[str] = "error"
    retry_after_s: float | None = None
    """How long the server asks its clients to stay away; None where it does not."""

    def details(self) -> dict[str, str | int]:
        """Returns what a program may act on, by the names used on the wire."""
        return {}


class Invalid(JoblogError):
    """``parameter`` has a value outside ``allowed``."""

    code = "invalid"

    def __init__(self, parameter: str, allowed: str, value: object = None) -> None:
        shown = "" if value is None else f", not {_short(value)}"
        super().__init__(f"{parameter} must be {allowed}{shown}")
        self.parameter = parameter

    def details(self) -> dict[str, str | int]:
        return {"parameter": self.parameter}


class Missing(Invalid):
    """``parameter`` is mandatory and was not given, or is empty."""

    code = "missing"

    def __init__(self, parameter: str, allowed: str) -> None:
        JoblogError.__init__(self, f"{parameter} is missing; it must be {allowed}")
        self.parameter = parameter


class OutOfRange(Invalid):
    """``parameter`` is of the right type and outside its range."""

    code = "out_of_range"


class NotJson(Invalid):
    """A body is not JSON, or not an object."""

    code = "not_json"


class UnknownAction(Invalid):
    """There is no such action."""

    code = "unknown_action"


class Unauthorized(JoblogError):
    """Who is calling is not known."""

    code = "unauthorized"


class NoCredentials(Unauthorized):
    """The request carries no token."""

    code = "no_credentials"

    def __init__(self) -> None:
        super().__init__("no token: send it as X-Auth-Token or as Authorization: Bearer")


class UnknownToken(Unauthorized):
    """The token is malformed, was never issued, or was revoked."""

    code = "unknown_token"

    def __init__(self) -> None:
        super().__init__("the token is not valid")


class ExpiredToken(Unauthorized):
    """The token's time is over."""

    code = "expired_token"

    def __init__(self) -> None:
        super().__init__("the token has expired")


class BadSignature(Unauthorized):
    """A signed request's access key, date or signature is wrong; which of them, strangers are not told."""

    code = "bad_signature"

    def __init__(self, reason: str = "verify aksk signature fail") -> None:
        super().__init__(f"Incorrect IAM authentication information: {reason}")


class WrongPassword(Unauthorized):
    """A user, a password, an access key or its secret is wrong; which of them, strangers are not told."""

    code = "wrong_password"

    def __init__(self) -> None:
        super().__init__("The username or password is wrong.")


class NoProject(Unauthorized):
    """The call needs a token of a project, and a user's token is for a domain only."""

    code = "no_project"

    def __init__(self, reason: str = "the token is not for a project: ask for one with the scope of a project") -> None:
        super().__init__(reason)


class Forbidden(JoblogError):
    """Who is calling is known, and may not do this."""

    code = "forbidden"


class WrongProject(Forbidden):
    """The token belongs to another project."""

    code = "wrong_project"

    def __init__(self, project_id: str) -> None:
        super().__init__(f"the token is not for project {_short(project_id)}")


class WrongJob(Forbidden):
    """The token is for another job only."""

    code = "wrong_job"

    def __init__(self) -> None:
        super().__init__("the token is for another job")


class NotPermitted(Forbidden):
    """The token lacks a right."""

    code = "not_permitted"

    def __init__(self, right: str) -> None:
        super().__init__(f"the token does not have the right to {right}")


class BadLink(Forbidden):
    """A signed link was changed, or its time is over."""

    code = "bad_link"

    def __init__(self) -> None:
        super().__init__("the link is not valid, or it has expired")


class ForeignPage(Forbidden):
    """A browser was made to begin or end a session by a page that is not joblog's."""

    code = "foreign_page"


class NotFound(JoblogError):
    """There is no such thing."""

    code = "not_found"

    def __init__(self, kind: str, name: object, instead: str = "") -> None:
        """``instead`` says what there is."""
        super().__init__(f"there is no {kind} {_short(name)}{instead and f'; {instead}'}")
        self.kind = kind

    def details(self) -> dict[str, str | int]:
        return {"kind": self.kind}


class NoLogYet(NotFound):
    """The task is unknown, or has not written anything yet."""

    code = "no_log_yet"


class Conflict(JoblogError):
    """The present state does not allow it; ``expected`` is the log's end where a log is meant."""

    code = "conflict"

    def __init__(self, message: str, expected: int | None = None) -> None:
        super().__init__(message)
        self.expected = expected

    def details(self) -> dict[str, str | int]:
        return {} if self.expected is None else {"expected": self.expected}


class Exists(Conflict):
    """A thing of that name is there already."""

    code = "exists"

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"{kind} name:{name} is existed")  # in ModelArts' own words, which tools look for
        self.kind = kind


class Over(Conflict):
    """The run has ended: it cannot be stopped, nor begin again."""

    code = "over"


class Different(Conflict):
    """An append repeats positions that are held, with other bytes."""

    code = "different"


class BeyondEnd(Conflict):
    """An append, or a close, names a position after the log's end."""

    code = "beyond_end"


class Closed(Conflict):
    """The log was closed; nothing can be added."""

    code = "closed"


class TooLarge(JoblogError):
    """A body is over its limit."""

    code = "too_large"

    def __init__(self, what: str, limit_bytes: int) -> None:
        super().__init__(f"{what} is larger than {limit_bytes} bytes")
        self.limit_bytes = limit_bytes

    def details(self) -> dict[str, str | int]:
        return {"limit_bytes": self.limit_bytes}


class TooMany(JoblogError):
    """Too many calls in too short a time; ``retry_after_s`` is when the next one may come."""

    code = "too_many"

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"too many requests: come back in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class Busy(JoblogError):
    """A bounded queue is full; nothing was taken, the same call may succeed a little later."""

    code = "busy"


class Unavailable(JoblogError):
    """The catalog or the object store failed; the same call may succeed later, and repeating it does no harm."""

    code = "unavailable"


class Damaged(JoblogError):
    """Stored bytes fail their checksum or do not have the shape they must have."""

    code = "damaged"


class Unreachable(JoblogError):
    """No server answered, or not in time. What was sent may or may not have been taken."""

    code = "unreachable"
    late = False
    """Whether something took the connection, and then was silent for too long: rather a busy server than none."""


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
