"""Score a file of samples: here the samples are digits of the training split with noise on them."""

from pathlib import Path

import numpy as np

import ganbench

train = ganbench.load_dataset("digits").splits[0].train
rng = np.random.default_rng(0)
chosen = train[rng.integers(len(train), size=2000)]
samples = (chosen + 0.1 * rng.standard_normal(chosen.shape)).clip(0, 1)
np.savez_compressed("samples.npz", samples=samples.astype(np.float32))

# As `ganbench evaluate samples.npz --dataset digits --metrics copies` does.
outcome = ganbench.evaluate(Path("samples.npz"), "digits", metrics=["copies"])
record = outcome.records[0]  # of the first fold

for score in record.scores:
    value = score.values[score.headline]
    print(
        f"{score.metric}: {score.headline} {ganbench.with_error(value.value, value.standard_error or 0)} {value.unit}"
    )
    for finding in score.findings:
        print(f"  {finding.severity}: {finding.text}")
