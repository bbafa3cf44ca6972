"""Rules from files: TOML of our own, and AWS HyperPod's ``logMonitoringConfiguration``, in YAML or JSON, as it is.

In TOML each rule is a table that its name heads::

    [rule."loss is nan"]
    kind = "value"
    metric = "loss"
    not_finite = true
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import msgspec

from joblog.errors import Invalid
from joblog.watch.body import RuleBody

_PLACE = re.compile(r" - at `\$\.?(.*)`$")

_HYPERPOD = "logMonitoringConfiguration"
_OPERATORS = {"gt": "above", "gteq": "at_least", "lt": "below", "lteq": "at_most", "eq": "equals"}
_TAKEN = frozenset(
    (
        *("name", "logPattern", "stopPattern", "faultOnMatch", "operator", "metricThreshold", "metricEvaluationDataPoints"),
        *("expectedStartCutOffInSeconds", "expectedRecurringFrequencyInSeconds"),
    )
)
_DEPTH = 20


def rules_in(text: str) -> list[RuleBody]:
    """Returns the rules of a file; raises Invalid, which names the rule and the parameter."""
    if _HYPERPOD in text:
        return [rule for each in _monitored(_yaml(text), _DEPTH) for rule in _of_hyperpod(each)]
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Invalid("text", f"TOML, or a job with {_HYPERPOD} ({error})") from error
    rules = tables.pop("rule", {})
    if tables or not isinstance(rules, dict) or not rules:
        raise Invalid("text", f'tables such as [rule."loss is nan"], or a job with {_HYPERPOD}')
    return [_of_table(name, table) for name, table in rules.items()]


def _of_table(name: str, table: Any) -> RuleBody:
    if not isinstance(table, Mapping):
        raise Invalid(f"rule.{name}", "a table")
    return _body({**table, "name": name}, f"rule.{name}")


def _body(given: Mapping[str, Any], place: str) -> RuleBody:
    try:
        return msgspec.convert(given, RuleBody)
    except msgspec.ValidationError as error:
        words = str(error)
        at = _PLACE.search(words)
        parameter = f"{place}.{at[1]}" if at is not None and at[1] else place
        raise Invalid(parameter, f"as docs/watch.md has it ({words[: at.start()] if at is not None else words})") from error


def _yaml(text: str) -> Any:
    try:
        yaml = import_module("yaml")
    except ModuleNotFoundError as error:
        raise Invalid("text", "TOML until YAML can be read: pip install 'joblog[alerts]'") from error
    try:
        return list(yaml.safe_load_all(text))
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        where = "" if place is None else f" (line {place.line + 1})"
        raise Invalid("text", f"well-formed YAML{where}") from error


def _monitored(document: Any, depth: int) -> Iterator[Any]:
    """Yields the entries of the list, wherever in a job it stands."""
    if depth and isinstance(document, Mapping):
        listed = document.get(_HYPERPOD)
        if isinstance(listed, list):
            yield from listed
        for each in document.values():
            yield from _monitored(each, depth - 1)
    elif depth and isinstance(document, list):
        for each in document:
            yield from _monitored(each, depth - 1)


def _of_hyperpod(entry: Any) -> Iterator[RuleBody]:
    """Yields what an entry comes to: one that expects a line and bounds its number is two rules."""
    if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
        raise Invalid(_HYPERPOD, "a list of objects with a name")
    name, place = entry["name"], f"{_HYPERPOD}.{entry['name']}"
    for key in entry.keys() - _TAKEN:
        raise Invalid(f"{place}.{key}", f"one of {', '.join(sorted(_TAKEN))}")
    common = {"name": name, "pattern": entry.get("logPattern"), "regex": True, "until": entry.get("stopPattern")}
    if entry.get("faultOnMatch") is True:
        yield _body({**common, "kind": "match"}, place)
        return
    start_s, every_s = entry.get("expectedStartCutOffInSeconds"), entry.get("expectedRecurringFrequencyInSeconds")
    waits = start_s is not None or every_s is not None
    if waits:
        yield _body({**common, "kind": "absence", "start_s": start_s, "every_s": every_s}, place)
    if entry.get("metricThreshold") is not None:
        operator = _OPERATORS.get(str(entry.get("operator")))
        if operator is None:
            raise Invalid(f"{place}.operator", f"one of {', '.join(_OPERATORS)}", entry.get("operator"))
        bound = {operator: entry["metricThreshold"], "points": entry.get("metricEvaluationDataPoints")}
        yield _body({**common, "kind": "value", **bound, "name": f"{name} value" if waits else name}, place)
    elif not waits:
        raise Invalid(place, "an entry with faultOnMatch, a time in which a line is expected, or a metricThreshold")
