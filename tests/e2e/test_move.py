"""``joblog move`` from a server that is being written to, killed on its way, and served from the new place."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import zlib
from pathlib import Path
from typing import Any

import pytest

from joblog.api.refs import LogRef
from joblog.client import Client
from joblog.client.links import parsed_link
from joblog.core.settings import Settings
from joblog.errors import Closed
from joblog.upkeep.check import check
from tests.children import Child
from tests.conftest import START_S, Server, start_server
from tests.engines import BUCKET, ObjectServer, PostgresServer
from tests.proxy import Wire
from tests.upkeep.moved import Filled, rows, shared_place

DEADLINE_S = 60.0

LOGS = 8
LINE = b"step %06d loss=%s\n"

EAGER: dict[str, Any] = {"seal_bytes": 20_000, "seal_quiet_s": 1, "janitor_s": 0.05, "merge_calm_s": 0.1}


class Writer:
    """Appends lines to a log, as an agent does: from what it knows to be there on, whichever server it is told of."""

    def __init__(self, client: Client, ref: LogRef) -> None:
        self.client = client
        self.ref = ref
        self.text = b""
        self.failures: list[BaseException] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self.write()
        except BaseException as error:  # noqa: BLE001  # the test must hear of it
            self.failures.append(error)

    def write(self) -> None:
        line = LINE % (len(self.text), b"x" * (len(self.text) % 3000))
        assert self.client.append(self.ref, len(self.text), line).end_byte == len(self.text) + len(line)
        self.text += line


def moving(source: Path, target: dict[str, str]) -> Child:
    to = [word for name, value in target.items() for word in (f"--to-{name.replace('_', '-')}", value)]
    command = [sys.executable, "-m", "joblog", "move", "--data", str(source), *to]
    return Child(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def ends(process: Child) -> tuple[int, str]:
    out, err = process.communicate(timeout=2 * DEADLINE_S)
    return process.returncode, (out + err).decode()


def fill(client: Client) -> dict[str, bytes]:
    """Makes logs that are closed; returns their texts by task."""
    texts = {}
    for number in range(LOGS):
        task = f"worker-{number}"
        texts[task] = b"rank %d says %s\n" % (number, os.urandom(2000).hex().encode()) * 20
        ref = client.run("default", "resnet", run_id="one", task=task).log.ref
        client.append(ref, 0, texts[task])
        client.close_log(ref, end_byte=len(texts[task]), crc32=zlib.crc32(texts[task]))
    return texts


def test_a_live_server_is_moved(postgres: PostgresServer, s3: ObjectServer, tmp_path: Path) -> None:
    """While it is written to most of it is carried; once it is stopped, the rest; then writer, token and links go on."""
    old = start_server(tmp_path / "old", **EAGER)
    place = shared_place(postgres, s3, tmp_path / "new")
    target = {
        "data": str(place.data),
        "catalog": place.catalog,
        "objects": place.objects,
        "objects_endpoint": place.objects_endpoint,
        "objects_region": place.objects_region,
    }
    with old.client() as client:
        texts, old_url = fill(client), old.url
        link = client.log("resnet", task="worker-3").link(2, 5)
        writer = Writer(client, client.run("default", "growing").log.ref)
        try:
            status, report = ends(moving(old.data, target))
            assert (status, "stop it and say this again" in report) == (1, True), report
        finally:
            writer.stop()
        assert writer.failures == []
    assert old.stop() == 0
    status, report = ends(moving(old.data, target))
    assert (status, " 0 problems" in report) == (0, True), report
    assert list(check(place).problems()) == []
    settings: dict[str, Any] = {name: value for name, value in target.items() if name != "data"}
    new = start_server(place.data, **settings, **EAGER)
    assert new.token == old.token
    _goes_on(new, writer, texts, old_url, link)
    assert new.stop() == 0


def _goes_on(new: Server, writer: Writer, texts: dict[str, bytes], old_url: str, link: str) -> None:
    with new.client() as client:
        writer.client = client
        for _ in range(3):
            writer.write()
        assert b"".join(client.read(writer.ref)) == writer.text
        for log in client.logs("default", 1, 1):
            assert (b"".join(client.read(log.ref)), log.complete) == (texts.pop(log.task), True)
        assert texts == {}
        again = client.resolve(parsed_link(new.url + link.removeprefix(old_url), new.url))
        assert (again.task, again.complete) == ("worker-3", True)
        with pytest.raises(Closed):
            client.append(again.ref, again.end_byte, b"more")


def test_a_command_that_was_killed(s3: ObjectServer, tmp_path: Path) -> None:
    """A server does not start on what it has left, and says what to do; saying it again goes on."""
    source, wire = Settings(data=tmp_path / "old"), Wire(s3.endpoint)
    filled = Filled(source)
    place = {"objects": f"s3://{BUCKET}/killed", "objects_endpoint": wire.url, "objects_region": "us-east-1"}
    target = {"data": str(tmp_path / "new"), **place}
    try:
        wire.stall()
        process = moving(source.data, target)
        deadline = time.monotonic() + DEADLINE_S
        while not wire.connections:  # from here on it waits for the store to have taken the first object
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.kill()
        process.communicate(timeout=START_S)
        wire.cut()
        wire.mend()
        settings: dict[str, Any] = place
        with pytest.raises(RuntimeError, match=r"^joblog: [^\n]* run `joblog move` again to finish\n$"):
            start_server(tmp_path / "new", **settings)
        status, report = ends(moving(source.data, target))
        assert (status, f"{len(filled.texts)} carried, 0 problems" in report) == (0, True), report
        there = Settings(data=tmp_path / "new", **settings)
        assert rows(there) == rows(source)
        assert list(check(there).problems()) == []
    finally:
        wire.stop()
