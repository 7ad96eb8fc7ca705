"""Samples of a cell: drawn from a trained model, and seen to be what the data ask for."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ganbench.errors import ModelError
from ganbench.evaluation import chains_checksum, check_samples, fitted_samples
from ganbench.experiment.chains import ChainStarts, run_chains
from ganbench.experiment.plan import Cell
from ganbench.experiment.progress import Progress
from ganbench.metrics.metric import Chains, Finding
from ganbench.model import MarkovChain
from ganbench.records.record import ChainsRef, SamplesRef
from ganbench.registry.samples import SampleArray, SampleFile
from ganbench.runtime.seeding import torch_generator

if TYPE_CHECKING:
    from ganbench.metrics.metric import Features

__all__ = ["Drawn", "checked_samples", "draw_samples", "given_samples"]

_SECONDS_BETWEEN_TELLINGS = 2.0  # of how far sampling has come


@dataclass(frozen=True)
class Drawn:
    """Samples, the Markov chains that they come from, if they do, and what was made of those from elsewhere."""

    samples: np.ndarray
    chains: Chains | None = None
    findings: tuple[Finding, ...] = ()

    def reference(self, key: str) -> SamplesRef:
        """What a record says of them."""
        sha256 = hashlib.sha256(self.samples.tobytes()).hexdigest()
        if self.chains is None:
            return SamplesRef(len(self.samples), sha256, key, findings=self.findings)
        of_chains = ChainsRef(
            starts=tuple(self.chains.samples),
            chains=len(self.chains.origins),
            burn_in=self.chains.burn_in,
            thinning=self.chains.thinning,
            sha256=chains_checksum(self.chains),
        )
        return SamplesRef(len(self.samples), sha256, key, of_chains)


def draw_samples(cell: Cell, model: Any, device: str, progress: Progress) -> Drawn:
    """As many samples of a trained model as the protocol asks for, by its rule where the model is a Markov chain.

    Raises:
        ModelError: The model does not return as many tensors as it was asked for.
        SampleError: They do not fit the data.
    """
    if isinstance(model, MarkovChain):
        return _draw_by_chains(cell, model, device, progress)
    n, label = cell.protocol.n_samples, cell.variant.label
    generator = torch_generator(cell.seed_for("sample"), device)
    parts, at_a_time = [], _at_a_time(model, label) or n
    told = _now_and_then(lambda text: progress.step_started(cell, text))
    for begin in range(0, n, at_a_time):
        wanted = min(at_a_time, n - begin)
        told(f"sample, {begin} of {n}")
        samples = model.sample(wanted, generator=generator)
        if not hasattr(samples, "detach"):
            raise ModelError(f"{label!r}: sample returned {type(samples).__name__}; expected a torch.Tensor.")
        parts.append(checked_samples(cell, samples))
        if len(parts[-1]) != wanted:
            raise ModelError(f"{label!r}: sample({wanted}) returned {len(parts[-1])} samples.")
    return Drawn(np.concatenate(parts) if len(parts) > 1 else parts[0])


def _now_and_then(tell: Callable[[str], None]) -> Callable[[str], None]:
    """What may be told any number of times, and tells what it was not told lately."""
    last = time.monotonic()

    def told(text: str) -> None:
        nonlocal last
        if time.monotonic() - last >= _SECONDS_BETWEEN_TELLINGS:
            last = time.monotonic()
            tell(text)

    return told


def _at_a_time(model: Any, label: str) -> int | None:
    """How many samples a model wants to be asked for at most; None for all at once."""
    most = getattr(model, "samples_at_a_time", None)
    if most is not None and (isinstance(most, bool) or not isinstance(most, int) or most < 1):
        raise ModelError(f"{label!r}: samples_at_a_time is {most!r}; expected a whole number of at least 1.")
    return most


def _draw_by_chains(cell: Cell, model: Any, device: str, progress: Progress) -> Drawn:
    import torch

    rule, n = cell.protocol.chains, cell.protocol.n_samples
    train = torch.from_numpy(cell.split.train.copy()).to(device)
    chains = run_chains(
        model,
        rule,
        n,
        ChainStarts.draw(train, min(rule.chains, n), torch_generator(cell.seed_for("chain starts"))),
        _followed(cell),
        lambda start: torch_generator(cell.seed_for(f"sample from {start}"), device),
        told=_now_and_then(lambda text: progress.step_started(cell, f"sample, {text}")),
    )
    checked = [checked_samples(cell, _flat(samples)) for samples in chains.samples.values()]
    return Drawn(checked[0][:n], chains)


def _flat(samples: np.ndarray) -> np.ndarray:
    """Samples of all rounds, round by round: `[rounds, chains, *event_shape]` to `[rounds * chains, *event_shape]`."""
    return samples.reshape(-1, *samples.shape[2:])


def _followed(cell: Cell) -> dict[str, Features]:
    import torch

    from ganbench.metrics.chain_statistics import chain_features

    split = cell.split
    labels = None if split.train_labels is None else torch.tensor(split.train_labels)
    return chain_features(torch.tensor(split.train), labels)


def checked_samples(cell: Cell, samples: Any) -> np.ndarray:
    """Samples as float32 `[n, *event_shape]`.

    Raises:
        SampleError: They do not fit the data.
    """
    shape, value_range = cell.dataset.event_shape, cell.dataset.value_range
    return check_samples(samples, event_shape=shape, value_range=value_range, origin=cell.variant.label)


def given_samples(cell: Cell, model: SampleFile | SampleArray) -> Drawn:
    """Samples of a file or an array, made like the data.

    Raises:
        SampleError: They do not fit the data.
    """
    train, value_range = cell.split.train, cell.dataset.value_range
    samples, findings = fitted_samples(model.read(), train, value_range, cell.variant.label, model.settings)
    return Drawn(samples, findings=findings)
