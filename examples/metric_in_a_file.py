"""A metric in one file: whether samples are as sharp as the data.

`ganbench check ./metric_in_a_file.py:SharpnessGap` examines it, and `ganbench run-all --metrics
./metric_in_a_file.py:SharpnessGap` measures it on the samples of every model.
"""

import torch

from ganbench.metrics import Finding, MetricResult, Value


def sharpness(examples: torch.Tensor) -> torch.Tensor:
    """The mean absolute difference of neighbouring values in each example: `[n, *event_shape]` to float64 `[n]`."""
    return examples.double().diff(dim=-1).abs().flatten(1).mean(1)


class SharpnessGap:
    """How much sharper or less sharp samples are than test data, on average, relative to these."""

    name, version, direction, needs, at_identity = "sharpness_gap", 1, "lower", ("test",), 0.0

    def __init__(self, *, blurred: float = 0.2):
        """`blurred`: the relative loss of sharpness from which on a finding says so."""
        if not 0 < blurred < 1:
            raise ValueError(f"blurred is {blurred}; accepted: a number between 0 and 1.")
        self.blurred = blurred

    def measure(self, *, generated, test):
        """The gap with its standard error across samples and test examples, and the means behind it."""
        ours, theirs = sharpness(generated), sharpness(test)
        level = theirs.mean().clamp(min=1e-12)
        gap = (ours.mean() - level).abs() / level
        if min(len(ours), len(theirs)) > 1:  # of a single example there is no spread
            error = (ours.var() / len(ours) + theirs.var() / len(theirs)).sqrt() / level
            value = Value(gap, standard_error=error, across="examples")
        else:
            value = Value(gap)
        values = {"sharpness_gap": value, "of_samples": Value(ours.mean()), "of_test": Value(theirs.mean())}
        if ours.mean() < (1 - self.blurred) * level:
            return MetricResult(values, findings=(Finding("blurred", "samples are less sharp than the data"),))
        return MetricResult(values)


if __name__ == "__main__":  # by hand, as the harness does it
    test = torch.rand(100, 8, 8, generator=torch.Generator().manual_seed(0))
    blurred = (test + test.roll(1, dims=-1)) / 2
    result = SharpnessGap().measure(generated=blurred, test=test)
    for name, value in result.values.items():
        print(f"{name}: {value.value:.3f}")
    print(*(finding.text for finding in result.findings))
