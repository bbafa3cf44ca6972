"""A training with Hugging Face's callbacks but without torch: the events come from the library's own CallbackHandler."""

from __future__ import annotations

import sys

from transformers import TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import CallbackHandler

from joblog.integrations.huggingface import JoblogCallback


def train(job: str, output_dir: str, steps: int, fail_at: int) -> None:
    args = TrainingArguments(output_dir=output_dir, report_to=[])
    state, control = TrainerState(max_steps=steps, num_train_epochs=1), TrainerControl()
    events = CallbackHandler([JoblogCallback(job, run_id="r1")], None, None, None, None)
    events.on_train_begin(args, state, control)
    for state.global_step in range(1, steps + 1):
        if state.global_step == fail_at:
            raise RuntimeError("out of patience")
        events.on_log(args, state, control, {"loss": 1 / state.global_step, "learning_rate": 1e-4, "epoch": 0.5})
    events.on_train_end(args, state, control)


train(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
