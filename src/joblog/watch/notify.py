"""Chats and mail, by apprise: the one door to it. It is an extra, ``joblog[alerts]``, and loaded when it is first needed.

Only what is named here can be an address: much else of apprise's runs programs or writes to this machine.
"""

from __future__ import annotations

import logging
import re
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from joblog.errors import Invalid
from joblog.watch.hosts import Hosts, Refused
from joblog.watch.webhook import NotSent

SCHEMES = (
    *("slack", "feishu", "lark", "dingtalk", "wecombot", "workflows", "discord", "tgram", "pover", "opsgenie"),
    *("mailto", "mailtos", "mmost", "mmosts", "rocket", "rockets", "ntfy", "ntfys", "gotify", "gotifys"),
)

PARAMETERS = (
    *("to", "cc", "bcc", "from", "name", "reply", "smtp", "user", "pass", "auth", "mode", "token", "key", "secret", "verify"),
    *("channel", "channels", "thread", "topic", "priority", "tags", "sound", "silent", "region", "webhook", "access_token"),
    *("id", "route", "routeid", "ver", "pa", "powerautomate", "api-version", "sp", "sv", "sig"),
)
"""What an address may say behind its ``?``. Of the rest some read files of this machine, fetch what they name, or wait."""

MAX_TARGETS = 5
"""Rooms or people in one address: each is a request that may take eight seconds, all of them less than a claim."""

CHAT_HOSTS = (
    *("hooks.slack.com", "open.feishu.cn", "open.larksuite.com", "oapi.dingtalk.com", "qyapi.weixin.qq.com"),
    *("logic.azure.com", "discord.com", "discordapp.com"),
)
"""Hosts whose webhooks take their own kind of message."""

_GIVEN_OUT = (
    (re.compile(r"https://open\.feishu\.cn/open-apis/bot/v2/hook/([\w-]+)/?"), "feishu"),
    (re.compile(r"https://open\.larksuite\.com/open-apis/bot/v2/hook/([\w-]+)/?"), "lark"),
    (re.compile(r"https://oapi\.dingtalk\.com/robot/send\?access_token=(\w+)"), "dingtalk"),
)

_OWN_HOSTS = frozenset(("mmost", "mmosts", "rocket", "rockets", "ntfy", "ntfys", "gotify", "gotifys", "workflows"))
"""Schemes whose addresses name a server; in those of the others a token stands there."""


def is_chat(address: str) -> bool:
    """Whether apprise sends to an address; the others are webhooks."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    known = any(host == each or host.endswith("." + each) for each in CHAT_HOSTS)
    return parts.scheme.lower() in SCHEMES or known


def check_chat(address: str, hosts: Hosts) -> None:
    """Raises Invalid, which does not show the address, for one that apprise does not take, or that is private."""
    plugin = _plugin(address)
    for host in _hosts(address, plugin):
        hosts.check_literal(host)


def send(address: str, title: str, text: str, hosts: Hosts) -> None:
    """Sends a text; raises NotSent."""
    try:
        plugin = _plugin(address)
    except Invalid as error:
        raise NotSent(str(error), again=False) from error
    try:
        for host in _hosts(address, plugin):
            hosts.resolved(host, 443)  # apprise does so once more, and may be led elsewhere: see docs/watch.md
    except Refused as error:
        raise NotSent(str(error), again=False) from error
    except OSError as error:
        raise NotSent("there is no such host") from error
    apprise = _apprise()
    problems = list[str]()
    with apprise.LogCapture(level=apprise.logging.WARNING, fmt="%(message)s") as captured:
        sent = plugin.notify(
            body=text, title=title, notify_type=apprise.NotifyType.WARNING, body_format=apprise.NotifyFormat.TEXT
        )
        problems += [line for line in captured.getvalue().split("\n") if line.strip()]
    if not sent:
        raise NotSent(_problem(problems))


def _problem(lines: list[str]) -> str:
    """Returns what apprise said, if it shows no address."""
    return next((line[:200] for line in lines if "://" not in line), "it was not taken")


def _plugin(address: str) -> Any:
    apprise = _apprise()
    scheme = address.partition(":")[0].lower()
    with apprise.LogCapture(level=apprise.logging.CRITICAL):
        parts = apprise.plugins.url_to_dict(_known(address))
        if parts is not None and not parts["qsd"].keys() <= set(PARAMETERS):
            raise Invalid("notify", f"an address of {scheme}:// with no other parameters than {', '.join(PARAMETERS)}")
        plugin = None if parts is None else apprise.Apprise.instantiate(parts, suppress_exceptions=True)
    if plugin is None:
        raise Invalid("notify", f"a whole address of {scheme}:// as apprise has it: https://github.com/caronc/apprise/wiki")
    if len(plugin) > MAX_TARGETS:
        raise Invalid("notify", f"an address of {scheme}:// with at most {MAX_TARGETS} rooms or people; give several addresses")
    plugin.redirects = False
    return plugin


def _hosts(address: str, plugin: Any) -> list[str]:
    """Returns the host that an address names itself, where it does; those of public services are built in."""
    scheme = address.partition(":")[0].lower()
    name = "smtp_host" if scheme.startswith("mailto") else "host" if scheme in _OWN_HOSTS else ""
    host = getattr(plugin, name, None) if name else None
    return [host] if isinstance(host, str) and host else []


def _known(address: str) -> str:
    """Returns an address as apprise has it, of one that a chat gives out and apprise does not know as it is."""
    for pattern, scheme in _GIVEN_OUT:
        match = pattern.fullmatch(address)
        if match is not None:
            return f"{scheme}://{match[1]}"
    return address


def _apprise() -> Any:
    logging.getLogger("apprise").propagate = False  # what it says may show an address
    try:
        return import_module("apprise")
    except ModuleNotFoundError as error:
        raise Invalid("notify", "https://... until chats and mail are installed: pip install 'joblog[alerts]'") from error
