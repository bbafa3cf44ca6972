"""Bars as programs draw them, as numbers."""

# ruff: noqa: E501 - lines as programs print them

from __future__ import annotations

import pytest

from joblog.views.metrics.progress import MAX_BARS, ProgressReader, progress_of
from joblog.views.redraws import Frame, Redraws
from joblog.views.values import Progress

Bar = tuple[str, float | None, float | None, float | None, float | None]

K3 = "\x1b[1m45/100\x1b[0m \x1b[32m━━━━━━━━━\x1b[0m\x1b[37m━━━━━━━━━━━\x1b[0m \x1b[1m6s\x1b[0m 120ms/step - accuracy: 0.91 - loss: 0.3"


@pytest.mark.parametrize(
    ("drawn", "bar"),
    [
        (" 45%|████▌     | 45/100 [00:10<00:12,  4.50it/s]", ("", 45, 100, 4.5, 12)),
        ("train:   0%|          | 0/100 [00:00<?, ?it/s]", ("train", 0, 100, None, None)),
        ("Epoch 3: 100%|██████████| 1.20k/1.20k [1:00:10<00:00, 2.00s/it, loss=0.3]", ("Epoch 3", 1200, 1200, 0.5, 0)),
        ("model.bin:  50%|█████     | 512M/1.00G [00:10<00:10, 48.1MB/s]", ("model.bin", 512e6, 1e9, 48.1e6, 10)),
        ("x:  10%|#         | 1.00MiB/10.0MiB [00:01<00:09, 1.00MiB/s]", ("x", 2**20, 10 * 2**20, 2**20, 9)),
        ("a | b:  50%|#####     | 5/10 [2 days, 01:00:00<01:00:00, 1.00it/s]", ("a | b", 5, 10, 1, 3600)),
        ("files: 45it [00:10,  4.50it/s]", ("files", 45, None, 4.5, None)),
        (" 45/100 [============>.................] - ETA: 12s - loss: 0.3000", ("", 45, 100, None, 12)),
        ("100/100 [==============================] - 20s 200ms/step - loss: 0.3", ("", 100, 100, 5, None)),
        (K3, ("", 45, 100, 1 / 0.12, 6)),
        ("Epoch 3/10", ("Epoch", 3, 10, None, None)),
        ("Working... ━━━━━━━━━━━━━━━━━╸━━━━━━━━━━━  45% 0:00:12", ("Working...", None, None, None, 12)),
        ("Epoch 0/9  ━━━━━━━━━━╸━━━━ 45/100 0:00:10 • 0:00:12 4.50it/s train_loss: 0.3", ("Epoch 0/9", 45, 100, 4.5, 12)),
        ("Epoch [3/10], Step [45/100], Loss: 0.3", ("Step", 45, 100, None, None)),
        ("Epoch: [3]  [  45/1000]  eta: 0:01:02    time: 0.1", ("Epoch 3", 45, 1000, None, 62)),
        ("iter   10/136 | loss 3.5", ("iter", 10, 136, None, None)),
        ("step 3 of 10", ("step", 3, 10, None, None)),
    ],
)  # fmt: skip
def test_bars(drawn: str, bar: Bar) -> None:
    """tqdm, Keras 2 and 3, rich, Lightning, and the counters that people write: label, done, total, rate, seconds left."""
    found = read(drawn.encode() + b"\n")
    assert len(found) == 1
    assert (found[0].label, found[0].done, found[0].total, found[0].remaining_s) == (bar[0], bar[1], bar[2], bar[4])
    assert found[0].rate == (None if bar[3] is None else pytest.approx(bar[3]))
    assert found[0].fraction == (0.45 if bar[1] is None else bar[1] / bar[2] if bar[2] else None)
    assert (found[0].start_byte, found[0].end_byte) == (0, len(drawn.encode()) + 1)


@pytest.mark.parametrize(
    "text",
    [
        "2026/11/22 10:00:00 start",
        "/data/train/part-3/10.bin",
        "loss: 0.3",
        "accuracy 95%",
        "epoch 3",
        "ratio 1/3",
        "step 11/10",
        "a %| b",
    ],
)
def test_what_is_no_bar(text: str) -> None:
    """Dates, paths, numbers."""
    assert read(text.encode() + b"\n") == []


def test_bars_that_redraw_each_other() -> None:
    """Of each label the latest state, the one that moved last at the end; the memory that this takes is bounded."""
    data = b"".join(b"\router:  50%%|#| %d/2 [00:01<00:01, 1.00it/s]\n\rinner:  20%%|#| %d/5 [00:01<00:04, 1.00it/s]\x1b[A" % (o, i)
                    for o in (0, 1) for i in range(6))  # fmt: skip
    assert [(bar.label, bar.done) for bar in read(data + b"\n")] == [("outer", 1), ("inner", 5)]
    many = b"".join(b"bar %d:  50%%|#| 1/2 [00:01<00:01, 1.00it/s]\n" % number for number in range(1000))
    assert [bar.label for bar in read(many)] == [f"bar {number}" for number in range(1000 - MAX_BARS, 1000)]


def test_hostile_lines_take_linear_time() -> None:
    """Lines made to send an expression back and forth."""
    for text in ("9" * 60_000, "1%|" * 20_000, "━" * 60_000 + "x", "a [" * 20_000, "epoch " * 10_000, "1/" * 30_000):
        progress_of(text, Frame(0, 1, 0, b""))


def read(data: bytes) -> list[Progress]:
    frames, reader = Redraws(), ProgressReader()
    for frame in frames.feed(data):
        reader.take(frame)
    return reader.bars
