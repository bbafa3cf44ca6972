"""Hours in which nobody is told: what fires then is told when they are over."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from joblog.errors import Invalid

_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)(?: ([A-Za-z0-9_+/-]{1,64}))?", re.ASCII)
_ALLOWED = "two times and a zone, such as 22:00-07:00 Europe/Berlin (default: UTC)"


class QuietHours:
    """``22:00-07:00 Europe/Berlin``: from the first time of day to before the second, which may be of the next day."""

    def __init__(self, text: str) -> None:
        """Raises Invalid."""
        match = _HOURS.fullmatch(text)
        if match is None or match[1] + match[2] == match[3] + match[4]:
            raise Invalid("quiet", _ALLOWED, text)
        self._from = 60 * int(match[1]) + int(match[2])
        self._until = 60 * int(match[3]) + int(match[4])
        try:
            self._zone = ZoneInfo(match[5] or "UTC")
        except (KeyError, ValueError, OSError) as error:
            raise Invalid("quiet", _ALLOWED, text) from error

    def tells_ms(self, at_ms: int) -> int:
        """Returns when something that fires at a moment is told: then, or at the end of the quiet hours that it is in."""
        local = datetime.fromtimestamp(at_ms / 1000, self._zone)
        minute = 60 * local.hour + local.minute
        over_midnight = self._from > self._until
        quiet = (minute >= self._from or minute < self._until) if over_midnight else self._from <= minute < self._until
        if not quiet:
            return at_ms
        ends = local.replace(hour=self._until // 60, minute=self._until % 60, second=0, microsecond=0)
        if over_midnight and minute >= self._from:
            ends += timedelta(days=1)
        return max(int(ends.timestamp() * 1000), at_ms)
