"""The contract of a generative model: the manual for authors.

A model is any object with the four methods of `GenerativeModel`; no base class is needed. The smallest one is about
twenty lines::

    import torch

    class PixelwiseGaussian:
        def __init__(self, event_shape, *, device="cpu", spread=1.0):
            if spread < 0:
                raise ValueError(f"spread is {spread}; accepted: a number of at least 0.")
            self.event_shape, self.device, self.spread = tuple(event_shape), device, spread
            self.mean = torch.zeros(event_shape, device=device)
            self.deviation = torch.ones(event_shape, device=device)
            self.epoch = 0

        def fit(self, train, *, generator):
            while self.epoch < 1:
                self.mean, self.deviation = train.mean(0), train.std(0, correction=0)
                self.epoch += 1
                yield {"deviation": float(self.deviation.mean())}

        def sample(self, n, *, generator):
            noise = torch.randn(n, *self.event_shape, generator=generator, device=self.device)
            return (self.mean + self.spread * self.deviation * noise).clamp(0, 1)

        def state_dict(self):
            return {"mean": self.mean, "deviation": self.deviation, "epoch": self.epoch}

        def load_state_dict(self, state):
            self.mean, self.deviation = state["mean"].clone(), state["deviation"].clone()
            self.epoch = state["epoch"]

`ganbench check ./my_model.py:PixelwiseGaussian` tells whether the contract is kept. A package makes its model known by
an entry point of the group `ganbench.models`. A plain function ``f(n, generator) -> samples`` is a model that needs no
training.

Presets (hyper-parameters for one data set, as data) are TOML files `presets/<model>/<dataset>.toml` in the model's
package, `<model>` being the name of the entry point, or `presets/<ClassName>/<dataset>.toml` beside a model that is a
single file. The preset named like the data set is the default.

What is hard about its kind of model a package may say in words, in a card `cards/<model>.toml` beside the presets, with
the keys of `ganbench.registry.cards.Card`: Table 2 shows them beside what was measured.

Results are kept as long as the source that they come from stays the same: the model's module and what it imports from
its own package or folder. Other files that a model reads it declares by a literal list of paths, relative to the folder
of its source, in the class body or at the top of the module, which is read without being imported::

    depends_on = ["weights.npz"]

Hyper-parameters that matter for sampling only are declared by a literal list in the class body, so that a change of one
samples anew and does not train anew::

    sampling_hyperparameters = ["spread"]

A model that would take too much memory for all samples at once says in its class how many it is asked for at most,
all from one generator::

    samples_at_a_time = 1000

What a model may do besides, it offers by the methods of `ClassConditional`, `LogDensity`, `Encoder`, `Decoder`,
`Discriminator` or `MarkovChain`. The harness finds them by `isinstance`, which looks for the names.

What is no model of the data but shows what a ruler is worth, as training images in place of samples, is a `Reference`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import torch

__all__ = [
    "ClassConditional",
    "Decoder",
    "Discriminator",
    "Encoder",
    "GenerativeModel",
    "LogDensity",
    "MarkovChain",
    "Reference",
]


@runtime_checkable
class GenerativeModel(Protocol):
    """What the harness asks of a model.

    Construction is ``Model(event_shape, *, device="cpu", **hyperparameters)``: `event_shape` is the shape of one
    image, the device is the harness's choice, every hyper-parameter is a keyword with a default and is checked on
    construction (a `ValueError` with a clear text; `ganbench.modelling` has the checks). The constructor allocates
    little and draws no random number.

    Rules for all methods:

    - Every random number comes from the generator passed in, which lives on the model's device. Nothing is seeded and
      no global random state is read: equal arguments give equal bits.
    - Tensors stay on the model's device.
    - Arguments are never changed in place, `train` least of all: other models are trained on it as well. Neither are
      torch's global settings.

    A model may also have an attribute `total_epochs`, the number of epochs that `fit` yields in all: progress then
    shows the time left.
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
        """Everything that training and sampling depend on: nested dicts and lists of tensors, numbers and strings.

        Plain Python numbers and torch tensors, no NumPy scalars or arrays: it must survive `torch.save` followed by
        `torch.load(weights_only=True)`. It may share memory with the model.
        """
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a state from `state_dict` of a model with the same construction, copying its tensors."""
        ...


@runtime_checkable
class ClassConditional(Protocol):
    """A model of images given their class.

    Attributes:
        n_classes: How many classes it tells apart, labels being 0, …, n_classes - 1; 0 before it has seen any label.
    """

    n_classes: int

    def fit(
        self, train: torch.Tensor, *, labels: torch.Tensor | None = None, generator: torch.Generator
    ) -> Iterator[Mapping[str, float]]:
        """`GenerativeModel.fit` with the labels of `train`, `[n]` int64 on its device, wherever the data have some.

        Raises:
            UserError: There are no labels, and the model cannot do without.
        """
        ...

    def sample(self, n: int, *, labels: torch.Tensor | None = None, generator: torch.Generator) -> torch.Tensor:
        """One sample of each class in `labels`, `[n]` int64; without them, of classes as frequent as in training."""
        ...


@runtime_checkable
class LogDensity(Protocol):
    """A model whose log density can be evaluated; a bound or an estimate of it is not meant."""

    def log_density(self, examples: torch.Tensor) -> torch.Tensor:
        """The natural logarithm of the density at each example: `[n, *event_shape]` -> `[n]` float64, in nats.

        The density is that of the distribution of `sample`, on the scale of the data; or, where `sample` clamps to the
        range of the data, of what it clamps.
        """
        ...


@runtime_checkable
class Reference(Protocol):
    """A row of known standing in place of a model: what a ruler says of it tells how far the ruler can be trusted.

    Tables mark it, show it apart, give it no verdict, and do not count it among the models. Only a reference may look
    at data that models never see: it lists them by a literal in the class body, which is read without importing it, as
    the sentence is ::

        reference = "the test images themselves: what cheating gains"
        reference_needs = ["test"]

    and is given them by keyword, as in ``fit(train, *, test, generator)``:

    - "valid", "test": the examples of that part, like `train`.
    - "labels": the labels of `train`, `[n]` int64, or None.
    - "held_out": a random half of the training examples. `train` then is the rest, for this row's metrics as well.

    Attributes:
        reference: A sentence on what the row shows.
    """

    reference: str


@runtime_checkable
class Encoder(Protocol):
    """A model with a code for every image."""

    def encode(self, examples: torch.Tensor) -> torch.Tensor:
        """The codes of examples, without randomness and without gradients: `[n, *event_shape]` -> `[n, d]`."""
        ...


@runtime_checkable
class Decoder(Protocol):
    """A model whose samples are a function of random codes: `sample` draws codes and decodes them."""

    def draw_codes(self, n: int, *, generator: torch.Generator) -> torch.Tensor:
        """`n` independent codes, `[n, d]`."""
        ...

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """The images of codes, without randomness and without gradients: `[n, d]` -> `[n, *event_shape]`."""
        ...


@runtime_checkable
class Discriminator(Protocol):
    """A model that tells data from its own samples."""

    def discriminate(self, examples: torch.Tensor) -> torch.Tensor:
        """D(x), the probability that an example is real, without randomness: `[n, *event_shape]` -> `[n]`."""
        ...


@runtime_checkable
class MarkovChain(Protocol):
    """A model that is sampled by Markov chains, and shows them.

    The harness then decides on start, burn-in and thinning for all such models alike, and measures how well the chains
    mix. `sample` has a rule of its own::

        state = model.start_chains(100, generator=generator)
        for _ in range(burn_in):
            state = model.step_chains(state, generator=generator)
        samples = model.chain_samples(state, generator=generator)

    A state is a dict like a `state_dict`, so that it can be kept in a checkpoint. All that the next steps depend on is
    in it (and in the parameters); no method changes one in place.
    """

    def start_chains(self, chains: int, *, examples: torch.Tensor | None = None, generator: torch.Generator) -> Any:
        """The state of so many chains before their first step.

        Args:
            chains: How many.
            examples: `[chains, *event_shape]`, where they start. Without them they start, independently, where no
                training example has a part: at noise, for instance.
            generator: The source of all randomness.
        """
        ...

    def step_chains(self, state: Any, *, generator: torch.Generator) -> Any:
        """The state one step later."""
        ...

    def chain_samples(self, state: Any, *, generator: torch.Generator) -> torch.Tensor:
        """The samples that a state after at least one step stands for: one of each chain, `[chains, *event_shape]`.

        They obey the rules of `GenerativeModel.sample`. It is called for the states that are kept only, and may draw
        random numbers for what lies between the chain and an image.
        """
        ...
