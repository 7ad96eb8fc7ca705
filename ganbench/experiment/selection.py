"""Choosing the epoch that is sampled, on validation data.

The program published with Generative Adversarial Nets (Goodfellow et al., 2014), https://arxiv.org/abs/1406.2661,
watched the Parzen estimate of validation data while it trained. The test data play no part.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ganbench.errors import UsageError
from ganbench.metrics.metric import Curve
from ganbench.metrics.parzen import Parzen
from ganbench.protocols import Selection
from ganbench.registry.metrics import find_metric
from ganbench.runtime.state import storable_state

if TYPE_CHECKING:
    import torch

__all__ = ["EpochSelection"]

Draw = Callable[[Any, int], "torch.Tensor"]
"""A model and an epoch to samples `[n, *event_shape]`, from random numbers of that epoch's own."""


class EpochSelection:
    """The validation log-likelihoods of a training, and the state of the best epoch.

    Args:
        rule: The protocol's.
        valid: `[n, *event_shape]` validation examples.
        draw: Draws samples.
        state: What `state` gave before the training was interrupted; None at its beginning. It is not used if it is of
            another rule.

    Raises:
        UsageError: The rule's metric is not the Parzen estimate.
    """

    def __init__(self, rule: Selection, valid: torch.Tensor, draw: Draw, state: dict[str, Any] | None = None) -> None:
        metric = find_metric(rule.metric)
        if not isinstance(metric.metric, Parzen):
            raise UsageError(f"selection.metric is {rule.metric!r}; accepted: parzen, with any settings.")
        self._rule, self._valid, self._draw, self._parzen = rule, valid, draw, metric.metric
        ours = state is not None and state["rule"] == self._name
        self.epochs: list[int] = list(state["epochs"]) if ours and state else []
        self.values: list[float] = list(state["values"]) if ours and state else []
        self.best: dict[str, Any] | None = state["best"] if ours and state else None

    @property
    def _name(self) -> str:
        return f"{self._rule.metric} every {self._rule.every} epochs"

    @property
    def best_epoch(self) -> int | None:
        """The first epoch of the highest validation log-likelihood; None before any was looked at."""
        return self.epochs[self.values.index(max(self.values))] if self.values else None

    @property
    def patience_is_over(self) -> bool:
        """Whether so many epochs as the rule allows have brought nothing better."""
        best = self.best_epoch
        return best is not None and 0 < self._rule.patience <= self.epochs[-1] - best

    def look(self, model: Any, epoch: int, *, last: bool) -> None:
        """Evaluate the model as it stands, if it is time to, and keep a copy of its state if it is the best so far."""
        if epoch in self.epochs or (epoch % self._rule.every and not last):
            return
        samples = self._draw(model, epoch)
        value = self._parzen.valid_mean_log_likelihood(generated=samples, valid=self._valid)
        self.epochs.append(epoch)
        self.values.append(value)
        if self.best_epoch == epoch:
            self.best = _copied(storable_state(model.state_dict()))

    def state(self) -> dict[str, Any]:
        """All of this, for a checkpoint."""
        return {"rule": self._name, "epochs": self.epochs, "values": self.values, "best": self.best}

    def curve(self) -> Curve:
        """Validation log-likelihood against the epoch."""
        return Curve("epoch", "valid_mean_log_likelihood", tuple(map(float, self.epochs)), tuple(self.values))


def _copied(state: Any) -> Any:
    """A state whose tensors do not change any more."""
    if isinstance(state, dict):
        return {key: _copied(value) for key, value in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(map(_copied, state))
    return state.detach().clone() if hasattr(state, "detach") else state
