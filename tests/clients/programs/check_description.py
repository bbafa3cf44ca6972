"""Reads the API's description from its standard input, and prints what is wrong with it: a line each, none for a good one."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012


def wrong(description: dict[str, Any]) -> Iterator[str]:
    """Yields what is no OpenAPI 3.1, then what is no example of its schema."""
    for error in OpenAPIV31SpecValidator(description).iter_errors():
        yield f"{list(error.absolute_path)}: {error.message[:300]}"
    root = Resource.from_contents(description, default_specification=DRAFT202012)
    registry: Registry[Any] = Registry().with_resource("urn:api", root)

    def check(where: str, value: object, schema: dict[str, Any]) -> Iterator[str]:
        for error in Draft202012Validator(absolute(schema), registry=registry).iter_errors(value):
            yield f"{where} {list(error.absolute_path)}: {error.message[:300]}"

    for name, schema in description["components"]["schemas"].items():
        for example in schema.get("examples", []):
            yield from check(name, example, {"$ref": f"#/components/schemas/{name}"})
    for name, kind, content in contents(description):
        if "example" in content:
            yield from check(f"{name} {kind}", content["example"], content["schema"])
            for item in items(kind, content["example"]) if "x-itemSchema" in content else ():
                yield from check(f"{name} {kind} {item}", item, content["x-itemSchema"])


def absolute(schema: Any) -> Any:
    """Returns a schema whose references lead into the description, wherever it stands itself."""
    if isinstance(schema, dict):
        return {name: absolute(value) for name, value in schema.items()}
    if isinstance(schema, list):
        return [absolute(each) for each in schema]
    return f"urn:api{schema}" if isinstance(schema, str) and schema.startswith("#/components/") else schema


def contents(description: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yields what every call takes and answers: its name, the media type, what is said of it."""
    for operations in description["paths"].values():
        for operation in operations.values():
            for each in (operation.get("requestBody", {}), *operation["responses"].values()):
                for kind, content in each.get("content", {}).items():
                    yield operation["operationId"], kind, content


def items(kind: str, text: str) -> Iterator[dict[str, Any]]:
    """Yields the lines or the events of a stream."""
    if kind == "application/x-ndjson":
        yield from (json.loads(line) for line in text.splitlines())
    else:
        for event in text.removesuffix("\n\n").split("\n\n"):
            fields = dict(re.findall(r"^(\w+): (.*)$", event, re.MULTILINE))
            yield {name: int(value) if name == "retry" else value for name, value in fields.items()}


if __name__ == "__main__":
    for line in wrong(json.load(sys.stdin)):
        print(line)
