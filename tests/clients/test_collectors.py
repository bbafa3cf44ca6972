"""What sends logs elsewhere, unmodified, sends them to joblog: OpenTelemetry's SDK, a collector, a handler for Loki."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from tests.clients.remote import Remote, client
from tests.conftest import Server
from tests.server.calls import Web
from tests.server.collectors.programs import kept

LINES = [f"epoch {number} loss={1 / number:.6f} ✓" for number in range(1, 301)]

ARRIVE_S = 60.0


@pytest.fixture(scope="module")
def collectors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    with client("collectors", tmp_path_factory.mktemp("collectors")) as remote:
        yield remote


@pytest.fixture
def web(server: Server) -> Iterator[Web]:
    web = Web(server.url, server.token)
    yield web
    web.close()


def arrived(web: Web, job: str) -> list[str]:
    """The job's lines, once the last one is there."""
    deadline = time.monotonic() + ARRIVE_S
    while time.monotonic() < deadline:
        answer = web.get(f"/api/projects/default/resolve/{job}/latest/worker-3")
        lines = kept(web, job, "worker-3").decode().splitlines() if answer.status == 200 else [""]
        if "KeyError: 'missing'" in lines[-1]:
            return lines
        time.sleep(0.05)
    raise AssertionError(f"{job}: {lines[-3:]}")


def check_kept(web: Web, job: str) -> None:
    """All lines, in order, and the traceback behind them."""
    lines, end = arrived(web, job), len(LINES)
    assert lines[:end] == LINES
    assert lines[end : end + 2] == ["it failed", "Traceback (most recent call last):"]
    assert lines[-1] == "KeyError: 'missing'"


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_opentelemetry_sdk(collectors: Remote, web: Web, server: Server, compression: str) -> None:
    """Its handler for logging, which sends a traceback as an attribute."""
    job = f"sdk-{compression}"
    attributes = {"service.name": job, "joblog.task": "worker-3"}
    url = f"{server.url}/otlp"
    assert collectors.call("otel", url=url, token=server.token, attributes=attributes, lines=LINES, compression=compression)
    check_kept(web, job)


def test_collector(collectors: Remote, web: Web, server: Server) -> None:
    """Rotel, which takes OpenTelemetry's protocol and sends it on in batches of its own."""
    attributes = {"k8s.job.name": "bert", "k8s.pod.name": "bert-3-x2k9z", "service.name": "trainer"}
    url = f"{server.url}/otlp"
    assert collectors.call("collected", url=url, token=server.token, attributes=attributes, lines=LINES)
    check_kept(web, "bert")


def test_loki_handler(collectors: Remote, web: Web, server: Server) -> None:
    """JSON, compressed; what it sends of each record is an object of JSON too."""
    labels = {"service_name": "handler", "rank": "3"}
    collectors.call("loki", url=server.url, token=server.token, labels=labels, lines=LINES)
    sent = [json.loads(line) for line in arrived(web, "handler")]
    assert [each["message"] for each in sent] == [*LINES, "it failed"]
