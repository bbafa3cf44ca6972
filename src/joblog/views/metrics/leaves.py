"""What the numbers of an object are called, and where it says its step: of MLPerf, TensorBoard, trainers, loggers."""

from __future__ import annotations

import re
from collections.abc import Sequence

from joblog.views.metrics.counters import NONE, Counters, counters_of
from joblog.views.metrics.names import is_metric, phase_before, phase_of
from joblog.views.metrics.objects import Leaf, object_at
from joblog.views.metrics.pairs import Span, ValuePlace

_MESSAGES = ("message", "msg", "log", "event", "text")
_TAGS, _VALUES = ("name", "key", "metric", "tag"), ("value", "val")
_STEPS = (
    *(
        "global_step",
        "global_steps",
        "current_steps",
        "num_updates",
        "step",
        "steps",
        "iter",
        "iteration",
        "it",
        "update",
        "step_num",
    ),
    *("global_step/max_steps", "total_timesteps", "samples_count", "_step"),
)
_EPOCHS = ("epoch", "epoch_num", "epochs", "current_epoch")
_MLLOG = re.compile(r":::MLL(?:OG)? $")
_RATIO = re.compile(r"(\d+)/(\d+)")

ObjectLeaves = tuple[tuple[ValuePlace, ...], Counters, Span | None, Span | None, Span]
"""Values, counters, where a message stands that is a line itself, a time in milliseconds, and where the object stands."""


def leaves_of(text: str, start: int) -> ObjectLeaves | None:
    """Reads the object that begins at ``start`` of a line; None when it is none, or says nothing."""
    leaves = object_at(text, start)
    if leaves is None:
        return None
    keyed = [(_keys(text, leaf), leaf) for leaf in leaves.leaves if leaf.path]
    before = text[:start]
    counters = _counters(text, keyed)
    outer = counters_of(before)
    if counters.iteration is None and (outer.iteration or (counters.epoch is None and outer.epoch)):
        counters = outer
    tag = next((leaf for keys, leaf in keyed if keys[-1] in _TAGS and not leaf.is_number), None)
    own_ms = next(((leaf.start, leaf.end) for keys, leaf in keyed if keys == ["time_ms"] and leaf.is_number), None)
    if _MLLOG.search(before) is not None:
        values = [_tagged(keys, leaf, tag) for keys, leaf in keyed if tag and keys[0] == "value" and leaf.is_number]
        return tuple(values), counters, None, own_ms, (start, leaves.end)
    numbers = [(keys, leaf) for keys, leaf in keyed if leaf.is_number and is_metric(keys[-1])]
    phase = phase_of(before)
    values = []
    for keys, leaf in numbers:
        if _is_counter(keys, counters, leaf):
            continue
        tagged = tag is not None and keys[-1] in _VALUES
        values.append(_tagged(keys, leaf, tag) if tagged and tag is not None else _named(text, leaf, keyed, phase))
    message = next(((leaf.start, leaf.end) for keys, leaf in keyed if keys[-1] in _MESSAGES and not leaf.is_number), None)
    return tuple(values), counters, None if values else message, None, (start, leaves.end)


def _keys(text: str, leaf: Leaf) -> list[str]:
    return [str(part) if isinstance(part, int) else text[part[0] : part[1]].lower() for part in leaf.path]


def _is_counter(keys: Sequence[str], counters: Counters, leaf: Leaf) -> bool:
    return counters.iteration == (leaf.start, leaf.end) or _step_rank(keys) is not None


def _step_rank(keys: Sequence[str]) -> int | None:
    """Returns how good a step what is called so is, the lower the better."""
    last = keys[-1]
    bare = last.rpartition("/")[2] if last != "global_step/max_steps" else last
    for prefix in ("train_", "valid_", "eval_", "training_"):
        bare = bare.removeprefix(prefix)
    return _STEPS.index(bare) if bare in _STEPS else None


def _counters(text: str, keyed: list[tuple[list[str], Leaf]]) -> Counters:
    ranked = sorted(
        ((rank, number) for number, (keys, _) in enumerate(keyed) if (rank := _step_rank(keys)) is not None),
        key=lambda each: each,
    )
    epoch = next((leaf for keys, leaf in keyed if keys[-1].rpartition("/")[2] in _EPOCHS and leaf.is_number), None)
    epochs = (epoch.start, epoch.end) if epoch is not None else None
    for _, number in ranked:
        leaf = keyed[number][1]
        ratio = None if leaf.is_number else _RATIO.fullmatch(text, leaf.start, leaf.end)
        if leaf.is_number:
            return Counters(epochs, None, (leaf.start, leaf.end), None, "step", absolute=True)
        if ratio is not None:
            return Counters(epochs, None, ratio.span(1), ratio.span(2), "step", absolute=True)
    return Counters(epochs, None, None, None, "epoch") if epochs is not None else NONE


def _named(text: str, leaf: Leaf, keyed: list[tuple[list[str], Leaf]], phase: str) -> ValuePlace:
    parts = list[str | Span]()
    for part in leaf.path:
        if isinstance(part, int):
            if sum(other.path[:-1] == leaf.path[:-1] for _, other in keyed) > 1:
                parts.append(f"[{part}]")
            continue
        parts += ["/", part] if parts else [part]
    plain = "".join(part if isinstance(part, str) else text[part[0] : part[1]] for part in parts)
    before = phase_before(plain, phase)
    if any(map(str.isdigit, plain)):
        return ValuePlace((before, *parts) if before else tuple(parts), leaf.start, leaf.end, free=not phase)
    return ValuePlace((before + plain)[:64], leaf.start, leaf.end, free=not phase and bool(phase_before(plain, "val")))


def _tagged(keys: Sequence[str], leaf: Leaf, tag: Leaf | None) -> ValuePlace:
    assert tag is not None
    rest = [part for key, part in zip(keys, leaf.path, strict=True) if key not in (*_VALUES, "data")]
    parts: list[str | Span] = [(tag.start, tag.end)]
    for part in rest:
        parts += [f"[{part}]"] if isinstance(part, int) else ["/", part]
    return ValuePlace(tuple(parts), leaf.start, leaf.end)
