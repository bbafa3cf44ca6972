"""Labels of jobs: pairs of a name and a value, by which people find what belongs together (``team=vision``).

The rules are those that the labels of Kubernetes' objects fulfil, so that these can be taken over; values may be longer and
hold blanks. Pure, and without any library: the command line checks labels before the server does.

The catalog keeps a job's labels as one text, a line for each in the order of their names, between newlines, which no label
holds: so ``"\\nteam=vision\\n"`` stands in it if and only if the job has that label.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from joblog.errors import Invalid, OutOfRange

MAX_LABELS = 32
"""Labels of one job."""

MAX_WANTED = 4
"""Labels that one list of jobs can be asked for by: each is a column of the statement that looks for them."""

MAX_VALUE = 256
"""Characters of a value."""

NAMES = "a name of 1 to 128 letters, digits, _, -, . and /, the first and the last a letter or a digit"
VALUES = f"a value of at most {MAX_VALUE} printable characters"

NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_./-]{0,126}[A-Za-z0-9])?", re.ASCII)


def checked_labels(labels: Mapping[str, str | None], parameter: str = "labels") -> dict[str, str | None]:
    """Returns labels to be set (or removed, where the value is None) when they are legal; raises Invalid."""
    for name, value in labels.items():
        _checked_name(name, parameter)
        # What is not printable could not be shown; a newline or half of a surrogate pair could not be kept, either.
        if value is not None and not (len(value) <= MAX_VALUE and value.isprintable()):
            raise Invalid(parameter, VALUES, f"{name}={value[:MAX_VALUE]}")
    return dict(labels)


def labels_of_pairs(pairs: Iterable[str], parameter: str) -> dict[str, str]:
    """Returns the labels that texts such as ``team=vision`` are; raises Invalid."""
    labels = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise Invalid(parameter, "NAME=VALUE", pair)
        checked_labels({name: value}, parameter)
        labels[name] = value
    if len(labels) > MAX_LABELS:
        raise OutOfRange(parameter, f"at most {MAX_LABELS} labels", len(labels))
    return labels


def changed(now: Mapping[str, str], change: Mapping[str, str | None]) -> dict[str, str]:
    """Returns what a job's labels are after a change; raises OutOfRange when they would be too many."""
    after = {name: value for name, value in {**now, **change}.items() if value is not None}
    if len(after) > MAX_LABELS:
        raise OutOfRange("labels", f"at most {MAX_LABELS} labels for a job", len(after))
    return after


def packed(labels: Mapping[str, str]) -> str:
    """Returns the text that the catalog keeps, empty for none."""
    return "".join(f"\n{name}={value}" for name, value in sorted(labels.items())) + ("\n" if labels else "")


def unpacked(text: str) -> dict[str, str]:
    """Returns the labels in a text of the catalog's."""
    return dict(line.split("=", 1) for line in text[1:-1].split("\n")) if text else {}


def needles(wanted: Iterable[str]) -> list[str]:
    """Returns what stands in the text of every job that has all the labels: ``team=vision``, or ``team`` for any value.

    Always MAX_WANTED of them, the last ones empty. Raises Invalid, OutOfRange.
    """
    texts = []
    for each in wanted:
        name, equals, value = each.partition("=")
        checked_labels({name: value}, "label")
        texts.append(f"\n{name}={value}\n" if equals else f"\n{name}=")
    if len(texts) > MAX_WANTED:
        raise OutOfRange("label", f"at most {MAX_WANTED} labels", len(texts))
    return texts + [""] * (MAX_WANTED - len(texts))


def _checked_name(name: str, parameter: str) -> None:
    if not NAME.fullmatch(name):
        raise Invalid(parameter, NAMES, name)
