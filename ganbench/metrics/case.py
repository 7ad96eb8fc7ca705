"""A case whose answer is known: how `ganbench selftest` looks at a metric.

A metric of yours brings its own by a method ``reference_cases()`` that returns a list of them::

    def reference_cases(self):
        ones = torch.ones(20, 3)
        data = {"generated": ones, "test": ones + 0.5}
        return [Case("a shift by one half", "pixel_mean_distance", lambda: data, lambda data: 0.5, 1e-6)]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

__all__ = ["Case"]


class Case(NamedTuple):
    """Data for which the value of a metric is known.

    Attributes:
        name: What is measured, in a few words.
        value: The name of the value.
        data: Makes the data: the arguments of `measure` by role, tensors; also those that the metric does not need.
        reference: The right answer for these data.
        tolerance: How far from it is right, in the unit of the value; for random data, some standard errors.
        source: Where the answer comes from: "closed form", or the name of a library.
        module: The module that is needed for it, if it may be absent; empty otherwise.
        settings: Of the metric.
    """

    name: str
    value: str
    data: Callable[[], Mapping[str, Any]]
    reference: Callable[[Mapping[str, Any]], float]
    tolerance: float
    source: str = "closed form"
    module: str = ""
    settings: Mapping[str, Any] = {}
