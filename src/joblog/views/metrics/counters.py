"""Where a line says how far it is: its epoch and its iteration, in every way in which programs write them.

The two are different things: an epoch is a pass over the data, an iteration counts within it or over the whole run.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

Span = tuple[int, int]

_N = r"\d{1,12}"
_BEFORE = r"(?<![A-Za-z_-])"
# "Epoch: [0][ 11/5005]", "Epoch(train)  [1][100/196]", "Epoch: [17/80][  0/646]"
_BRACKETS = re.compile(
    rf"(?i){_BEFORE}(?:epochs?|epoche|train(?:ing)?"
    rf"(?=\s?:\s?\[))\s?+(?:\((?P<phase>\w{{1,12}})\))?\s*+:?\s*+\[\s*+(?P<e>{_N})(?:\s*+/\s*+(?P<E>{_N}))?\s*+\]\s*+"
    rf"\[\s*+(?P<i>{_N})(?:\s*+/\s*+(?P<I>{_N}))?"
)
_EPOCHS = (
    re.compile(
        rf"(?i){_BEFORE}(?:epochs?|epoche|epoca|época|эпоха|epoch_num|epoch_idx|training_epoch|ep\.(?= )|ep(?= \d))[\"']?"
        rf"(?:\s?\.{{3}})?\s?+(?:\((?P<phase>\w{{1,12}})\))?\s*+[:：=#]?\s*+"
        rf"[\[(]?\s*+(?P<e>{_N}(?:\.\d{{1,20}})?)(?![\d.]|:\d|epoch)(?:\s*+(?:/|of|／|out of)\s*+(?:epoch )?(?P<E>{_N}))?"
    ),
    re.compile(rf"(?:轮次|轮数|训练轮次|训练轮数|周期|回合)\s*+[:：=]?\s*+[\[【(]?\s*+(?P<e>{_N})(?:\s*+/\s*+(?P<E>{_N}))?"),
    re.compile(rf"第\s*+(?P<e>{_N})(?:\s*+/\s*+(?P<E>{_N}))?\s*+(?:轮|个?(?i:epoch))"),
    re.compile(
        rf"(?<![\d.])(?P<e>{_N})(?:\s*+/\s*+(?P<E>{_N}))?\s?(?:(?i:epochs?)(?![A-Za-z])|轮)(?:\s/\s(?P<F>{_N}) epochs?)?"
    ),
)
# timm: "Train: 12 [ 100/1251 (  8%)]"
_TRAIN = re.compile(rf"(?i){_BEFORE}train(?:ing)?\s?:\s?(?P<e>{_N}) \[\s*+(?P<i>{_N})/(?P<I>{_N})")
# Right behind an epoch: "Train Epoch: 1 [640/60000 (1%)]", "epoch 001:    100 / 1200"
_ADJACENT = re.compile(rf"\s*+[\])]?\s*+[:,|]?\s*+[\[(]?\s*+(?P<i>{_N})\s*+/\s*+(?P<I>{_N})")
_ABSOLUTE = re.compile(
    rf"(?i){_BEFORE}(?:global[_ ]?steps?|current_steps|num_updates|total_timesteps"
    rf"|train_num_updates)[\"']?\s*+[:：=]?\s*+[\[(]?\s*+"
    rf"(?P<i>\d{{1,3}}(?:,\d{{3}})+|{_N})(?:\s*+/\s*+(?P<I>{_N}))?(?![\d.]*[A-Za-z%])"
)
_NAMED = (
    re.compile(
        rf"(?i){_BEFORE}(?P<word>learning iterations?|iterations?|iters?|steps?|updates?|up\.(?= )|superbatch|round|episode"
        rf"|trial|tick|generation)\s?+(?:\((?P<phase>\w{{1,12}})\))?[\"']?\s*+"
        rf"[:：=#]?\s*+[\[(]?\s*+(?:{_N}-)?(?P<i>\d{{1,3}}(?:,\d{{3}})+|{_N})(?![\d.,]*\d|[A-Za-z%])"
        rf"(?:\s*+(?:/|of|／)\s*+(?P<I>{_N}))?(?![.]\d)"
    ),
    re.compile(rf"(?:批次|步数|迭代次数|迭代)\s*+[:：=]?\s*+[\[【(]?\s*+(?P<i>{_N})(?:\s*+/\s*+(?P<I>{_N}))?"),
    re.compile(rf"第\s*+(?P<i>{_N})(?:\s*+/\s*+(?P<I>{_N}))?\s*+(?P<word>步|批次|批|次迭代)"),
    re.compile(
        rf"(?i)(?<![A-Za-z_/-])(?P<word>batch(?:es)?|mini-?batch(?:es)?|process)\s*+[:：=#]?\s*+[\[(]?\s*+(?:{_N}-)?"
        rf"(?P<i>{_N})"
        rf"(?![\d.,]*\d|[A-Za-z%])(?:\s*+(?:/|of)\s*+(?P<I>{_N}))?"
    ),
    re.compile(rf"(?<![\d.])(?:{_N}-)(?P<i>{_N})\s?(?P<word>batch)(?![A-Za-z])"),
    re.compile(
        rf"(?<![\d.])(?P<i>{_N})\s?/\s?(?P<I>{_N})\s?(?P<word>步|批次|(?i:steps?|iter(?:ation)?s?|batch(?:es)?)(?![A-Za-z]))"
    ),
    re.compile(rf"^s:(?P<i>{_N})(?=\s)"),
)
# What begins with a name and its value.
_VALUED = r"[A-Za-z][\w'@. -]{0,40}?\s?(?:[:=]|\s[-+]?\d{1,12}\.\d)"
# "[50]\ttraining's auc: 0.9", "100:\tlearn: 0.5", " 1: 2233.5, 2233.5 avg loss"
_HEAD = (
    re.compile(rf"^\s*+\[\s*+(?P<i>{_N})\s?/\s?(?P<I>{_N})\]\s+(?={_VALUED})"),
    re.compile(rf"^\s*+\[\s*+(?P<i>{_N}) \| [\d.]{{1,12}}\]\s++(?=[A-Za-z])"),
    re.compile(rf"(?:^|\s)\[(?P<i>{_N})\]\s++(?={_VALUED})"),
    re.compile(rf"^\s*+(?P<i>{_N}):\s++(?=(?:learn|test|train|loss)|\d+\.\d+,)"),
    # "250 val 5.5753", a step, a name and a number alone; "Validation loss 6312:  0.149928", a step behind the name
    re.compile(rf"^(?P<i>{_N}) (?=[A-Za-z][\w/-]{{0,30}} -?\d{{1,12}}\.\d{{3,20}}\s*$)"),
    re.compile(
        rf"(?i){_BEFORE}(?:train|val|valid|test|eval)(?:ing|idation|uation)? loss (?P<i>{_N})(?=:?\s{{1,4}}\d{{1,12}}\.\d)"
    ),
)
_COUNTED = re.compile(
    r"(?i)epo[ckq]|ep[oe]c|эпоха|[轮次数步批期合代]|iter|step|update|batch|process|round|train|trial|episode|tick"
    r"|generation|^\s*\[?\d|\s\[\d|^s:|[eu]p\. |(?<![a-z])ep \d|loss \d"
)


@dataclass(frozen=True, slots=True)
class Counters:
    """Where in a line its epoch, its iteration and their totals stand; ``word`` is what counts, in lower case.

    ``bar`` are a count and its total, where the iteration's is another one. ``within``: the iteration is of the epoch;
    ``absolute``: it is of the run, whatever the epoch.
    """

    epoch: Span | None = None
    epochs: Span | None = None
    iteration: Span | None = None
    iterations: Span | None = None
    word: str = ""
    phase: str = ""
    within: bool = False
    absolute: bool = False
    spans: tuple[Span, ...] = ()
    bar: tuple[Span, Span] | None = None


NONE = Counters()


def counters_of(text: str) -> Counters:
    """Returns where a line counts epochs and iterations."""
    if _COUNTED.search(text) is None:
        return NONE
    brackets = _BRACKETS.search(text) or _TRAIN.search(text)
    epoch = _epoch(text)
    absolute = _ABSOLUTE.search(text)
    named = absolute or next((count for each in _NAMED if (count := each.search(text))), None)
    spans = [match.span() for match in (brackets, epoch, named) if match is not None]
    spans += [match.span() for each in _NAMED[:4] for match in [each.search(text)] if match is not None]
    adjacent = _ADJACENT.match(text, epoch.end()) if epoch is not None else None
    spans += [adjacent.span()] if adjacent is not None else []
    phase = _group(epoch, "phase") or _group(named, "phase") or ""
    about = {"epoch": _span(epoch, "e"), "epochs": _span(epoch, "E") or _span(epoch, "F")}
    if absolute is not None:
        part = next((count for each in _NAMED if (count := each.search(text)) and _span(count, "I")), None)
        bar = None if part is None else (part.span("i"), part.span("I"))
        word = (_group(part, "word") or "step").lower()
        return replace(_made(absolute, about, spans, phase, word, absolute=True), bar=bar)
    if brackets is not None and brackets["I"] is not None:
        about = {"epoch": brackets.span("e"), "epochs": _span(brackets, "E")}
        return _made(brackets, about, spans, _group(brackets, "phase") or "", "epoch", within=True)
    if named is not None:
        return _made(named, about, spans, phase, (_group(named, "word") or "step").lower())
    if epoch is not None:
        if adjacent is not None and (epoch["E"] is None or text[epoch.end() : adjacent.start("i")].strip()):
            return _made(adjacent, about, spans, phase, "epoch", within=True)
        return Counters(about["epoch"], about["epochs"], None, None, "epoch", phase, spans=tuple(spans))
    head = next((count for each in _HEAD if (count := each.search(text))), None)
    return NONE if head is None else Counters(None, None, head.span("i"), _span(head, "I"), "head", spans=(head.span(),))


def _epoch(text: str) -> re.Match[str] | None:
    return next((match for each in _EPOCHS if (match := each.search(text))), None)


def _made(  # noqa: PLR0913 - what is known of a count
    match: re.Match[str],
    about: dict[str, Span | None],
    spans: list[Span],
    phase: str,
    word: str,
    *,
    within: bool = False,
    absolute: bool = False,
) -> Counters:
    return Counters(
        about["epoch"], about["epochs"], match.span("i"), _span(match, "I"), word, phase, within, absolute, tuple(spans)
    )


def _group(match: re.Match[str] | None, name: str) -> str | None:
    return match[name] if match is not None and name in match.re.groupindex else None


def _span(match: re.Match[str] | None, name: str) -> Span | None:
    return match.span(name) if match is not None and name in match.re.groupindex and match[name] is not None else None
