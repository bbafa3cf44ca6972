"""How training programs print: the styles of several frameworks, as their users see them."""

from __future__ import annotations

import json
import logging
import random
import sys
import time
from collections.abc import Mapping
from typing import Any


class Style:
    """Plain prints, of a script."""

    def __init__(self, rank: int, world: int, rng: random.Random, steps: int) -> None:
        self.rank, self.world, self.rng, self.steps = rank, world, rng, steps

    def log(self, level: str, text: str) -> None:
        self.out(f"{level.lower()}: {text}" if level != "INFO" else text)

    def out(self, text: str, end: str = "\n") -> None:
        sys.stdout.write(text + end)
        sys.stdout.flush()

    def begin(self, args: Mapping[str, Any]) -> None:
        self.out(f"Python {sys.version.split()[0]} on {sys.platform}")
        self.out(f"Namespace({', '.join(f'{name}={value!r}' for name, value in args.items())})")
        self.out(f"Using device cpu, world size {self.world}")

    def epoch(self, epoch: int) -> None:
        self.out(f"Epoch {epoch + 1}")

    def step(self, epoch: int, step: int, loss: float) -> None:
        self.out(f"step {step} loss {loss:.4f} lr {0.1 / (step + 1):.2e} ({self.rng.uniform(5, 9):.1f} ms)")

    def evaluated(self, epoch: int, loss: float) -> None:
        self.out(f"validation loss {loss * 1.1:.4f} accuracy {self.rng.random():.3f}")

    def end(self, loss: float) -> None:
        self.out(f"best loss {loss:.4f}; saved /tmp/model-{self.rng.randrange(10**6)}.pt")
        self.out("Training finished")


class HuggingFace(Style):
    """Dictionaries on stdout, a bar that redraws on stderr."""

    def begin(self, args: Mapping[str, Any]) -> None:
        for text in ("loading configuration file config.json", "Model config BertConfig {", '  "hidden_size": 768,', "}"):
            self.out(text)
        self.out("***** Running training *****")
        self.out(f"  Num examples = {self.steps * 8}\n  Total optimization steps = {self.steps}")
        self.out(f"  learning_rate = {args['lr']}\n  per_device_train_batch_size = {args['batch_size']}")

    def epoch(self, epoch: int) -> None:
        return

    def step(self, epoch: int, step: int, loss: float) -> None:
        done = 100 * (step + 1) // self.steps
        bar = "█" * (done // 10)
        text = f"\r{done:3d}%|{bar:<10}| {step + 1}/{self.steps} [00:{step % 60:02d}<00:30, {self.rng.uniform(1, 3):.2f}it/s]"
        sys.stderr.write(text)
        sys.stderr.flush()
        if step % 4 == 3:
            values = {"loss": round(loss, 4), "grad_norm": self.rng.random() * 3, "learning_rate": 5e-05 / (step + 1)}
            self.out(str({**values, "epoch": round(step / 24, 2)}))

    def evaluated(self, epoch: int, loss: float) -> None:
        self.out(str({"eval_loss": round(loss, 4), "eval_runtime": 1.2, "epoch": float(epoch + 1)}))
        self.log("INFO", f"Saving model checkpoint to out/checkpoint-{(epoch + 1) * 24}")

    def end(self, loss: float) -> None:
        self.out(str({"train_runtime": self.rng.uniform(10, 20), "train_loss": loss, "epoch": 3.0}))


class Logger(Style):
    """The standard library's logging, with times, names and levels."""

    def __init__(self, rank: int, world: int, rng: random.Random, steps: int) -> None:
        super().__init__(rank, world, rng, steps)
        logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._logger = logging.getLogger("trainer")

    def log(self, level: str, text: str) -> None:
        self._logger.log(getattr(logging, level), text)

    def out(self, text: str, end: str = "\n") -> None:
        self.log("INFO", text)


class Megatron(Style):
    """Ranks with a mark of their own; only the last one prints losses."""

    def out(self, text: str, end: str = "\n") -> None:
        super().out(f"[rank{self.rank}]: {text}", end)

    def step(self, epoch: int, step: int, loss: float) -> None:
        if self.rank == self.world - 1:
            super().out(
                f" iteration {step + 1:8d}/{self.steps:8d} | consumed samples: {8 * (step + 1):12d} | elapsed time per"
                f" iteration (ms): {self.rng.uniform(80, 90):.1f} | learning rate: {1e-4 / (step + 1):.3E} |"
                f" lm loss: {loss:.6E} |"
            )


class Keras(Style):
    """Bars that redraw in one line, for each epoch."""

    def epoch(self, epoch: int) -> None:
        self.out(f"Epoch {epoch + 1}/3")

    def step(self, epoch: int, step: int, loss: float) -> None:
        number = step % 24 + 1
        bar = "=" * number + ">" + "." * (24 - number)
        self.out(f"\r{number:2d}/24 [{bar}] - ETA: {24 - number}s - loss: {loss:.4f}", end="" if number < 24 else "\n")


class Json(Style):
    """A JSON object a line."""

    def out(self, text: str, end: str = "\n") -> None:
        self.log("INFO", text)

    def log(self, level: str, text: str) -> None:
        super().out(json.dumps({"ts": time.time(), "level": level.lower(), "rank": self.rank, "msg": text}))

    def step(self, epoch: int, step: int, loss: float) -> None:
        super().out(json.dumps({"ts": time.time(), "level": "info", "step": step, "loss": loss, "tokens": step * 4096}))


class Container(Style):
    """What kubectl or a launcher puts before each line."""

    def out(self, text: str, end: str = "\n") -> None:
        super().out(f"trainer-7d9f8b-x{self.rank} | {time.strftime('%Y-%m-%dT%H:%M:%SZ')} {text}", end)


STYLES: Mapping[str, type[Style]] = {
    "plain": Style, "hf": HuggingFace, "logger": Logger, "megatron": Megatron, "keras": Keras, "json": Json,
    "container": Container,
}  # fmt: skip
