"""Trains a small network to read handwritten digits, and prints what training programs print.

One line an epoch goes to stdout, a tqdm bar to stderr. Nothing here knows of joblog: it is run as
``joblog run -- python examples/train.py``. The data set, 1,797 images of 8 x 8 pixels, comes with scikit-learn.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import classification_report
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from tqdm import tqdm


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--batch", type=int, default=32, help="images in a step (default 32)")
    parser.add_argument("--rate", type=float, default=2e-4, help="learning rate (default 0.0002)")
    parser.add_argument("--seed", type=int, default=7, help="of the split, the weights and the order (default 7)")
    return parser.parse_args()


def main() -> None:
    arguments = parse()
    images, digits = load_digits(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(
        images / 16.0, digits, test_size=0.25, random_state=arguments.seed, stratify=digits
    )
    model = MLPClassifier((256, 128), learning_rate_init=arguments.rate, random_state=arguments.seed)
    order = np.random.default_rng(arguments.seed)
    print(f"{len(train_x)} images to train on, {len(test_x)} to test on, {arguments.epochs} epochs", flush=True)

    for epoch in range(1, arguments.epochs + 1):
        losses = []
        steps = np.array_split(order.permutation(len(train_x)), len(train_x) // arguments.batch)
        for step in tqdm(steps, desc=f"epoch {epoch:3d}", unit="step", ncols=90, ascii=False, mininterval=0.02):
            model.partial_fit(train_x[step], train_y[step], classes=range(10))
            losses.append(model.loss_)
        accuracy = model.score(test_x, test_y)
        print(f"epoch={epoch} loss={np.mean(losses):.6f} accuracy={accuracy:.4f}", flush=True)

    print(classification_report(test_y, model.predict(test_x), digits=4))
    print(f"done: accuracy {model.score(test_x, test_y):.4f}")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
