"""What the process that servers are forked from has made before: all that does not depend on a server's settings."""

from __future__ import annotations

import gc

from joblog.server.app import litestar

litestar()
gc.freeze()  # no server looks through it again, which would also copy its memory
