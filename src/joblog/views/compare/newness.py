"""What is new in a run that failed, as ``why`` says it: a few lines, those first that are worth reading first."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, replace

from joblog.views.compare.ranking import PLAIN
from joblog.views.compare.values import Difference
from joblog.views.values import Digest, NewLine

MAX_NEW = 8
"""Lines that are given at most."""

LINE_CHARACTERS = 240


def with_new(items: Iterable[Digest], difference: Difference, max_bytes: int) -> Digest:
    """Returns a digest with what a difference says is new; as JSON it has at most ``max_bytes``, so perhaps without.

    What the digest shows of failures anyway is left out, and so are the frames of stacks.
    """
    (digest,) = items
    shown = [*digest.failures, *([] if digest.first is None else [digest.first])]
    known = {line.strip() for failure in shown for line in (*failure.text, failure.summary)}
    telling = [each for each in difference.new if each.weight <= PLAIN and each.line.strip() not in known]
    lines = [NewLine(each.line[:LINE_CHARACTERS], each.count, each.ranks, each.first) for each in telling[:MAX_NEW]]
    while lines:
        made = replace(digest, new=lines, new_against=difference.before, new_total=difference.new_total)
        if len(json.dumps(asdict(made))) <= max_bytes:
            return made
        lines = lines[:-1]
    return digest
