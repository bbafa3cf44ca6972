"""A rule as somebody writes it: each of its parameters declared once, for the API, for TOML files and for the catalog."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import msgspec
from msgspec import Struct, field

from joblog.core import labels
from joblog.core.names import check_job_name
from joblog.errors import Invalid, Missing, OutOfRange
from joblog.watch.quiet import QuietHours

KINDS = ("match", "absence", "stall", "value", "state", "ranks")

MAX_SECONDS = 30 * 86400
MAX_COUNT = 1_000_000
MAX_RECEIVERS = 8
MAX_ADDRESS = 2000
"""Characters."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}", re.ASCII)
_COMMON = frozenset(("name", "kind", "job", "labels", "notify", "quiet", "stop"))
_SECONDS = ("within_s", "start_s", "every_s", "silent_s", "no_step_s", "longer_than_s")
_COUNTS = ("count", "points", "no_better_for")

Number = int | float


class RuleBody(Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """What is watched, in which runs of a project, and who is told. Which parameters a rule takes depends on its kind.

    ``job`` and ``labels`` (``team=vision``, or ``team``) keep the runs that it is for; without them it is for all of the
    project. ``notify`` are addresses, ``quiet`` hours in which nobody is told (``22:00-07:00 Europe/Berlin``); ``stop`` asks
    the run to stop.
    """

    kind: str
    name: str = ""
    job: str | None = None
    labels: list[str] = field(default_factory=list)
    notify: list[str] = field(default_factory=list)
    quiet: str | None = None
    stop: bool = False

    pattern: str | None = None
    regex: bool = False
    ignore_case: bool = False
    count: int | None = None
    within_s: Number | None = None
    until: str | None = None

    start_s: Number | None = None
    every_s: Number | None = None

    silent_s: Number | None = None
    no_step_s: Number | None = None

    metric: str | None = None
    above: Number | None = None
    at_least: Number | None = None
    below: Number | None = None
    at_most: Number | None = None
    equals: Number | None = None
    not_finite: bool = False
    no_better_for: int | None = None
    goal: str | None = None
    points: int | None = None

    states: list[str] = field(default_factory=list)
    longer_than_s: Number | None = None

    @property
    def given(self) -> set[str]:
        """The names of the parameters that are not as they are by default."""
        return {name for name in self.__struct_fields__ if getattr(self, name) not in (None, False, "", [])}

    def check(self, takes: frozenset[str]) -> None:
        """Raises Invalid, Missing, OutOfRange, each with the parameter, for what no kind takes so, or this one does not."""
        for name in self.given - _COMMON - takes:
            raise Invalid(name, f"absent from a rule of kind {self.kind}")
        for name in _SECONDS:
            _check_range(name, getattr(self, name), 1, MAX_SECONDS, "seconds")
        for name in _COUNTS:
            _check_range(name, getattr(self, name), 1, MAX_COUNT, "")
        if not _NAME.fullmatch(self.name):
            raise Invalid("name", "1 to 64 letters, digits, blanks and ._-, a letter or a digit first", self.name)
        if self.job is not None:
            _check_job(self.job)
        labels.needles(self.labels)
        if self.quiet is not None:
            QuietHours(self.quiet)
        _check_addresses(self.notify)

    def is_for(self, job_name: str, job_labels: dict[str, str]) -> bool:
        """Whether the rule is for the runs of a job."""
        return self.job in (None, job_name) and all(_labelled(each, job_labels) for each in self.labels)


def encoded(body: RuleBody) -> str:
    """Returns a rule as the catalog keeps it: without its addresses, which are secret."""
    return msgspec.json.encode(msgspec.structs.replace(body, notify=[])).decode()


def decoded(text: str) -> RuleBody:
    """Reads what ``encoded`` wrote."""
    return msgspec.json.decode(text, type=RuleBody)


def needs(name: str, value: object, allowed: str) -> None:
    """Raises Missing for a parameter that a kind cannot do without."""
    if value in (None, "", []):
        raise Missing(name, allowed)


def _check_range(name: str, value: Number | None, low: int, high: int, unit: str) -> None:
    if value is not None and not (math.isfinite(value) and low <= value <= high):
        raise OutOfRange(name, f"{low} to {high} {unit}".rstrip(), value)


def _check_addresses(notify: Sequence[str]) -> None:
    if len(notify) > MAX_RECEIVERS:
        raise OutOfRange("notify", f"at most {MAX_RECEIVERS} addresses", len(notify))
    for address in notify:
        if not (0 < len(address) <= MAX_ADDRESS and address.isprintable()):
            raise Invalid("notify", f"addresses of 1 to {MAX_ADDRESS} printable characters")


def _check_job(name: str) -> None:
    try:
        check_job_name(name)
    except Invalid as error:
        raise Invalid("job", "a job's name, 1 to 64 of A-Z, a-z, 0-9, _ and -", name) from error


def _labelled(wanted: str, job_labels: dict[str, str]) -> bool:
    name, equals, value = wanted.partition("=")
    return name in job_labels and (not equals or job_labels[name] == value)
