"""JSON decoded by the rules of Go's encoding/json, which are stricter than Python's clients are.

A shape is ``str``, ``int``, ``float``, ``bool``, ``ANY``, ``[shape]`` or ``{"field": shape}``. A string is read from a string
only, an integer from a number without fraction or exponent that fits 64 bits. Null leaves the zero value. Names of
fields are compared exactly first, then in any case; unknown ones are ignored.
"""

from __future__ import annotations

import json
from typing import Any

ANY = object()

Shape = Any


class GoError(ValueError):
    """What Go's decoder would return as an error."""


class Number(str):
    """A number as it is written."""


def unmarshal(data: bytes, shape: Shape) -> Any:
    """Decodes as ``json.Unmarshal`` does into a value of that shape; raises GoError."""
    try:
        found = json.loads(data, parse_int=Number, parse_float=Number, parse_constant=_no_constant, object_pairs_hook=_Pairs)
    except ValueError as error:
        raise GoError(str(error)) from error
    return _decoded(found, shape, "")


class _Pairs(list[tuple[str, Any]]):
    """An object's fields in the order they are written; of one that comes twice the last one counts."""


def _no_constant(name: str) -> None:
    raise GoError(f"invalid character {name[0]!r} looking for beginning of value")


def _decoded(found: Any, shape: Shape, where: str) -> Any:
    if shape is ANY:
        return _any(found)
    if isinstance(shape, dict):
        return _struct(found, shape, where)
    if isinstance(shape, list):
        if found is None:
            return []
        if isinstance(found, _Pairs) or not isinstance(found, list):
            raise _wrong(found, "slice", where)
        return [_decoded(each, shape[0], where) for each in found]
    if found is None:
        return shape()
    return _scalar(found, shape, where)


def _struct(found: Any, shape: dict[str, Shape], where: str) -> dict[str, Any]:
    decoded = {name: _decoded(None, each, where) for name, each in shape.items()}
    if found is None:
        return decoded
    if not isinstance(found, _Pairs):
        raise _wrong(found, "struct", where)
    folded = {name.lower(): name for name in reversed(shape)}
    for name, value in found:
        field = name if name in shape else folded.get(name.lower())
        if field is not None and value is not None:
            decoded[field] = _decoded(value, shape[field], f"{where}.{field}")
    return decoded


def _scalar(found: Any, shape: type, where: str) -> Any:
    if shape is bool and isinstance(found, bool):
        return found
    if shape is str and isinstance(found, str) and not isinstance(found, Number):
        return found
    if shape is float and isinstance(found, Number):
        return float(found)
    if shape is int and isinstance(found, Number):
        if not found.lstrip("-").isdigit() or not -(2**63) <= int(found) < 2**63:
            raise _wrong(found, f"int64 (number {found})", where)
        return int(found)
    raise _wrong(found, shape.__name__, where)


def _any(found: Any) -> Any:
    if isinstance(found, _Pairs):
        return {name: _any(value) for name, value in found}
    if isinstance(found, list):
        return [_any(each) for each in found]
    return float(found) if isinstance(found, Number) else found


def _wrong(found: Any, kind: str, where: str) -> GoError:
    names = {Number: "number", str: "string", bool: "bool", _Pairs: "object", list: "array"}
    return GoError(f"json: cannot unmarshal {names.get(type(found), 'null')} into Go value{where} of type {kind}")
