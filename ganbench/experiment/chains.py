"""Sampling by Markov chains under the harness: one rule for all models, whatever they would do by themselves.

Chains start where the protocol says, and run until their burn-in is many autocorrelation times long, measured as they
run on the leading principal components and, where the data have labels, on the classes of their samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ganbench.metrics.metric import Chains
from ganbench.protocols import ChainRule

if TYPE_CHECKING:
    import torch

    from ganbench.metrics.metric import Features

__all__ = ["ChainStarts", "run_chains"]

_TRACE_POINTS, _TRACE_CHAINS = 100, 50
_MARGIN = 1.1  # on what is asked for next, since the time is an estimate


@dataclass(frozen=True)
class ChainStarts:
    """Where the chains of one model begin.

    Attributes:
        train: `[n, *event_shape]`, on the model's device.
        origins: `[chains]` int64, rows of `train` where chains of the start "train" begin.
    """

    train: torch.Tensor
    origins: torch.Tensor

    @classmethod
    def draw(cls, train: torch.Tensor, chains: int, generator: torch.Generator) -> ChainStarts:
        """Training examples at random, each once before one comes twice."""
        import torch

        order = torch.randperm(len(train), generator=generator).to(train.device)
        return cls(train, order[torch.arange(chains, device=train.device) % len(train)])

    def examples(self, start: str) -> torch.Tensor | None:
        """`[chains, *event_shape]`; None for the model's own neutral start."""
        if start == "train":
            return self.train[self.origins]
        if start == "mean":
            return self.train.mean(0).expand(len(self.origins), *self.train.shape[1:]).clone()
        return None


@dataclass
class _Group:
    """The chains of one start, and what was kept of them since the burn-in."""

    model: Any
    state: Any
    generator: torch.Generator
    kept: list[torch.Tensor] = field(default_factory=list)
    trace: list[torch.Tensor] = field(default_factory=list)

    @classmethod
    def start(cls, model: Any, starts: ChainStarts, start: str, generator: torch.Generator) -> _Group:
        """Chains before their first step."""
        examples = starts.examples(start)
        return cls(model, model.start_chains(len(starts.origins), examples=examples, generator=generator), generator)

    def run(self, burn_in: int, window: int, thinning: int, spacing: int) -> None:
        """Go on for both, then keep all chains every `thinning` steps and a few every `spacing` steps of the window."""
        self.kept, self.trace = [], []
        for step in range(1 - burn_in, window + 1):
            self.state = self.model.step_chains(self.state, generator=self.generator)
            keep, point = (step > 0 and step % every == 0 for every in (thinning, spacing))
            if keep or point:
                samples = self.model.chain_samples(self.state, generator=self.generator)
                if keep:
                    self.kept.append(samples.cpu().clone())
                if point:
                    self.trace.append(samples[:_TRACE_CHAINS].cpu().clone())


def run_chains(
    model: Any,
    rule: ChainRule,
    n: int,
    starts: ChainStarts,
    features: Features,
    generators: Callable[[str], torch.Generator],
    *,
    told: Callable[[str], None] = lambda text: None,
) -> Chains:
    """Run the chains of all starts in step, until the burn-in is long enough.

    After the burn-in the chains run for a window, from which n / chains samples of every chain are kept at even
    distances. Burn-in and window must be `rule.autocorrelation_times` times as long as the longest autocorrelation time
    in the window, pooled over all starts; otherwise both belong to the burn-in, and another window follows, as long as
    that time asks for, but at most as long as all before.

    Args:
        model: A `MarkovChain`, trained.
        rule: The protocol's.
        n: Samples wanted of every start.
        starts: Where chains begin, as many as there are origins.
        features: Of samples `[m, *event_shape]` on the CPU to the scalars `[m, d]` that are followed.
        generators: The generator of every start, by its name.
        told: Is told how far the chains have come.
    """
    import torch

    chains = len(starts.origins)
    rounds = -(-n // chains)
    with torch.no_grad():
        groups = [_Group.start(model, starts, start, generators(start)) for start in rule.starts]
        burn_in = window = max(rule.least_burn_in, rounds)
        done = 0
        while True:
            thinning, spacing = window // rounds, max(window // _TRACE_POINTS, 1)
            for group in groups:
                group.run(burn_in - done, window, thinning, spacing)
            done = burn_in + window
            told(f"{done} steps of {chains * len(groups)} chains")
            needed = rule.autocorrelation_times * spacing * _longest_time(groups, features)
            wanted = min(math.ceil(_MARGIN * needed), 2 * done)
            if min(burn_in, window) >= needed or done > rule.most_burn_in:
                break
            burn_in, window = (min(max(steps, wanted), rule.most_burn_in) for steps in (done, rounds))
    return Chains(
        samples={
            start: torch.stack(group.kept[:rounds]).numpy() for start, group in zip(rule.starts, groups, strict=True)
        },
        trace=_trace(groups).numpy(),
        origins=starts.origins.cpu().numpy().astype(np.int64),
        burn_in=burn_in,
        thinning=thinning,
        spacing=spacing,
    )


def _trace(groups: list[_Group]) -> torch.Tensor:
    """`[points, few chains of every start, *event_shape]`."""
    import torch

    return torch.cat([torch.stack(group.trace) for group in groups], dim=1)


def _longest_time(groups: list[_Group], features: Features) -> float:
    """The longest autocorrelation time of the traces of all starts together, in points."""
    from ganbench.metrics.chain_statistics import autocorrelation_times

    trace = _trace(groups)
    series = features(trace.flatten(0, 1)).unflatten(0, trace.shape[:2])
    return float(autocorrelation_times(series).max())
