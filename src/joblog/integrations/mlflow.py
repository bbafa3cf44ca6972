"""MLflow: a run says where its log is.

from joblog.integrations.mlflow import tag_run

with mlflow.start_run():
    tag_run()                     # under joblog run
    tag_run("http://logs.example.com/p/lab/resnet/V0002/worker-0")
"""

from __future__ import annotations

import os
import sys

import mlflow

from joblog.api.refs import RUN_LOG
from joblog.api.settings import load
from joblog.client import Client, Link
from joblog.errors import JoblogError

CALL_S = 10.0
"""Longest silence of the server's: the training waits."""


def tag_run(link: str | None = None) -> str | None:
    """Tags MLflow's active run with the log's permanent link, and returns that.

    Without ``link`` the log is the one that ``joblog run`` keeps of this program: ``joblog.url``, ``joblog.project``,
    ``joblog.job``, ``joblog.run_id`` and ``joblog.task`` are tagged; the link is not, and a line says why, where no server can
    be asked. None where there is no such log: nothing is tagged then.
    """
    tags = {}
    if link is None:
        words = os.environ.get(RUN_LOG, "").split(" ")
        if len(words) != 4:
            return None
        tags = dict(zip(("joblog.project", "joblog.job", "joblog.run_id", "joblog.task"), words, strict=True))
        link = _link(*words)
    mlflow.set_tags(tags | ({"joblog.url": link} if link else {}))
    return link


def _link(project_id: str, job: str, run_id: str, task: str) -> str | None:
    try:
        connection = load(os.environ)
        with Client(connection.url, connection.token, timeout_s=CALL_S) as client:
            run = client.run(project_id, job, run_id=run_id, task=task)
            return client.url + Link(project_id, job, run.version.name, task).path
    except JoblogError as error:
        sys.stderr.write(f"joblog: MLflow is not told the log's link: {error}\n")
        return None
