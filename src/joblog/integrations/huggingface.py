"""Hugging Face's Trainer: what it logs becomes lines of JSON, in which joblog finds metrics and progress by itself.

from joblog.integrations.huggingface import JoblogCallback

Trainer(..., callbacks=[JoblogCallback()])
"""

from __future__ import annotations

from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from joblog.integrations.lines import RunLines


class JoblogCallback(TrainerCallback):  # type: ignore[misc]  # the library's types are not checked here
    """Writes each of the Trainer's logs, of the run's first process, as a line: ``{"step": 10, "loss": 0.5, "epoch": 0.1}``.

    Under ``joblog run`` the lines are in its log. Elsewhere they are a log of their own, of the job and the run named here, or
    by the environment, or after the program; a training that does not come to its end has failed.
    """

    def __init__(self, job: str | None = None, *, run_id: str | None = None, task: str | None = None) -> None:
        self._names = job, run_id, task
        self._lines: RunLines | None = None

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Begins the run; a Trainer that trains again begins another one."""
        if state.is_world_process_zero and self._lines is None:
            self._lines = RunLines(*self._names)
            self._lines.write({"event": "train_begin", "max_steps": state.max_steps, "epochs": state.num_train_epochs})

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """Writes what is logged, with its step."""
        if self._lines is not None and logs:
            self._lines.write({"step": state.global_step, **logs})

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Ends the run well."""
        if self._lines is not None:
            self._lines.write({"event": "train_end", "step": state.global_step})
            self._lines.end(0)
            self._lines = None
