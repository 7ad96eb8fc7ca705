"""How trained models are sampled: which epoch, and by which chains."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

__all__ = ["ChainRule", "Count", "Selection"]

Count = Annotated[int, Meta(ge=1, le=10_000_000)]


class ChainRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How models that are sampled by Markov chains are sampled, all by the same rule.

    Chains run side by side, as many from every start. A pilot run of fewer chains finds how long the burn-in must be;
    after it, samples are taken at even distances from as many steps.

    Attributes:
        starts: Where chains start: at "noise" (the model's own neutral start), at the "mean" training example, or at
            "train", training examples chosen at random. The samples of the row are those of the first; the others show
            whether the chains have forgotten where they began.
        chains: Chains from every start, never more than there are samples.
        autocorrelation_times: The burn-in is at least so many integrated autocorrelation times.
        least_burn_in: Steps that the burn-in has at least.
        most_burn_in: Steps that it has at most, however slow the chains are.
    """

    starts: Annotated[tuple[Literal["noise", "mean", "train"], ...], Meta(min_length=1)] = ("noise", "train")
    chains: Count = 1000
    autocorrelation_times: Annotated[float, Meta(ge=0, le=1000)] = 10.0
    least_burn_in: Annotated[int, Meta(ge=1, le=1_000_000)] = 100
    most_burn_in: Annotated[int, Meta(ge=1, le=1_000_000)] = 3200

    def __post_init__(self) -> None:
        if len(set(self.starts)) < len(self.starts):
            raise ValueError(f"chains.starts: each start once; got {list(self.starts)}")
        if self.least_burn_in > self.most_burn_in:
            raise ValueError(
                f"chains: least_burn_in is {self.least_burn_in} and most_burn_in {self.most_burn_in}; "
                "the first must not be larger"
            )


class Selection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which epoch of a training is sampled: the one of the highest validation log-likelihood by the Parzen window.

    Attributes:
        models: Names of the models that it is for.
        every: Epochs from one look at the validation data to the next; the last epoch is looked at as well.
        metric: Spec of the Parzen metric whose bandwidths and validation examples are used.
        patience: Training stops when so many epochs have brought nothing better; 0 goes on to the end.
    """

    models: tuple[str, ...]
    every: Annotated[int, Meta(ge=1, le=1_000_000)] = 25
    metric: str = "parzen"
    patience: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
