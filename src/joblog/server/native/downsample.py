"""Series thinned for plots by MinMaxLTTB, which keeps a curve's shape and its peaks: https://arxiv.org/abs/2305.00332."""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib import import_module


def kept(values: Sequence[float], count: int) -> list[int]:
    """Returns the positions of about ``count`` values (at least 3) that stand for all; those that are no number stay too."""
    if len(values) <= count:
        return list(range(len(values)))
    finite = [at for at, value in enumerate(values) if math.isfinite(value)]
    others = [at for at, value in enumerate(values) if not math.isfinite(value)][:count]
    if len(finite) > count:
        numpy = import_module("numpy")  # which takes long to load, and most servers' first hours need none of it
        downsampler = import_module("tsdownsample").MinMaxLTTBDownsampler()
        y = numpy.asarray([values[at] for at in finite], dtype=numpy.float64)
        x = numpy.asarray(finite, dtype=numpy.int64)
        finite = [finite[int(at)] for at in downsampler.downsample(x, y, n_out=count)]
    return sorted({*finite, *others})
