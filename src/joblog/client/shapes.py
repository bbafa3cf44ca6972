"""JSON made into the values of ``joblog.views``, by their types. A server may be newer: fields not known here are ignored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

from joblog.errors import Unreachable

T = TypeVar("T")


def shaped(kind: type[T], answer: object) -> T:
    """Returns a decoded JSON value as a ``kind``.

    Raises:
        Unreachable: it does not have that shape, so something else than joblog answered.
    """
    try:
        return cast(T, _shaped(kind, answer))
    except (TypeError, KeyError, ValueError) as error:
        raise Unreachable(f"the answer is not a joblog {getattr(kind, '__name__', kind)}: {error}") from error


def _shaped(kind: Any, found: Any) -> Any:
    if isinstance(kind, type) and is_dataclass(kind):
        if not isinstance(found, dict):
            raise TypeError("no object")
        make = cast(Callable[..., Any], kind)
        return make(**{name: _shaped(one, found[name]) for name, one in _hints(cast(Any, kind)).items() if name in found})
    origin = get_origin(kind)
    if origin is list:
        return [_shaped(get_args(kind)[0], each) for each in _list(found)]
    if origin is tuple:
        return tuple(_shaped(one, each) for one, each in zip(get_args(kind), _list(found), strict=True))
    if origin is UnionType:
        kinds = [one for one in get_args(kind) if one is not NoneType]
        return None if found is None else _shaped(kinds[0], found)
    if kind is float and isinstance(found, int) and not isinstance(found, bool):
        return float(found)
    if not isinstance(found, kind):
        raise TypeError(f"{type(found).__name__} for {kind.__name__}")
    return found


def _list(found: object) -> list[Any]:
    if not isinstance(found, list):
        raise TypeError("no list")
    return found


@cache
def _hints(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {one.name: hints[one.name] for one in fields(kind)}
