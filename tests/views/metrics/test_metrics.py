"""Series of numbers, found without being told where; expected values were read off the logs by hand."""

# ruff: noqa: E501 - lines as programs print them

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator

import pytest

from joblog.views.metrics.metrics import MAX_POINTS, MAX_SERIES, MetricsReader, Series
from joblog.views.metrics.progress import ProgressReader
from joblog.views.metrics.readings import MetricPattern
from joblog.views.redraws import Redraws

RealLogs = Callable[[], Iterator[tuple[str, bytes]]]


def read(data: bytes, *patterns: MetricPattern) -> dict[str, Series]:
    frames, metrics, progress = Redraws(), MetricsReader(patterns), ProgressReader()
    found = list(frames.feed(data))
    rest = frames.rest()
    for frame in [*found, rest] if rest else found:
        metrics.take(frame, 1000, progress.take(frame))
    return {series.name: series for series in metrics.series}


def points(data: str) -> dict[str, list[tuple[float | None, float]]]:
    return {name: [(point.step, point.value) for point in series.points] for name, series in read(data.encode()).items()}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("step=3 loss=0.5 lr=1e-4", {"loss": (3, 0.5), "lr": (3, 1e-4)}),
        ("step 250: train loss 1.96, val loss 2.05", {"train loss": (250, 1.96), "val loss": (250, 2.05)}),
        ("iter 10: loss 3.25, time 12.3ms, mfu 5.5%", {"loss": (10, 3.25), "time": (10, 12.3), "mfu": (10, 5.5)}),
        ("{'loss': 0.5, 'grad_norm': 1.5, 'learning_rate': 5e-05, 'epoch': 0.1}",
         {"loss": (0.1, 0.5), "grad_norm": (0.1, 1.5), "learning_rate": (0.1, 5e-5), "epoch": (0.1, 0.1)}),
        ('{"step": 7, "eval": {"loss": 0.5, "acc": 0.9}, "name": "x", "ok": true}', {"eval/loss": (7, 0.5), "eval/acc": (7, 0.9)}),
        ('INFO {"global_step": 7, "loss": 2}', {"loss": (7, 2)}),
        (" iteration      100/  500000 | consumed samples: 12800 | elapsed time per iteration (ms): 1234.5 | learning rate: 1.5E-04"
         " | lm loss: 6.5E+00 | grad norm: 1.25 |",
         {"consumed samples": (100, 12800), "elapsed time per iteration (ms)": (100, 1234.5), "learning rate": (100, 1.5e-4),
          "lm loss": (100, 6.5), "grad norm": (100, 1.25)}),
        ("Epoch: [0][ 10/5005]\tTime  0.25 ( 0.30)\tLoss 6.9e+00 (7.0e+00)\tAcc@1   1.50 (  1.25)",
         {"Time": (10, 0.25), "Loss": (10, 6.9), "Acc@1": (10, 1.5)}),
        ("45/100 [===>....] - ETA: 12s - loss: 0.30 - val_accuracy: 0.90", {"loss": (45, 0.3), "val_accuracy": (45, 0.9)}),
        ("train:  45%|####      | 45/100 [00:10<00:12,  4.50it/s, loss=0.3]", {"train loss": (45, 0.3)}),
        (':::MLLOG {"key": "eval_accuracy", "value": 0.5, "time_ms": 5, "metadata": {"epoch_num": 3}}', {"eval_accuracy": (3, 0.5)}),
        ("[step: 3] loss: nan", {"loss": (3, math.nan)}),
        ("", {}),
    ],
)  # fmt: skip
def test_lines(line: str, expected: dict[str, tuple[float | None, float]]) -> None:
    """Pairs, dictionaries, columns, bare names, bars with values behind them."""
    found = {name: values[0] for name, values in points(line + "\n").items()}
    assert {name: repr(value) for name, value in found.items()} == {
        name: repr((None if step is None else float(step), float(value))) for name, (step, value) in expected.items()
    }


@pytest.mark.parametrize(
    "line",
    ["2026-11-22 10:00:00 start", "host=10.0.0.1", "version: 1.2.3", "train.py:33", "cuda:0", "http://localhost:8080/", "date=2026-11-22",
     "it took long", "file /a/b.c:12: warning", "key: value", "time: 12:30"],
)  # fmt: skip
def test_what_is_no_number(line: str) -> None:
    """Addresses, versions, dates, places in files."""
    assert points(line + "\n") == {}


def test_own_patterns_come_first() -> None:
    """Named groups are metrics; or there is one for the name."""
    found = read(b"@3 L->0.5\n@4 L->0.25\nother=1\n", re.compile(r"@(?P<step>\d+) L->(?P<loss>[\d.]+)"))
    assert [(point.step, point.value) for point in found["loss"].points] == [(3, 0.5), (4, 0.25)]
    found = read(b"<a 1><b 2>\n", re.compile(r"<(?P<name>\w) (?P<value>\d)>"))
    assert {name: series.points[0].value for name, series in found.items()} == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("log", "name", "count", "first", "last"),
    [
        ("NVIDIA", "tracked_stats/train_step_timing", 220, (5505024, 2.5747053623199463), (1211105280, 0.9297471046447754)),
        ("Dell_results_XE9640", "loss", 693, (50, 1.6513), (34650, 0.5168)),
        ("Dell_results_XE9640", "loss_mask", 693, (50, 0.7033), (34650, 0.2318)),
        ("xFusion", "loss", 720, (10, 1393.53), (7200, 20.16)),
        ("xFusion", "lrate", 720, (10, 9.42e-5), (7200, 2.73e-3)),
        ("Supermicro_results_AS-8125GS-TNHR_bert", "eval_mlm_accuracy", 17, (196, 0.37842538952827454), (3321, 0.7205109596252441)),
        ("Supermicro_results_AS-8125GS-TNHR_dlrm", "Loss", 531, (100, 0.1338), (53100, 0.129095)),
        ("Intel-HabanaLabs", "eval_accuracy", 17, (150080, 0.37312692403793335), (2551360, 0.7200793027877808)),
    ],
)  # fmt: skip
def test_real_logs(
    real_logs: RealLogs, log: str, name: str, count: int, first: tuple[float, float], last: tuple[float, float]
) -> None:
    """As many points as ``grep -c`` counts lines, and on the first and the last what stands there."""
    (data,) = [data for each, data in real_logs() if each.startswith(log)]
    series = read(data)[name]
    found = series.points[0], series.points[-1]
    assert (series.count, *[(point.step, point.value) for point in found]) == (count, first, last)
    assert all(name.rpartition("/")[2].encode() in data[point.byte :].partition(b"\n")[0] for point in found)


def test_long_series_keep_their_peaks_in_bounded_memory() -> None:
    """However many points there are; the lowest and the highest stay, and what is no number."""
    lines = [f"step={at} loss={math.sin(at / 50):.4f}" for at in range(30_000)]
    lines[777], lines[23_333], lines[5_000] = "step=777 loss=-9", "step=23333 loss=9", "step=5000 loss=nan"
    series = read("\n".join(lines).encode())["loss"]
    values = [point.value for point in series.all_points]
    assert (series.count, len(values) <= 2 * MAX_POINTS) == (30_000, True)
    finite = [value for value in values if math.isfinite(value)]
    assert (min(finite), max(finite), len(values) - len(finite)) == (-9, 9, 1)
    steps = [point.step for point in series.all_points if point.step is not None]
    assert (steps, len(steps)) == (sorted(steps), len(values))
    many = read("".join(f"name{at}=1\n" for at in range(1000)).encode())
    assert len(many) == MAX_SERIES


def test_a_reader_keeps_no_more_points_than_it_may() -> None:
    """However many names and values there are; each series keeps its peak."""
    reader = MetricsReader()
    for at in range(2_000):
        values = [(f"name{number}", 9.0 if at == 1_500 else float(at % 7), "") for number in range(100)]
        reader.add((at, None, float(at), "step", values), at, 10_000)
    assert sum(len(series.all_points) for series in reader.series) <= 10_400
    assert all(max(point.value for point in series.all_points) == 9 for series in reader.series)
    assert {series.count for series in reader.series} == {2_000}


def test_hostile_lines_take_linear_time() -> None:
    """Lines made to send an expression back and forth."""
    for text in ("a" * 60_000, "a." * 30_000, "a =" * 20_000, "train " * 10_000, "{" * 60_000, "1e" * 30_000, "a|" * 30_000):
        read(text.encode() + b"\n")
