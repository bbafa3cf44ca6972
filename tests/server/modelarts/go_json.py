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
        document = json.loads(data, parse_int=Number, parse_float=Number, parse_constant=_no_constant, object_pairs_hook=_Pairs)
    except ValueError as error:
        raise GoError(str(error)) from error
    return _decoded(document, shape, "")


class _Pairs(list[tuple[str, Any]]):
    """An object's fields in the order they are written; of one that comes twice the last one counts."""


def _no_constant(name: str) -> None:
    raise GoError(f"invalid character {name[0]!r} looking for beginning of value")


def _decoded(document: Any, shape: Shape, where: str) -> Any:
    if shape is ANY:
        return _any(document)
    if isinstance(shape, dict):
        return _struct(document, shape, where)
    if isinstance(shape, list):
        if document is None:
            return []
        if isinstance(document, _Pairs) or not isinstance(document, list):
            raise _wrong(document, "slice", where)
        return [_decoded(each, shape[0], where) for each in document]
    if document is None:
        return shape()
    return _scalar(document, shape, where)


def _struct(document: Any, shape: dict[str, Shape], where: str) -> dict[str, Any]:
    decoded = {name: _decoded(None, each, where) for name, each in shape.items()}
    if document is None:
        return decoded
    if not isinstance(document, _Pairs):
        raise _wrong(document, "struct", where)
    folded = {name.lower(): name for name in reversed(shape)}
    for name, value in document:
        field = name if name in shape else folded.get(name.lower())
        if field is not None and value is not None:
            decoded[field] = _decoded(value, shape[field], f"{where}.{field}")
    return decoded


def _scalar(document: Any, shape: type, where: str) -> Any:
    if shape is bool and isinstance(document, bool):
        return document
    if shape is str and isinstance(document, str) and not isinstance(document, Number):
        return document
    if shape is float and isinstance(document, Number):
        return float(document)
    if shape is int and isinstance(document, Number):
        if not document.lstrip("-").isdigit() or not -(2**63) <= int(document) < 2**63:
            raise _wrong(document, f"int64 (number {document})", where)
        return int(document)
    raise _wrong(document, shape.__name__, where)


def _any(document: Any) -> Any:
    if isinstance(document, _Pairs):
        return {name: _any(value) for name, value in document}
    if isinstance(document, list):
        return [_any(each) for each in document]
    return float(document) if isinstance(document, Number) else document


def _wrong(document: Any, kind: str, where: str) -> GoError:
    names = {Number: "number", str: "string", bool: "bool", _Pairs: "object", list: "array"}
    return GoError(f"json: cannot unmarshal {names.get(type(document), 'null')} into Go value{where} of type {kind}")
