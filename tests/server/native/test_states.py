"""How versions and workers are: reported, lost, stopped, deleted."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, pairwise
from pathlib import Path
from typing import Required, TypedDict

import pytest

from joblog.catalog.states import LOST_MS, Report
from joblog.client import Client, Run
from joblog.core.jobs import VersionRow
from joblog.core.status import OUT_OF_MEMORY, Status, end_of, phases, statuses_of_phase
from joblog.engine.engine import Engine
from joblog.errors import Invalid, NotFound, OutOfRange, Over
from tests.backends import Backend, both_ends
from tests.clock import Clock
from tests.conftest import Server
from tests.server.calls import Web

pytestmark = both_ends

_numbers = count(1)


class Said(TypedDict, total=False):
    """What a worker says of itself, as ``Client.report`` takes it."""

    status: Required[str]
    exit_code: int
    signal: str
    reason: str
    host: str
    tasks: int


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with Client(server.url, server.token) as client:
        yield client


@pytest.fixture
def workers(client: Client) -> list[Run]:
    """Three workers of one run."""
    name = f"states-{next(_numbers)}"
    return [client.run("default", name, run_id="r", task=f"worker-{n}") for n in range(3)]


def status(client: Client, run: Run) -> tuple[str, str | None]:
    version = list(client.versions("default", run.job.id))[-1]
    return version.status, version.reason


def test_run_is_over_when_its_last_worker_is(client: Client, workers: list[Run]) -> None:
    for run in workers:
        assert client.report(run.log.ref, "RUNNING", tasks=3, host="node-1") == client.report(run.log.ref, "RUNNING")
    for run in workers[:2]:
        assert client.report(run.log.ref, "COMPLETED", exit_code=0).status == "RUNNING"
    assert client.report(workers[2].log.ref, "COMPLETED", exit_code=0).status == "COMPLETED"
    version = next(iter(client.versions("default", workers[0].job.id)))
    assert (version.expected_tasks, version.reason) == (3, None)
    assert version.started_ms is not None
    assert version.ended_ms is not None
    assert version.created_ms <= version.started_ms <= version.ended_ms


def test_run_is_not_over_before_all_workers_have_come(client: Client, workers: list[Run]) -> None:
    client.report(workers[0].log.ref, "RUNNING", tasks=3)
    assert client.report(workers[0].log.ref, "COMPLETED", exit_code=0).status == "RUNNING"


def test_one_failed_worker_fails_the_run_and_is_named(client: Client, workers: list[Run]) -> None:
    client.report(workers[1].log.ref, "FAILED", exit_code=3)
    client.report(workers[0].log.ref, "KILLED", signal="SIGTERM")
    client.report(workers[2].log.ref, "KILLED", signal="SIGTERM")
    assert status(client, workers[0]) == ("FAILED", "worker-1: exit code 3")


def test_out_of_memory_fails_the_run(client: Client, workers: list[Run]) -> None:
    client.report(workers[1].log.ref, "KILLED", signal="SIGKILL", reason=OUT_OF_MEMORY)
    assert status(client, workers[1]) == ("FAILED", "worker-1: out of memory (SIGKILL)")


def test_report_said_twice_counts_once(client: Client, workers: list[Run]) -> None:
    client.report(workers[0].log.ref, "FAILED", exit_code=1)
    before = list(client.tasks("default", workers[0].job.id, workers[0].version.id))
    client.report(workers[0].log.ref, "FAILED", exit_code=1)
    after = list(client.tasks("default", workers[0].job.id, workers[0].version.id))
    assert [each.ended_ms for each in before] == [each.ended_ms for each in after]


def test_worker_that_begins_again_runs_again(client: Client, workers: list[Run]) -> None:
    ref = workers[0].log.ref
    client.report(ref, "FAILED", exit_code=1)
    assert client.report(ref, "RUNNING").status == "RUNNING"
    assert next(iter(client.tasks("default", ref.job_id, ref.version_id))).starts == 2
    assert client.report(ref, "COMPLETED", exit_code=0).status == "COMPLETED"


def test_stop_reaches_the_workers_and_ends_in_killed(client: Client, workers: list[Run]) -> None:
    ref = workers[0].log.ref
    assert not client.report(ref, "RUNNING").stop
    assert client.stop("default", ref.job_id, ref.version_id).status == "KILLING"
    assert client.stop("default", ref.job_id, ref.version_id).status == "KILLING"
    told = client.report(ref, "RUNNING")
    assert (told.status, told.stop) == ("KILLING", True)
    assert client.report(ref, "FAILED", exit_code=143).status == "KILLED"
    with pytest.raises(Over):
        client.stop("default", ref.job_id, ref.version_id)


def test_stop_of_a_run_without_workers_kills_it_at_once(client: Client, workers: list[Run]) -> None:
    ref = workers[0].log.ref
    assert client.stop("default", ref.job_id, ref.version_id).status == "KILLED"
    assert client.report(ref, "RUNNING").stop, "a worker that comes later is told"
    assert status(client, workers[0])[0] == "KILLED"


def test_logs_closed_without_a_word_end_the_run_as_unknown(client: Client, workers: list[Run]) -> None:
    for run in workers[:2]:
        client.close_log(run.log.ref)
    assert status(client, workers[0])[0] == "RUNNING"
    client.close_log(workers[2].log.ref)
    assert status(client, workers[0])[0] == "UNKNOWN"
    late = client.run("default", workers[0].job.name, run_id="r", task="worker-9")
    assert late.version.status == "RUNNING"


def test_scheduler_says_how_a_version_is(client: Client, workers: list[Run]) -> None:
    ids = workers[0].log.ref.job_id, workers[0].log.ref.version_id
    assert client.set_status("default", *ids, "WAITING").status == "WAITING"
    assert client.set_status("default", *ids, "RUNNING").status == "RUNNING"
    ended = client.set_status("default", *ids, "FAILED", "node lost")
    assert (ended.status, ended.reason) == ("FAILED", "node lost")
    with pytest.raises(Over, match="cannot become RUNNING"):
        client.set_status("default", *ids, "RUNNING")


def test_run_that_was_registered_is_found_by_its_uuid(client: Client, web: Web) -> None:
    job = client.run("default", f"states-{next(_numbers)}").job
    version = web.post(f"/api/projects/default/jobs/{job.id}/versions", {}).json
    assert version["status"] == "INIT"
    run = client.run("default", job.name, run_id=version["uuid"])
    assert (run.version.id, run.version.status) == (version["id"], "RUNNING")


@pytest.mark.parametrize(
    ("said", "error", "names"),
    [
        ({"status": "DEAD"}, Invalid, "RUNNING, COMPLETED, FAILED, KILLED"),
        ({"status": "LOST"}, Invalid, "status"),
        ({"status": "FAILED", "exit_code": 256}, OutOfRange, "0 to 255"),
        ({"status": "KILLED", "signal": "9"}, Invalid, "signal"),
        ({"status": "KILLED", "reason": "a\x1b[2J"}, Invalid, "reason"),
        ({"status": "RUNNING", "host": ""}, Invalid, "host"),
        ({"status": "RUNNING", "tasks": 0}, OutOfRange, "tasks"),
        ({"status": "RUNNING", "terminal_rows": 0}, OutOfRange, "terminal_rows"),
        ({"status": "RUNNING", "terminal_rows": 10_000}, OutOfRange, "terminal_rows"),
    ],
)
def test_bad_report_is_refused_and_changes_nothing(
    client: Client, workers: list[Run], said: Said, error: type[Exception], names: str
) -> None:
    with pytest.raises(error, match=names):
        client.report(workers[0].log.ref, **said)
    assert list(client.tasks("default", workers[0].job.id, workers[0].version.id)) == []


def test_deleted_version_is_gone_with_its_logs(client: Client, web: Web, workers: list[Run]) -> None:
    ref = workers[0].log.ref
    client.append(ref, 0, b"x" * 5_000_000)  # sealed at once: there is an object to remove
    client.append(ref, 5_000_000, b"tail\n")
    assert b"".join(client.read(ref, 4_999_999)) == b"xtail\n"
    client.delete_version("default", ref.job_id, ref.version_id)
    for call in (
        lambda: client.status(ref),
        lambda: client.append(ref, 5_000_005, b"more"),
        lambda: client.report(ref, "RUNNING"),
    ):
        with pytest.raises(NotFound):
            call()
    assert list(client.versions("default", ref.job_id)) == []
    again = client.run("default", workers[0].job.name, run_id="r")
    assert again.log.end_byte == 0
    client.delete_job("default", ref.job_id)
    with pytest.raises(NotFound):
        client.job("default", ref.job_id)


def test_writer_may_not_delete(client: Client, server: Server, workers: list[Run]) -> None:
    token = client.create_token(["write"], project_id="default").token
    assert token is not None
    ids = workers[0].log.ref.job_id, workers[0].log.ref.version_id
    path = f"/api/projects/default/jobs/{ids[0]}"
    web = Web(server.url, token)
    assert web.call("DELETE", path).status == web.call("DELETE", f"{path}/versions/{ids[1]}").status == 403
    web.close()
    assert client.job("default", ids[0])


def test_silent_worker_is_lost_and_comes_back(backend: Backend, tmp_path: Path) -> None:
    clock = Clock()
    engine = Engine(backend.settings(tmp_path), clock_ms=clock)
    try:
        engine.runs.put_project("p", clock())
        job, version, _ = engine.runs.put_run("p", "j", None, 0, clock())

        def report() -> VersionRow:
            return engine.states.report(engine.runs.version("p", job.id, version.id), 0, Report(Status.RUNNING), clock())

        report()
        for _ in range(20):  # heartbeats, few of which are written down
            clock.now_ms += LOST_MS // 20
            report()
        assert engine.states.mark_lost(clock()) == 0
        clock.now_ms += LOST_MS + 1
        assert engine.states.mark_lost(clock()) == 1
        lost = engine.runs.version("p", job.id, version.id)
        assert (lost.status, lost.reason) == (Status.LOST, "worker-0: LOST")
        assert report().status is Status.RUNNING
        assert engine.runs.version("p", job.id, version.id).ended_ms is None
    finally:
        engine.close()


def test_how_tasks_end_is_how_the_run_ends() -> None:
    done, killed, failed = (Status.COMPLETED, None), (Status.KILLED, None), (Status.FAILED, None)
    assert end_of([done, (Status.RUNNING, None)], None, stopping=False) is None
    assert end_of([done], 2, stopping=False) is None
    assert end_of([], None, stopping=False) is None
    worst_first = [failed, killed, (Status.LOST, None), done]
    for worse, better in pairwise(worst_first):
        assert end_of([better, worse], None, stopping=False) is worse[0]
    assert end_of([(Status.KILLED, OUT_OF_MEMORY)], None, stopping=False) is Status.FAILED
    assert end_of([done, failed], None, stopping=True) is Status.KILLED


def test_every_status_has_its_v2_phase() -> None:
    """As the contract suggests them; what v2 has no word for is Abnormal."""
    assert {Status(n) for n in (1, 2, 4)} <= set(statuses_of_phase("creating"))
    table = {7: "Pending", 8: "Running", 15: "Running", 9: "Terminating", 10: "Completed", 12: "Terminated", 13: "Terminated"}
    table |= {3: "Failed", 5: "Failed", 11: "Failed", 0: "Abnormal", 14: "Abnormal"}
    assert {n: phases(Status(n))[0] for n in table} == table
    assert statuses_of_phase("nonsense") == []
