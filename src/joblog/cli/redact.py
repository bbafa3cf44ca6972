"""What ``--redact`` and ``--redact-pattern`` mean, for each command that sends."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable

from joblog.agent.filters.redact import READY, Redactor, Rule, rule
from joblog.errors import Invalid


def rules(args: argparse.Namespace) -> tuple[Rule, ...]:
    """Returns what is to be masked; raises Invalid."""
    return (*(READY if args.redact else ()), *map(_rule, args.redact_pattern))


def _rule(text: str) -> Rule:
    try:
        return rule(os.fsencode(text))
    except re.error as error:
        raise Invalid("--redact-pattern", f"a regular expression: look at character {error.pos or 0}", text) from error


def new_redactor(args: argparse.Namespace) -> Callable[[], Redactor] | None:
    """Returns what makes a log's redactor, None where nothing is to be masked; raises Invalid."""
    patterns = rules(args)
    return (lambda: Redactor(patterns)) if patterns else None
