"""What an alert says: run, rule, line with its link, last step, the first words of why. The log's text is hostile."""

from __future__ import annotations

import re
from typing import Any

from joblog.catalog.watching import AlertRow
from joblog.core.places import part
from joblog.watch.own_text import ALERT_MARK
from joblog.watch.rule import shown

MAX_WHY = 300
"""Characters."""

_MARKUP = str.maketrans({"<": "\u2039", ">": "\u203a", "`": "'", "&": "+"})
_MENTION = re.compile(r"@(?=\w)")
_LINK = re.compile(r"\]\(")


def run_name(alert: AlertRow) -> str:
    """Returns ``resnet/V0003``."""
    return f"{alert.job_name}/V{alert.version_number:04d}"


def link(alert: AlertRow, base: str) -> str:
    """Returns the permanent link of the line, or of the run."""
    path = f"{base}/p/{alert.project_id}/{run_name(alert)}"
    if alert.worker is None:
        return path
    return f"{path}/worker-{alert.worker}" + ("" if alert.line is None else part(alert.line, alert.line + 1, "L"))


def title(alert: AlertRow) -> str:
    """Returns the alert in a line."""
    return f"{run_name(alert)}: {shown(alert.reason, 200)}"


def text(alert: AlertRow, base: str) -> str:
    """Returns the alert as a text for people."""
    lines = [title(alert)]
    if alert.line_text:
        lines.append(("" if alert.worker is None else f"rank {alert.worker}: ") + alert.line_text)
    if alert.step is not None:
        lines.append(f"last step: {alert.step}")
    if alert.why:
        lines.append(f"why: {shown(alert.why, MAX_WHY)}")
    lines += [link(alert, base), f"rule: {alert.rule_name} ({ALERT_MARK} {alert.id})"]
    return "\n".join(lines)


def chat_text(alert: AlertRow, base: str) -> str:
    """Returns the same for a chat, in which the log's own text mentions nobody, marks up nothing and hides no link."""
    return "\n".join(
        [
            *(defanged(line) for line in text(alert, base).split("\n")[:-2]),
            *text(alert, base).split("\n")[-2:],
        ]
    )


def defanged(line: str) -> str:
    """Returns a line that a chat shows as it is."""
    return _LINK.sub("] (", _MENTION.sub("@\u200b", line.translate(_MARKUP)))


def body(alert: AlertRow, base: str) -> dict[str, Any]:
    """Returns the alert as a webhook has it."""
    line = None
    if alert.line is not None:
        line = {"number": alert.line, "start_byte": alert.start_byte, "end_byte": alert.end_byte, "text": alert.line_text}
    return {
        "type": "alert",
        "alert_key": alert.key,
        "alert_id": alert.id,
        "rule": alert.rule_name,
        "kind": alert.kind,
        "reason": alert.reason,
        "project_id": alert.project_id,
        "job": alert.job_name,
        "job_id": alert.job_id,
        "run": f"V{alert.version_number:04d}",
        "version_id": alert.version_id,
        "task": None if alert.worker is None else f"worker-{alert.worker}",
        "fired_ms": alert.fired_ms,
        "line": line,
        "step": alert.step,
        "why": alert.why,
        "link": link(alert, base),
        "text": text(alert, base),
    }
