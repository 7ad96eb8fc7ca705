"""The contract of a generative model: the manual for authors.

A model is any object with the four methods of `GenerativeModel`; no base class is needed. The smallest one is about
twenty lines::

    import torch

    class PixelwiseGaussian:
        def __init__(self, event_shape, *, device="cpu", spread=1.0):
            self.event_shape, self.device, self.spread = tuple(event_shape), device, spread
            self.mean, self.deviation = torch.zeros(event_shape), torch.ones(event_shape)
            self.epoch = 0

        def fit(self, train, *, generator):
            while self.epoch < 1:
                self.mean, self.deviation = train.mean(0), train.std(0)
                self.epoch += 1
                yield {"deviation": float(self.deviation.mean())}

        def sample(self, n, *, generator):
            noise = torch.randn(n, *self.event_shape, generator=generator, device=self.device)
            return (self.mean + self.spread * self.deviation * noise).clamp(0, 1)

        def state_dict(self):
            return {"mean": self.mean, "deviation": self.deviation, "epoch": self.epoch}

        def load_state_dict(self, state):
            self.mean, self.deviation, self.epoch = state["mean"], state["deviation"], state["epoch"]

`ganbench check ./my_model.py:PixelwiseGaussian` tells whether the contract is kept. A package makes its model known by
an entry point of the group `ganbench.models`. Presets (hyper-parameters for one data set, as data) are TOML files in a
folder `presets/` beside the module that defines the model; the preset named like the data set is the default.

A plain function ``f(n, generator) -> samples`` is a model that needs no training.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import torch

__all__ = ["GenerativeModel"]


@runtime_checkable
class GenerativeModel(Protocol):
    """What the harness asks of a model.

    Construction is ``Model(event_shape, *, device="cpu", **hyperparameters)``: `event_shape` is the shape of one
    image, the device is the harness's choice, every hyper-parameter is a keyword with a default and is checked on
    construction (a `ValueError` with a clear text). The constructor allocates little and draws no random number.

    Rules for all methods:

    - Every random number comes from the generator passed in, which lives on the model's device. Nothing is seeded and
      no global random state is read: equal arguments give equal bits.
    - Tensors stay on the model's device; inputs are never changed in place.
    """

    def fit(self, train: torch.Tensor, *, generator: torch.Generator) -> Iterator[Mapping[str, float]]:
        """Train, yielding one mapping of named finite floats after every epoch, until training is complete.

        The harness owns progress, checkpoints, time limits and early stopping: it may stop asking after any epoch. On
        a model that has been trained for k epochs, or has loaded the state of one, `fit` goes on with epoch k + 1; with
        the generator's state restored as well it produces the same bits as an undisturbed run. At every yield
        `state_dict` describes the model as it stands. A model that trains in stages counts the epochs of all of them.

        Args:
            train: `[n, *event_shape]` float32 on the model's device, in the value range of the data set.
            generator: The source of all randomness, on the model's device.
        """
        ...

    def sample(self, n: int, *, generator: torch.Generator) -> torch.Tensor:
        """Draw `n` samples: `[n, *event_shape]` float32, finite, in the value range of the data, without gradients.

        Works after any number of epochs, for any n >= 1, and does not change what later training does.
        """
        ...

    def state_dict(self) -> dict[str, Any]:
        """Everything that training and sampling depend on, as nested dicts and lists of tensors, numbers and strings.

        It must survive `torch.save` followed by `torch.load(weights_only=True)`, and may share memory with the model.
        """
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a state from `state_dict` of a model with the same construction, copying its tensors."""
        ...

    # A model may also offer these, which the harness looks up by name:
    #
    # total_epochs: int
    #     How many epochs `fit` yields in all; progress shows the time left when it is known.
