"""The API's description, and requests made of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from tests.server.calls import Web

_TEXTS = ("a", "worker-0", "long enough", "2b0f7e6a-3f0d-4c35-9d0c-0b8f6f4f7a10")


@dataclass(frozen=True)
class Operation:
    """One call, as it is described."""

    method: str
    path: str
    described: dict[str, Any]
    schemas: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    def url(self, ids: Mapping[str, Any]) -> str:
        """Its path with the ids put in, and the mandatory parameters of its query."""
        path = re.sub(r"\{(\w+)\}", lambda match: str(ids[match[1]]), self.path)
        query = {
            each["name"]: ids.get(each["name"], self._example(each["schema"]))
            for each in self.described.get("parameters", [])
            if each["in"] == "query" and each["required"]
        }
        return path + ("?" + urlencode(query) if query else "")

    def body(self) -> bytes | None:
        """A body that is legal, with no more than it must have."""
        content = self.described.get("requestBody", {}).get("content", {})
        if "application/json" in content:
            return json.dumps(self._example(content["application/json"]["schema"])).encode()
        return b"bytes\n" if content else None

    def _example(self, schema: dict[str, Any]) -> Any:
        if "$ref" in schema:
            return self._example(self.schemas[schema["$ref"].rpartition("/")[2]])
        if "enum" in schema:
            return schema["enum"][0]
        match schema.get("type"):
            case "object":
                properties = schema.get("properties", {})
                return {name: self._example(properties[name]) for name in schema.get("required", [])}
            case "array":
                return [self._example(schema["items"])] * schema.get("minItems", 0)
            case "integer":
                return max(schema.get("minimum", 0), 0)
            case "string":
                pattern, least = schema.get("pattern", ""), schema.get("minLength", 0)
                return next(text for text in _TEXTS if re.search(pattern, text) and len(text) >= least)
        raise AssertionError(f"no example of {schema}")


def operations(web: Web) -> Iterator[Operation]:
    """Every call that the server describes."""
    description = web.get("/api/openapi.json").json
    for path, methods in description["paths"].items():
        for method, described in methods.items():
            yield Operation(method.upper(), path, described, description["components"]["schemas"])
