"""PyTorch Lightning: the metrics that modules log become lines of JSON, in which joblog finds them by itself.

from joblog.integrations.lightning import JoblogCallback

Trainer(callbacks=[JoblogCallback()])
"""

from __future__ import annotations

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from joblog.integrations.lines import RunLines


class JoblogCallback(Callback):  # type: ignore[misc]  # the library's types are not checked here
    """Writes what ``self.log`` was given, of the run's first process, as lines: ``{"step": 10, "epoch": 0, "loss": 0.5}``.

    ``every``: so many steps apart, the Trainer's ``log_every_n_steps`` by default. Under ``joblog run`` the lines are in its
    log. Elsewhere they are a log of their own, of the job and the run named here, or by the environment, or after the program.
    """

    def __init__(
        self, job: str | None = None, *, run_id: str | None = None, task: str | None = None, every: int | None = None
    ) -> None:
        self._names = job, run_id, task
        self._every = every
        self._trained = set[str]()
        self._lines: RunLines | None = None

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begins the run."""
        if trainer.is_global_zero:
            self._lines = RunLines(*self._names)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Writes what the step has logged."""
        if trainer.global_step % (self._every or trainer.log_every_n_steps or 1) == 0:
            self._trained |= trainer.logged_metrics.keys()
            self._write(trainer, trainer.logged_metrics)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes what the validation has logged; what the last step has is among it once more."""
        if not trainer.sanity_checking:
            metrics = trainer.callback_metrics
            self._write(trainer, {name: value for name, value in metrics.items() if name not in self._trained})

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Ends the run well, unless somebody has interrupted it."""
        self._end(1 if trainer.interrupted else 0)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Ends the run."""
        if self._lines is not None:
            self._lines.write({"event": "exception", "type": type(exception).__name__, "message": str(exception)})
        self._end(1)

    def _write(self, trainer: Trainer, metrics: dict[str, Any]) -> None:
        if self._lines is not None and metrics:
            self._lines.write({"step": trainer.global_step, "epoch": trainer.current_epoch, **metrics})

    def _end(self, exit_code: int) -> None:
        if self._lines is not None:
            self._lines.end(exit_code)
            self._lines = None
