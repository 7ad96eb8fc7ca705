"""Greedy layerwise training: every layer is trained on the mean activations of the layer below, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

import torch

from ganbench import UserError
from ganbench.modelling import resolve_precision
from ganbench_models.tied_layer import TiedLayer

__all__ = ["GreedyLayerwiseModel", "check_at_least", "per_layer"]

Layer = TypeVar("Layer", bound=TiedLayer)

_PROBE = 1000  # images on which an epoch's metrics are measured


def per_layer(name: str, value: Any, layers: int) -> tuple[Any, ...]:
    """One value for each layer, from a single value for all or a sequence of one each.

    Raises:
        ValueError: A sequence of another length.
    """
    values = tuple(value) if isinstance(value, Sequence) else (value,) * layers
    if len(values) != layers:
        raise ValueError(f"{name} must be one value or {layers} (one for each hidden layer), not {value!r}.")
    return values


def check_at_least(least: float, *, whole: bool = False, **settings: Any) -> None:
    """Check that every setting, or every entry of one that is a sequence, is a number of at least `least`.

    Raises:
        ValueError: One is not; the text names it.
    """
    kinds = (int,) if whole else (int, float)
    for name, value in settings.items():
        for entry in value if isinstance(value, Sequence) else (value,):
            # `not >=` instead of `<` refuses NaN as well
            if isinstance(entry, bool) or not isinstance(entry, kinds) or not entry >= least:
                kind = "whole number" if whole else "number"
                raise ValueError(f"{name} must be a {kind} of at least {least}, not {entry!r}.")


class GreedyLayerwiseModel(Generic[Layer]):
    """The part of `fit`, `state_dict` and `load_state_dict` that does not depend on what a layer learns.

    The learning rate of a layer falls linearly, epoch by epoch, from `learning_rate` in its first epoch to
    `final_learning_rate` in its last one. After any number of epochs the model is the stack of the layers that have
    been trained for at least one.

    Args:
        event_shape: Shape of one image; its pixels are the lowest layer's visible units.
        device: Where everything lives.
        hidden_sizes: Hidden units of each layer, from the lowest up.
        epochs: Epochs of each layer; one number stands for all layers.
        batch_size: Images in a minibatch.
        learning_rate: Of a layer's first epoch; one number stands for all layers.
        final_learning_rate: Of a layer's last epoch; one number stands for all layers.
        momentum: m in velocity ← m · velocity + learning rate · gradient, in [0, 1).
        weight_gain: Weights start uniform in ± weight_gain · √(6 / (visible + hidden)).
        marginal_clip: Visible biases start at the logit of the inputs' means, clipped to [clip, 1 - clip].
        precision: Data type of activations and gradients in training, "float32" or "bfloat16".

    Raises:
        ValueError: A setting is out of its range.
    """

    layer_type: type[Layer]

    def __init__(
        self,
        event_shape: Sequence[int],
        *,
        device: str | torch.device,
        hidden_sizes: Sequence[int],
        epochs: int | Sequence[int],
        batch_size: int,
        learning_rate: float | Sequence[float],
        final_learning_rate: float | Sequence[float],
        momentum: float,
        weight_gain: float,
        marginal_clip: float,
        precision: str,
    ) -> None:
        self.event_shape, self.device = tuple(event_shape), torch.device(device)
        self.hidden_sizes = tuple(hidden_sizes)
        if not self.hidden_sizes:
            raise ValueError("hidden_sizes must name at least one layer, not ().")
        count = len(self.hidden_sizes)
        self.epochs = per_layer("epochs", epochs, count)
        self.learning_rate = per_layer("learning_rate", learning_rate, count)
        self.final_learning_rate = per_layer("final_learning_rate", final_learning_rate, count)
        self.batch_size, self.momentum = batch_size, momentum
        self.weight_gain, self.marginal_clip = weight_gain, marginal_clip
        self.precision = resolve_precision(precision)
        check_at_least(1, whole=True, hidden_sizes=self.hidden_sizes, epochs=self.epochs, batch_size=batch_size)
        check_at_least(0, learning_rate=self.learning_rate, final_learning_rate=self.final_learning_rate)
        check_at_least(0, momentum=momentum, weight_gain=weight_gain)
        if momentum >= 1:
            raise ValueError(f"momentum must be in [0, 1), not {momentum!r}.")
        if not 0 < marginal_clip < 0.5:
            raise ValueError(f"marginal_clip must be in (0, 0.5), not {marginal_clip!r}.")
        self.total_epochs = sum(self.epochs)
        self.epoch = 0
        self.layers: list[Layer] = []
        self.velocity = TiedLayer(torch.empty(0), torch.empty(0), torch.empty(0))

    def fit(self, train: torch.Tensor, *, generator: torch.Generator) -> Iterator[dict[str, float]]:
        """Train, as `ganbench.model` says; the mapping has the layer (from 0), its learning rate and its errors.

        Raises:
            UserError: The images have another shape or leave [0, 1], or training has diverged.
        """
        images = self._flat_images(train)
        if not self.layers:
            self._initialise(generator, images.dtype)
        inputs, inputs_of = images, 0
        while self.epoch < self.total_epochs:
            layer, epoch = self._position()
            for below in self.layers[inputs_of:layer]:
                inputs = below.up(inputs)
            inputs_of = layer
            if epoch == 0:
                self._begin_layer(layer, inputs, generator)
            rate = self._rate(layer, epoch)
            self._train_epoch(layer, inputs, rate, generator)
            self.epoch += 1
            self._check_finite(layer)
            yield {"layer": float(layer), "learning_rate": rate, **self._metrics(layer, inputs[:_PROBE])}

    def state_dict(self) -> dict[str, Any]:
        """Parameters of all layers, the velocity of the one in training, and the number of epochs done."""
        return {
            "epoch": self.epoch,
            "layers": [layer.state() for layer in self.layers],
            "velocity": self.velocity.state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a state, copying its tensors.

        Raises:
            ValueError: The state is of a model with other layers.
        """
        layers = [self.layer_type.from_state(layer, self.device) for layer in state["layers"]]
        sizes = [tuple(layer.weights.shape) for layer in layers]
        if layers and sizes != self._sizes():
            raise ValueError(f"The state has layers of sizes {sizes}; this model has {self._sizes()}.")
        self.epoch, self.layers = int(state["epoch"]), layers
        self.velocity = TiedLayer.from_state(state["velocity"], self.device)

    def _trained_layers(self) -> list[Layer]:
        """The layers with at least one epoch of training, from the lowest up.

        Raises:
            ValueError: There is none.
        """
        if self.epoch == 0:
            raise ValueError(f"{type(self).__name__} has not been trained: run at least one epoch of fit, then sample.")
        started = sum(self.epoch > sum(self.epochs[:layer]) for layer in range(len(self.epochs)))
        return self.layers[:started]

    def _flat_images(self, train: torch.Tensor) -> torch.Tensor:
        if tuple(train.shape[1:]) != self.event_shape or len(train) == 0:
            raise UserError(f"Training images must be [n, *{self.event_shape}] with n >= 1, not {tuple(train.shape)}.")
        low, high = (float(bound) for bound in torch.aminmax(train))
        if not (low >= 0 and high <= 1):
            raise UserError(f"{type(self).__name__} takes images in [0, 1], not in [{low:g}, {high:g}]: rescale them.")
        return train.reshape(len(train), -1)

    def _sizes(self) -> list[tuple[int, int]]:
        pixels = 1
        for extent in self.event_shape:
            pixels *= extent
        return list(zip((pixels, *self.hidden_sizes), self.hidden_sizes, strict=False))

    def _initialise(self, generator: torch.Generator, dtype: torch.dtype) -> None:
        self.layers = [
            self.layer_type.initialised(*size, gain=self.weight_gain, generator=generator, dtype=dtype)
            for size in self._sizes()
        ]

    def _position(self) -> tuple[int, int]:
        """The layer to train next, and how many epochs it has had."""
        epoch = self.epoch
        for layer, epochs in enumerate(self.epochs):
            if epoch < epochs:
                return layer, epoch
            epoch -= epochs
        raise RuntimeError("training is complete")

    def _rate(self, layer: int, epoch: int) -> float:
        first, last = self.learning_rate[layer], self.final_learning_rate[layer]
        return first + (last - first) * epoch / max(self.epochs[layer] - 1, 1)

    def _check_finite(self, layer: int) -> None:
        finite = torch.stack([tensor.isfinite().all() for tensor in self.layers[layer].state().values()]).all()
        if not finite:
            raise UserError(
                f"{type(self).__name__} has diverged: parameters of layer {layer} are not finite after epoch "
                f"{self.epoch}. Use a smaller learning_rate (now {self.learning_rate[layer]:g}) or momentum "
                f"(now {self.momentum:g})."
            )

    def _begin_layer(self, layer: int, inputs: torch.Tensor, generator: torch.Generator) -> None:
        """Prepare for a layer's first epoch."""
        self.layers[layer].set_marginal_bias(inputs, self.marginal_clip)
        self.velocity = self.layers[layer].zeros_like()

    def _train_epoch(self, layer: int, inputs: torch.Tensor, rate: float, generator: torch.Generator) -> None:
        """One pass over `inputs`, `[n, visible]`."""
        raise NotImplementedError

    def _metrics(self, layer: int, inputs: torch.Tensor) -> dict[str, float]:
        """The layer's errors on some of its inputs."""
        raise NotImplementedError
