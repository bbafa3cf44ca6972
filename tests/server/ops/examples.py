"""What the API's description shows of each call: a body and an answer, recorded from a server that was really asked.

``python -m tests.server.ops.examples`` records them anew, into ``src/joblog/server/ops/examples.json``: when a call is
new, or answers otherwise. What was secret in an answer is written as asterisks.
"""

from __future__ import annotations

import json
import re
import tempfile
import time
import zlib
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.conftest import start_server
from tests.server.calls import Reply, Web

FILE = Path(__file__).parents[3] / "src" / "joblog" / "server" / "ops" / "examples.json"

Json = dict[str, Any]

ALERT_S = 60.0

HOST = "joblog.example:8080"
"""What the server is called in answers that hold its address."""

_PASSWORDS = ("correct horse", "battery staple", "correct battery")

_OUTPUT = (
    b"epoch 1/2: loss=2.302 accuracy=0.11\n",
    b"epoch 2/2: loss=0.417 accuracy=0.87\n",
    b"validating:   0%|          | 0/40 [00:00<?, ?it/s]\rvalidating:  50%|#####     | 20/40 [00:02<00:02, 10.00it/s]",
    b"\rvalidating: 100%|##########| 40/40 [00:04<00:00, 10.00it/s]\n",
    b'Traceback (most recent call last):\n  File "train.py", line 41, in <module>\n    main()\n',
    b"torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.\n",
)
_RUNNING = b"".join(_OUTPUT[:3])
_WHOLE = b"".join(_OUTPUT)


class Recorder:
    """Makes calls, and keeps what the first of each sent and got, by the names that the description has for them."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self.paths: dict[str, str] = {}
        self.examples: dict[str, Json] = {}

    def call(self, operation: str, request: str, body: Any = None, **headers: str) -> Any:
        """Makes a call, as in ``GET /healthz``; returns its JSON, or its text."""
        return self._kept(operation, self.reply(operation, request, body, **headers))

    def reply(self, operation: str, request: str, body: Any = None, **headers: str) -> Reply:
        """The same for who needs the answer's headers."""
        method, path = request.split(" ", 1)
        sent = {"host": HOST, **headers}
        if body is not None and not isinstance(body, bytes):
            sent["content-type"] = "application/json"
        raw = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        reply = self._web.call(method, path, raw, **{name.replace("-", "_"): value for name, value in sent.items()})
        assert 200 <= reply.status < 300, (operation, reply)
        if operation and operation not in self.examples:
            self.paths[operation] = f"{method} {urlsplit(path).path}"
            self.examples[operation] = {} if body is None else {"request": body.decode() if isinstance(body, bytes) else body}
        return reply

    def refused(self, family: str, path: str) -> None:
        """Keeps a refusal."""
        reply = self._web.call("GET", path, host=HOST)
        assert reply.status == 404, reply
        self.examples[family] = {"response": reply.json}

    def _kept(self, operation: str, reply: Reply) -> Any:
        if not reply.body:
            return None
        content = json.loads(reply.body) if reply.headers["content-type"] == "application/json" else reply.body.decode()
        self.examples[operation].setdefault("response", content)
        return content


def recorded(web: Web) -> Recorder:
    """Makes every call that is described once, on a server on which nothing is yet."""
    recorder = Recorder(web)
    _server(recorder)
    run = _names(recorder)
    rule = _watch(recorder)
    _run(recorder, run)
    _alerts(recorder, run, rule)
    _reading(recorder, f"{run}/logs/worker-0")
    _views(recorder, run)
    _people(recorder)
    _v1(recorder)
    _v2(recorder)
    _deleting(recorder, run)
    return recorder


def _server(recorder: Recorder) -> None:
    recorder.call("get_health", "GET /healthz")
    recorder.call("get_readiness", "GET /readyz")
    recorder.call("get_catalog_readiness", "GET /readyz/catalog")
    recorder.call("list_identity_versions", "GET /")
    recorder.call("get_identity_version", "GET /v3")
    recorder.refused("Error", "/api/projects/lab/jobs/99")
    recorder.refused("ModelArtsError", "/v1/lab/training-jobs/99/versions/99/log/file-names")
    recorder.refused("IdentityError", "/v3/users")


def _names(recorder: Recorder) -> str:
    """Makes a project, a job and a run of it; returns the path of its version."""
    recorder.call("create_project", "POST /api/projects", {"id": "lab", "domain": "lab", "retain_days": 90})
    jobs = "/api/projects/lab/jobs"
    job = recorder.call("create_job", f"POST {jobs}", {"name": "resnet", "labels": {"team": "vision"}})["id"]
    recorder.call("update_job", f"PATCH {jobs}/{job}", {"labels": {"dataset": "imagenet"}})
    started = {"job_name": "resnet", "run_id": "slurm-4711", "task": "worker-0"}
    version = recorder.call("create_run", "POST /api/projects/lab/runs", started)["version"]["id"]
    run = f"{jobs}/{job}/versions/{version}"
    recorder.call("create_log", f"PUT {run}/logs/worker-1")
    recorder.call("list_projects", "GET /api/projects")
    recorder.call("list_jobs", f"GET {jobs}?label=team=vision")
    recorder.call("get_job", f"GET {jobs}/{job}")
    recorder.call("list_versions", f"GET {jobs}/{job}/versions")
    return run


def _run(recorder: Recorder, run: str) -> None:
    """The run prints, and dies; its other worker has said one thing."""
    log = f"{run}/logs/worker-0"
    running = {"status": "RUNNING", "host": "gpu-07", "tasks": 2}
    recorder.call("report_task", f"POST {run}/tasks/worker-0/report", running)
    recorder.call("append_log", f"POST {run}/logs/worker-1/append?at=0", _OUTPUT[0])
    recorder.call("append_log", f"POST {log}/append?at=0", _RUNNING)
    recorder.call("read_progress", f"GET {run}/progress")
    recorder.call("write_run_note", f"PUT {run}/note", {"note": "learning rate halved"})
    recorder.call("read_run_note", f"GET {run}/note")
    recorder.call("write_job_note", f"PUT {run.partition('/versions')[0]}/note", {"note": "the baseline"})
    recorder.call("read_job_note", f"GET {run.partition('/versions')[0]}/note")
    recorder.call("get_overview", "GET /api/projects/lab/overview")
    recorder.call("list_runs", "GET /api/projects/lab/runs?status=RUNNING")
    recorder.call("append_log", f"POST {log}/append?at={len(_RUNNING)}", _WHOLE[len(_RUNNING) :])
    recorder.call("append_log", f"POST {run}/logs/worker-1/append?at={len(_OUTPUT[0])}", _OUTPUT[1])
    account = {"end_byte": len(_WHOLE), "crc32": zlib.crc32(_WHOLE)}
    recorder.call("close_log", f"POST {log}/close", account)
    recorder.call("close_log", f"POST {run}/logs/worker-1/close", {})
    failed = {"status": "FAILED", "exit_code": 1, "host": "gpu-07", "tasks": 2}
    recorder.call("report_task", f"POST {run}/tasks/worker-0/report", failed)
    facts = {
        "title": "lr 3e-4, warm-up",
        "command": "python train.py",
        "host": "gpu-7",
        "user": "mia",
        "commit": "5f0fd5a1" * 5,
    }
    recorder.call("update_version", f"PATCH {run}", facts)
    recorder.call("get_version", f"GET {run}")
    recorder.call("list_tasks", f"GET {run}/tasks")
    recorder.call("get_task", f"GET {run}/tasks/worker-0")
    recorder.call("list_logs", f"GET {run}/logs")
    versions = run.rpartition("/")[0]
    other = f"{versions}/{recorder.call('create_version', f'POST {versions}', {'run_id': 'slurm-4712'})['id']}"
    recorder.call("set_version_status", f"POST {other}/status", {"status": "RUNNING"})
    recorder.call("stop_version", f"POST {other}/stop")


def _watch(recorder: Recorder) -> int:
    """Makes a rule; returns its id."""
    rules = "/api/projects/lab/watch/rules"
    matching = {"kind": "match", "name": "out of memory", "pattern": "out of memory", "labels": ["team=vision"]}
    wanted = {"rules": [matching], "notify": ["https://hooks.example.com/training"]}
    rule = recorder.call("add_rules", f"POST {rules}", wanted)["items"][0]["id"]
    recorder.call("list_rules", f"GET {rules}")
    recorder.call("mute_rule", f"POST {rules}/{rule}/mute", {"for_s": 3600})
    recorder.call("read_signing_secret", "GET /api/projects/lab/watch/secret")
    return int(rule)


def _alerts(recorder: Recorder, run: str, rule: int) -> None:
    watch, (job, version) = "/api/projects/lab/watch", run.removeprefix("/api/projects/lab/jobs/").split("/versions/")
    deadline = time.monotonic() + ALERT_S
    while not recorder.reply("", f"GET {watch}/alerts").json["items"]:
        assert time.monotonic() < deadline, "nothing has fired"
        time.sleep(0.1)
    recorder.call("list_alerts", f"GET {watch}/alerts?job={job}")
    tested = {"job_id": int(job), "version_id": int(version), "name": "out of memory"}
    recorder.call("test_rule", f"POST {watch}/test", tested)
    recorder.call("delete_rule", f"DELETE {watch}/rules/{rule}")


def _reading(recorder: Recorder, log: str) -> None:
    recorder.call("get_log", f"GET {log}")
    recorder.call("read_lines", f"GET {log}/lines?start=-2&times=true")
    recorder.call("read_bytes", f"GET {log}/bytes")
    recorder.call("head_bytes", f"HEAD {log}/bytes")
    recorder.call("download_log", f"GET {log}/download?start_line=0&end_line=2")
    recorder.call("read_raw", f"GET {log}/raw?start_line=0&end_line=2")
    recorder.call("read_stored", f"GET {log}/stored")
    recorder.call("get_proof", f"GET {log}/proof")
    recorder.call("resolve_link", "GET /api/projects/lab/resolve/resnet/V0001/worker-0")
    recorder.call("follow_log", f"GET {log}/follow?tail=1", accept="text/event-stream")


def _views(recorder: Recorder, run: str) -> None:
    log = f"{run}/logs/worker-0"
    recorder.call("search_log", f"GET {log}/search?pattern=out+of+memory&kind=literal&before=1")
    recorder.call("search_version", f"GET {run}/search?{urlencode({'pattern': 'loss=0[.]', 'kind': 'regex', 'count': 'true'})}")
    recorder.call("search_project", "GET /api/projects/lab/search?pattern=Traceback&limit=1")
    recorder.call("read_terminal", f"GET {log}/terminal?start=2&count=2")
    recorder.call("read_frames", f"GET {log}/frames?start_byte={sum(map(len, _OUTPUT[:2]))}&end_byte={len(_RUNNING)}")
    recorder.call("read_merged", f"GET {run}/merged?count=2")
    recorder.call("explain_failure", f"GET {run}/why")
    recorder.call("read_metrics", f"GET {run}/metrics")
    recorder.call("list_templates", f"GET {run}/templates?count=2")
    recorder.call("compare_runs", f"GET {run}/diff?against=ranks")


def _people(recorder: Recorder) -> None:
    token = {"rights": ["read", "write"], "project_id": "lab", "label": "cluster"}
    made = recorder.call("create_token", "POST /api/tokens", token)
    recorder.call("list_tokens", "GET /api/tokens")
    recorder.call("create_login_code", "POST /api/session/code", {})
    recorder.call("begin_session", "POST /api/session", {"token": made["token"]})
    recorder.call("get_session", "GET /api/session", x_auth_token=made["token"])
    recorder.reply("end_session", "DELETE /api/session")
    recorder.reply("revoke_token", f"DELETE /api/tokens/{made['id']}")
    first, second, third = _PASSWORDS
    user = recorder.call("create_user", "POST /api/users", {"name": "ada", "password": first, "domain": "lab"})["id"]
    recorder.call("list_users", "GET /api/users?name=ada&domain=lab")
    key = recorder.call("create_access_key", f"POST /api/users/{user}/keys", {"label": "laptop"})["access"]
    recorder.call("list_access_keys", f"GET /api/users/{user}/keys")
    member = f"/api/projects/lab/members/{user}"
    recorder.call("set_member", f"PUT {member}", {"rights": ["read", "write"]})
    recorder.call("list_members", "GET /api/projects/lab/members")
    recorder.call("set_user_password", f"PUT /api/users/{user}/password", {"password": second})
    changed = {"user": "ada", "domain": "lab", "password": second, "new_password": third}
    recorder.call("change_own_password", "POST /api/session/password", changed)
    subject = _logged_in(recorder, third)
    recorder.call("list_identity_projects", "GET /v3/projects", x_auth_token=subject)
    recorder.call("list_login_projects", "GET /v3/auth/projects?name=lab", x_auth_token=subject)
    recorder.call("list_domains", "GET /v3/auth/domains", x_auth_token=subject)
    recorder.call("delete_access_key", f"DELETE /api/users/{user}/keys/{key}")
    recorder.call("remove_member", f"DELETE {member}")
    recorder.call("delete_user", f"DELETE /api/users/{user}")


def _logged_in(recorder: Recorder, password: str) -> str:
    user = {"name": "ada", "password": password, "domain": {"name": "lab"}}
    identity = {"methods": ["password"], "password": {"user": user}}
    request = {"auth": {"identity": identity, "scope": {"project": {"name": "lab"}}}}
    reply = recorder.reply("log_in", "POST /v3/auth/tokens", request)
    recorder.examples["log_in"]["response"] = json.loads(reply.body)
    return reply.headers["x-subject-token"]


def _v1(recorder: Recorder) -> None:
    jobs = "/v1/lab/training-jobs"
    config = {"worker_server_num": 1, "code_url": "/code/", "boot_file_url": "/code/train.py", "spec_id": 1, "engine_id": 1}
    made = recorder.call("v1_create_job", f"POST {jobs}", {"job_name": "bert", "job_desc": "baseline", "config": config})
    job, version = f"{jobs}/{made['job_id']}", f"{jobs}/{made['job_id']}/versions/{made['version_id']}"
    recorder.call("v1_update_job", f"PUT {job}", {"job_desc": "baseline, again"})
    recorder.call("v1_create_version", f"POST {job}/versions", {"job_desc": "larger batch", "config": config})
    recorder.call("v1_list_jobs", f"GET {jobs}?per_page=10&page=1")
    recorder.call("v1_list_versions", f"GET {job}/versions")
    recorder.call("v1_get_version", f"GET {version}")
    recorder.call("v1_list_engines", "GET /v1/lab/job/ai-engines")
    recorder.call("v1_list_resource_specs", "GET /v1/lab/job/resource-specs")
    log = f"{jobs}/1/versions/1"
    name = recorder.call("v1_list_log_files", f"GET {log}/log/file-names")["log_file_list"][0]
    recorder.call("v1_read_log_bytes", f"GET {log}/log?log_file={name}&start_byte=0&offset=36")
    recorder.call("v1_read_log_lines", f"GET {log}/aom-log?log_file={name}&lines=2")
    recorder.call("v1_stop_version", f"POST {version}/stop")
    recorder.call("v1_delete_version", f"DELETE {version}")
    recorder.call("v1_delete_job", f"DELETE {job}")


def _v2(recorder: Recorder) -> None:
    jobs = "/v2/lab/training-jobs"
    metadata = {"name": "gpt", "description": "smallest"}
    body = {"kind": "job", "metadata": metadata, "algorithm": {"code_dir": "/code/"}, "spec": {"resource": {"node_count": 1}}}
    job = f"{jobs}/{recorder.call('v2_create_job', f'POST {jobs}', body)['metadata']['id']}"
    recorder.call("v2_update_job", f"PUT {job}", {"description": "smallest, again"})
    recorder.call("v2_get_job", f"GET {job}")
    searched = {"offset": 0, "limit": 10, "sort_by": "create_time", "order": "desc"}
    recorder.call("v2_search_jobs", "POST /v2/lab/training-job-searches", searched)
    died = f"{jobs}/{recorder.examples['get_version']['response']['uuid']}"
    recorder.call("v2_list_tasks", f"GET {died}/tasks")
    recorder.call("v2_list_events", f"GET {died}/events?limit=2")
    recorder.call("v2_read_log_lines", f"GET {died}/logs/worker-0?lines=2")
    recorder.call("v2_preview_log", f"GET {died}/tasks/worker-0/logs/preview")
    link = recorder.call("v2_get_log_link", f"GET {died}/tasks/worker-0/logs/url")["obs_url"]
    recorder.call("read_link", f"GET {urlsplit(link).path}")
    recorder.call("head_link", f"HEAD {urlsplit(link).path}")
    recorder.call("v2_get_task_metrics", f"GET {died}/metrics/worker-0")
    recorder.call("v2_report_event", f"POST {died}/tasks/worker-0/reports/training-event", {"type": "EpochEnd"})
    recorder.call("v2_list_engines", "GET /v2/lab/training-job-engines")
    recorder.call("v2_list_flavors", "GET /v2/lab/training-job-flavors")
    recorder.call("v2_act_on_job", f"POST {job}/actions", {"action_type": "terminate"})
    recorder.call("v2_delete_job", f"DELETE {job}")
    again = recorder.reply("v2_create_job", f"POST {jobs}", body).json["metadata"]["id"]
    recorder.call("v2_delete_jobs", f"POST {jobs}/batch-delete", {"jobs": [{"kind": "job", "metadata": {"id": again}}]})


def _deleting(recorder: Recorder, run: str) -> None:
    recorder.call("delete_version", f"DELETE {run}")
    recorder.call("delete_job", f"DELETE {run.partition('/versions/')[0]}")


def without_secrets(text: str) -> str:
    """Returns examples with asterisks for each token and key, of which nobody then has to ask whose they are."""
    text = re.sub(r'(?<="code": ")[\w-]{43}(?=")', lambda match: "*" * len(match[0]), text)
    masked = re.sub(r"(?<=\bjl_)[\w-]{20,}", lambda match: "*" * len(match[0]), text)
    return re.sub(r'(?<=(?:"access|"secret)": ")[^"]+', lambda match: "*" * len(match[0]), masked)


def main() -> None:
    """Writes the file."""
    with tempfile.TemporaryDirectory() as directory:
        server = start_server(Path(directory) / "data")
        web = Web(server.url, server.token)
        examples = recorded(web).examples
        web.close()
        assert server.stop() == 0
    FILE.write_text(without_secrets(json.dumps(examples, indent=1, ensure_ascii=False)) + "\n", "utf-8")


if __name__ == "__main__":
    main()
