"""``joblog watch``: rules, what they found, and when they would have."""

from __future__ import annotations

import argparse
import re
import sys
from itertools import islice
from pathlib import Path

from joblog.api.refs import printable
from joblog.api.values.watching import Alert, Firing, WatchRule
from joblog.cli.common import connected, note, show_json, show_table, shown_time
from joblog.client import Client
from joblog.client.names import find_job, find_version, names_run, run_name
from joblog.core.places import part
from joblog.errors import Invalid, NotFound

_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_TIMES = {
    "within": "within_s",
    "start": "start_s",
    "every": "every_s",
    "silent": "silent_s",
    "no_step": "no_step_s",
    "longer": "longer_than_s",
}
_SAME = ("count", "above", "at_least", "below", "at_most", "goal", "points")
_FOREVER_MS = 2**60
_DETAILS = (
    *("pattern", "metric", "states", "count", "within_s", "start_s", "every_s", "silent_s", "no_step_s", "above", "at_least"),
    *("below", "at_most", "equals", "not_finite", "no_better_for", "points", "longer_than_s", "until", "quiet", "stop"),
)


def add(args: argparse.Namespace) -> int:
    """Makes rules, and says which."""
    client, project_id = connected(args)
    rule, text = rule_of(args), _text(args.file)
    if rule is not None and text:
        raise Invalid("--file", "given without an option that says what to watch for")
    if rule is None and args.name:
        raise Invalid("--name", "given with an option that says what to watch for")
    if rule is not None and args.name:
        rule["name"] = args.name
    of_all = {"job": args.job, "labels": args.label, "quiet": args.quiet, "stop": args.stop}
    given = {name: value for name, value in of_all.items() if value}
    with client:
        made = client.watch(project_id, notify=args.urls, rules=[] if rule is None else [rule], text=text, **given)
    for each in made:
        sys.stdout.write(f"{each.name}: {_receivers(each)}\n")
    return 0


def list_rules(args: argparse.Namespace) -> int:
    """Lists rules."""
    client, project_id = connected(args)
    with client:
        rules = list(client.rules(project_id))
    if args.json:
        show_json(rules)
        return 0
    heads = ("RULE", "KIND", "RUNS", "WHAT", "TELLS", "MUTED")
    show_table(heads, ((rule.name, rule.kind, _runs(rule), _what(rule), _receivers(rule), _muted(rule)) for rule in rules))
    return 0


def alerts(args: argparse.Namespace) -> int:
    """Lists what fired."""
    client, project_id = connected(args)
    with client:
        if args.run is None:
            listed = client.alerts(project_id)
        elif names_run(client, args.run):
            version = find_version(client, project_id, args.run)
            listed = client.alerts(project_id, version_id=version.id)
        else:
            listed = client.alerts(project_id, job_id=find_job(client, project_id, args.run).id)
        listed_alerts = list(islice(listed, args.limit))
    if args.json:
        show_json(listed_alerts)
        return 0
    heads = ("FIRED", "RUN", "RULE", "WHAT", "LINE", "TOLD")
    show_table(heads, (_alert_row(alert) for alert in listed_alerts))
    return 0


def remove(args: argparse.Namespace) -> int:
    """Deletes rules."""
    client, project_id = connected(args)
    with client:
        for name in args.rules:
            client.delete_rule(project_id, _rule(client, project_id, name).id)
    return 0


def mute(args: argparse.Namespace) -> int:
    """Mutes a rule, or has it tell again."""
    client, project_id = connected(args)
    for_s = 0 if args.off else None if args.lasting is None else seconds("--for", args.lasting)
    with client:
        client.mute_rule(project_id, _rule(client, project_id, args.rule).id, for_s)
    return 0


def secret(args: argparse.Namespace) -> int:
    """Prints the secret alone, for ``$(...)``."""
    client, project_id = connected(args)
    with client:
        sys.stdout.write(f"{client.signing_secret(project_id)}\n")
    return 0


def test(args: argparse.Namespace) -> int:
    """Says when a rule would have fired; status 1 where it would not have."""
    client, project_id = connected(args)
    rule = rule_of(args)
    if (rule is None) == (args.rule is None):
        raise Invalid("RULE", "a rule's name, or options that say what to watch for")
    with client:
        version = find_version(client, project_id, args.run)
        tested = client.test_rule(project_id, version.job_id, version.id, args.rule if rule is None else rule)
        name = run_name(client, project_id, version)
    if args.json:
        show_json(tested)
    else:
        for firing in tested.firings:
            sys.stdout.write(printable(f"{shown_time(firing.at_ms)}  {firing.reason}{_at(name, firing)}") + "\n")
        if tested.unread_bytes:
            note(f"{tested.unread_bytes} of {tested.read_bytes + tested.unread_bytes} bytes were not read: it takes too long")
        if not tested.firings:
            note(f"it would not have fired in {name}")
    return 0 if tested.firings else 1


def rule_of(args: argparse.Namespace) -> dict[str, object] | None:
    """Returns the rule that the options are, None where they say nothing of what to watch for; raises Invalid."""
    pattern = next((each for each in (args.match, args.absent, args.value) if each is not None), None)
    kinds = {
        "match": args.match is not None,
        "absence": args.absent is not None,
        "stall": args.stall,
        "value": args.metric is not None or args.value is not None,
        "state": args.state is not None or args.longer is not None,
        "ranks": args.ranks,
    }
    kind = next((name for name, is_given in kinds.items() if is_given), None)
    rule: dict[str, object] = {"kind": kind}
    rule |= {name: getattr(args, name) for name in _SAME if getattr(args, name) is not None}
    rule |= {
        name: seconds(f"--{flag.replace('_', '-')}", getattr(args, flag))
        for flag, name in _TIMES.items()
        if getattr(args, flag) is not None
    }
    if args.nan:
        rule["not_finite"] = True
    if args.no_better is not None:
        rule["no_better_for"] = args.no_better
    if kind is None:
        if len(rule) > 1:
            raise Invalid("the options", "one that says what to watch for, such as --match or --stall, before others")
        return None
    others = {"metric": args.metric, "until": args.until, "pattern": pattern}
    rule |= {name: value for name, value in others.items() if value is not None}
    if args.state is not None:
        rule["states"] = [state for each in args.state for state in each.split(",")]
    if pattern is not None and kind != "value":
        rule["regex"] = not args.fixed
    if args.ignore_case:
        rule["ignore_case"] = True
    return rule


def seconds(flag: str, text: str) -> int:
    """Returns a time as ``10m`` in seconds; raises Invalid."""
    match = re.fullmatch(r"([0-9]{1,9})([smhd])", text)
    if match is None:
        raise Invalid(flag, "a number with s, m, h or d behind it", text)
    return int(match[1]) * _UNIT_S[match[2]]


def _text(path: str | None) -> str:
    if path is None:
        return ""
    text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
    if not text.strip():
        raise Invalid("--file", "a file with rules in it", path)
    return text


def _rule(client: Client, project_id: str, name: str) -> WatchRule:
    for rule in client.rules(project_id):
        if name in (rule.name, str(rule.id)):
            return rule
    raise NotFound("rule", name)


def _receivers(rule: WatchRule) -> str:
    return ", ".join(rule.notify) or "nobody; see joblog watch alerts"


def _runs(rule: WatchRule) -> str:
    return " ".join([rule.job or "", *rule.labels]).strip() or "all"


def _what(rule: WatchRule) -> str:
    given = ((name, getattr(rule, name)) for name in _DETAILS)
    return " ".join(f"{name}={_shown(value)}" for name, value in given if value not in (None, False, (), "")) or "-"


def _shown(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else f"{value:g}" if isinstance(value, float) else str(value)


def _muted(rule: WatchRule) -> str:
    return "-" if not rule.muted_ms else "for ever" if rule.muted_ms > _FOREVER_MS else f"until {shown_time(rule.muted_ms)}"


def _alert_row(alert: Alert) -> tuple[object, ...]:
    place = "-" if alert.line is None or alert.task is None else f"{alert.task}{part(alert.line, alert.line + 1)}"
    receivers = ", ".join(f"{each.receiver}: {each.state}" for each in alert.deliveries) or "-"
    times = f" ({alert.times} times)" if alert.times > 1 else ""
    return shown_time(alert.fired_ms), f"{alert.job_name}/{alert.run}", alert.rule, alert.reason + times, place, receivers


def _at(run: str, firing: Firing) -> str:
    if firing.line is None or firing.task is None:
        return ""
    return f"  {run}/{firing.task}{part(firing.line, firing.line + 1)}  {firing.text}"
