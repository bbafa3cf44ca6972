"""A sealer for tests whose frames are small."""

from __future__ import annotations

from joblog.engine.seal import Sealer


class IndexingSealer(Sealer):
    """Keeps the words of segments that are smaller than these; some kilobytes make several segments."""

    words_share = 100
    segment_bytes = 4096
