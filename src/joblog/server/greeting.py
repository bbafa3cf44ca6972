"""What ``joblog serve`` says to somebody at a terminal: a link that logs a browser in once, and how to send a first log.

Nobody else is told: what goes into a file or a unit's log is kept, and a code has no place there.
"""

from __future__ import annotations

import os
import shlex
import sys

from joblog.catalog.tokens import LOGIN_CODE_MS
from joblog.core.settings import Settings
from joblog.engine.engine import Engine
from joblog.errors import JoblogError


def greet(engine: Engine, address: str) -> None:
    """Writes it to stdout, if that is a terminal; blocks for a look at the catalog."""
    if sys.stdout.isatty():
        sys.stdout.write(greeting(engine, address))
        sys.stdout.flush()


def greeting(engine: Engine, address: str) -> str:
    """Returns the lines, without the link where this node has no admin token to make it with."""
    lines = ["", "A first log, from another terminal:", ""]
    lines += [f"    export JOBLOG_DATA={shlex.quote(str(engine.settings.data.absolute()))}"] if _moved(engine.settings) else []
    lines += ["    joblog run --job hello -- python3 -c 'print(\"step=1 loss=0.5\")'", "    joblog open hello", ""]
    if code := _code(engine):
        minutes = LOGIN_CODE_MS // 60_000
        lines = [
            "",
            f"The viewer; this link logs in once, within {minutes} minutes:",
            "",
            f"    {address}/login#{code}",
            *lines,
        ]
    return "\n".join([*lines, ""])


def _code(engine: Engine) -> str:
    try:
        token = engine.tokens.find(engine.settings.admin_token_path.read_text("utf-8").strip())
        return engine.tokens.make_login_code(token.id, engine.clock_ms())[0] if token else ""
    except (OSError, ValueError, JoblogError):
        return ""


def _moved(settings: Settings) -> bool:
    """Whether commands on this machine would look for the server elsewhere."""
    return not os.environ.get("JOBLOG_DATA") and settings.data != Settings.load({}).data
