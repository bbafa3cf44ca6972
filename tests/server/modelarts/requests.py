"""What the tests of ModelArts' calls have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.server.calls import Reply

CONFIG = {
    "worker_server_num": 2,
    "app_url": "/bucket/code/",
    "boot_file_url": "/bucket/code/train.py",
    "parameter": [{"label": "epochs", "value": "3"}],
    "data_url": "/bucket/data/",
    "spec_id": 1,
    "engine_id": "4",
    "train_url": "/bucket/out/",
    "log_url": "/bucket/log/",
    "user_command": None,
    "of_tomorrow": {"kept": [1, 2.5, "三"]},
}

Made = Callable[..., dict[str, Any]]


def refused(reply: Reply, status: int, code: str, *words: str) -> None:
    """Checks a ModelArts error: both message fields, the same text."""
    assert (reply.status, reply.json["error_code"]) == (status, f"ModelArts.{code}")
    assert reply.json["is_success"] is False
    assert reply.json["error_msg"] == reply.json["error_message"]
    assert all(word in reply.json["error_msg"] for word in words), reply.json
    assert reply.headers["x-request-id"]
