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
    try:
        return (*(READY if args.redact else ()), *(rule(os.fsencode(each)) for each in args.redact_pattern))
    except re.error as error:
        raise Invalid("--redact-pattern", f"a regular expression ({error})") from error


def new_redactor(args: argparse.Namespace) -> Callable[[], Redactor] | None:
    """Returns what makes a log's redactor, None where nothing is to be masked; raises Invalid."""
    found = rules(args)
    return (lambda: Redactor(found)) if found else None
