"""Every call's one declaration: path, right, parameters, body, answer. From it come the way to the handler and the description.

A handler is a function with a route in front::

    @calls.get("/{task}/lines", "read", "Lines by number, by byte, or by when they arrived")
    async def read_lines(joblog: State, call: Call, start: Start = 0) -> Lines: ...

By their names its parameters are parts of the server (``joblog``, ``append_call`` ...), the request (``call``), its body as
JSON (``data``), what stands in the path, or, with an annotation of ``parameters.py``, a parameter of the query. The right is
checked before anything else is read, so that strangers learn nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, get_args, get_type_hints

import msgspec
from msgspec import Struct

from joblog.errors import Missing
from joblog.server.http.answers import Answer, query_parameters, query_values
from joblog.server.http.asgi import Headers, HTTPScope, Receive
from joblog.server.http.bodies import received
from joblog.server.http.documents import Parsing
from joblog.server.http.parameters import Parameter, in_path

OPEN = "open"
"""The right of a call that anybody may make."""

KNOWN = "known"
"""The right of a call that any token may make; what it is shown, its handler decides."""

JSON_BYTES = 1024 * 1024
"""The largest body of JSON: all that the API takes are small, but for the gaps of a log that was closed."""

PARTS = frozenset(("joblog", "append_call", "deliveries", "followers", "log_calls", "readiness", "exposition"))
"""What handlers take by name: the fields of ``Parts`` (``app.py``)."""

_TRAINING_JOB = "training_job_id"
"""In a path it names a job that has to be looked up before the right to it can be: its handler does both (``v2_bodies.py``)."""

_REMEMBERED = 4096
_MAX_REMEMBERED_CHARACTERS = 256
"""Paths whose call is remembered, some 600 bytes each: the same logs are read, and appended to, again and again."""

_encode = msgspec.json.Encoder(enc_hook=vars).encode


class Unrouted(Exception):
    """There is no such path, or none for this method; ``allowed`` names the methods that it has."""

    def __init__(self, status_code: int, allowed: Iterable[str] = ()) -> None:
        super().__init__(HTTPStatus(status_code).phrase)
        self.status_code = status_code
        self.allowed = ", ".join(sorted({*allowed, "OPTIONS"})) if allowed else ""


class Call:
    """A request, as handlers get it; ``path`` has the values of what stands in it, by name."""

    __slots__ = ("_parsing", "_values", "path", "receive", "right", "scope")

    def __init__(self, scope: HTTPScope, receive: Receive, parsing: Parsing) -> None:
        self.scope, self.receive, self._parsing = scope, receive, parsing
        self.right = OPEN
        self.path: Mapping[str, Any] = {}
        self._values: Mapping[str, str] | None = None

    @property
    def headers(self) -> Headers:
        """The headers, their names in lower case."""
        return self.scope["headers"]

    @property
    def query(self) -> Mapping[str, str]:
        """The query's parameters; of a name given twice the last value counts."""
        if self._values is None:
            self._values = query_parameters(self.scope["query_string"])
        return self._values

    def header(self, wanted: bytes) -> str | None:
        """Returns a header's value, the last where there are several."""
        values = [value for name, value in self.scope["headers"] if name == wanted]
        return values[-1].decode("latin-1") if values else None

    async def body(self) -> bytes:
        """Reads a body of at most ``JSON_BYTES``; raises TooLarge, Invalid, Busy."""
        return bytes(await received(self.receive, dict(self.scope["headers"]), JSON_BYTES))

    async def document(self, raw: bytes, kind: Any = Any, *, strict: bool = True) -> Any:
        """Returns a body of JSON as a value of ``kind``; raises NotJson, Missing, Invalid, Busy."""
        return await self._parsing.document(raw, kind, strict=strict)


@dataclass(frozen=True)
class Described:
    """What the description says of a call beside what its handler's types say."""

    summary: str
    tag: str
    hidden: bool = False
    answer: Any = None
    """The type of the answer, where the handler makes an ``Answer`` itself."""
    body: Any = None
    """A schema, or a type, of a body that the handler reads itself."""
    head: str = ""
    """The name and the summary of the same call by HEAD, with a blank between them, where that is worth its own mention."""


class Route:
    """One call. Made once, when its module is loaded."""

    def __init__(
        self, method: str, path: str, right: str, handler: Callable[..., Any], status: int, described: Described
    ) -> None:
        self.method, self.path, self.right, self.handler = method, path, right, handler
        self.status, self.described = status, described
        self.name = handler.__name__
        self.in_path = [part[1:-1] for part in path.split("/") if part.startswith("{")]
        self._readers = [(name, in_path(name).read) for name in self.in_path]
        self._project, self._job = (
            self.in_path.index(name) if name in self.in_path else None for name in ("project_id", "job_id")
        )
        self._known = right == KNOWN or _TRAINING_JOB in self.in_path
        self._parts: list[str] = []
        self._takes_path: list[str] = []
        self.parameters: list[tuple[str, Parameter, Any]] = []
        self._groups: list[tuple[str, type[Struct]]] = []
        self.data: Any = None
        self.returns: Any = None
        self._takes_call = False
        self._declare(handler)

    def _declare(self, handler: Callable[..., Any]) -> None:
        hints = get_type_hints(handler, include_extras=True)
        self.returns = hints.get("return")
        for name, given in inspect.signature(handler).parameters.items():
            if name in PARTS:
                self._parts.append(name)
            elif name == "call":
                self._takes_call = True
            elif name == "data":
                self.data = hints[name]
            elif name in self.in_path:
                self._takes_path.append(name)
            elif isinstance(hints[name], type) and issubclass(hints[name], Struct):
                self._groups.append((name, hints[name]))
                for field in inspect.signature(hints[name]).parameters.values():
                    self._declare_parameter(field.name, get_type_hints(hints[name], include_extras=True), field.default)
            else:
                self._declare_parameter(name, hints, given.default)

    def _declare_parameter(self, name: str, hints: dict[str, Any], default: Any) -> None:
        parameter = _declared_by(hints[name])
        self.parameters.append((name, parameter.named(parameter.name or name.rstrip("_")), default))

    def path_values(self, raw: Sequence[str]) -> Mapping[str, Any]:
        """Returns what stands in a path, by name; raises the errors of ``joblog.errors``."""
        return {name: read(name, text) for (name, read), text in zip(self._readers, raw, strict=True)}

    async def answer(self, parts: Any, call: Call, routed: Routed) -> Answer:
        """Checks the caller, reads what the call takes, and answers; raises the errors of ``joblog.errors``."""
        self._check_right(parts, call, routed.raw)
        call.path = path = routed.values()
        values: dict[str, Any] = {}
        for name in self._parts:
            values[name] = getattr(parts, name)
        for name in self._takes_path:
            values[name] = path[name]
        if self._takes_call:
            values["call"] = call
        if self.parameters:
            self._read(call, values)
        for name, group in self._groups:
            values[name] = group(**{field: values.pop(field) for field in group.__struct_fields__})
        if self.data is not None:
            values["data"] = await _data(call, self.data)
        value = await self.handler(**values)
        if isinstance(value, Answer):
            return value
        return Answer(self.status, b"" if value is None else _encode(value))

    def _check_right(self, parts: Any, call: Call, raw: Sequence[str]) -> None:
        auth, headers, call.right = parts.joblog.auth, call.scope["headers"], self.right
        if self._known:
            auth.token(headers)
        elif self.right != OPEN:
            project_id = None if self._project is None else raw[self._project]
            auth.allowed(headers, self.right, project_id, None if self._job is None else raw[self._job])

    def _read(self, call: Call, values: dict[str, Any]) -> None:
        query = call.query
        for name, parameter, default in self.parameters:
            sent_as = parameter.name
            if parameter.repeated:
                texts = query_values(call.scope["query_string"], sent_as)
                values[name] = [parameter.read(sent_as, each) for each in texts]
                continue
            text = query.get(sent_as) if parameter.place == "query" else call.header(sent_as.lower().encode())
            if text and parameter.trimmed:
                text = text.strip()
            if text:
                values[name] = parameter.read(sent_as, text)
            elif default is inspect.Parameter.empty:
                raise Missing(sent_as, parameter.allowed)
            else:
                values[name] = default


def _declared_by(hint: Any) -> Parameter:
    """Returns what annotates a parameter's type, or that of ``None`` or it."""
    for each in (hint, *get_args(hint)):
        for fact in getattr(each, "__metadata__", ()):
            if isinstance(fact, Parameter):
                return fact
    raise TypeError(f"{hint} declares no parameter")


async def _data(call: Call, kind: Any) -> Any:
    raw = await call.body()
    if not raw:
        raise Missing("body", "a JSON object")
    return await call.document(raw, kind, strict=False)


class Calls:
    """Calls whose paths begin alike. What decorates a handler has its right in its signature: there is no call without one."""

    def __init__(self, prefix: str, tag: str) -> None:
        self._prefix, self._tag = prefix, tag
        self.routes: list[Route] = []

    def get(self, path: str, right: str, summary: str = "", **facts: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declares a call by GET, which HEAD is answered by, too."""
        return self._declared("GET", path, right, summary, facts)

    def post(
        self, path: str, right: str, summary: str = "", **facts: Any
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declares a call by POST."""
        return self._declared("POST", path, right, summary, facts)

    def put(self, path: str, right: str, summary: str = "", **facts: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declares a call by PUT."""
        return self._declared("PUT", path, right, summary, facts)

    def patch(
        self, path: str, right: str, summary: str = "", **facts: Any
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declares a call by PATCH."""
        return self._declared("PATCH", path, right, summary, facts)

    def delete(
        self, path: str, right: str, summary: str = "", **facts: Any
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declares a call by DELETE."""
        return self._declared("DELETE", path, right, summary, facts)

    def _declared(self, method: str, path: str, right: str, summary: str, facts: dict[str, Any]) -> Callable[..., Any]:
        status, tag = facts.pop("status", 200), facts.pop("tag", self._tag)

        def declare(handler: Callable[..., Any]) -> Callable[..., Any]:
            described = Described(summary, tag, **facts)
            self.routes.append(Route(method, self._prefix + path, right, handler, status, described))
            return handler

        return declare


class Routed:
    """A path as one call takes it: the call, and what stands in the path, read when the right to it has been checked."""

    __slots__ = ("_values", "raw", "route")

    def __init__(self, route: Route, raw: Sequence[str]) -> None:
        self.route, self.raw = route, raw
        self._values: Mapping[str, Any] | None = None

    def values(self) -> Mapping[str, Any]:
        """Returns what stands in the path, by name; raises the errors of ``joblog.errors``."""
        if self._values is None:
            self._values = self.route.path_values(self.raw)
        return self._values


class Tree:
    """Finds the call of a path, segment by segment: as quick for the last of a hundred routes as for the first.

    What a path means depends on nothing else, so the paths that were asked for lately are remembered.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root: dict[str, Any] = {}
        self._remembered: dict[tuple[str, str], Routed] = {}
        for route in routes:
            node = self._root
            for part in _parts(route.path):
                node = node.setdefault("{}" if part.startswith("{") else part, {})
            methods = node.setdefault("", {})
            assert route.method not in methods, f"{route.method} {route.path} is there twice"
            methods[route.method] = route

    @property
    def remembered_characters(self) -> int:
        """How long the paths are, all together, that are remembered."""
        return sum(len(path) for _, path in self._remembered)

    def find(self, method: str, path: str) -> Routed:
        """Returns the call and what stands in the path; raises Unrouted."""
        routed = self._remembered.get((method, path))
        if routed is None:
            routed = Routed(*self._walk(method, path))
            if len(path) <= _MAX_REMEMBERED_CHARACTERS:
                if len(self._remembered) >= _REMEMBERED:
                    self._remembered.clear()
                self._remembered[method, path] = routed
        return routed

    def _walk(self, method: str, path: str) -> tuple[Route, list[str]]:
        node, values = self._root, []
        for part in _parts(path):
            following = node.get(part) if part else None
            if following is None:
                following = node.get("{}") if part else None
                values.append(part)
            if following is None:
                raise Unrouted(404)
            node = following
        methods = node.get("")
        if methods is None:
            raise Unrouted(404)
        route = methods.get("GET" if method == "HEAD" else method)
        if route is None:
            raise Unrouted(405, [*methods, "HEAD"] if "GET" in methods else methods)
        return route, values


def _parts(path: str) -> list[str]:
    """Splits a path; a slash at its end says nothing."""
    path = path[1:-1] if len(path) > 1 and path.endswith("/") else path[1:]
    return path.split("/") if path else []
