"""Train one model from many seeds on the first fold of the digits, and count how often the interval covers.

    python -m tools.coverage --model "adversarial[epochs=60]" --trainings 60 --results DIR

Of all trainings k at random are "ours", one of the others is the new one; the interval is the table's. What is stored
in the results folder is not trained again.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import sys

import numpy as np

import ganbench
from ganbench.metrics import prediction_error

_DRAWS = 20_000


def coverage(values: np.ndarray, k: int, level: float, generator: np.random.Generator, draws: int = _DRAWS) -> float:
    """Share of draws of k + 1 of the values in which the interval of the first k has the last in it."""
    picked = generator.permuted(np.tile(values, (draws, 1)), axis=1)[:, : k + 1]
    ours, new = picked[:, :k], picked[:, k]
    errors = np.array([prediction_error(row, level=level) for row in ours])
    return float((np.abs(new - ours.mean(1)) <= errors).mean())


def main() -> None:
    """Train, count, print."""
    parser = argparse.ArgumentParser(prog="python -m tools.coverage", description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="adversarial[epochs=60]", metavar="SPEC")
    parser.add_argument("--trainings", type=int, default=60)
    parser.add_argument("--results", default="coverage-results", metavar="DIR")
    arguments = parser.parse_args()
    digits = ganbench.load_dataset("digits")
    first = dataclasses.replace(digits, splits=digits.splits[:1])
    run = ganbench.run(
        "digits", models=arguments.model, datasets=[first], seeds=arguments.trainings, results=arguments.results
    )
    scores = [record.score("parzen") for record in run.records]
    values = np.array([score.values[score.headline].value for score in scores if score])
    sys.stdout.write(
        f"{len(values)} trainings of {arguments.model}: {values.mean():.2f}, deviation {values.std(ddof=1):.2f} nats\n"
    )
    generator = np.random.default_rng(0)
    for level in (0.6827, 0.95):
        error = math.sqrt(level * (1 - level) / len(values))
        for k in (2, 3, 5):
            share = coverage(values, k, level, generator)
            sys.stdout.write(
                f"  {k} trainings, level {level:.3f}: covers {share:.3f} (± {error:.3f} if values were independent)\n"
            )


if __name__ == "__main__":
    main()
