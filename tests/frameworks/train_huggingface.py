"""A linear model trained by Hugging Face's own Trainer, with joblog's callback."""

from __future__ import annotations

import sys

import torch
from transformers import Trainer, TrainingArguments

from joblog.integrations.huggingface import JoblogCallback


class Model(torch.nn.Module):
    def __init__(self, fail_at: int) -> None:
        super().__init__()
        self.linear, self.left = torch.nn.Linear(2, 1), fail_at

    def forward(self, x: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        self.left -= 1
        if self.left == 0:
            raise RuntimeError("out of patience")
        out = self.linear(x)
        return {"loss": ((out - labels) ** 2).mean(), "logits": out}


def main(job: str, output_dir: str, steps: int, fail_at: int) -> None:
    torch.manual_seed(0)
    data = [{"x": torch.randn(2), "labels": torch.ones(1)} for _ in range(64)]
    args = TrainingArguments(
        output_dir=output_dir,
        max_steps=steps,
        logging_steps=1,
        report_to=[],
        save_strategy="no",
        use_cpu=True,
        disable_tqdm=True,
    )
    Trainer(Model(fail_at), args, train_dataset=data, callbacks=[JoblogCallback(job)]).train()


main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
