"""The C_T test for data-copying, cell by cell.

In each cell the distances d to the nearest training example are compared between m test examples and n samples by the
statistic of Mann and Whitney, U = #{sample farther than test example} (ties by half),

    Z = (U - m n / 2) / sqrt(m n (m + n + 1) / 12),    C_T = sum_cells w Z,

w the shares of the test examples in the cells. C_T far below 0 says that samples are nearer to training examples than
the data are: copies; far above 0 that they are farther: underfitting. Source: Meehan, Chaudhuri and Dasgupta, "A
non-parametric test to detect data-copying in generative models" (2020), https://arxiv.org/abs/2004.05675. Cells are
those of k-means in 64 principal components of the training data; d is to the nearest of all training examples, not of
those in the cell alone. Z takes the training data as given, so C_T is a little wider than its error says.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ganbench.hyperparameters import check_integer
from ganbench.metrics.metric import Finding, MetricResult, Value
from ganbench.metrics.subsets import chosen, require

if TYPE_CHECKING:
    import numpy as np
    import torch

__all__ = ["DataCopying", "data_copying_statistic"]

_FOR_CELLS = 10_000  # training examples by which the cells are found
_ERRORS = 3.0  # below the null by more of them, a warning is made


class DataCopying:
    """The C_T statistic, and that of validation examples in place of the samples.

    Args:
        cells: Cells of k-means; fewer where there are not five times `least` samples and test examples for each.
        least: Samples, and test examples, that a cell must hold to be counted.
        limit: How many samples, test and validation examples are looked at, chosen by their content; 0 for all.

    Raises:
        ValueError: A setting outside its range.
    """

    name = "data_copying"
    version = 1
    direction = "neither"  # right is 0
    needs = ("train", "valid", "test")

    def __init__(self, *, cells: int = 10, least: int = 10, limit: int = 10_000) -> None:
        check_integer("cells", cells)
        check_integer("least", least, least=2)
        check_integer("limit", limit, least=0)
        self.cells, self.least, self.limit = cells, least, limit

    def measure(
        self, *, generated: torch.Tensor, train: torch.Tensor, valid: torch.Tensor, test: torch.Tensor
    ) -> MetricResult:
        """Values `c_t` (its error is that of its null law), `cells`: how many were counted, both also with `null_`.

        Raises:
            DataError: No cell holds enough samples and test examples.
        """
        from ganbench.metrics.memorisation.distances import nearest_train

        require("generated", generated, self.least, "a cell of the C_T test")
        require("test", test, self.least, "a cell of the C_T test")
        k = min(len(generated), len(test), self.limit or len(test)) // (5 * self.least)
        cell_of = _cells(train, max(1, min(self.cells, k)))
        placed = {}
        for role, examples in (("test", test), ("", generated), ("null_", valid)):
            nearest = nearest_train(examples, train=train, test=test, limit=self.limit)
            placed[role] = nearest.distances.cpu().numpy(), cell_of(chosen(examples, self.limit))
        held_out = placed.pop("test")
        values: dict[str, Value] = {}
        for prefix, ours in placed.items():
            found = data_copying_statistic(*ours, *held_out, least=self.least)
            if found is not None:
                values[f"{prefix}c_t"] = Value(found[0], "", found[1], "Mann-Whitney null")
                values[f"{prefix}cells"] = Value(found[2])
        if "c_t" not in values:
            require("generated", generated[:0], self.least, "every cell of the C_T test")
        return MetricResult(values, findings=self._findings(values))

    def _findings(self, values: dict[str, Value]) -> tuple[Finding, ...]:
        findings = []
        null = values.get("null_c_t", Value(0.0)).value
        c_t, error = values["c_t"].value, values["c_t"].standard_error or 0.0
        null_error = values["null_c_t"].standard_error or 0.0 if "null_c_t" in values else 0.0
        if c_t < min(null, 0.0) - _ERRORS * math.hypot(error, null_error):
            text = f"samples are nearer to training examples than test examples are: C_T = {c_t:.1f}, null {null:.1f}"
            findings.append(Finding("data-copying", text, about="samples"))
        if values["cells"].value < self.cells:
            text = f"{values['cells'].value:.0f} of {self.cells} cells hold enough samples and test examples"
            findings.append(Finding("cells-left-out", text, "note"))
        return tuple(findings)


def data_copying_statistic(
    distances: np.ndarray, cells: np.ndarray, held_out: np.ndarray, test_cells: np.ndarray, *, least: int
) -> tuple[float, float, int] | None:
    """C_T, its standard deviation under the null, and the number of cells that it is over; None where there are none.

    Args:
        distances: `[n]`, of the samples to their nearest training examples.
        cells: int `[n]`, the cells of the samples.
        held_out: `[m]`, distances of the test examples.
        test_cells: int `[m]`.
        least: Samples, and test examples, that a cell must hold to be counted.
    """
    from scipy.stats import mannwhitneyu

    scores, weights = [], []
    for cell in sorted(set(test_cells.tolist())):
        ours, others = distances[cells == cell], held_out[test_cells == cell]
        n, m = len(ours), len(others)
        if min(n, m) >= least:
            farther = float(mannwhitneyu(ours, others, method="asymptotic").statistic)
            scores.append((farther - m * n / 2) / math.sqrt(m * n * (m + n + 1) / 12))
            weights.append(m)
    if not weights:
        return None
    total = sum(weights)
    c_t = math.fsum(w * z for w, z in zip(weights, scores, strict=True)) / total
    return c_t, math.sqrt(sum(w * w for w in weights)) / total, len(weights)


def _cells(train: torch.Tensor, k: int):  # type: ignore[no-untyped-def]
    """The function from examples to the numbers of their cells, int `[n]`."""
    from sklearn.cluster import KMeans

    from ganbench.metrics.spaces import feature_space

    space, some = feature_space("components", train=train), chosen(train, _FOR_CELLS)
    points = space(some).double().cpu().numpy()
    fitted = KMeans(min(k, len(points)), n_init=1, random_state=0).fit(points)
    return lambda examples: fitted.predict(space(examples).double().cpu().numpy())
