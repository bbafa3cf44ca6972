"""Things that go wrong in training, and really do: each fault does what programs do that die of it."""

from __future__ import annotations

import argparse
import configparser
import ctypes
import faulthandler
import gzip
import importlib
import json
import multiprocessing
import os
import pickle
import random
import resource
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import shared_memory
from pathlib import Path
from typing import Any, NoReturn


@dataclass
class Run:
    """What a fault may touch: the program's arguments, its loss's scale, how it logs."""

    args: argparse.Namespace
    rank: int
    rng: random.Random
    log: Callable[[str, str], None]
    scale: float = 1.0
    kept: list[Any] = field(default_factory=list)


@dataclass(frozen=True)
class Fault:
    """``make`` is called at one step, or at each one (``always``)."""

    make: Callable[[Run, int], object]
    always: bool = False


def missing_file(run: Run, step: int) -> None:
    Path(run.args.data, "shard-00017.tar").read_bytes()


def permission(run: Run, step: int) -> None:
    Path("/proc/version").write_text("x")


def disk_full(run: Run, step: int) -> None:
    with Path("/dev/full").open("w") as file:
        file.write("checkpoint" * 10_000)


def memory(run: Run, step: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    run.kept.append(bytearray(4 << 30))


def refused(run: Run, step: int) -> None:
    socket.create_connection(("127.0.0.1", 9), timeout=2)


def no_name(run: Run, step: int) -> None:
    socket.getaddrinfo("storage.cluster.invalid", 443)


def no_answer(run: Run, step: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        client.settimeout(0.2)
        client.recv(1)


def bad_json(run: Run, step: int) -> None:
    json.loads('{"text": "a cat", "label": ')


def bad_text(run: Run, step: int) -> None:
    b"caption: caf\xe9".decode()


def bad_archive(run: Run, step: int) -> None:
    zlib.decompress(b"not compressed at all")


def no_gzip(run: Run, step: int) -> None:
    path = run.args.dir / "shard.gz"
    path.write_bytes(b"plain text")
    with gzip.open(path) as file:
        file.read()


def no_key(run: Run, step: int) -> None:
    {"input_ids": [1, 2], "attention_mask": [1, 1]}["labels"]


def shapes(run: Run, step: int) -> None:
    sum(a * b for a, b in zip([0.1] * 768, [0.2] * 512, strict=True))


def label_range(run: Run, step: int) -> None:
    [0.1] * 10, [0.1] * 10, [[0.1] * 10][0][12]


def none_batch(run: Run, step: int) -> None:
    batch: Any = None
    batch + 1


def none_model(run: Run, step: int) -> None:
    model: Any = None
    model.forward()


def no_samples(run: Run, step: int) -> None:
    sum([]) / len([])


def nan(run: Run, step: int) -> None:
    run.scale = float("nan")


def nan_guard(run: Run, step: int) -> None:
    if step > 30:
        raise FloatingPointError(f"loss is nan at step {step}, learning rate too high?")
    if step == 30:
        run.scale = float("nan")


def assertion(run: Run, step: int) -> None:
    hidden, heads = 770, 12
    assert hidden % heads == 0, f"hidden size {hidden} is not divisible by {heads} heads"


def no_module(run: Run, step: int) -> None:
    importlib.import_module("flash_attention_kernels")


def recursion(run: Run, step: int) -> None:
    def walk(tree: list[Any]) -> int:
        return walk([tree]) + 1

    walk([])


def segfault(run: Run, step: int) -> None:
    faulthandler.enable()
    ctypes.string_at(0)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def worker_killed(run: Run, step: int) -> None:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
        pool.submit(_die).result()


def hang(run: Run, step: int) -> NoReturn:
    lock = threading.Lock()
    lock.acquire()
    if not lock.acquire(timeout=0.3):
        run.log("ERROR", f"watchdog: no progress for 0.3 s at step {step}, dumping stacks")
        faulthandler.dump_traceback()
    os._exit(124)


def hung_rank(run: Run, step: int) -> None:
    run.log("INFO", f"prefetch queue is empty, waiting for reader thread {threading.get_ident()}")
    time.sleep(3)
    os._exit(1)


def preempted(run: Run, step: int) -> None:
    def leave(number: int, _: object) -> NoReturn:
        run.log("WARNING", f"received signal {number}, saving a checkpoint and leaving")
        raise SystemExit(143)

    signal.signal(signal.SIGTERM, leave)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.1)


def interrupted(run: Run, step: int) -> None:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.1)


def state_dict(run: Run, step: int) -> None:
    missing = {"fc.weight", "fc.bias"} - {"fc.weight"}
    raise RuntimeError(f"Error(s) in loading state_dict for Net:\n\tMissing key(s) in state_dict: {sorted(missing)}.")


def no_table(run: Run, step: int) -> None:
    sqlite3.connect(":memory:").execute("SELECT * FROM samples")


def command(run: Run, step: int) -> None:
    subprocess.run(["sh", "-c", "echo 'gsutil: quota exceeded for bucket' >&2; exit 3"], check=True)


def no_variable(run: Run, step: int) -> None:
    os.environ["MASTER_ADDR"]


def port_taken(run: Run, step: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_server(server.getsockname())


def many_files(run: Run, step: int) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
    while True:
        run.kept.append(os.fdopen(os.open(os.devnull, os.O_RDONLY)))


def too_long(run: Run, step: int) -> None:
    length, longest = 4097, 4096
    if length > longest:
        raise ValueError(f"sequence of {length} tokens is longer than the maximum of {longest}")


def overflow(run: Run, step: int) -> None:
    if step < 30:
        return
    run.log("WARNING", f"Gradient overflow. Skipping step, reducing loss scale to {2.0 ** (40 - step)}")
    if step == 40:
        raise ArithmeticError("minimum loss scale reached, stopping")


def no_pickle(run: Run, step: int) -> None:
    pickle.dumps(lambda batch: batch)


def no_section(run: Run, step: int) -> None:
    configparser.ConfigParser().get("optimizer", "lr")


def checksum(run: Run, step: int) -> None:
    got, wanted = zlib.crc32(b"shard"), 12345
    if got != wanted:
        raise OSError(f"checksum of shard-00003.bin is {got:08x}, not {wanted:08x}")


def skipped(run: Run, step: int) -> None:
    if step >= 30:
        try:
            Path(run.args.data, f"shard-{step:05d}.tar").read_bytes()
        except OSError as error:
            run.log("ERROR", f"could not read shard {step}, skipping it: {error.strerror}")


def short_record(run: Run, step: int) -> None:
    struct.unpack("<q", b"1234")


def stopped(run: Run, step: int) -> None:
    def samples() -> Iterator[int]:
        yield next(iter(()))

    list(samples())


def unbound(run: Run, step: int) -> None:
    if run.args.lr > 100:
        scheduler = run.rng
    scheduler.random()


def no_such_name(run: Run, step: int) -> None:
    eval("optimzer.step()")


def unfinished(run: Run, step: int) -> NoReturn:
    raise NotImplementedError("activation 'swiglu2'")


def no_shared_memory(run: Run, step: int) -> None:
    shared_memory.SharedMemory("train_batch_0")


def slow_link(run: Run, step: int) -> None:
    if step >= 30 and step % 3 == 0:
        run.log("WARNING", f"all-reduce took {run.rng.uniform(3, 9):.1f} s, link eth{run.rng.randrange(2)} is degraded")


def retried(run: Run, step: int) -> None:
    for attempt in range(1, 6):
        try:
            refused(run, step)
        except OSError as error:
            run.log("WARNING", f"upload attempt {attempt}/5 failed: {error.strerror}")
    raise RuntimeError("giving up: checkpoint was not uploaded")


def chained(run: Run, step: int) -> None:
    try:
        bad_json(run, step)
    except ValueError as error:
        raise RuntimeError(f"sample {step} of the dataset cannot be used") from error


def exit_quietly(run: Run, step: int) -> NoReturn:
    run.log("INFO", "budget of 30 steps is used up, stopping early")
    raise SystemExit(0)


def cpp(run: Run, step: int) -> None:
    sys.stderr.write("terminate called after throwing an instance of 'c10::Error'\n  what():  NPU stream synchronize failed\n")
    sys.stderr.flush()
    os.abort()


_ALWAYS = {nan_guard, overflow, skipped, slow_link}
_ALL: tuple[Callable[[Run, int], object], ...] = (
    missing_file, permission, disk_full, memory, refused, no_name, no_answer, bad_json, bad_text, bad_archive, no_gzip, no_key,
    shapes, label_range, none_batch, none_model, no_samples, nan, nan_guard, assertion, no_module, recursion, segfault,
    worker_killed, hang, hung_rank, preempted, interrupted, state_dict, no_table, command, no_variable, port_taken, many_files,
    too_long, overflow, no_pickle, no_section, checksum, skipped, short_record, stopped, unbound, no_such_name, unfinished,
    no_shared_memory, slow_link, retried, chained, exit_quietly, cpp,
)  # fmt: skip
FAULTS: Mapping[str, Fault] = {make.__name__: Fault(make, make in _ALWAYS) for make in _ALL}
