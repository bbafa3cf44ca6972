"""What a version was asked for with, told in the words of v1 or of v2, whichever it was made by."""

from __future__ import annotations

from typing import Any

import msgspec

from joblog.server.http.documents import MAX_NESTING, nested_deeper

Body = dict[str, Any]


def v1_config(kept: str | None) -> Body:
    """Returns v1's ``config``; of a version that v2 made, what v1 has words for."""
    api, body = _opened(kept)
    if api == "v1":
        return _filled(_object(body, "config"))
    algorithm, spec = _object(body, "algorithm"), _object(body, "spec")
    resource, engine = _object(spec, "resource"), _object(algorithm, "engine")
    config = {
        "app_url": algorithm.get("code_dir"),
        "boot_file_url": algorithm.get("boot_file"),
        "user_command": algorithm.get("command"),
        "user_image_url": engine.get("image_url"),
        "engine_name": engine.get("engine_name"),
        "engine_version": engine.get("engine_version"),
        "pool_id": resource.get("pool_id"),
        "spec_code": resource.get("flavor_id"),
        "worker_server_num": resource.get("node_count"),
        "log_url": _object(spec, "log_export_path").get("obs_url"),
        "volumes": spec.get("volumes"),
        "parameter": [
            {"label": each.get("name"), "value": each.get("value")} for each in _objects(algorithm.get("parameters"))
        ],
    }
    return {name: value for name, value in config.items() if value is not None}


def v2_request(kept: str | None) -> Body:
    """Returns v2's ``algorithm`` and ``spec``, and what else stood beside them; of a v1 version what v2 has words for."""
    api, body = _opened(kept)
    if api == "v2":
        return body
    config = _object(body, "config")
    resource = {
        "flavor_id": config.get("spec_code") or _object(config, "flavor").get("code"),
        "pool_id": config.get("pool_id"),
        "node_count": config.get("worker_server_num"),
    }
    engine = {"image_url": config.get("user_image_url"), "engine_name": config.get("engine_name")}
    algorithm = {
        "code_dir": config.get("app_url"),
        "boot_file": config.get("boot_file_url"),
        "command": config.get("user_command"),
        "engine": _given(engine),
        "parameters": [{"name": each.get("label"), "value": each.get("value")} for each in _objects(config.get("parameter"))],
    }
    spec = {
        "resource": _given(resource),
        "volumes": config.get("volumes"),
        "log_export_path": _given({"obs_url": config.get("log_url")}),
    }
    return {"algorithm": _given(algorithm), "spec": _given(spec)}


def _opened(kept: str | None) -> tuple[str, Body]:
    """Returns which API a kept request came by, and its body; v1 and nothing for a run that nobody registered."""
    if kept is None:
        return "v1", {}
    if nested_deeper(kept.encode(), MAX_NESTING + 1):  # stored by a joblog that did not refuse it yet
        return "v2" if kept.startswith('{"v2"') else "v1", {}
    decoded = msgspec.json.decode(kept)
    return ("v2", decoded["v2"]) if "v2" in decoded else ("v1", decoded["v1"])


def _filled(config: Body) -> Body:
    """Returns a ``config`` with what ModelArts answers although it was asked for in other words."""
    inputs = [source.get("data_url") for source in _objects(config.get("data_source")) if source.get("type") == "obs"]
    values = {"spec_code": _object(config, "flavor").get("code"), "data_url": next(iter(inputs), None)}
    return config | {name: value for name, value in values.items() if config.get(name) is None}


def _object(body: Body, name: str) -> Body:
    value = body.get(name)
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[Body]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _given(body: Body) -> Body:
    return {name: value for name, value in body.items() if value is not None}
