"""Durations and sizes as people read them."""

from __future__ import annotations

_UNITS = ("B", "KB", "MB", "GB", "TB", "PB")


def duration(ms: int) -> str:
    """Returns a duration in its two largest units: ``6s``, ``4m12s``, ``3h05m``, ``2d04h``; to the nearest second."""
    minutes, seconds = divmod((ms + 500) // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d{hours:02d}h"
    if hours:
        return f"{hours}h{minutes:02d}m"
    return f"{minutes}m{seconds:02d}s" if minutes else f"{seconds}s"


def size(count_bytes: float) -> str:
    """Returns a number of bytes in three digits or so, in powers of 1000."""
    for unit in _UNITS:
        if count_bytes < 999.5 or unit == _UNITS[-1]:
            break
        count_bytes /= 1000
    return f"{count_bytes:.0f} {unit}" if unit == "B" or count_bytes >= 99.5 else f"{count_bytes:.1f} {unit}"
