"""Gaussian fits, whose exact log-likelihood is known beside every estimate of it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from ganbench.modelling import check_choice, check_integer, check_number

__all__ = ["GaussianFit", "GaussianMixtureFit"]

_GREY_LEVELS, _LEAST_FLOOR = 1024, 1e-6  # more levels are real numbers; scikit-learn's own floor


class GaussianMixtureFit:
    """A mixture of Gaussians fitted by expectation maximisation (scikit-learn).

    Where the training data lie in [0, 1], samples are clamped to it; the density is that of the mixture itself.

    Args:
        event_shape: Shape of one example.
        device: Where it computes.
        components: How many; fewer where there are fewer than a hundred training examples for each.
        covariance: "diag" or "full".
        variance_floor: What is added to the variances, as constant pixels have none: the log-likelihood grows without
            limit as it goes to zero. By default the variance of rounding to the data's grey levels, gap^2 / 12.
        examples: How many training examples are used at most.
        iterations: Iterations at most.

    Raises:
        ValueError: A hyper-parameter outside its range.
    """

    reference = "a density known exactly: what the estimate makes of it shows the estimate's bias"
    total_epochs = 1

    def __init__(
        self,
        event_shape: tuple[int, ...],
        *,
        device: str = "cpu",
        components: int = 100,
        covariance: str = "diag",
        variance_floor: float = 0.0,
        examples: int = 20_000,
        iterations: int = 30,
    ) -> None:
        for name, value in {"components": components, "examples": examples, "iterations": iterations}.items():
            check_integer(name, value)
        check_choice("covariance", covariance, ("diag", "full"))
        check_number("variance_floor", variance_floor, least=0)
        self.event_shape, self.device = tuple(event_shape), device
        self.components, self.covariance, self.variance_floor = components, covariance, variance_floor
        self.examples, self.iterations = examples, iterations
        self.fitted: dict[str, torch.Tensor] = {}
        self.is_clamped, self.epoch = False, 0

    def fit(self, train: torch.Tensor, *, generator: torch.Generator) -> Iterator[Mapping[str, float]]:
        """Fit, in one epoch."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture

        while self.epoch < self.total_epochs:
            rows = torch.randperm(len(train), generator=generator, device=train.device)[: self.examples]
            seed = int(torch.randint(2**31 - 1, (1,), generator=generator, device=train.device))
            mixture = GaussianMixture(
                max(1, min(self.components, len(rows) // 100)),
                covariance_type=self.covariance,
                reg_covar=self.variance_floor or _variance_of_rounding(train[rows]),
                max_iter=self.iterations,
                random_state=seed,
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # that so many iterations end it is meant
                mixture.fit(train[rows].flatten(1).double().cpu().numpy())
            names = ("weights_", "means_", "precisions_cholesky_")
            self.fitted = {name: torch.from_numpy(getattr(mixture, name)) for name in names}
            self.is_clamped = float(train.min()) >= 0 and float(train.max()) <= 1
            self.epoch += 1
            yield {"train_log_density": float(mixture.lower_bound_)}

    def sample(self, n: int, *, generator: torch.Generator) -> torch.Tensor:
        """Draw components, and Gaussian vectors of each."""
        if not self.fitted:
            raise ValueError("There is no density yet. Train first.")
        weights, means, factors = (self.fitted[name].to(self.device) for name in self.fitted)
        which = torch.multinomial(weights, n, replacement=True, generator=generator)
        noise = torch.randn(n, means.shape[1], generator=generator, device=self.device, dtype=means.dtype)
        for component in which.unique().tolist():
            rows = which == component
            factor = factors[component]  # upper triangular, factor factor^T the inverse of the covariance
            noise[rows] = (
                noise[rows] / factor
                if factor.dim() == 1
                else torch.linalg.solve_triangular(factor, noise[rows], upper=True, left=False)
            )
        samples = (means[which] + noise).float()
        return (samples.clamp(0, 1) if self.is_clamped else samples).view(n, *self.event_shape)

    def log_density(self, examples: torch.Tensor) -> torch.Tensor:
        """The mixture's: `[n, *event_shape]` -> `[n]` float64, in nats."""
        from sklearn.mixture import GaussianMixture

        mixture = GaussianMixture(len(self.fitted["weights_"]), covariance_type=self.covariance)
        for name, value in self.fitted.items():
            setattr(mixture, name, value.cpu().numpy())
        values = mixture.score_samples(examples.flatten(1).double().cpu().numpy())
        return torch.from_numpy(values).to(self.device)

    def state_dict(self) -> dict[str, Any]:
        """Weights, means and the Cholesky factors of the inverse covariances."""
        return {"fitted": dict(self.fitted), "is_clamped": self.is_clamped, "epoch": self.epoch}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a fit."""
        self.fitted = {name: value.clone() for name, value in state["fitted"].items()}
        self.is_clamped, self.epoch = state["is_clamped"], state["epoch"]


def _variance_of_rounding(examples: torch.Tensor) -> float:
    """gap^2 / 12 with the least gap between grey levels; at least `_LEAST_FLOOR`, as of real numbers."""
    levels = examples.unique()
    gap = float(levels.diff().min()) if 1 < len(levels) <= _GREY_LEVELS else 0.0
    return max(gap**2 / 12, _LEAST_FLOOR)


class GaussianFit(GaussianMixtureFit):
    """One Gaussian with a full covariance matrix, fitted by scikit-learn.

    Args:
        event_shape: Shape of one example.
        device: Where it computes.
        variance_floor: What is added to the variances; by default as in `GaussianMixtureFit`.
        examples: How many training examples are used at most.

    Raises:
        ValueError: A hyper-parameter outside its range.
    """

    reference = "a density known exactly, without any structure but means and covariances"

    def __init__(
        self,
        event_shape: tuple[int, ...],
        *,
        device: str = "cpu",
        variance_floor: float = 0.0,
        examples: int = 20_000,
    ) -> None:
        super().__init__(
            event_shape,
            device=device,
            components=1,
            covariance="full",
            variance_floor=variance_floor,
            examples=examples,
        )
