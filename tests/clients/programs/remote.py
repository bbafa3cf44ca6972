"""The half of a test that runs beside a client: calls functions by name, a JSON object a line in, one a line out.

Needs nothing but Python: each client has an environment of its own.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any


def serve(functions: dict[str, Any]) -> None:
    """Answers until its input ends. What a function raises is told by its class, its text and its plain attributes."""
    answers = sys.stdout
    sys.stdout = sys.stderr  # what a client prints is no answer
    for line in sys.stdin:
        asked = json.loads(line)
        answers.write(json.dumps(_answer(functions[asked["call"]], asked["with"]), default=str) + "\n")
        answers.flush()


def _answer(function: Callable[..., Any], arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"value": function(**arguments)}
    except Exception as error:  # noqa: BLE001  # the test wants to know which
        facts = {name.strip("_"): value for name, value in vars(error).items() if isinstance(value, (str, int, type(None)))}
        return {"raised": type(error).__name__, "message": str(error), "facts": facts}
