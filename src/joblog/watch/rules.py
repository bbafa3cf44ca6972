"""The kinds of rules by their names, and the rules that a project has for the asking."""

from __future__ import annotations

from joblog.errors import Invalid
from joblog.watch.absence import AbsenceRule
from joblog.watch.body import KINDS, RuleBody
from joblog.watch.ended import StateRule
from joblog.watch.match import MatchRule
from joblog.watch.ranks import RanksRule
from joblog.watch.rule import RunRule
from joblog.watch.stall import StallRule
from joblog.watch.value import ValueRule

_CLASSES: dict[str, type[RunRule]] = {
    "match": MatchRule,
    "absence": AbsenceRule,
    "stall": StallRule,
    "value": ValueRule,
    "state": StateRule,
    "ranks": RanksRule,
}


def rule_of(body: RuleBody) -> RunRule:
    """Returns the rule; raises Invalid, Missing, OutOfRange, with the parameter."""
    if body.kind not in KINDS:
        raise Invalid("kind", f"one of {', '.join(KINDS)}", body.kind)
    body.name = body.name or body.kind
    return _CLASSES[body.kind](body)


def usual_rules() -> list[RuleBody]:
    """Returns what most want to hear of, without a parameter: a run that hangs, that broke, a rank that is silent, NaN."""
    return [
        RuleBody(kind="stall", name="stalled"),
        RuleBody(kind="state", name="failed", states=["failed", "lost"]),
        RuleBody(kind="ranks", name="silent rank"),
        RuleBody(
            kind="value", name="loss is nan", metric="loss|train_loss|training_loss|train/loss", not_finite=True, points=3
        ),
    ]
