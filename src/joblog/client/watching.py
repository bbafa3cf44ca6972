"""The SDK's calls about rules, alerts and tests of rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from joblog.api.answers import value
from joblog.api.transport import Transport, project_path
from joblog.api.values.watching import Alert, RuleTest, SigningSecret, WatchRule

RuleFields = Mapping[str, object]
"""A rule's parameters by their names, as docs/watch.md has them: ``{"kind": "match", "pattern": "out of memory"}``."""


class WatchCalls(Transport):
    """What ``Client`` has for watching runs."""

    def watch(
        self,
        project_id: str = "default",
        *,
        notify: Sequence[str] = (),
        rules: Sequence[RuleFields] = (),
        text: str = "",
        **of_all: object,
    ) -> list[WatchRule]:
        """Makes rules, all or none, in place of those of the same names: ``rules``, and those of a file's ``text``.

        Without either it makes those that most want: a run that stalls, fails or is lost, a rank that is silent, a loss of NaN.
        ``notify``, ``job``, ``labels``, ``quiet`` and ``stop`` are of all that do not say it themselves.

        Raises:
            Invalid: a parameter is wrong; the message names it.
        """
        body = {"notify": list(notify), "rules": [dict(rule) for rule in rules], "text": text, **of_all}
        answer = self.call("POST", f"{project_path(project_id)}/watch/rules", body)
        return [value(WatchRule, each) for each in answer["items"]]

    def rules(self, project_id: str = "default") -> Iterator[WatchRule]:
        """Yields the project's rules by name."""
        return self.items(WatchRule, f"{project_path(project_id)}/watch/rules")

    def mute_rule(self, project_id: str, rule_id: int, for_s: int | None = None) -> WatchRule:
        """Has a rule tell nobody for so many seconds: None for ever, 0 to have it tell again."""
        path = f"{project_path(project_id)}/watch/rules/{rule_id}/mute"
        return value(WatchRule, self.call("POST", path, {"for_s": for_s}))

    def delete_rule(self, project_id: str, rule_id: int) -> None:
        """Deletes a rule; its alerts stay."""
        self.ask("DELETE", f"{project_path(project_id)}/watch/rules/{rule_id}")

    def test_rule(self, project_id: str, job_id: int, version_id: int, rule: str | RuleFields) -> RuleTest:
        """Returns when a rule, or the one of that name, would have fired in a run."""
        named: dict[str, object] = {"name": rule} if isinstance(rule, str) else {"rule": dict(rule)}
        body = {"job_id": job_id, "version_id": version_id, **named}
        return value(RuleTest, self.call("POST", f"{project_path(project_id)}/watch/test", body))

    def alerts(
        self, project_id: str = "default", *, job_id: int | None = None, version_id: int | None = None
    ) -> Iterator[Alert]:
        """Yields what fired, the newest first: in the project, a job or a run."""
        given = {"job": job_id, "version": version_id}
        query = {name: str(one) for name, one in given.items() if one is not None}
        return self.items(Alert, f"{project_path(project_id)}/watch/alerts", query)

    def signing_secret(self, project_id: str = "default") -> str:
        """Returns what signs the project's webhooks, for the receiver; only an administrator may ask."""
        return value(SigningSecret, self.call("GET", f"{project_path(project_id)}/watch/secret")).secret
