"""How well Markov chains mix: statistics of scalar series along many chains.

Sources: Sokal, "Monte Carlo methods in statistical mechanics: foundations and new algorithms" (1997),
https://doi.org/10.1007/978-1-4899-0319-8_6, section 3 (autocorrelation times and their windows); Gelman et al.,
"Bayesian Data Analysis" (3rd ed., 2013), section 11.4, http://www.stat.columbia.edu/~gelman/book/ (split R-hat).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from ganbench.metrics.metric import Features

__all__ = ["COMPONENTS", "autocorrelation_times", "chain_features", "split_r_hat"]

COMPONENTS = 5
"""How many principal components are followed."""

_WINDOW = 5.0  # autocorrelation times over which correlations are summed, as Sokal advises


def chain_features(train: torch.Tensor, labels: torch.Tensor | None) -> dict[str, Features]:
    """What is followed along chains: the leading principal "components", and indicators of the samples' "classes".

    Args:
        train: `[n, *event_shape]` training examples, on the CPU.
        labels: int64 `[n]`; None leaves the "classes" out.
    """
    from torch.nn.functional import one_hot

    from ganbench.metrics.features import principal_components, train_classifier

    features: dict[str, Features] = {"components": principal_components(train, COMPONENTS)}
    if labels is not None:
        classify = train_classifier(train, labels)
        features["classes"] = lambda examples: one_hot(classify(examples), classify.n_classes)
    return features


def autocorrelation_times(series: torch.Tensor) -> torch.Tensor:
    """Integrated autocorrelation times, 1 + 2 Σ_k ρ(k), in points of the series.

    Correlations are averaged over all chains about the mean of all of them, so that chains that each stay somewhere
    else count as correlated. The sum ends at the first lag of at least five times itself, or with the series. It is
    never less than 1: what anticorrelation gains is not counted on.

    Args:
        series: `[points, chains, d]`: d scalars along chains that run side by side.

    Returns:
        float64 `[d]`; 1 for a scalar that never changes.
    """
    import torch

    centred = series.double() - series.double().mean((0, 1))
    points = len(centred)
    variance = centred.square().mean((0, 1))
    constant = variance <= 0
    total, times = torch.ones_like(variance), torch.ones_like(variance)
    growing = ~constant
    for lag in range(1, points):
        correlation = (centred[lag:] * centred[: points - lag]).mean((0, 1)) / variance.clamp(min=1e-300)
        total = total + 2 * correlation
        times = torch.where(growing, total, times)
        growing &= lag < _WINDOW * total
        if not growing.any():
            break
    return times.clamp(min=1.0)


def split_r_hat(series: torch.Tensor) -> torch.Tensor:
    """Split R-hat: the square root of (W (n - 1) / n + B / n) / W over half chains of n points each.

    W is the mean of the variances within half chains, B / n the variance of their means; 1 where chains agree.

    Args:
        series: `[points >= 4, chains, d]`.

    Returns:
        float64 `[d]`; 1 for a scalar that never changes, infinite where it changes from chain to chain only.
    """
    import torch

    n = len(series) // 2
    halves = torch.cat((series[:n], series[len(series) - n :]), dim=1).double()
    within = halves.var(0, correction=1).mean(0)
    between = halves.mean(0).var(0, correction=1)
    pooled = within * (n - 1) / n + between
    return torch.where(pooled > 0, (pooled / within).sqrt(), torch.ones_like(pooled))
