"""What collectors send, made by hand: Loki's messages byte by byte, and where what was sent is found again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import cramjam

from tests.server.calls import Reply, Web

Entries = Sequence[tuple[int, bytes]]

LOKI, OTLP = "/loki/api/v1/push", "/otlp/v1/logs"


def varint(number: int) -> bytes:
    parts = bytearray()
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


def field(number: int, value: int | bytes) -> bytes:
    """One field of a message: a number, or what has a length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def loki_message(streams: Sequence[tuple[str, Entries]]) -> bytes:
    """A PushRequest, before Snappy."""
    message = b""
    for labels, entries in streams:
        stream = field(1, labels.encode())
        for at_ns, text in entries:
            time = field(1, at_ns // 10**9) + field(2, at_ns % 10**9)
            stream += field(2, field(1, time) + field(2, text))
        message += field(1, stream + field(3, 12345))  # Promtail sends a hash of the labels too
    return message


def push_protobuf(web: Web, streams: Sequence[tuple[str, Entries]], **headers: str) -> Reply:
    body = bytes(cramjam.snappy.compress_raw(loki_message(streams)))
    return web.call("POST", LOKI, body, **({"content_type": "application/x-protobuf"} | headers))


def push_json(web: Web, streams: Sequence[tuple[dict[str, str], Sequence[tuple[int, str]]]], **headers: str) -> Reply:
    sent = [{"stream": labels, "values": [[str(at), text] for at, text in entries]} for labels, entries in streams]
    body = json.dumps({"streams": sent}).encode()
    return web.call("POST", LOKI, body, **({"content_type": "application/json"} | headers))


def kept(web: Web, job: str, task: str = "worker-0", project_id: str = "default", version: str = "latest") -> bytes:
    """All bytes of a job's log."""
    log = status(web, job, task, project_id, version)
    path = f"/api/projects/{project_id}/jobs/{log['job_id']}/versions/{log['version_id']}/logs/{task}/bytes"
    return web.get(path).body


def status(web: Web, job: str, task: str = "worker-0", project_id: str = "default", version: str = "latest") -> dict[str, Any]:
    """The log of a permanent link."""
    reply = web.get(f"/api/projects/{project_id}/resolve/{job}/{version}/{task}")
    assert reply.status == 200, reply
    return dict(reply.json)


def jobs(web: Web, project_id: str = "default") -> set[str]:
    """The names of all jobs."""
    names, after = set[str](), 0
    while True:
        page = web.get(f"/api/projects/{project_id}/jobs", limit=1000, after=after).json
        names |= {each["name"] for each in page["items"]}
        if (after := page["next"]) is None:
            return names


def run_id(web: Web, job: str, project_id: str = "default") -> str:
    log = status(web, job, project_id=project_id)
    path = f"/api/projects/{project_id}/jobs/{log['job_id']}/versions/{log['version_id']}"
    return str(web.get(path).json["run_id"])
