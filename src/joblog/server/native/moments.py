"""Moments as requests name them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from joblog.core.names import MAX_ID, integer
from joblog.errors import Invalid

_AGO = re.compile(r"([0-9]{1,9})([smhd])", re.ASCII)
_UNIT_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_ALLOWED = "milliseconds since 1970, so long ago as in 90s, 10m, 2h or 7d, or a time as in 2026-01-31T12:00:00Z"


def moment_ms(parameter: str, text: str, now_ms: int) -> int:
    """Returns a moment in milliseconds since 1970; a time without a zone is in UTC. Raises Invalid, OutOfRange."""
    ago = _AGO.fullmatch(text)
    if ago:
        return max(now_ms - int(ago[1]) * _UNIT_MS[ago[2]], 0)
    if text.isascii() and text.isdigit():
        return integer(parameter, text, 0, MAX_ID, _ALLOWED)
    try:
        moment = datetime.fromisoformat(text)
        return max(int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000), 0)
    except (ValueError, OverflowError) as error:
        raise Invalid(parameter, _ALLOWED, text) from error
