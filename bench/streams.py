"""Small logs taken in whole: a run, an append and a close of each, proved. And whole logs sent: as they are, and as zstd."""

from __future__ import annotations

import http.client
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Lock
from urllib.parse import urlsplit

import zstandard

from bench.logs import KIB, MIB
from bench.stage import Stage
from bench.table import Row
from joblog.client import Client, LogRef

PROJECT = "streams"

_STREAMS, _STREAM_BYTES = 200, 190 * KIB
_DOWNLOAD_BYTES, _DOWNLOAD_BYTES_QUICK, _APPEND_BYTES = 200 * MIB, 32 * MIB, 8 * MIB
_READ_BYTES = 256 * KIB


def small_logs(stage: Stage) -> None:
    """Rate, and processor of the server's, until the last of them is closed; sealing goes on behind it."""
    stage.joblog.client.create_project(PROJECT)
    bodies = list(stage.texts.stretches(_STREAMS, _STREAM_BYTES))
    total = sum(map(len, bodies))
    for connections in (1, 8):
        load = stage.quietly(partial(_taken_in, stage, bodies, connections))
        elapsed_s, cpu_s = load.result
        rate, each_ms = total / 1e6 / elapsed_s, elapsed_s / len(bodies) * 1e3
        shown = f"{rate:.1f} MB/s, {each_ms:.1f} ms each, {cpu_s / total * 1e6:.3f} CPU s/MB"
        what = f"{len(bodies)} logs of {total // len(bodies) / 1e3:.0f} KB: run, append, close, {connections} at a time"
        stage.add(Row(what, shown, others=load.others))


def download(stage: Stage) -> None:
    """One client that takes all of a log."""
    client = stage.joblog.client
    client.create_project(PROJECT)
    ref = client.run(PROJECT, "download").log.ref
    body = stage.texts.mixed(_DOWNLOAD_BYTES_QUICK if stage.quick else _DOWNLOAD_BYTES)
    for at in range(0, len(body), _APPEND_BYTES):
        client.append(ref, at, body[at : at + _APPEND_BYTES])
    crc32 = zlib.crc32(body)
    for coding in ("identity", "zstd"):
        load = stage.quietly(partial(_downloaded, stage, ref, coding))
        elapsed_s, cpu_s, got = load.result
        if got != (len(body), crc32):
            raise RuntimeError(f"{coding}: {got} came of {len(body), crc32}")
        shown = f"{len(body) / 1e6 / elapsed_s:,.0f} MB/s, {cpu_s / len(body) * 1e9:.2f} CPU s/GB"
        stage.add(Row(f"GET bytes of {len(body) / 1e6:.0f} MB, {coding}: raw bytes", shown, others=load.others))


def _taken_in(stage: Stage, bodies: Sequence[bytes], connections: int) -> tuple[float, float]:
    """Returns the seconds that it took, and the processor's; raises RuntimeError when a log is not complete."""
    waiting, lock, name = iter(list(enumerate(bodies))), Lock(), time.monotonic_ns()

    def take() -> None:
        client = Client(stage.joblog.url, stage.joblog.token)
        while True:
            with lock:
                number, body = next(waiting, (-1, b""))
            if number < 0:
                return
            ref = client.run(PROJECT, f"log-{name}-{number}").log.ref
            client.append(ref, 0, body)
            if client.close_log(ref, end_byte=len(body), crc32=zlib.crc32(body)).complete is not True:
                raise RuntimeError(f"log {number} is not complete")

    with ThreadPoolExecutor(connections) as threads:
        begun, cpu_s = time.perf_counter(), stage.joblog.cpu_s()
        for done in [threads.submit(take) for _ in range(connections)]:
            done.result()
        return time.perf_counter() - begun, stage.joblog.cpu_s() - cpu_s


def _downloaded(stage: Stage, ref: LogRef, coding: str) -> tuple[float, float, tuple[int, int]]:
    """Returns seconds, the server's processor's, and size and CRC-32 of what came, which are not found out meanwhile."""
    address = urlsplit(stage.joblog.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port)
    headers = {"Authorization": f"Bearer {stage.joblog.token}", "Accept-Encoding": coding}
    begun, cpu_s = time.perf_counter(), stage.joblog.cpu_s()
    connection.request("GET", f"{ref.path}/bytes", headers=headers)
    answer = connection.getresponse()
    parts = list(iter(partial(answer.read, _READ_BYTES), b""))
    elapsed_s, cpu_s = time.perf_counter() - begun, stage.joblog.cpu_s() - cpu_s
    connection.close()
    size = crc32 = 0
    for part in _unpacked(parts, coding):
        size, crc32 = size + len(part), zlib.crc32(part, crc32)
    return elapsed_s, cpu_s, (size, crc32)


def _unpacked(parts: Sequence[bytes], coding: str) -> Iterator[bytes]:
    unpack: Callable[[bytes], bytes] = bytes
    if coding == "zstd":
        unpack = zstandard.ZstdDecompressor().decompressobj(read_across_frames=True).decompress
    return map(unpack, parts)
