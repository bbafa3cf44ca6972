"""A linear model trained by PyTorch Lightning's own Trainer, with joblog's callback."""

from __future__ import annotations

import sys

import torch
from lightning.pytorch import LightningModule, Trainer

from joblog.integrations.lightning import JoblogCallback


class Model(LightningModule):
    def __init__(self, fail_at: int) -> None:
        super().__init__()
        self.linear, self.fail_at = torch.nn.Linear(2, 1), fail_at

    def training_step(self, batch: torch.Tensor, number: int) -> torch.Tensor:
        if self.fail_at and self.global_step + 1 == self.fail_at:
            raise RuntimeError("out of patience")
        loss = self.linear(batch).pow(2).mean()
        self.log("loss", loss)
        return loss

    def validation_step(self, batch: torch.Tensor, number: int) -> None:
        self.log("val_loss", self.linear(batch).abs().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.01)


def main(job: str, output_dir: str, steps: int, fail_at: int) -> None:
    torch.manual_seed(0)
    data = torch.utils.data.DataLoader(torch.randn(steps, 2), batch_size=1)
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
    trainer = Trainer(
        max_epochs=1,
        accelerator="cpu",
        default_root_dir=output_dir,
        log_every_n_steps=1,
        callbacks=[JoblogCallback(job)],
        **quiet,
    )
    trainer.fit(Model(fail_at), data, data)


main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
