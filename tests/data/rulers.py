"""Toy metrics."""

from __future__ import annotations

from ganbench.metrics import MetricResult, Value


class Spread:
    """The standard deviation of the samples."""

    name, version, direction, needs = "spread", 1, "neither", ()

    def measure(self, *, generated):
        return MetricResult({"spread": Value(float(generated.std()))})


class Breaks(Spread):
    """It never works."""

    name = "breaks"

    def measure(self, *, generated):
        raise RuntimeError("out of order")
