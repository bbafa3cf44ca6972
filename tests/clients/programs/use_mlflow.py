"""Runs of MLflow's that say where their log is: under joblog run, with a link, elsewhere. Prints what MLflow says of them."""

from __future__ import annotations

import json
import os
import sys

import mlflow

from joblog.api.refs import RUN_LOG
from joblog.integrations.mlflow import tag_run


def tagged(*link: str) -> tuple[object, dict[str, str]]:
    with mlflow.start_run() as run:
        address = tag_run(*link)
    tags = mlflow.get_run(run.info.run_id).data.tags
    return address, {name: tag for name, tag in tags.items() if name.startswith("joblog.")}


mlflow.set_tracking_uri(sys.argv[1])
tagged_runs = [tagged(), tagged(sys.argv[2])]
del os.environ[RUN_LOG]
print(json.dumps([*tagged_runs, tagged()]))
