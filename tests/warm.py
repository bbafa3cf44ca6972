"""What the process that servers are forked from has made before: all that does not depend on a server's settings."""

from __future__ import annotations

import gc

import joblog.server.app  # noqa: F401 - for what it loads

gc.freeze()  # no server looks through it again, which would also copy its memory
