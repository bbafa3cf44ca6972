"""``GET /metrics``: what the process has done and how it is, in Prometheus' text format. The one door to prometheus_client.

The registry is the server's own: nothing that a library registers by itself gets in. Counts are read from the tally when
somebody asks, so that requests pay nothing for the format; the catalog is asked once a second, however many ask.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from ipaddress import ip_address
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from joblog import __version__
from joblog.catalog.backlog import Facts, SealDue, facts
from joblog.core.counters import Distribution, Kind
from joblog.engine.engine import Engine
from joblog.engine.pack import SMALL_BYTES
from joblog.errors import NotFound, Unavailable
from joblog.server.http.answers import Answer
from joblog.server.http.asgi import HTTPScope
from joblog.server.http.routes import OPEN, Call, Calls
from joblog.server.native.channels import Followers
from joblog.server.state import State

if TYPE_CHECKING:
    from prometheus_client.core import Metric

calls = Calls("", "server")

_MEDIA_TYPE = b"text/plain; version=0.0.4; charset=utf-8"

# A proxy on this machine speaks for others, and says so by one of these.
_FORWARDED = frozenset((b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-real-ip", b"via"))

_BELIEVED_S = 1.0

_CATALOG = {
    "joblog_tail_logs": "logs with bytes that are not sealed yet",
    "joblog_tail_bytes": "bytes that are in the catalog, not sealed yet",
    "joblog_seal_due_logs": "logs whose tail is large, quiet or closed, and is to be sealed",
    "joblog_sealing_lag_seconds": "how long the first of them has been waiting",
    "joblog_agents": "tasks that said they run",
    "joblog_agent_oldest_heartbeat_seconds": "how long the most silent of them has said nothing",
    "joblog_agent_newest_heartbeat_seconds": "how long all of them have said nothing",
}


class Exposition:
    """What ``/metrics`` answers. Used from the event loop, but for ``collect``."""

    def __init__(self, engine: Engine, followers: Followers) -> None:
        self._engine = engine
        self._followers = followers
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)
        self._asking = asyncio.Lock()
        self._text, self._until_s = b"", 0.0

    async def text(self) -> bytes:
        """Returns the whole page."""
        async with self._asking:
            if time.monotonic() >= self._until_s:
                self._text = await asyncio.to_thread(generate_latest, self._registry)
                self._until_s = time.monotonic() + _BELIEVED_S
            return self._text

    def collect(self) -> Iterator[Metric]:
        """Yields every metric; is called by the registry, in a thread."""
        build = GaugeMetricFamily("joblog_build_info", "which joblog this is", labels=["version"])
        build.add_metric([__version__], 1)
        yield build
        tally = self._engine.tally
        for kind, counts in tally.counts():
            yield _counter(kind, counts)
        for kind, taken in tally.durations():
            yield _histogram(kind, taken)
        yield from self._here()
        yield from self._catalog()

    def _here(self) -> Iterator[Metric]:
        engine = self._engine
        yield GaugeMetricFamily("joblog_followers", "connections that follow a log", value=self._followers.count)
        waiting = engine.appender.waiting_bytes
        yield GaugeMetricFamily("joblog_append_queue_bytes", "bytes of appends that wait for their commit", value=waiting)
        yield GaugeMetricFamily("joblog_cache_bytes", "memory of cached pieces of logs", value=engine.cache.held_bytes)
        reads = CounterMetricFamily(
            "joblog_cache_reads", "reads of pieces of logs: hit where all was cached, else miss", labels=["result"]
        )
        reads.add_metric(["hit"], engine.cache.hits)
        reads.add_metric(["miss"], engine.cache.misses)
        yield reads

    def _catalog(self) -> Iterator[Metric]:
        try:
            facts: Facts | None = self._facts()
        except Unavailable:
            facts = None
        about = "whether the catalog has answered; what is asked of it is absent when it has not"
        yield GaugeMetricFamily("joblog_catalog_up", about, value=int(facts is not None))
        if facts is None:
            return
        values = (
            *(facts.tail_logs, facts.tail_bytes, facts.seal_due_logs, facts.sealing_lag_ms / 1000),
            *(facts.agents, facts.oldest_heartbeat_ms / 1000, facts.newest_heartbeat_ms / 1000),
        )
        for (name, help), value in zip(_CATALOG.items(), values, strict=True):
            yield GaugeMetricFamily(name, help, value=value)

    def _facts(self) -> Facts:
        engine, settings = self._engine, self._engine.settings
        due_when = SealDue(settings.seal_bytes, settings.seal_quiet_s * 1000, SMALL_BYTES, settings.pack_after_s * 1000)
        return facts(engine.database, engine.clock_ms(), due_when)


def _counter(kind: Kind, counts: dict[tuple[str, ...], int]) -> CounterMetricFamily:
    family = CounterMetricFamily(kind.name.removesuffix("_total"), kind.help, labels=kind.labels)
    for labels, count in counts.items():
        family.add_metric(labels, count)
    return family


def _histogram(kind: Kind, taken: dict[tuple[str, ...], Distribution]) -> HistogramMetricFamily:
    family = HistogramMetricFamily(kind.name, kind.help, labels=kind.labels)
    for labels, each in taken.items():
        below, buckets = 0, list[tuple[str, float]]()
        for bound, count in zip((*map(repr, each.bounds), "+Inf"), each.counts, strict=True):
            below += count
            buckets.append((bound, below))
        family.add_metric(labels, buckets, each.total)
    return family


@calls.get("/metrics", OPEN, hidden=True)  # the setting says who may
async def get_metrics(joblog: State, exposition: Exposition, call: Call) -> Answer:
    """Answers whoever may read it: see the setting ``metrics``."""
    access, scope = joblog.engine.settings.metrics, call.scope
    if access == "off":
        raise NotFound("path", "/metrics")
    if access == "token" or (access == "local" and not _local(scope)):
        joblog.auth.allowed(scope["headers"], "metrics", None)
    return Answer(200, await exposition.text(), [(b"cache-control", b"no-store")], media_type=_MEDIA_TYPE)


def _local(scope: HTTPScope) -> bool:
    """Whether the caller is a process of this machine, and no proxy that speaks for others."""
    client = scope.get("client")
    if not client or any(name in _FORWARDED for name, _ in scope["headers"]):
        return False
    try:
        return ip_address(client[0]).is_loopback
    except ValueError:
        return False
