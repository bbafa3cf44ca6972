"""The tables in docs/metrics.md, from what a server and a canary export."""

from __future__ import annotations

import re
from collections.abc import Iterable

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from docs.made.tables import table
from joblog.agent.canary.lines import Totals
from joblog.agent.canary.metrics import text
from joblog.core.counters import KINDS
from joblog.server.app import Parts


def page(written: str, parts: Parts) -> str:
    """Returns the page with its tables made anew: each stands between a comment that names it and one that ends it."""
    exported = {
        "server": parts.exposition.collect(),
        "canary": text_string_to_metric_families(text(Totals())),
    }
    for name, families in exported.items():
        made = f"<!-- made: {name} -->\n\n{_table(families)}\n\n<!-- made -->".replace("\\", r"\\")
        written, count = re.subn(rf"<!-- made: {name} -->.*?<!-- made -->", made, written, flags=re.DOTALL)
        if count != 1:
            raise ValueError(f"docs/metrics.md has {count} places for the table {name}")
    return written


def _table(families: Iterable[Metric]) -> str:
    counted = {kind.name: kind.labels for kind in KINDS}
    rows = []
    for family in families:
        name = family.name + ("_total" if family.type == "counter" else "")
        labels = counted.get(name) or {label for sample in family.samples for label in sample.labels if label != "le"}
        rows.append((f"`{name}`", family.type, ", ".join(f"`{label}`" for label in _ordered(labels)), family.documentation))
    return "\n".join(table(("metric", "kind", "labels", "what it is"), *rows))


def _ordered(labels: Iterable[str]) -> list[str]:
    return list(labels) if isinstance(labels, tuple) else sorted(labels)
