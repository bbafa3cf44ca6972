"""A small training program, with what such programs print: one of several styles, and a real fault if one is named.

``python -m tests.compare.programs.train --style hf --dir D [--fault missing_file]``

Of several ranks each is a process, with RANK and WORLD_SIZE.
It fits a line to points, so that losses are real; what it is asked to go wrong with does go wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

from tests.compare.programs.faults import FAULTS, Run
from tests.compare.programs.styles import STYLES, Style

EPOCHS, STEPS = 3, 24
BARRIER_S = 1.0
NOISE = (
    "UserWarning: The given NumPy array is not writable",
    "FutureWarning: `clean_up_tokenization_spaces` was not set",
    "DeprecationWarning: pkg_resources is deprecated as an API",
)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="train.py")
    parser.add_argument("--style", choices=sorted(STYLES), required=True)
    parser.add_argument("--fault", choices=sorted(FAULTS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--data", default="/data/points")
    parser.add_argument("--dir", type=Path, required=True)
    return parser.parse_args()


def barrier(directory: Path, name: str, rank: int, world: int) -> None:
    """Waits until all ranks are here; raises TimeoutError, as a collective's watchdog does."""
    (directory / f"{name}.{rank}").touch()
    until = time.monotonic() + BARRIER_S
    while missing := [each for each in range(world) if not (directory / f"{name}.{each}").exists()]:
        if time.monotonic() > until:
            raise TimeoutError(f"[Rank {rank}] barrier {name} timed out after {BARRIER_S} s, waiting for ranks {missing}")
        time.sleep(0.01)


def batches(rng: random.Random, size: int) -> Iterator[list[tuple[float, float]]]:
    for _ in range(STEPS):
        yield [(x, 3 * x + 1 + rng.gauss(0, 0.1)) for x in (rng.uniform(-1, 1) for _ in range(size))]


def noise(rng: random.Random, style: Style) -> None:
    """Prints what comes and goes: warnings of libraries, a retry, a slow step."""
    for text in rng.sample(NOISE, rng.randint(1, len(NOISE))):
        category, _, message = text.partition(": ")
        with contextlib.suppress(AttributeError):
            warnings.warn(message, getattr(__import__("builtins"), category), stacklevel=2)
    if rng.random() < 0.5:
        style.log("INFO", f"cache miss for block {rng.randrange(10**6)}, reading it again")
    for name in rng.sample(["conv1.weight", "conv2.weight", "fc.bias", "fc.weight"], 4):
        style.log("INFO", f"initialized {name} with std {rng.random():.4f}")


def main() -> None:
    args = arguments()
    rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    rng = random.Random(1000 * args.seed + rank)
    style = STYLES[args.style](rank, world, rng, EPOCHS * STEPS)
    run = Run(args, rank, rng, style.log)
    fault = FAULTS.get(args.fault or "")
    style.begin(vars(args) | {"dir": f"/tmp/run-{rng.randrange(10**6)}", "fault": None})
    noise(rng, style)
    weight = bias = 0.0
    for epoch in range(EPOCHS):
        style.epoch(epoch)
        for number, batch in enumerate(batches(rng, args.batch_size)):
            step = epoch * STEPS + number
            if fault is not None and (step == 30 or fault.always) and (world == 1 or rank == world - 2):
                fault.make(run, step)
            errors = [weight * x + bias - y for x, y in batch]
            loss = sum(error * error for error in errors) / len(batch) * run.scale
            weight -= args.lr * sum(error * x for error, (x, _) in zip(errors, batch, strict=True))
            bias -= args.lr * sum(errors)
            style.step(epoch, step, loss)
        if world > 1:
            barrier(args.dir, f"epoch-{epoch}", rank, world)
        style.evaluated(epoch, loss)
    style.end(loss)


if __name__ == "__main__":
    main()
