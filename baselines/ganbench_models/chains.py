"""Sampling by Markov chains that advance side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch

__all__ = ["ChainSettings", "run_chains"]

State = TypeVar("State")


@dataclass(frozen=True)
class ChainSettings:
    """How many chains run in parallel, and which of their states are kept.

    Args:
        chains: Chains side by side, at least 1; never more are run than samples are asked for.
        burn_in: Steps of every chain that are thrown away first, at least 0.
        thinning: Steps from one kept state of a chain to the next, at least 1; 1 keeps every state.

    Raises:
        ValueError: A value is not a whole number or below its least value.
    """

    chains: int
    burn_in: int
    thinning: int

    def __post_init__(self) -> None:
        for name, value, least in (
            ("chains", self.chains, 1),
            ("burn_in", self.burn_in, 0),
            ("thinning", self.thinning, 1),
        ):
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise ValueError(f"{name} must be a whole number of at least {least}, not {value!r}.")


@torch.no_grad()
def run_chains(
    step: Callable[[State], tuple[State, torch.Tensor]],
    start: Callable[[int], State],
    n: int,
    settings: ChainSettings,
) -> torch.Tensor:
    """Collect `n` visible states from c = min(chains, n) chains, without gradients.

    Step t = 1, 2, … of the chains is kept if t > burn_in and (t - burn_in) is a multiple of thinning, so that
    burn_in + ⌈n / c⌉ · thinning steps are taken. Rows come round by round: the first c rows are the first kept states
    of all chains; of the last round only as many rows are used as are still wanted.

    Args:
        step: Advances all chains by one step: state -> (new state, visible `[c, ...]`).
        start: Makes the initial state of the given number of chains.
        n: Number of rows to collect, at least 1.
        settings: Number of chains, burn-in and thinning.

    Returns:
        `[n, ...]`, of the data type and on the device of the visible states.

    Raises:
        ValueError: `n` is below 1.
    """
    if n < 1:
        raise ValueError(f"The number of samples must be at least 1, not {n}.")
    chains = min(settings.chains, n)
    state, visible = _advance(step, start(chains), settings.burn_in + settings.thinning)
    collected = visible.new_empty((n, *visible.shape[1:]))
    collected[:chains] = visible
    for first in range(chains, n, chains):
        state, visible = _advance(step, state, settings.thinning)
        collected[first : first + chains] = visible[: n - first]
    return collected


def _advance(
    step: Callable[[State], tuple[State, torch.Tensor]], state: State, steps: int
) -> tuple[State, torch.Tensor]:
    """Take `steps` >= 1 steps and return the last state with its visible part."""
    for _ in range(steps - 1):
        state, _ = step(state)
    return step(state)
