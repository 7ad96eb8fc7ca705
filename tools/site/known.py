"""What every metric says of samples whose standing is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import ganbench

__all__ = ["ROWS", "SIZES", "measured"]

SIZES = {"samples": 400, "train": 400, "valid": 300, "test": 300}
"""Of each set of samples, and of the data that they are held against."""

_SAMPLES = SIZES["samples"]


def measured(metrics: Sequence[str]) -> dict[str, list[str]]:
    """The headline of each metric for each of `ROWS`, as text; empty where it cannot be measured on samples alone."""
    data, held_out = _data()
    made = {name: make(data.splits[0].train, held_out) for name, make in _MAKERS.items()}
    scored = {name: _records(samples, data, metrics) for name, samples in made.items()}
    return {metric: [scored[row].get(metric, "") for row in ROWS] for metric in metrics}


def _data() -> tuple[ganbench.Dataset, np.ndarray]:
    """Digits cut anew, and those that are in no part of the cut."""
    split = ganbench.load_dataset("digits").splits[0]
    images = np.concatenate([split.train, split.valid, split.test])
    of_parts = (split.train_labels, split.valid_labels, split.test_labels)
    labels = np.concatenate([part for part in of_parts if part is not None])
    order = np.random.default_rng(0).permutation(len(images))
    train, valid, test, rest = np.split(order, np.cumsum([SIZES[part] for part in ("train", "valid", "test")]))
    data = ganbench.Dataset.from_arrays(
        train=images[train],
        valid=images[valid],
        test=images[test],
        train_labels=labels[train],
        valid_labels=labels[valid],
        test_labels=labels[test],
        name="digits",
    )
    return data, images[rest[:_SAMPLES]]


def _records(samples: np.ndarray, data: ganbench.Dataset, metrics: Sequence[str]) -> dict[str, str]:
    (record,) = ganbench.evaluate(samples, data, metrics=list(metrics)).records
    texts = {}
    for score in record.scores:
        value = score.values[score.headline]
        error = 0.0 if value.standard_error is None else value.standard_error
        texts[score.metric] = ganbench.with_error(value.value, error)
    return texts


def _gaussian(train: np.ndarray, _: np.ndarray) -> np.ndarray:
    flat = train.reshape(len(train), -1)
    drawn = np.random.default_rng(1).multivariate_normal(flat.mean(0), np.cov(flat.T), _SAMPLES)
    return drawn.clip(0, 1).astype(np.float32).reshape(_SAMPLES, *train.shape[1:])


def _one_class(train: np.ndarray, held_out: np.ndarray) -> np.ndarray:
    """Unseen digits near one of them: a model that has lost most classes."""
    distances = np.square(held_out - held_out[:1]).reshape(len(held_out), -1).sum(1)
    return held_out[np.argsort(distances)[: _SAMPLES // 10]].repeat(10, axis=0)


def _noise(train: np.ndarray, _: np.ndarray) -> np.ndarray:
    return np.random.default_rng(2).random((_SAMPLES, *train.shape[1:]), np.float32)


_MAKERS = {
    "unseen digits": lambda train, held_out: held_out,
    "training images": lambda train, held_out: train[:_SAMPLES],
    "Gaussian of their moments": _gaussian,
    "forty digits alike, ten times": _one_class,
    "uniform noise": _noise,
}
ROWS = tuple(_MAKERS)
