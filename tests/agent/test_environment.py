"""Names from the environment: what each launcher sets, as it sets it."""

from __future__ import annotations

from joblog.agent.environment import RunNames, names_in


def check(job: str | None, run_id: str | None, task: str, tasks: int | None = None, /, **environ: str) -> None:
    assert names_in(environ, launcher="host-7") == RunNames(job, run_id, task, tasks)


def test_nothing_said() -> None:
    """A new run of one worker."""
    check(None, None, "worker-0", HOME="/root", HOSTNAME="box")


def test_slurm() -> None:
    """Ranks and steps of a job; a requeue is the next attempt; a made-up name is none."""
    slurm = {"SLURM_JOB_ID": "4711", "SLURM_JOB_NAME": "resnet 50", "SLURM_PROCID": "3"}
    check("resnet-50", "slurm-4711.0", "worker-3", **slurm, SLURM_STEP_ID="0")
    check("resnet-50", "slurm-4711", "worker-3", **slurm, SLURM_RESTART_COUNT="0")
    check("resnet-50", "slurm-4711.attempt-3", "worker-3", **slurm, SLURM_RESTART_COUNT="2")
    check(None, "slurm-4711", "worker-0", SLURM_JOB_ID="4711", SLURM_JOB_NAME="bash")


def test_torchrun() -> None:
    """Its ranks win over those of the Slurm job around it; without an id the ranks of a host meet."""
    torch = {"TORCHELASTIC_RUN_ID": "exp 1", "RANK": "12", "LOCAL_RANK": "4", "WORLD_SIZE": "16"}
    check(None, "torchrun-exp-1", "worker-12", 16, **torch, TORCHELASTIC_RESTART_COUNT="0")
    check("llm", "torchrun-exp-1.attempt-2", "worker-12", 16, **torch, **SLURM, TORCHELASTIC_RESTART_COUNT="1")
    check(None, "torchrun-host-7", "worker-12", 16, **(torch | {"TORCHELASTIC_RUN_ID": "none"}))


def test_mpi() -> None:
    """Under mpirun Slurm's rank is that of mpirun."""
    check("llm", "slurm-1", "worker-5", **SLURM, OMPI_COMM_WORLD_RANK="5")
    check(None, "mpi-prterun-1", "worker-6", PMIX_RANK="6", PMIX_NAMESPACE="prterun-1")
    check(None, None, "worker-2", PMI_RANK="2")


def test_kubernetes_indexed_job() -> None:
    """The pod's host name is the job's name and the index."""
    check("train", "kubernetes-train", "worker-4", JOB_COMPLETION_INDEX="4", HOSTNAME="train-4")
    check(None, None, "worker-4", JOB_COMPLETION_INDEX="4", HOSTNAME="other")


def test_modelarts_and_ascend() -> None:
    """A task's index, or the rank of one of its processors' processes."""
    check("bert", "modelarts-bert", "worker-1", MA_JOB_NAME="bert", VC_TASK_INDEX="1")
    check("bert", "modelarts-vj-1", "worker-9", MA_JOB_NAME="bert", MA_VJ_NAME="vj-1", VC_TASK_INDEX="1", RANK_ID="9")


def test_how_many_there_are() -> None:
    """As the launcher says it that says the rank; a batch script, which is one process, is not counted as its tasks."""
    check(None, "slurm-1", "worker-3", 8, SLURM_JOB_ID="1", SLURM_PROCID="3", SLURM_STEP_NUM_TASKS="8")
    check(None, "slurm-1", "worker-0", None, SLURM_JOB_ID="1", SLURM_PROCID="0", SLURM_NTASKS="8")
    check(None, None, "worker-1", 2, OMPI_COMM_WORLD_RANK="1", OMPI_COMM_WORLD_SIZE="2", WORLD_SIZE="9")
    check(None, None, "worker-5", None, PMI_RANK="5", PMI_SIZE="3")
    check(None, None, "worker-0", None, WORLD_SIZE="9")


def test_nonsense_is_no_rank() -> None:
    """The job runs whatever is said."""
    check(None, None, "worker-0", RANK="-1", SLURM_PROCID="x", PMI_RANK="99999999")


SLURM = {"SLURM_JOB_ID": "1", "SLURM_JOB_NAME": "llm", "SLURM_PROCID": "0"}
