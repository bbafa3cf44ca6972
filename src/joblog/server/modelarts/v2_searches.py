"""What ``POST .../training-job-searches`` asks for: which training jobs, by filters of which all must hold."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from joblog.catalog.modelarts_jobs import RunSearch
from joblog.core.names import MAX_ID, integer
from joblog.core.status import Status, statuses_of_phase
from joblog.errors import Invalid
from joblog.server.modelarts.bodies import number_of, text_of

MAX_LIMIT = 50

MAX_FILTERS = 20

_ALLOWED = (
    "name (like, eq, in, not), status or phase (like, eq, in, not), runtime_type (like, eq, in, not), "
    "user_name (like, eq, in, not) or create_time (between, two values)"
)


def search_of(body: dict[str, Any]) -> RunSearch:
    """Returns what a body asks for; raises Invalid, OutOfRange."""
    order = text_of(body, "order", "desc").lower() or "desc"
    if order not in ("asc", "desc"):
        raise Invalid("order", "asc or desc", order)
    if (text_of(body, "sort_by", "create_time") or "create_time") != "create_time":
        raise Invalid("sort_by", "create_time", body["sort_by"])
    search = RunSearch(
        workspace_id=text_of(body, "workspace_id", "0", 64) or "0",
        descending=order == "desc",
        offset=number_of(body, "offset", 0, 0, 2**31),
        limit=number_of(body, "limit", MAX_LIMIT, 1, MAX_LIMIT),
    )
    filters = body.get("filters")
    filters = [] if filters is None else filters
    if not isinstance(filters, list) or len(filters) > MAX_FILTERS:
        raise Invalid("filters", f"a list of at most {MAX_FILTERS} filters")
    for one in filters:
        search = _filtered(search, one)
    return search


def _filtered(search: RunSearch, one: object) -> RunSearch:
    """Returns the search narrowed by a filter such as ``{"key": "name", "operator": "like", "value": ["resnet"]}``.

    Of its values any is to hold.
    """
    if not isinstance(one, dict):
        raise Invalid("filters", "a list of objects with key, operator and value")
    key, operator, values = one.get("key"), one.get("operator", "in"), _values(one)
    match key, "in" if operator == "eq" else operator:
        case "name", "like":
            return structs.replace(search, likes=(*search.likes, values)) if values else search
        case "name", "in":
            names = tuple(values) if search.names is None else tuple(set(search.names) & set(values))
            return structs.replace(search, names=names)
        case "name", "not":
            return structs.replace(search, not_names=(*search.not_names, *values))
        case "status" | "phase", "in" | "like" | "not":
            wanted = _of_phases(values)
            return _with_statuses(search, set(Status) - wanted if operator == "not" else wanted)
        case "runtime_type", "in" | "like":
            return structs.replace(search, types=(*search.types, values))
        case "runtime_type", "not":
            return structs.replace(search, not_types=(*search.not_types, *values))
        case "user_name", "in" | "like" | "not":
            return search  # of whom a job is, joblog does not know: see docs/modelarts.md
        case "create_time", "between" if len(values) == 2:
            since, until = (integer("filters.value", value, 0, MAX_ID, "two times in milliseconds") for value in values)
            return structs.replace(search, since_ms=max(search.since_ms, since), until_ms=min(search.until_ms, until))
    raise Invalid("filters", _ALLOWED, f"{key} {operator}")


def _values(one: dict[str, Any]) -> list[str]:
    """Returns a filter's values; a bare one is a list of one, and a time may be a number."""
    value = one.get("value")
    values = [] if value is None else value if isinstance(value, list) else [value]
    kinds = {int, str} if one.get("key") == "create_time" else {str}
    if len(values) > MAX_LIMIT or not {type(each) for each in values} <= kinds:
        raise Invalid("filters.value", f"a string, or a list of at most {MAX_LIMIT} strings")
    return [str(each) for each in values]


def _with_statuses(search: RunSearch, wanted: set[Status]) -> RunSearch:
    return structs.replace(search, statuses=tuple(wanted if search.statuses is None else wanted & set(search.statuses)))


def _of_phases(names: list[str]) -> set[Status]:
    statuses = [statuses_of_phase(name) for name in names]
    if not all(statuses):
        raise Invalid("filters.value", "phases such as Running or Failed", names)
    return {status for each in statuses for status in each}
