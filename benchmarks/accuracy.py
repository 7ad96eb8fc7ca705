"""Numbers that must not move: the log-likelihood of a frozen file of samples, in nats."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ganbench.datasets import load_dataset
from ganbench.datasets.base import Split
from ganbench.evaluation import evaluate_samples
from ganbench.metrics import PAPER_GRID

SAMPLES = Path(__file__).with_name("frozen_samples.npz")
"""The first thousand samples of the adversarial nets, fold 0 and seed 0 of the digits protocol at commit 6efbaaf,
rounded to 256 grey levels."""


def samples() -> np.ndarray:
    """The frozen samples, float32 `[1000, 8, 8]`."""
    return np.load(SAMPLES)["samples"].astype(np.float32) / 255


def split() -> Split:
    """What they are scored on: the first fold of the embedded digits."""
    return load_dataset("digits").splits[0]


class FrozenSamples:
    params = (["grid", "refined"],)
    param_names = ("bandwidths",)

    def setup(self, bandwidths):
        fold = split()
        self.likelihood = evaluate_samples(generated=samples(), valid=fold.valid, test=fold.test, grid=PAPER_GRID)

    def track_mean_log_likelihood(self, bandwidths):
        return self.likelihood[bandwidths].mean_log_likelihood

    track_mean_log_likelihood.unit = "nats"
