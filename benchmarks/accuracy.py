"""Numbers that must not move: the log-likelihood of a frozen file of samples, in nats."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ganbench.datasets import load_dataset
from ganbench.evaluation import evaluate_samples
from ganbench.metrics import PAPER_GRID

SAMPLES = Path(__file__).with_name("frozen_samples.npz")
"""A thousand images 8 x 8 in 256 grey levels that adversarial nets drew after training on the embedded digits."""


class FrozenSamples:
    params = (["grid", "refined"],)
    param_names = ("bandwidths",)

    def setup(self, bandwidths):
        split = load_dataset("digits").splits[0]
        samples = np.load(SAMPLES)["samples"].astype(np.float32) / 255
        self.likelihood = evaluate_samples(generated=samples, valid=split.valid, test=split.test, grid=PAPER_GRID)

    def track_mean_log_likelihood(self, bandwidths):
        return self.likelihood[bandwidths].mean_log_likelihood

    track_mean_log_likelihood.unit = "nats"
