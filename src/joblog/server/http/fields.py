"""What is wrong with a value that is not of the type asked for: the first fault, by its place, in joblog's own words.

The library that decodes says so too, each version of it in its own way; what a user reads must not change with it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from msgspec import inspect

from joblog.errors import Invalid, Missing, NotJson

_WORDS: dict[type[inspect.Type], str] = {
    inspect.StrType: "a string",
    inspect.IntType: "an integer",
    inspect.FloatType: "a number",
    inspect.BoolType: "true or false",
    inspect.BytesType: "base64 in a string",
    inspect.ListType: "a list",
    inspect.DictType: "an object",
    inspect.StructType: "an object",
    inspect.NoneType: "null",
}

_MAX_NAME = 80

_PLAIN: dict[type[inspect.Type], Any] = {
    inspect.StrType: str,
    inspect.IntType: int,
    inspect.FloatType: float,
    inspect.BoolType: bool,
    inspect.BytesType: bytes,
    inspect.NoneType: None,
}


def fault(value: object, kind: Any, *, strict: bool) -> Invalid | None:
    """Returns what is wrong with decoded JSON that is to be of ``kind``; None where nothing of what is looked at is.

    Without ``strict`` a number may also stand in a string, as it may where the value is converted.
    """
    return _fault(value, _inspected(kind), "", strict)


def inside(place: str, name: str) -> str:
    """Returns the place of a field in an object that stands at a place, which is empty for the whole body."""
    shown = name if len(name) <= _MAX_NAME else name[:_MAX_NAME] + "..."
    return f"{place}.{shown}" if place else shown


@cache
def _inspected(kind: Any) -> inspect.Type:
    return inspect.type_info(kind)


def _fault(value: object, kind: inspect.Type, place: str, strict: bool) -> Invalid | None:
    kind = _plain(kind)
    if isinstance(kind, inspect.UnionType):
        return _of_union(value, kind, place, strict)
    if isinstance(kind, inspect.StructType) and isinstance(value, dict):
        return _of_object(value, kind, place, strict)
    if isinstance(kind, inspect.ListType) and isinstance(value, list):
        items = (_fault(each, kind.item_type, f"{place or 'body'}[{number}]", strict) for number, each in enumerate(value))
        return next((fault for fault in items if fault is not None), None)
    if isinstance(kind, inspect.DictType) and isinstance(value, dict):
        values = (_fault(each, kind.value_type, inside(place, name), strict) for name, each in value.items())
        return next((fault for fault in values if fault is not None), None)
    return None if _is(value, kind, strict) else _wrong(value, kind, place)


def _of_union(value: object, kind: inspect.UnionType, place: str, strict: bool) -> Invalid | None:
    """Returns the fault inside the one alternative of the value's shape; that of the union where none is of it."""
    faults = [_fault(value, each, place, strict) for each in kind.types]
    if None in faults:
        return None
    alike = (each for each, type_ in zip(faults, kind.types, strict=True) if _same_shape(value, _plain(type_)))
    return next(alike, None) or _wrong(value, kind, place)


def _of_object(value: dict[str, Any], kind: inspect.StructType, place: str, strict: bool) -> Invalid | None:
    names = [field.encode_name for field in kind.fields]
    if kind.forbid_unknown_fields and (unknown := next((name for name in value if name not in names), None)) is not None:
        return Invalid(inside(place, unknown), f"left out: the fields are {', '.join(names)}")
    for field in kind.fields:
        here = inside(place, field.encode_name)
        if field.encode_name in value:
            if (fault := _fault(value[field.encode_name], field.type, here, strict)) is not None:
                return fault
        elif field.required:
            return Missing(here, _words(field.type))
    return None


def _is(value: object, kind: inspect.Type, strict: bool) -> bool:
    if type(kind) not in _PLAIN:
        return type(kind) not in _WORDS
    try:
        msgspec.convert(value, type=_PLAIN[type(kind)], strict=strict)
    except msgspec.ValidationError:
        return False
    return True


def _same_shape(value: object, kind: inspect.Type) -> bool:
    if isinstance(value, dict):
        return isinstance(kind, inspect.StructType | inspect.DictType)
    return isinstance(value, list) and isinstance(kind, inspect.ListType)


def _wrong(value: object, kind: inspect.Type, place: str) -> Invalid:
    if not place:
        return NotJson("body", _words(kind))
    return Invalid(place, _words(kind), value)


def _words(kind: inspect.Type) -> str:
    kind = _plain(kind)
    kinds = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    return " or ".join(dict.fromkeys(_WORDS.get(type(_plain(each)), "a value") for each in kinds))


def _plain(kind: inspect.Type) -> inspect.Type:
    """Returns a type without what is only said of it in the API's description."""
    return kind.type if isinstance(kind, inspect.Metadata) else kind
