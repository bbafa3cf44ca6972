"""How the bytes of an append are compressed on their way, which is for the network; the processor is the job's."""

from __future__ import annotations

import gzip
import threading
from functools import cache
from importlib import import_module
from typing import Any

MIN_BYTES = 1 << 10
"""Below this, compressing saves less than a packet."""

GZIP_LEVEL = 1
"""A third of level 6's time, for real training logs that get a tenth larger."""

ZSTD_LEVEL = 1
"""Less than half of the time of gzip's, for three quarters of its size; the levels below 1 gain a little more time and double
the size, level 3 takes longer and gains nothing."""

_local = threading.local()


def encoded(data: bytes) -> tuple[bytes, str | None]:
    """Returns a body and its Content-Encoding: zstd where ``zstandard`` is installed, else gzip; none if that saves nothing."""
    if len(data) <= MIN_BYTES:
        return data, None
    zstandard = _zstandard()
    if zstandard is None:
        smaller, encoding = gzip.compress(data, GZIP_LEVEL, mtime=0), "gzip"
    else:
        smaller, encoding = _compressor(zstandard).compress(data), "zstd"
    return (smaller, encoding) if len(smaller) < len(data) else (data, None)


@cache
def _zstandard() -> Any:
    """Returns the optional library, or None; looked for with the first body that is worth it, as it takes a while to load."""
    try:
        return import_module("zstandard")
    except ImportError:
        return None


def _compressor(zstandard: Any) -> Any:
    """Returns this thread's: one may not be shared, and making one takes as long as compressing a small body."""
    if not hasattr(_local, "compressor"):
        _local.compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL)
    return _local.compressor
