"""Programs that send logs to collectors: OpenTelemetry's SDK, Rotel, which is a collector itself, and a handler for Loki."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import rotel
from loki_logger_handler.loki_logger_handler import LokiLoggerHandler
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from remote import serve

AGENT = Path(rotel.__file__).parent / "rotel-agent"
READY_S = 60.0


def _logged(name: str, handler: logging.Handler, lines: list[str]) -> None:
    logger = logging.Logger(name, logging.DEBUG)
    logger.addHandler(handler)
    for line in lines:
        logger.info("%s", line)
    try:
        dict[str, str]()["missing"]
    except KeyError:
        logger.exception("it failed")


def otel(url: str, token: str, attributes: dict[str, str], lines: list[str], compression: str) -> bool:
    """Logs through the SDK, in several batches; returns whether all of it was sent in time."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    exporter = OTLPLogExporter(f"{url}/v1/logs", headers=headers, compression=Compression(compression))
    provider = LoggerProvider(resource=Resource(attributes), shutdown_on_exit=False)
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter, max_export_batch_size=100))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is to move to another package, and still is what its users have
        handler = LoggingHandler(logger_provider=provider)
    _logged("otel", handler, lines)
    done = provider.force_flush(60_000)
    provider.shutdown()
    return done


def collected(url: str, token: str, attributes: dict[str, str], lines: list[str]) -> bool:
    """Logs through the SDK to a collector of its own, which sends it on."""
    with _collector(url, token) as (own, process):
        done = otel(own, "", attributes, lines, "none")
        process.terminate()  # it sends what it has first
        return done and process.wait(READY_S) == 0


@contextmanager
def _collector(url: str, token: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    with socket.socket() as http, socket.socket() as grpc:
        for each in (http, grpc):
            each.bind(("127.0.0.1", 0))
        own, other = (f"127.0.0.1:{each.getsockname()[1]}" for each in (http, grpc))
    where = ["--otlp-http-endpoint", own, "--otlp-grpc-endpoint", other]
    to = ["--exporter", "otlp", "--otlp-exporter-protocol", "http", "--otlp-exporter-endpoint", url]
    who = ["--otlp-exporter-custom-headers", f"Authorization=Bearer {token}"]
    with subprocess.Popen([AGENT, "start", *where, *to, *who], stdout=sys.stderr) as process:
        try:
            _await(own, process)
            yield f"http://{own}", process
        finally:
            process.kill()


def _await(address: str, process: subprocess.Popen[bytes]) -> None:
    host, _, port = address.partition(":")
    deadline = time.monotonic() + READY_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with socket.create_connection((host, int(port)), timeout=1) as connection:
                if connection.getsockname() != connection.getpeername():  # which a port that nobody listens at may be
                    return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError("the collector has not begun to listen")


def loki(url: str, token: str, labels: dict[str, str], lines: list[str]) -> None:
    """Logs through the handler, which sends what has come when it is woken."""
    handler = LokiLoggerHandler(
        f"{url}/loki/api/v1/push",
        labels,
        additional_headers={"Authorization": f"Bearer {token}"},
        timeout=1,
    )
    _logged("loki", handler, lines)
    handler.flush_event.set()


serve({"otel": otel, "collected": collected, "loki": loki})
