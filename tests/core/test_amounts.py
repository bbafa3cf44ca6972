"""Durations and sizes as people read them."""

from __future__ import annotations

from joblog.core.amounts import duration, size


def test_durations_and_sizes() -> None:
    assert [duration(1000 * s) for s in (0, 59, 60, 3599, 3600, 86399, 86400, 10**6)] == [
        *("0s", "59s", "1m00s", "59m59s", "1h00m", "23h59m", "1d00h", "11d13h"),
    ]
    assert (duration(499), duration(500), duration(59_500)) == ("0s", "1s", "1m00s")
    assert [size(n) for n in (0, 999, 1000, 99_499, 99_500, 999_499, 999_500, 1.2e9, 3e18)] == [
        *("0 B", "999 B", "1.0 KB", "99.5 KB", "100 KB", "999 KB", "1.0 MB", "1.2 GB", "3000 PB"),
    ]
