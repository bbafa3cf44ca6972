"""What schedulers and launchers say in the environment: which job, which run of it, which worker this is.

All ranks of a run find the same run id, so that their logs meet in one version; a restart that the scheduler counts is an
attempt of the same run. The innermost launcher wins: a torchrun inside a Slurm job knows the ranks, Slurm does not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from joblog.api.refs import legal_run_id

RANKS = {
    "OMPI_COMM_WORLD_RANK": "OMPI_COMM_WORLD_SIZE",  # Open MPI; before Slurm's, which says 0 to all that mpirun starts
    "PMIX_RANK": "",
    "PMI_RANK": "PMI_SIZE",  # MPICH, Intel MPI
    "SLURM_PROCID": "SLURM_STEP_NUM_TASKS",  # not SLURM_NTASKS, which a batch script, one process, has too
    "RANK_ID": "RANK_SIZE",  # Ascend
    "JOB_COMPLETION_INDEX": "",  # Kubernetes, indexed jobs
    "VC_TASK_INDEX": "VC_WORKER_NUM",  # ModelArts, Volcano
    "RANK": "WORLD_SIZE",  # PyTorchJob and others; torchrun's comes before all of these
}
"""Where the rank is, and where it says how many there are."""

_NO_NAMES = {"bash", "sh", "zsh", "wrap", "interactive", "none"}
"""Names that Slurm and torchrun make up where nobody gave one."""

_LAST_WORKER = 999_999


class RunNames(NamedTuple):
    """``job``, ``run_id`` and ``tasks``, how many the run has in all, are None where the environment does not say them."""

    job: str | None
    run_id: str | None
    task: str
    tasks: int | None = None


def names_in(environ: Mapping[str, str], launcher: str) -> RunNames:
    """Reads the names; ``launcher`` stands for the process that started this one, on this host.

    It is what brings together the ranks of a torchrun that was given no id, which are those of one host.
    """
    run_id, restarts = _run(environ, launcher)
    if run_id is not None:
        run_id = legal_run_id(run_id)
        if restarts.isdigit() and int(restarts) > 0:
            run_id += f".attempt-{int(restarts) + 1}"
    rank, tasks = _rank(environ)
    return RunNames(_job(environ), run_id, f"worker-{rank}", tasks)


def _run(environ: Mapping[str, str], launcher: str) -> tuple[str | None, str]:
    """Returns the run's id and how often it was restarted."""
    elastic = environ.get("TORCHELASTIC_RUN_ID")
    if elastic and "RANK" in environ:
        unnamed = elastic in _NO_NAMES
        return f"torchrun-{launcher if unnamed else elastic}", environ.get("TORCHELASTIC_RESTART_COUNT", "")
    if slurm := environ.get("SLURM_JOB_ID"):
        step = environ.get("SLURM_STEP_ID", "")
        return f"slurm-{slurm}" + (f".{step}" if step else ""), environ.get("SLURM_RESTART_COUNT", "")
    if mpi := environ.get("PMIX_NAMESPACE") or environ.get("OMPI_MCA_ess_base_jobid"):
        return f"mpi-{mpi}", ""
    if modelarts := environ.get("MA_VJ_NAME") or environ.get("MA_JOB_NAME"):
        return f"modelarts-{modelarts}", ""
    kubernetes = _kubernetes_job(environ)
    return (f"kubernetes-{kubernetes}" if kubernetes else None), ""


def _job(environ: Mapping[str, str]) -> str | None:
    for candidate in (environ.get("SLURM_JOB_NAME"), environ.get("MA_JOB_NAME"), _kubernetes_job(environ)):
        name = re.sub(r"[^A-Za-z0-9_-]+", "-", candidate or "", flags=re.ASCII).strip("-")[:64]
        if name and name not in _NO_NAMES:
            return name
    return None


def _kubernetes_job(environ: Mapping[str, str]) -> str | None:
    """Returns the name of an indexed job: its pods' host names are that name and their index."""
    index, host = environ.get("JOB_COMPLETION_INDEX"), environ.get("HOSTNAME", "")
    return host.removesuffix(f"-{index}") if index and host.endswith(f"-{index}") else None


def _rank(environ: Mapping[str, str]) -> tuple[int, int | None]:
    """Returns the rank, and of how many it is one."""
    names = ("RANK", *RANKS) if "TORCHELASTIC_RUN_ID" in environ else tuple(RANKS)
    for name in names:
        rank, size = _number(environ.get(name, "")), _number(environ.get(RANKS[name], ""))
        if rank is not None:
            return rank, size if size is not None and size > rank else None
    return 0, None


def _number(word: str) -> int | None:
    return int(word) if word.isascii() and word.isdigit() and int(word) <= _LAST_WORKER else None
