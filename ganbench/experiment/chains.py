"""Sampling by Markov chains under the harness: one rule for all models, whatever they would do by themselves.

Chains start where the protocol says, and run until their burn-in is many autocorrelation times long, measured as they
run on the leading principal components and, where the data have labels, on the classes of their samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ganbench.metrics.metric import Chains
from ganbench.protocols import ChainRule

if TYPE_CHECKING:
    import torch

    from ganbench.metrics.metric import Features

__all__ = ["ChainStarts", "run_chains"]

_POINTS, _PILOTS = 100, 100  # of the series, and chains of each start, by which autocorrelation times are measured
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

    def first(self, n: int) -> ChainStarts:
        """Where the first n chains begin."""
        return ChainStarts(self.train, self.origins[:n])

    def examples(self, start: str) -> torch.Tensor | None:
        """`[chains, *event_shape]`; None for the model's own neutral start."""
        if start == "train":
            return self.train[self.origins]
        if start == "mean":
            return self.train.mean(0).expand(len(self.origins), *self.train.shape[1:]).clone()
        return None


@dataclass
class _Group:
    """The chains of one start."""

    model: Any
    state: Any
    generator: torch.Generator
    told: Callable[[int], None]
    steps: int = 0

    @classmethod
    def start(
        cls, model: Any, starts: ChainStarts, start: str, generator: torch.Generator, told: Callable[[int], None]
    ) -> _Group:
        """Chains before their first step; `told` is told how many they have made, after each."""
        examples = starts.examples(start)
        state = model.start_chains(len(starts.origins), examples=examples, generator=generator)
        return cls(model, state, generator, told)

    def run(self, steps: int, keep_every: int = 0) -> torch.Tensor | None:
        """Go on; the samples after every so many steps, `[kept, chains, *event_shape]` on the CPU."""
        import torch

        kept = []
        for step in range(1, steps + 1):
            self.state = self.model.step_chains(self.state, generator=self.generator)
            if keep_every and step % keep_every == 0:
                kept.append(self.model.chain_samples(self.state, generator=self.generator).cpu().clone())
            self.steps += 1
            self.told(self.steps)
        return torch.stack(kept) if kept else None


def run_chains(
    model: Any,
    rule: ChainRule,
    n: int,
    starts: ChainStarts,
    features: Mapping[str, Features],
    generators: Callable[[str], torch.Generator],
    *,
    told: Callable[[str], None] = lambda text: None,
) -> Chains:
    """Run the chains of all starts for a burn-in, and take samples from them at even distances.

    The burn-in is `rule.autocorrelation_times` of the longest autocorrelation times that a pilot run of fewer chains
    has, and a tenth more. The n / chains samples of every chain are taken from as many steps after it.

    Args:
        model: A `MarkovChain`, trained.
        rule: The protocol's.
        n: Samples wanted of every start.
        starts: Where chains begin, as many as there are origins.
        features: What is followed, by name: of samples `[m, *event_shape]` on the CPU to scalars `[m, d]`.
        generators: The generator of every start, by its name; "pilot ..." for those of the pilot run.
        told: Is told what is done, after every step.
    """
    import torch

    chains = len(starts.origins)
    rounds = -(-n // chains)
    with torch.no_grad():
        times = _pilot(model, rule, starts.first(_PILOTS), features, generators, told)
        burn_in = math.ceil(_MARGIN * rule.autocorrelation_times * max(times.values()))
        burn_in = min(max(burn_in, rule.least_burn_in), rule.most_burn_in)
        thinning = max(burn_in // rounds, 1)
        samples: dict[str, Any] = {}
        for start in rule.starts:
            counted = partial(_count, told, f"{chains} chains from {start}", f" of {burn_in + rounds * thinning}")
            group = _Group.start(model, starts, start, generators(start), counted)
            group.run(burn_in)
            samples[start] = group.run(rounds * thinning, thinning).numpy()  # type: ignore[union-attr]
    return Chains(
        samples=samples,
        origins=starts.origins.cpu().numpy().astype(np.int64),
        burn_in=burn_in,
        thinning=thinning,
        autocorrelation_times=times,
    )


def _pilot(
    model: Any,
    rule: ChainRule,
    starts: ChainStarts,
    features: Mapping[str, Features],
    generators: Callable[[str], torch.Generator],
    told: Callable[[str], None],
) -> dict[str, float]:
    """The autocorrelation times in steps, by what is followed, pooled over all starts.

    They are measured in a window after a burn-in. Both must be `rule.autocorrelation_times` as long as the longest of
    them; otherwise they belong to the burn-in, and another window follows, as long as that time asks for, but at most
    as long as all before.
    """
    import torch

    groups = [
        _Group.start(
            model, starts, start, generators(f"pilot {start}"), partial(_count, told, f"pilot from {start}", "")
        )
        for start in rule.starts
    ]
    burn_in = window = rule.least_burn_in
    done = 0
    while True:
        spacing = max(window // _POINTS, 1)
        for group in groups:
            group.run(burn_in - done)
        series = torch.cat([group.run(window, spacing) for group in groups], dim=1)  # type: ignore[misc]
        done = burn_in + window
        times = {name: spacing * _longest_time(series, feature) for name, feature in features.items()}
        needed = rule.autocorrelation_times * max(times.values())
        if min(burn_in, window) >= needed or done > rule.most_burn_in:
            return times
        wanted = min(math.ceil(_MARGIN * needed), 2 * done)
        burn_in, window = (min(max(steps, wanted), rule.most_burn_in) for steps in (done, 1))


def _count(told: Callable[[str], None], what: str, of_total: str, step: int) -> None:
    told(f"{what}, step {step}{of_total}")


def _longest_time(series: torch.Tensor, feature: Features) -> float:
    """The longest autocorrelation time of what is followed, in points of the series."""
    from ganbench.metrics.chain_statistics import autocorrelation_times

    return float(autocorrelation_times(feature(series.flatten(0, 1)).unflatten(0, series.shape[:2])).max())
