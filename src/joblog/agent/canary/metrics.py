"""A canary's figures in Prometheus' text format: over HTTP, or in a file for node_exporter's textfile collector."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from joblog.agent.canary.lines import BOUNDS_S, Totals
from joblog.errors import Invalid

_LINES = "lines that came back: by follow as they were printed, by query afterwards"
_FAULTS = "lines that were missing, repeated, out_of_order, wrong (changed, or not where they were asked for) or late (--late)"
_ROUNDS = "rounds whose log was proved complete, or incomplete, or that were interrupted"

FILE_S = 5.0
"""A file is written so often."""


def text(totals: Totals) -> str:
    """Returns the whole page."""
    return "\n".join(_lines(totals)) + "\n"


def _lines(totals: Totals) -> Iterator[str]:
    yield from _head("joblog_canary_lines_total", "counter", _LINES)
    yield from (f'joblog_canary_lines_total{{by="{by}"}} {count}' for by, count in totals.lines.items())
    yield from _head("joblog_canary_faults_total", "counter", _FAULTS)
    for (fault, by), count in totals.faults.items():
        yield f'joblog_canary_faults_total{{fault="{fault}",by="{by}"}} {count}'
    yield from _head("joblog_canary_rounds_total", "counter", _ROUNDS)
    yield from (f'joblog_canary_rounds_total{{result="{result}"}} {count}' for result, count in totals.rounds.items())
    yield from _head("joblog_canary_delay_seconds", "histogram", "time from a line's printing to its follower")
    below = 0
    for bound, count in zip((*map(str, BOUNDS_S), "+Inf"), totals.delays, strict=True):
        below += count
        yield f'joblog_canary_delay_seconds_bucket{{le="{bound}"}} {below}'
    yield f"joblog_canary_delay_seconds_sum {totals.delay_sum_s}"
    yield f"joblog_canary_delay_seconds_count {below}"


def _head(name: str, kind: str, help: str) -> tuple[str, str]:
    return f"# HELP {name} {help}", f"# TYPE {name} {kind}"


def write(totals: Totals, path: Path) -> None:
    """Writes the page to a file, whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text(totals))
    os.replace(part, path)


def serve(totals: Totals, port: int) -> ThreadingHTTPServer:
    """Serves the page on 127.0.0.1, in threads; whoever calls closes it. Raises Invalid."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = text(totals).encode() if self.path == "/metrics" else b"see /metrics\n"
            self.send_response(200 if self.path == "/metrics" else 404)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    except (OSError, OverflowError) as error:
        raise Invalid("--metrics-port", f"a port that can be listened on ({error})", port) from error
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="canary-metrics", daemon=True).start()
    return server
