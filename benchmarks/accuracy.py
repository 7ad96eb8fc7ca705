"""Numbers that must not move: the log-likelihood of a frozen file of samples, in nats."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks._compat import load_dataset
from ganbench.metrics import PAPER_GRID, parzen_log_density, refine_bandwidth, select_bandwidth

SAMPLES = Path(__file__).with_name("frozen_samples.npz")
"""The first thousand samples of the adversarial nets, fold 0 and seed 0 of the digits protocol at commit 6efbaaf,
rounded to 256 grey levels."""


def samples() -> np.ndarray:
    """The frozen samples, float32 `[1000, 8, 8]`."""
    return np.load(SAMPLES)["samples"].astype(np.float32) / 255


class FrozenSamples:
    """On the first fold of the embedded digits; the bandwidth is chosen on its validation set."""

    params = (["grid", "refined"],)
    param_names = ("bandwidths",)

    def setup(self, bandwidths):
        split, self.centres = load_dataset("digits").splits[0], samples()
        selection = select_bandwidth(split.valid, self.centres, PAPER_GRID)
        if bandwidths == "refined":
            selection = refine_bandwidth(split.valid, self.centres, selection)
        self.test, self.bandwidth = split.test, selection.bandwidth

    def track_mean_log_likelihood(self, bandwidths):
        return float(parzen_log_density(self.test, self.centres, self.bandwidth).mean())

    track_mean_log_likelihood.unit = "nats"
